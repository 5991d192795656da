"""The end of `make mutants`: the changes that no test noticed, and the share of all that one did.

Reads what `mutmut results` prints, and under mutants/ every function beside its mutants. What only changes
how something looks (the width of a column, a colour, the size of type: LOOKS names the arguments) is not counted, and
neither is what has not been tried. Those that live:

- give another name: to a progress bar's unit, to a file that is there only while another is written;
- write the same in another way: "UTF-32-LE" for "utf-32-le", reshape(-2) for reshape(-1), / for // where nothing is
  left over, * for / with a factor of 1 or -1, an argument that is the default anyway;
- drop a strict=True between sequences that are equally long;
- take longer or more room: another layout or bound where two ways lead to one result, a copy in place of `out`;
- change a number of which only the size, or that it is finite, is asked;
- name another line in a warning: mutmut's functions stand between the lines, so the test of that must be left out.

mutmut leaves alone what is decorated (the properties of GradientCheck, the context managers) or outside functions.
"""

import ast
import difflib
import re
import sys
import textwrap
import tomllib
from pathlib import Path

GOAL = 0.93
LOOKS = set(
    "alpha bbox_to_anchor capsize color colour columnspacing ecolor elinewidth facecolor edgecolor figsize fontsize ha "
    "handlelength height height_ratios labelsize linestyle linewidth lw markersize nbins ncols pad rasterized shrinkA "
    "shrinkB size textcoords va width_ratios widths xytext zorder".split()
)


class Plain(ast.NodeTransformer):
    """A function without the arguments that only say how something looks."""

    def visit_Call(self, node):
        node.keywords = [keyword for keyword in node.keywords if keyword.arg not in LOOKS]
        return self.generic_visit(node)

    def visit_Dict(self, node):
        kept = [(key, value) for key, value in zip(node.keys, node.values, strict=True)
                if not (isinstance(key, ast.Constant) and key.value in LOOKS)]  # fmt: skip
        node.keys, node.values = map(list, zip(*kept, strict=True)) if kept else ([], [])
        return self.generic_visit(node)


def plain(lines):
    return ast.dump(Plain().visit(ast.parse(textwrap.dedent("\n".join(lines)).replace("def (", "def f(", 1))))


def functions(path):
    """The lines of every function that mutmut made in a file, and of the right ones, by their names there."""
    source = Path("mutants", path).read_text(encoding="utf-8")
    module, lines = path.removesuffix(".py").replace("/", "."), source.splitlines()
    return {
        f"{module}.{node.name}": [line.replace(node.name, "") for line in lines[node.lineno - 1 : node.end_lineno]]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name
    }


if __name__ == "__main__":
    paths = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]["only_mutate"]
    mutants = {name: lines for path in paths for name, lines in functions(path).items()}
    status = dict(re.findall(r"^\s*(\S+__mutmut_\d+): (.+)", sys.stdin.read(), re.MULTILINE))
    tried = {
        name: mutants[re.sub(r"\d+$", "orig", name)]
        for name in mutants
        if not name.endswith("_orig") and status.get(name) != "not checked"
    }
    counted = {name: right for name, right in tried.items() if plain(right) != plain(mutants[name])}
    left = [name for name in counted if name in status]
    for name in left:
        print(f"\n{name}: {status[name]}")
        for line in difflib.ndiff(counted[name], mutants[name]):
            if line[0] in "+-":
                print(line[0], line[2:].strip())
    timeouts = sum(status[name] == "timeout" for name in left)
    alive = len(left) - timeouts
    share = 1 - alive / len(counted) if counted else 0.0
    print(f"\n{len(counted)} mutants, {alive} of them alive, {timeouts} that never ended: {share:.1%} killed.")
    print(f"{len(tried) - len(counted)} more change only how something looks.")
    sys.exit(share < GOAL)
