"""Make README.md of the benchmarks, and its figures, from what `bench.py` and `training.py` measured."""

import matplotlib.pyplot as plt
import numpy as np
from bench import GROWTH, HERE
from contestants import BARE, BASE
from limit import operations

from lab.measured import minute, older, speed
from report.figures import speed_bars
from report.show import COLOURS, LINES, use_house_style

FIRST = "equations as they stand"
EAGER, JAX = "PyTorch, eager", "JAX, a jit of one step"
MINUTE = ["", "bits held out", "seed by seed", "parameters", "µs a step", "steps"]


def table(header, align, rows):
    """A Markdown table; `align` has a letter, l or r, per column."""
    rule = ["---" if letter == "l" else "---:" for letter in align]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [header, rule, *rows])


def turns_of(result, K, dtype="float32"):
    """{B: row} of what was measured for K and a type."""
    return {row["B"]: row for row in result["turns"] if (row["K"], row["dtype"]) == (K, dtype)}


def quartiles(values, digits):
    low, median, high = (f"{value:,.{digits}f}" for value in values)
    return f"{median} ({low}-{high})"


def comparison(result, K, dtype="float32"):
    """The table of one K and one type: the time of a step and its ratio to rnn_core, for each B."""
    rows = turns_of(result, K, dtype)
    names = list(dict.fromkeys(name for row in rows.values() for name in row["us"]))
    lines = [[name] for name in names]
    for line in lines:
        for row in rows.values():
            both = (row["us"].get(line[0]), 0), (row["ratio"].get(line[0]), 2)
            line += [quartiles(values, digits) if values else "" for values, digits in both]
    header = [f"K = {K}, {dtype}", *(cell for B in rows for cell in (f"B = {B}, µs", "ratio"))]
    return table(header, "l" + "rr" * len(rows), lines)


def limit_rows(result):
    """What a step can't be faster than, and what it takes: in microseconds, float32."""
    for row in result["limits"]["rows"]:
        turn = turns_of(result, row["K"])[row["B"]]
        step, bare = turn["us"][BASE][1], turn["us"][BARE][1]
        over = 100 / turn["ratio"][BARE][1] - 100
        yield (
            row["K"],
            row["B"],
            *(f"{us:,.0f}" for us in (step, bare)),
            f"{over:+.0f} %",
            *(f"{row[kind]:,.0f}" for kind in ("operations", "bytes", "in series")),
        )


def minute_rows(result):
    """What a minute of training comes to, from the fewest bits to the most: the mean over the seeds, and each."""
    rows = []
    for name, of_seeds in result["runs"].items():
        made = list(of_seeds.values())
        bits = [run["bits"] for run in made]
        numbers = f"{made[0]['parameters']:,}", f"{result['us'][name]:,}", f"{made[0]['steps']:,}"
        rows.append((np.mean(bits), name, *numbers, " ".join(f"{of_seed:.3f}" for of_seed in bits)))
    return [(name, f"{bits:.3f}", seeds, *numbers) for bits, name, *numbers, seeds in sorted(rows)]


def targets(result):
    """The aims: (what, the aim, what was measured, whether it was met)."""
    small, double, large = turns_of(result, 79), turns_of(result, 79, "float64"), turns_of(result, 5000)
    rows = []

    def aim(what, aim, value, met):
        rows.append((what, aim, value, "yes" if met else "**no**"))

    def faster(what, row, name, sign, least):
        if name in row["ratio"]:
            ratio = row["ratio"][name][1]
            aim(f"{what}, in steps of {BASE}", f"{sign} {least}", f"{ratio:.2f}", ratio > least)

    for B, percent in ((1, 10), (16, 3), (64, 3)):
        over = 100 / small[B]["ratio"][BARE][1] - 100
        aim(f"a step over {BARE}, B = {B}", f"≤ {percent} %", f"{over:.1f} %", over <= percent)
    faster(f"{FIRST}, B = 1, float64 both", double[1], FIRST, "≥", 8)
    faster(f"{FIRST}, B = 1, float32 both", small[1], FIRST, "≥", 8)
    faster(f"{EAGER}, B = 1", small[1], EAGER, "≥", 6)
    for B, row in small.items():
        libraries = [name for name in row["ratio"] if "PyTorch" in name] or [EAGER]
        quickest = min(libraries, key=lambda name, row=row: row["ratio"].get(name, (0, 0))[1])
        faster(f"the quickest of PyTorch ({quickest.removeprefix('PyTorch, ')}), B = {B}", row, quickest, ">", 1)
        faster(f"{JAX}, B = {B}", row, JAX, ">" if B == 64 else "≥", 1)
    faster(f"{EAGER} with an embedding, K = 5,000, B = 1", large[1], EAGER, "≥", 3)
    faster(f"{EAGER} with an embedding, K = 5,000, B = 16", large[16], EAGER, ">", 1)
    peak = next(row["of_peak"] for row in result["growth"] if (row["m"], row["B"]) == (800, 64))
    memory, check, write = max(result["memory_mb"].values()), result["check_seconds"], result["synthesis_seconds"]
    aim("share of the matrix-product peak at m = 800, B = 64", "> 50 %", f"{100 * peak:.0f} %", peak > 0.5)
    aim("full check by central differences at m = 10", "< 0.5 s", f"{check:.2f} s", check < 0.5)
    aim("100,000 characters written at B = 1", "< 1.5 s", f"{write:.2f} s", write < 1.5)
    aim("peak memory for a book of 100 MB", "< 600 MB", f"{memory:.0f} MB", memory < 600)
    return rows


def text(result):
    """The text of README.md."""
    grown = [
        (r["T"], r["m"], r["B"], f"{r['us']:,.0f}", f"{r['gflops']:.1f}", f"{100 * r['of_peak']:.0f} %")
        for r in result["growth"]
    ]
    over = ["K", "B", "a step", "its NumPy calls", "a step is over", "operations", "bytes", "in series"]
    parts = {
        "small": comparison(result, 79),
        "double": comparison(result, 79, "float64"),
        "large": "\n\n".join(comparison(result, K) for K in (500, 5000)),
        "limits": table(over, "rrrrrrrr", limit_rows(result)),
        "growth": table(["T", "m", "B", "µs", "GFLOP/s", "of the peak"], "rrrrrr", grown),
        "memory": table(["after", "MB"], "lr", [(name, f"{mb:.0f}") for name, mb in result["memory_mb"].items()]),
        "minute": table(MINUTE, "lrlrrr", minute_rows(minute())),
        "targets": table(["", "aim", "measured", "met"], "lrrl", targets(result)),
        "where": f"{result['processor']}, {result['system']}, one core",
        "versions": ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
        "older": f" Measured earlier: {older(result)}." if result["older"] else "",
        "turns": ", ".join(f"{row['steps']} for B = {B}" for B, row in turns_of(result, 79).items()),
        **{what: f"{per_second / 1e9:.3g}" for what, per_second in result["limits"]["machine"].items()},
    }
    return (HERE / "README.template.md").read_text(encoding="utf-8").format(**parts)


def draw_growth(result):
    """The share of the peak against the arithmetic in a step."""
    fig, ax = plt.subplots(figsize=(6.5, 2.6))
    shares = {(row["T"], row["m"], row["B"]): row["of_peak"] for row in result["growth"]}
    for i, (line, points) in enumerate(GROWTH.items()):
        work = [operations(m, 79, seq_length, B) / 1e6 for seq_length, m, B in points]
        share = [100 * shares[point] for point in points]
        ax.plot(work, share, "osd^"[i], linestyle=LINES[i], color=COLOURS[i], markersize=3.5, label=line)
    ax.set(xscale="log", ylim=(0, 100), xlabel="million operations in a step", ylabel="% of the matrix-product peak")
    ax.legend(loc="upper left")
    return fig


def main():
    result = speed()
    use_house_style()
    for name, fig in (("speed", speed_bars(result["turns"])), ("growth", draw_growth(result))):
        with plt.rc_context({"svg.hashsalt": "lab"}):
            fig.savefig(HERE / f"{name}.svg", metadata={"Date": None})
        plt.close(fig)
    (HERE / "README.md").write_text(text(result), encoding="utf-8")
    for what, aim, value, met in targets(result):
        print(f"{'met    ' if met == 'yes' else 'NOT met'}  {what}: {value} ({aim})")


if __name__ == "__main__":
    main()
