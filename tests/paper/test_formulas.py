"""TeX as MathJax understands it comes out as Typst that says the same."""

import pytest
import typst

from report.paper.formulas import translate
from report.paper.page import IMPORT, TEMPLATE

SIZES = "tiny scriptsize small normalsize large Large LARGE huge Huge"


def one(tex, display=False):
    return translate([(tex, display)])[0]


def test_a_space_inside_the_dollars_changes_nothing():
    assert one(r" \alpha ") == one(r"\alpha") == "$alpha$"


def test_definitions_hold_in_later_formulas_and_print_nothing():
    made = translate(
        [
            (r"\newcommand{\vx}{\mathbf{x}} \def\E{\mathbb{E}} \newcommand{\p}[2][k]{#1_{#2}}", True),
            (r"\E \vx", False),
            (r"\p{a} \p[l]{b}", False),
            (r"\DeclareMathOperator*{\argmin}{arg\,min} \argmin_x", False),
        ]
    )
    assert made[:3] == ["", "$bb(E) upright(bold(x))$", "$k_a l_b$"]
    assert made[3].replace("\u2006", " ") == '$op(#$"arg min"$, limits: #true)_x$'


@pytest.mark.parametrize(
    ("tex", "made"),
    [
        (r"\def\f#1#2{#2 #1}\f ab \f{x}{y}", "$b a y x$"),
        (r"\newcommand\v{q}\v \vec x", "$q arrow(x)$"),
        (r"\providecommand{\f}[1]{#1#2}\f{a}b", "$a b$"),
        (r"\renewcommand{\f}[2][k]{#1_{#2}}\f[m]{a}\f b", "$m_a k_b$"),
        (r"\DeclareMathOperator{\sgn}{sgn}\sgn x", '$"sgn" x$'),
        (r"\newcommand{\a}{\b}\newcommand{\b}{\c}\newcommand{\c}{x}\a", "$x$"),
    ],
)
def test_a_definition_has_the_arguments_that_it_is_given(tex, made):
    assert one(tex) == made


def test_bars_keep_their_subscripts_beside_them():
    assert (
        one(r"\|x\|_2")
        == one(r"\lVert x\rVert_2")
        == '$class("normal", bar.v.double) x class("normal", bar.v.double)_2$'
    )
    assert one(r"\left\lVert x\right\rVert_2") == one(r"\left\|x\right\|_2") == "$lr(bar.v.double x bar.v.double)_2$"


def test_an_ampersand_is_a_character_inside_and_outside_of_text():
    assert one(r"A \& \text{R\&D}") == r'$A class("normal", \&) upright("R&D")$'


def test_a_comment_ends_with_its_line():
    assert one("a % \\nonsense\n + 100\\%") == "$a + 100 %$"


@pytest.mark.parametrize(
    "tex",
    [
        r"\begin{alignat}{2}a&=b&c&=d\end{alignat}",
        r"\begin{flalign}a&=b\end{flalign}",
        r"\begin{multline}a\\+b\end{multline}",
        r"\begin{gather*}a=b\\c=d\end{gather*}",
        r"\begin{eqnarray}a&=&b\end{eqnarray}",
        r"\begin{subequations}\begin{align}a&=b\end{align}\end{subequations}",
        r"\begin{equation}\begin{split}a&=b\\&=c\end{split}\end{equation}",
        r"a \\ b",
        r"{a \over b} {\bf x} \Bbb{R} \middle| \large x",
        r"\Bigl\{\text{if } a\Bigr\} \biggl\{b, \biggl(c \Big\lbrace d\Big\rbrace \big[e\big/f\bigr)",
        r"\left.\frac{a}{b}\right|_{x} \Big\| x \bigg]",
        r"\begin{cases}\begin{matrix}a & b\\ c & d\end{matrix}\end{cases}",
        r"\newcommand{\norm}[1]{\left\|#1\right\|}\norm{\norm{x} + y}",
        r"x \odot y \ominus z \otimes a \sqcap b \cap c \cdot d",
        r"\texttt{loss} \mathtt{x} \sum_{\substack{a\\b}}",
        r"\begin{dcases}a & b \hfill \\ c & d\end{dcases}",
        r"{a \atop b} \S 3 \varinjlim_n 90\degree \bra{x} \hbox{if }",
    ],
)
def test_what_mathjax_sets_typst_sets(tex, tmp_path):
    (tmp_path / TEMPLATE.name).write_bytes(TEMPLATE.read_bytes())
    (tmp_path / "main.typ").write_text(IMPORT + one(tex, True), encoding="utf-8")
    assert typst.compile(str(tmp_path / "main.typ"))


@pytest.mark.parametrize(
    ("tex", "known"),
    [
        (r"\begin{matrix}a\cr b\end{matrix}", r"\begin{matrix}a\\b\end{matrix}"),
        (
            r"\matrix{a & {b}\cr c & d} \pmatrix{X}",
            r"\begin{matrix}a & {b}\\ c & d\end{matrix} \begin{pmatrix}X\end{pmatrix}",
        ),
        (r"\begin{vmatrix}a & b\end{vmatrix}c", r"\left|\begin{matrix}a & b\end{matrix}\right|c"),
        (r"\begin{Vmatrix}a & b\end{Vmatrix}c", r"\left\|\begin{matrix}a & b\end{matrix}\right\| c"),
        (r"\left\{\begin{split}a\end{split}\right.", r"\begin{cases}a\end{cases}"),
        (r"\begin{equation}a\end{equation}.", "a."),
        (r"\newcommand{\k}[1]{\left\lvert#1\right\rangle}\k{b}", r"\left\lvert b\right\rangle"),
        (r"\begin{align}a \newline b \end{align}", r"\begin{align}a \\ b \end{align}"),
        (r"a \tag 1", r"a \tag{1}"),
        (r"a \tag* {1}", r"a \tag*{1}"),
        (r"a \left/ b \right. \left. c \right/", r"a \left. / b \right. \left. c / \right."),
        (r"\varinjlim_n \varprojlim_n", r"\underset{\longrightarrow}{\lim}_n \underset{\longleftarrow}{\lim}_n"),
        (r"90\degree a\thinspace b \hfill c", r"90^\circ a\, b \quad c"),
        (r"\large x \mathstrut \middle| \hbox{if }", r"x | \text{if }"),
        (" ".join(rf"\{size} x" for size in SIZES.split()), " x" * 9),
        (r"\|x\Vert \rVert \lVert", r"\text{‖}x\text{‖} \text{‖} \text{‖}"),
        (r"\S \LaTeX \TeX", r"\text{§} \text{LaTeX} \text{TeX}"),
        (r"{a \over b} \nicefrac12 \dbinom nk \tbinom nk", r"\frac{a}{b} \frac12 \binom nk \binom nk"),
        (r"\smash{y} \vphantom{\sum} \rlap{z} \llap{z} \textcolor{red}{x}", "y z z x"),
        (r"\href{u}{x} \class{c}{y} \style{s}{z}", "x y z"),
        (r"\bra{x} \ket{x} \braket{x}", r"\langle x| |x\rangle \langle x\rangle"),
        (r"{\bf x} {\rm x} {\it x} {\cal x}", r"\mathbf{x} \mathrm{x} \mathit{x} \mathcal{x}"),
        (r"1\,\AA\nolimits \unicode{x212B} \unicode[serif]{8491}", "1\\,\\text{Å} \\text{\u212b} \\text{\u212b}"),
        (r"\cfrac{a}{b}\ldotp \hphantom{x}\space\hfil", r"\frac{a}{b}. \phantom{x}\ \quad"),
        (r"\mathclap{x} \mathllap{x} \mathrlap{x} \lefteqn{x} \vcenter{x}", "x x x x x"),
        (r"\raise 2pt {x} \lower.5ex\hbox{a} \raisebox{2pt}{$x$}", r"x \hbox{a} \text{$x$}"),
        (r"\ref{a} \eqref{b}", r"\text{(a)} \text{(b)}"),
        (r"{\sf x} {\tt x} \Bbb{R} \mathbbm{1}", r"\mathsf{x} \mathtt{x} \mathbb{R} \mathbb{1}"),
    ],
)
def test_what_pandoc_does_not_know_is_set_as_what_it_does(tex, known):
    assert one(tex).split() == one(known).split()


@pytest.mark.parametrize(
    ("space", "em"),
    [
        *((r"\!", -0.167), (r"\;", 0.278), (r"\enspace", 0.5), (r"\negthinspace ", -0.167), (r"\thickspace ", 0.278)),
        *(
            (rf"\hspace{{1{unit}}}", em)
            for unit, em in {"ex": 0.43, "px": 0.075, "pc": 1.2, "cm": 2.85, "in": 7.23}.items()
        ),
        *((r"\enskip ", 0.5), (r"\hspace{1.5 em}", 1.5), (r"\hspace{- 2em}", -2), (r"\hspace{+.5em}", 0.5)),
        *((r"\hspace{2mm}", 0.57), (r"\hspace*{ .5em }", 0.5), (r"\hspace{-2pt}", -0.2), (r"\hskip 3pt", 0.3)),
        *((r"\kern-2mu ", -0.111), (r"\mkern3mu", 0.167), (r"\mspace{4.5mu}", 0.25)),
    ],
)
def test_a_space_has_the_width_that_tex_gives_it(space, em):
    assert one(f"a{space} b") == f"$a #h({em}em) b$"


def test_a_line_break_before_a_mark_is_no_space():
    assert one(r"\begin{matrix}a\\;b\\!\end{matrix}") and "#h" not in one(r"\begin{matrix}a\\;b\\!\end{matrix}")


def test_matrices_and_aligned_rows_keep_their_places():
    matrix = r"\begin{matrix}1&2\\3&4\end{matrix}"
    assert one(f"A = {matrix}") == "$A = mat(delim: #none, 1, 2; 3, 4)$"
    assert one(rf"A = \left[{matrix}\right]") == '$A = mat(delim: "[", 1, 2; 3, 4)$'
    assert one(rf"{matrix} \\ {matrix}") == "$mat(delim: #none, 1, 2; 3, 4)\\\nmat(delim: #none, 1, 2; 3, 4)$"
    rows = r"a &= \left[\begin{matrix}1\\2\end{matrix}\right]"
    assert (
        one(rf"L = \begin{{aligned}}{rows}\end{{aligned}}") == '$L = cases(delim: #none, a & = mat(delim: "[", 1; 2))$'
    )
    assert one(r"L = \begin{aligned}a&=b\\&=c\end{aligned}") == "$L = cases(delim: #none, a & = b, & = c)$".replace(
        ", &", ",  &"
    )


GROUPS = {
    r"x \begin{array}{ll}a&b\\\hline c&d\end{array}": "$x mat(delim: #none, align: #left, a, b; c, d)$",
    r"x \begin{array}{lr}a&b\end{array}": "$x mat(delim: #none, a, b)$",
    r"x \begin{array}{l}a\\b\end{array}": "$x vec(delim: #none, align: #left,a, b)$",
    r"x \begin{smallmatrix}a&b\end{smallmatrix}": "$x mat(delim: #none, a, b)$",
    r"x \begin{aligned}[t]a&=b\end{aligned}": "$x cases(delim: #none, a & = b)$",
    r"x \begin{split}a\\&b\end{split}": "$x cases(delim: #none, a,  & b)$",
    r"x \begin{matrix}a\\b\end{matrix}": "$x vec(delim: #none,a, b)$",
    **dict.fromkeys(
        [rf"x \begin{{{name}}}a\\b\\ \end{{{name}}}" for name in ("gathered", "aligned")],
        "$x vec(delim: #none, a, b)$",
    ),
    r"x \begin{aligned}a&=b&c&=d\end{aligned}": "$x cases(delim: #none, a & = b #h(2em) & c & = d)$",
    r"\begin{gathered}a\\b\end{gathered}": "$a\\\nb$",
    **dict.fromkeys(
        [r"\left\{\begin{array}{ll}a & b\\c & d\end{array}\right.", r"\begin{cases}a & b\\c & d\end{cases}"],
        '$mat(delim: #("{", none), align: #left, column-gap: #1em, a, b; c, d)$',
    ),
    r"\left\{\begin{array}{l}\left(\begin{array}{c}a\\b\end{array}\right)\\c\end{array}\right.": (
        '$vec(delim: #("{", none), align: #left,vec(a, b), c)$'
    ),
    r"\left(\begin{array}{c}a\\b\end{array}\right)": "$vec(a, b)$",
    r"\left|\begin{matrix}a&b\end{matrix}\right|": '$mat(delim: "|", a, b)$',
    r"\left\{\begin{matrix}a&b\end{matrix}\right\}": '$mat(delim: "{", a, b)$',
    r"\Big[\begin{matrix}a\end{matrix}": "$lr(size: #1.8em, bracket.l) vec(delim: #none,a)$",
    r"\begin{aligned}a&=b&c&=d\\e&=f\end{aligned}": "$a & = b #h(2em) & c & = d\\\ne & = f$",
}


@pytest.mark.parametrize(("tex", "made"), GROUPS.items())
def test_rows_are_aligned_and_bracketed_as_tex_does_it(tex, made):
    assert one(tex) == made


def test_what_stands_above_or_below_a_symbol_stays_there():
    assert (
        one(r"\underset{x}{\max} \overset{!}{=}") == "$attach(limits(#$max$), b: #$x$) attach(limits(#$=$), t: #$!$)$"
    )


def test_tags_are_the_numbers_of_equations():
    assert one(r"a = b \tag{3}", True) == '#lab.tagged("(3)")[$ a = b $];'
    rows = one(r"\begin{align}a &= b \tag{1} \\ c &= d \tag{2}\end{align}", True)
    assert rows == '#lab.equations([$ a $], [$ = b $], "(1)", [$ c $], [$ = d $], "(2)", );'
    assert one(r"\begin{eqnarray}a &=& b \tag{1}\end{eqnarray}", True) == '#lab.equations([$ a $], [$ = b $], "(1)", );'
    assert one(r"x \tag*{A}", True) == '#lab.tagged("(A)")[$ x $];'
    assert one(r"\begin{equation}x \tag{2}\end{equation}", True) == '#lab.equations([$ x $], [], "(2)", );'
    rows = one(r"\begin{gather}a \tag{1}\\[2pt] b \notag \\ c\end{gather}", True)
    assert rows == '#lab.equations([$ a $], [], "(1)", [$ b $], [], "", [$ c $], [], "", );'
    matrix = one(r"\begin{align}a &= \begin{matrix}1&2\\3&4\end{matrix} \tag{1}\end{align}", True)
    assert matrix == '#lab.equations([$ a $], [$ = mat(delim: #none, 1, 2; 3, 4) $], "(1)", );'
    rows = one(
        r"\begin{align}a &= \left(\begin{matrix}1\\2\end{matrix}\right) \tag{1} \\ b &= c \tag{2}\end{align}", True
    )
    assert rows == '#lab.equations([$ a $], [$ = vec(1, 2) $], "(1)", [$ b $], [$ = c $], "(2)", );'
    assert one(r"a \tag{1}\\ b\tag{2}", True) == '#lab.equations([$ a $], [], "(1)", [$ b $], [], "(2)", );'


@pytest.mark.parametrize(
    "tex", [r"\begin{equation*}x\end{equation*}", r"\begin{equation}x \nonumber\end{equation}", r"\require{ams}x",
            r"x \label{eq:1}",
            r"\begin{displaymath}x\end{displaymath}", r"\begin{math}x\end{math}\notag"]
)  # fmt: skip
def test_what_says_nothing_on_paper_is_left_out(tex):
    assert one(tex, True) == "$ x $"


@pytest.mark.parametrize(
    ("delimiter", "name"),
    {
        "(": "paren.l",
        ")": "paren.r",
        "[": "bracket.l",
        "]": "bracket.r",
        r"\{": "brace.l",
        r"\}": "brace.r",
        "|": "bar.v",
    }.items(),
)
@pytest.mark.parametrize(("command", "size"), {"big": "1.2", "Big": "1.8", "bigg": "2.4", "Bigg": "3.0"}.items())
def test_a_delimiter_has_the_size_that_tex_gives_it(command, size, delimiter, name):
    assert one(rf"\{command}{delimiter}") == f"$lr(size: #{size}em, {name})$"


def test_an_unreadable_formula_differs_from_an_empty_one():
    assert translate([(r"\nonsense{x}", False), (r"\def\q{1}", False), ("x", False)]) == [None, "", "$x$"]
    assert one(r"\unicode{x7}") is None  # a bell


@pytest.mark.parametrize("word", ["and", "in", "not", "pi", "top", "div", "sign", "subject to"])
@pytest.mark.parametrize(
    ("command", "made"),
    [
        ("mathrel", 'class("relation", #{})'),
        ("mathbin", 'class("binary", #{})'),
        ("mathop", "op(#{}, limits: #true)"),
        ("mathord", "#{}"),
    ],
)
def test_text_in_an_operator_is_text(command, made, word):
    expected = made.format(f'$upright("{word}")$')
    assert one(rf"A \{command}{{\text{{{word}}}}} B") == one(rf"A\{command}{{\mbox{{{word}}}}}B") == f"$A {expected} B$"


def test_formulas_in_text_are_formulas_and_verbatim_text_is_not():
    assert one(r"\text{a $x_1$ b}") == '$upright("a ") x_1 upright(" b")$'
    assert one(r"\mbox{a $b$ \$5}") == '$upright("a ") b upright(" $5")$'
    assert one(r"\verb|a_b&c|") == one(r"\verb*+a_b&c+") == '$mono("a_b&c")$'
    assert one(r"\verb|{}%$#|") == '$mono("{}%$#")$'
    assert one("a </script> b") == r"$a < \/ s c r i p t > b$"
