r"""Translate TeX, as notebooks have it for MathJax, into Typst.

pandoc translates. What MathJax understands and pandoc does not, or gets wrong, is rewritten first, or it is held back,
translated by itself and put in afterwards. Definitions hold in all later formulas.
"""

import re

from .page import pandoc, quote

__all__ = ["translate"]

GROUP = r"\{[^{}]*\}"
for _ in range(5):  # levels of braces
    GROUP = rf"\{{(?:[^{{}}\\]|\\.|{GROUP})*\}}"
ARGUMENT = rf"\s*({GROUP}|\\[A-Za-z]+|[^\s{{}}\\])"
DEFINITION = re.compile(
    rf"\\((?:re)?newcommand|providecommand|DeclareMathOperator|def)(\*?)\s*(?:\{{\s*(\\\w+)\s*\}}|(\\\w+))\s*"
    rf"(?:\[(\d)\])?(?:\[([^]]*)\])?((?:\#\d)*)\s*({GROUP})",
    re.S,
)
GROWING = r"\\(?:left|right|[bB]igg?[lrm]?)\s*"
TEXT = rf"\\(text\w*|[mh]box)\s*({GROUP})"
PIECE = re.compile(
    rf"{TEXT}|\\verb\*?([^\w\s])(.*?)\3|({GROWING})\\(?:\||[lr]?Vert(?![A-Za-z]))|\\(?:[A-Za-z]+|.)|%[^\n]*\n?", re.S
)
SIZES = ["tiny", "scriptsize", "small", "normalsize", "large", "Large", "LARGE", "huge", "Huge"]
REWRITTEN = {
    **dict.fromkeys([r"\|", r"\Vert", r"\lVert", r"\rVert"], r"\text{‖}"),
    **dict.fromkeys([rf"\{size}" for size in SIZES], ""),
    r"\&": r"\text{\&}",
    **dict.fromkeys([r"\cr", r"\newline"], r"\\"),
    r"\S": r"\text{§}",
    r"\hfill": r"\quad ",
    r"\mathstrut": "",
    r"\varinjlim": r"\underset{\longrightarrow}{\lim}",
    r"\varprojlim": r"\underset{\longleftarrow}{\lim}",
    **dict.fromkeys([r"\Bbb", r"\mathbbm"], r"\mathbb"),
    r"\degree": r"^\circ ",
    r"\LaTeX": r"\text{LaTeX}",
    r"\TeX": r"\text{TeX}",
    r"\middle": "",
    r"\thinspace": r"\,",
    r"\space": r"\ ",
    r"\hfil": r"\quad ",
    r"\nolimits": "",
    r"\ldotp": ".",
    r"\AA": r"\text{Å}",
}
# In em: pandoc would round them down to whole ones, so that "\!" would print two letters on top of each other.
UNITS = {"em": 1, "ex": 0.43, "mu": 1 / 18, "pt": 0.1, "px": 0.075, "pc": 1.2, "mm": 0.285, "cm": 2.85, "in": 7.23}
SPACES = {"!": -1 / 6, "negthinspace": -1 / 6, ";": 5 / 18, "thickspace": 5 / 18, "enspace": 0.5, "enskip": 0.5}
LENGTH = rf"([-+]?\s*(?:\d+\.?\d*|\.\d+))\s*({'|'.join(UNITS)})(?![A-Za-z])\s*"
SPACE = re.compile(
    rf"\\(?:(?:hspace\*?|mspace)\s*\{{\s*{LENGTH}\}}|(?:[hm]skip|m?kern)\s*{LENGTH}|([!;]|(?:negthin|thick|en)space(?![A-Za-z])"
    rf"|enskip(?![A-Za-z])))|{TEXT}|\\."
)
RAISED = re.compile(rf"\\(?:raise|lower)\s*{LENGTH}")
CODE_POINT = re.compile(r"\\unicode\s*(?:\[[^]]*\])?\s*\{\s*(?:x([0-9A-Fa-f]{1,5})|(\d{1,6}))\s*\}")
SWITCH = re.compile(
    rf"\\(rm|bf|it|cal|sf|tt)(?![A-Za-z])\s*({GROUP}|(?:[^{{}}\\&]|\\(?!right|end)[A-Za-z]+|\\[ ,;:!]|{GROUP})*)"
)
OVER = re.compile(rf"\{{((?:[^{{}}]|{GROUP})*?)\\(over|atop)(?![A-Za-z])((?:[^{{}}]|{GROUP})*)\}}")
PLAIN = re.compile(rf"\\(p?matrix|cases)\s*\{{((?:[^{{}}]|{GROUP})*)\}}")  # as plain TeX has them, not LaTeX
# What pandoc does not know, in terms of what it does.
KNOWN = r"""
\newcommand{\dbinom}[2]{\binom{#1}{#2}} \newcommand{\tbinom}[2]{\binom{#1}{#2}} \newcommand{\textcolor}[2]{#2}
\newcommand{\smash}[1]{#1} \newcommand{\rlap}[1]{#1} \newcommand{\llap}[1]{#1} \newcommand{\vphantom}[1]{}
\newcommand{\nicefrac}[2]{\frac{#1}{#2}} \newcommand{\href}[2]{#2} \newcommand{\class}[2]{#2} \newcommand{\style}[2]{#2}
\newcommand{\cfrac}[2]{\dfrac{#1}{#2}} \newcommand{\hphantom}[1]{\phantom{#1}} \newcommand{\mathclap}[1]{#1}
\newcommand{\mathllap}[1]{#1} \newcommand{\mathrlap}[1]{#1} \newcommand{\lefteqn}[1]{#1} \newcommand{\vcenter}[1]{#1}
\newcommand{\bra}[1]{\langle #1|} \newcommand{\ket}[1]{|#1\rangle} \newcommand{\braket}[1]{\langle #1\rangle}
"""
# Text in an operator is text: in Typst's mathematics, "in" and "and" would be symbols.
CLASS = re.compile(rf"\\math(rel|bin|op|ord)\s*\{{\s*{TEXT}\s*\}}")
CLASSES = {"rel": 'class("relation", #{})', "bin": 'class("binary", #{})', "op": "op(#{}, limits: #true)", "ord": "#{}"}
ROWS = r"\\begin\{((?:align|equation|gather|eqnarray|multline|flalign)\*?)\}(.*)\\end\{\1\}"
WHOLE = r"(?s:\\begin\{(\w+\*?)\}.*?\\end\{\1\})"
ALIGNED = ("aligned", "split", "gathered")
INNER = re.compile(
    r"\\begin\{(aligned|split|gathered|cases|(?:small)?matrix|array)\}(?:\[\w\])?(\s*\{[lcr|\s]+\})?"
    r"((?:(?!\\begin|\\end).)*)\\end\{\1\}",
    re.S,
)
CASES = re.compile(
    r"(?:\\left\\\{|\\begin\{cases\})\s*\\begin\{(aligned|split|gathered|matrix|array)\}(?:\{[lcr|\s]+\})?"
    r"((?:(?!\\begin).)*?)\\end\{\1\}\s*(?:\\right\.|\\end\{cases\})",
    re.S,
)
PAIRS = re.compile(r"(?<=\\begin\{al)(ign(?:ed|\*)?\}(?:(?!\\begin).)*?)(?=\\end\{align)", re.S)
TAG = r"\\tag\*?\{([^}]*)\}"
UNNUMBERED = r"\\(?:nonumber|notag)(?![A-Za-z])"
# In Typst: the end of a row, an ampersand and bars without the spaces of a relation, and delimiters that grow.
BREAK, AND, BAR, BARS = "\\\n", r'class("normal", \&)', 'class("normal", bar.v)', 'class("normal", bar.v.double)'
DELIMITERS = {"(": "paren.l", ")": "paren.r", "[": "bracket.l", "]": "bracket.r", "{": "brace.l", "}": "brace.r"}
DELIMITERS["|"] = "bar.v"


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
    macros, held = {}, []
    _prepare(KNOWN, macros)
    plans = [_plan(_hold(_prepare(tex, macros), held), display) for tex, display in formulas]
    wanted = [part for plan in plans for part in plan if isinstance(part, tuple)]
    wanted = list(dict.fromkeys([*wanted, *((tex, False) for _, parts in held for tex in parts)]))
    made = dict(zip(wanted, _translate(wanted), strict=True))

    def put(match):
        write, parts = held[int(match[1] or match[2])]
        return write(*(finish(made[part, False]) for part in parts))

    def finish(part):
        if part is None:
            raise LookupError
        part = re.sub(r"#scale\(x: (\d+)%, y: \d+%\)\[(\\.|[^]\\]+)\]", _grown, part)
        part = (
            re.sub(r"(?<=\w)(?=\\\|)", " ", part)
            .replace(r"\|", BAR)
            .replace('upright("‖")', BARS)
            .replace('upright("&")', AND)
        )
        return re.sub(r'upright\("§(\d+)§"\)|"?§(\d+)§"?', put, part)

    def join(plan):
        try:
            return "".join(part if isinstance(part, str) else finish(made[part]) for part in plan)
        except LookupError:
            return None

    return [join(plan) for plan in plans]


def _grown(match):
    delimiter = DELIMITERS.get(match[2].removeprefix("\\"), match[2])
    return f"lr(size: #{int(match[1]) / 100}em, {delimiter})"


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
    """Apply definitions, and write the rest as pandoc reads it."""

    def piece(match):
        command, text, _, verbatim, growing = match.groups()
        if command:  # with formulas in it, perhaps
            command = re.sub("[mh]box", "text", command)
            return re.sub(r"(?<!\\)\$([^$]*)(?<!\\)\$", rf"}}\1\\{command}{{", rf"\{command}{text}")
        if verbatim is not None:
            return r"\texttt{" + re.sub(r"([&%$#_{}])", r"\\\1", verbatim) + "}"
        if growing:
            return rf"{growing}\Vert "
        return "\n" if match[0].startswith("%") else REWRITTEN.get(match[0], match[0])

    def character(match):
        char = chr(int(match[1], 16) if match[1] else int(match[2]))
        return rf"\text{{{char}}}" if char.isprintable() else match[0]

    def define(match):
        command, star, inner, bare, number, default, places, body = match.groups()
        if command == "DeclareMathOperator":
            body = rf"{{\operatorname{star}{body}}}"
        body = re.sub(r"\\[A-Za-z]+(?=#)", r"\g<0> ", body)  # else its name would go on with the argument
        optional = r"(?:\[([^]]*)\])?" * (default is not None)
        count = int(number or len(places) // 2) - bool(optional)
        macros[inner or bare] = (optional + ARGUMENT * count, default, body)
        return ""

    tex = re.sub(rf"\\raisebox\s*{GROUP}\s*(?=\{{)", r"\\text", RAISED.sub("", tex))
    tex = re.sub(r"\\right\s*/", r"/ \\right.", re.sub(r"\\left\s*/", r"\\left. /", tex))
    tex = CODE_POINT.sub(character, tex)
    tex = DEFINITION.sub(define, PIECE.sub(piece, tex))
    for _ in range(8):  # definitions that use definitions
        for name, (pattern, default, body) in macros.items():
            if name in tex:
                fill = lambda m, body=body, default=default: _fill(body, m.groups(default))  # noqa: E731
                tex = re.sub(re.escape(name) + "(?![A-Za-z])" + pattern, fill, tex)
    tex = re.sub(r"\\require\{\w+\}|\\label\s*\{[^}]*\}|\\(?:begin|end)\{(?:subequations|displaymath|math)\}", "", tex)
    tex = re.sub(r"\\(?:eq)?ref\{([^}]*)\}", r"\\text{(\1)}", tex)
    tex = re.sub(r"(\\tag\*?)\s+(\w|\{[^}]*\})", lambda m: f"{m[1]}{{{m[2].strip('{}')}}}", tex)
    tex = re.sub(r"\\(begin|end)\{dcases\}", r"\\\1{cases}", tex)
    for name, bar in (("v", "|"), ("V", r"\Vert")):  # pandoc writes both with "||", which Typst refuses
        tex = tex.replace(rf"\begin{{{name}matrix}}", rf"\left{bar}\begin{{matrix}}")
        tex = tex.replace(rf"\end{{{name}matrix}}", rf"\end{{matrix}}\right{bar} ")
    tex = PLAIN.sub(lambda m: _within(m[1], m[2]), tex)
    tex = OVER.sub(_over, SWITCH.sub(r"\\math\1{\2}", tex))
    # amsmath sets the pairs of columns of an align apart; Typst needs to be told.
    return PAIRS.sub(lambda m: r"\\".join(re.sub("(&[^&]*)&", r"\1\\qquad &", row) for row in m[1].split(r"\\")), tex)


def _over(match):
    above, command, below = match.groups()
    return rf"{{\frac{{{above}}}{{{below}}}}}" if command == "over" else _within("matrix", rf"{above}\\{below}")


def _fill(body, arguments):
    """The body of a definition with its arguments."""
    values = [value[1:-1] if value.startswith("{") else value for value in arguments]
    return "{" + re.sub(r"#(\d)", lambda m: "".join(values[int(m[1]) - 1 : int(m[1])]), body[1:-1]) + "}"


def _hold(tex, held):
    """Put marks in place of what pandoc can't translate; ``held`` gets how to write it, and the TeX of its parts."""

    def hold(write, *parts):
        held.append((write, [part.replace("\0", "\\") for part in parts]))
        return rf"\text{{§{len(held) - 1}§}}"

    def space(match):
        number, unit, more, unit_of_more, name, *_ = match.groups()
        if not (number or more or name):
            return match[0]
        size = SPACES[name] if name else float((number or more).replace(" ", "")) * UNITS[unit or unit_of_more]
        return hold(f"#h({size:.3g}em)".format)

    def rows(match):
        name, columns, body = match.groups()
        bracketed = re.search(r"\\left(?:[(\[|]|\\\{)\s*$", match.string[: match.start()])
        alone = re.sub(rf"\\(begin|end)\{{equation\*?\}}|{TAG}", "", tex).strip() == match[0]
        if (alone and name in ALIGNED) or (bracketed and name not in ALIGNED):
            return match[0].replace("\\", "\0")  # pandoc knows these
        if name in ALIGNED:

            def write(part):
                stack = "cases" if "&" in part else "vec"  # the second sets its rows in the middle
                return f"{stack}(delim: #none, {part.strip('$').rstrip(BREAK + ' ').replace(BREAK, ', ')})"

            return hold(write, _within(name, body))
        look = 'delim: #("{", none), align: #left' if name == "cases" else "delim: #none"
        look += ", align: #left" * bool(re.fullmatch(r"\s*\{[l\s]+\}", columns or ""))
        gap = ", column-gap: #1em" * (name == "cases")
        start = re.compile(r'\$(?:mat\(delim: "\(",|(vec)\()')
        write = lambda part: start.sub(lambda m: f"vec({look}," if m[1] else f"mat({look}{gap},", part).strip("$")  # noqa: E731
        return hold(write, _within("pmatrix", body.replace(r"\hline", "")))

    tex = SPACE.sub(space, tex)
    while (new := INNER.sub(rows, CASES.sub(r"\\begin{cases}\2\\end{cases}", tex))) != tex:
        tex = new
    tex = tex.replace("\0", "\\")
    for command, place in ((r"\\underset", "b"), (r"\\(?:overset|stackrel)", "t")):
        pattern = re.compile(command + ARGUMENT + ARGUMENT)
        write = lambda note, body, place=place: f"attach(limits(#{body}), {place}: #{note})"  # noqa: E731
        while match := pattern.search(tex):
            tex = tex[: match.start()] + hold(write, match[1], match[2]) + tex[match.end() :]
    tex = CLASS.sub(lambda m: hold(CLASSES[m[1]].format, rf"\{m[2]}{m[3]}"), tex)
    operator = rf"\\operatorname\*\s*({GROUP})"
    return re.sub(operator, lambda m: hold("op(#{}, limits: #true)".format, rf"\operatorname{m[1]}"), tex)


def _within(name, body):
    return rf"\begin{{{name}}}{body}\end{{{name}}}"


def _plan(tex, display):
    """What is to be written: Typst as it is, and (TeX, display) to be translated."""
    tags = re.findall(TAG, tex)
    if not tags:
        tex = re.sub(rf"\\(?:begin|end)\{{equation\*?\}}|{UNNUMBERED}", "", tex)
        if r"\\" in re.sub(f"{WHOLE}|{GROUP}", "", tex):
            tex = _within("gathered", tex)
        return [(tex, display)] if tex.strip(" \n{}") else []
    math = re.fullmatch(ROWS, tex.strip(), re.S)
    if len(tags) == 1 and not math:
        return [f"#lab.tagged({quote(f'({tags[0]})')})[", (re.sub(TAG, "", tex), True), "];"]
    plan = ["#lab.equations("]
    body = re.sub(WHOLE, lambda m: m[0].replace(r"\\", "\0"), math[2] if math else tex)
    for row in re.split(r"\\\\(?:\[[^]]*\])?", body):
        number = "".join(f"({tag})" for tag in re.findall(TAG, row))
        left, _, right = re.sub(f"{TAG}|{UNNUMBERED}", "", row).replace("\0", r"\\").partition("&")
        for side in (left, re.sub(r"(?<!\\)&(?![^{]*})", "", right)):
            plan += ["[", *([(side, True)] if side.strip() else []), "], "]
        plan += [f"{quote(number)}, "]
    return [*plan, ");"]
