r"""TeX as notebooks have it, for MathJax, as Typst.

pandoc translates. What MathJax understands and pandoc does not is rewritten before, and definitions hold from one
formula to the next.
"""

import re

from report.page import pandoc, quote

__all__ = ["translate"]

GROUP = r"\{[^{}]*\}"
for _ in range(5):  # levels of braces
    GROUP = rf"\{{(?:[^{{}}\\]|\\.|{GROUP})*\}}"
DEFINITION = re.compile(
    rf"\\((?:re)?newcommand|providecommand|DeclareMathOperator|def)(\*?)\s*(?:\{{\s*(\\\w+)\s*\}}|(\\\w+))\s*"
    rf"((?:\[[^]]*\]|\#\d)*)\s*({GROUP})",
    re.S,
)
PIECE = re.compile(rf"\\(?:text\w*|mbox|hbox)\s*{GROUP}|\\[^A-Za-z]|%.*\n?", re.S)
SWITCH = re.compile(rf"\\(rm|bf|it|cal|sf|tt)(?![A-Za-z])\s*({GROUP}|(?:[^{{}}\\&]|{GROUP})*)", re.S)
NESTED = re.compile(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.S)
ROWS = r"\\begin\{((?:align|equation|gather|eqnarray|multline|flalign)\*?)\}(.*)\\end\{\1\}"
TAG = r"\\tag\*?\{([^}]*)\}"


def translate(formulas):
    r"""Translate formulas, all in one call of pandoc.

    Parameters
    ----------
    formulas : sequence of (str, bool)
        TeX without its dollars, and whether it is displayed, in the order of the notebook.

    Returns
    -------
    list of str or None
        Typst markup, with the numbers that ``\tag`` gives; "" for definitions only, None for what pandoc cannot read.
    """
    macros, plans = {}, []
    for tex, display in formulas:
        plan = _plan(_prepare(tex, macros), display)
        known = "".join(macros.values()) if any(name in tex for name in macros) else ""
        plans.append([part if isinstance(part, str) else (known + part[0], part[1]) for part in plan])
    wanted = list(dict.fromkeys(part for plan in plans for part in plan if isinstance(part, tuple)))
    made = dict(zip(wanted, _translate(wanted), strict=True))
    lines = [[part if isinstance(part, str) else made[part] for part in plan] for plan in plans]
    return [None if None in line else "".join(line) for line in lines]


def _translate(wanted):
    """Typst, or None, for each (TeX, display)."""
    mode = {True: "math/tex; mode=display", False: "math/tex"}
    source = "".join(
        f'<pre data-typst="//">.</pre><p><script type="{mode[display]}">{tex.replace("</", "< /")}</script></p>'
        for tex, display in wanted
    )
    made = [part.strip() for part in re.split("(?m)^//$", pandoc(source))[1:]] if wanted else []
    return [part[: part.rindex("$") + 1] if part.startswith("$") else None for part in made]


def _prepare(tex, macros):
    """Take definitions out of a formula, and write the rest as pandoc reads it."""

    def define(match):
        command, star, name, bare, arguments, body = match.groups()
        numbers = re.findall(r"#(\d)", arguments)
        kind = command + star if command == "DeclareMathOperator" else "newcommand"
        macros[name or bare] = f"\\{kind}{{{name or bare}}}{f'[{len(numbers)}]' if numbers else arguments}{body}"
        return ""

    def piece(match):
        if match[0].startswith("%"):
            return "\n"
        return {r"\|": r"\Vert ", r"\&": r"\text{\&}"}.get(match[0], match[0])

    tex = PIECE.sub(piece, DEFINITION.sub(define, tex))
    tex = re.sub(r"\\require\{\w+\}|\\(?:begin|end)\{(?:subequations|displaymath|math)\}", "", tex)
    tex = SWITCH.sub(lambda m: rf"\math{m[1]}{{{m[2]}}}", tex)
    # amsmath sets the pairs of columns of an aligned apart; Typst needs to be told.
    return re.sub(
        r"(?<=\\begin\{aligned\})((?:(?!\\begin).)*?)(?=\\end\{aligned\})",
        lambda rows: "\\\\".join(re.sub("(&[^&]*)&", r"\1\\qquad &", row) for row in rows[1].split("\\\\")),
        tex,
        flags=re.S,
    )


def _plan(tex, display):
    """What is to be written: Typst as it is, and (TeX, display) to be translated."""
    if not tex.strip():
        return []
    tags = re.findall(TAG, tex)
    if not tags:
        return [(tex, display)]
    math = re.fullmatch(ROWS, tex.strip(), re.S)
    if len(tags) == 1 and not math:
        return [f"#lab.tagged({quote(tags[0])})[", (re.sub(TAG, "", tex), True), "];"]
    plan = ["#lab.equations("]
    body = NESTED.sub(lambda inner: inner[0].replace("\\\\", "\0"), math[2] if math else tex)
    for row in re.split(r"\\\\(?:\[[^]]*\])?", body):
        number = "".join(f"({tag})" for tag in re.findall(TAG, row))
        left, _, right = re.sub(TAG + r"|\\(?:nonumber|notag)\b", "", row).replace("\0", "\\\\").partition("&")
        for side in (left, re.sub("&(?![^{]*})", "", right)):
            plan += ["[", *([(side, True)] if side.strip() else []), "], "]
        plan += [f"[#{quote(number)}], "]
    return [*plan, ");"]
