"""Show text, tables and figures in the notebook so that every route prints the same thing.

The book and the network's text are hostile input: a bar, a dollar sign or ``<script>`` in them must come out as just
that in JupyterLab, in HTML and in both PDF routes. So nothing here is quoted: all that is not plain is written as a
numeric character reference, which no Markdown reader, no MathJax and no table grid takes for markup.

Captions carry their own numbers ("Table 1. ..."). A paragraph that starts so, above a table or below a figure, is its
caption: there is one source for captions and numbers, and readers as well as exporters see which is which.
"""

import base64
import html
import inspect
import io
import itertools
import re
import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt
import mistune
from IPython.display import Markdown, display
from matplotlib.ticker import ScalarFormatter
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from report.paper import PAPER, visible

__all__ = ["Shown", "figure", "inline", "listing", "passage", "table", "use_house_style", "verbatim"]

NEWLINE = "\u00b6"  # a pilcrow: the only sign for a line break that every font has
LONG_RUN = 24  # characters without a space after which a line must be allowed to break
TEXT_WIDTH = 6.5  # inches: the text block of the A4 page
CSS_PIXELS = 96  # an inch, on a screen
# Typefaces about as wide as STIXGeneral, with which matplotlib lays out: the page's, then browsers'.
FACES = "'Libertinus Serif', 'Times New Roman', serif"
# The Markdown of tables and passages is for XeLaTeX alone, all other routes read their HTML: a caption stays with its
# table, text is monospaced, and a line ends where it did.
STAY = "\\par\\penalty-100\\ifdim\\dimexpr\\pagegoal-\\pagetotal\\relax<12\\baselineskip\\vfil\\break\\fi"
MONO, BREAK = "`\\bgroup\\ttfamily{}`{=latex}%s`\\egroup{}`{=latex}", "`\\newline{}`{=latex}"
# Okabe and Ito's colours without the yellow; what looks alike in grey, the line styles tell apart.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
LINES = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (7, 2)), "-"]


class verbatim(str):
    """A table cell of running text: shown monospaced, with its line breaks and repeated spaces."""


class Shown:
    """Something that Jupyter displays, in several formats at once.

    Parameters
    ----------
    **formats : str
        The representations: ``html``, ``markdown`` and ``plain``.
    """

    def __init__(self, **formats):
        self.formats = formats

    def __repr__(self):
        return self.formats["plain"]

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {f"text/{name}": source for name, source in self.formats.items()}


def inline(text):
    """Markdown source that shows exactly the characters of a text, wherever it is rendered.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        One line of ASCII: a ``<code>`` element. Line breaks show as a pilcrow, controls as in `visible`, and a space
        that would be swallowed (first, last, after another) is a no-break space.
    """
    return f"<code>{_source(visible(text).replace(chr(10), NEWLINE), pause='<wbr>')}</code>"


def passage(text, caption=None):
    """Show a block of running text exactly, with its line breaks.

    Parameters
    ----------
    text : str
        Any text.
    caption : str, optional
        Markdown, printed above.

    Returns
    -------
    Shown
        A quotation for Jupyter to display.
    """
    caption = _label(caption)
    head = f"{caption}\n\n" if caption else ""
    style = "font-family: monospace; white-space: pre-wrap; overflow-wrap: break-word; word-break: normal; margin: 0"
    block = f'<blockquote class="{IGNORE}" dir="auto"><pre style="{style}">\n{_html(text)}</pre></blockquote>'
    return Shown(
        html=_markdown(caption) + block if caption else block,
        markdown=f"{head}> {_cell(verbatim(text))}",
        plain=head + textwrap.indent(visible(text), "    ", lambda line: True),
    )


def listing(*functions):
    """Show the source of functions, without their docstrings.

    Parameters
    ----------
    *functions : function
        In the order in which they are to be read.

    Returns
    -------
    Shown
        A block of code for each, for Jupyter to display.
    """
    sources = [re.sub(r'\n +""".*?"""', "", inspect.getsource(function), flags=re.DOTALL) for function in functions]
    # Bold and italics in place of colours: those of a light page can't be read on a dark one.
    look = {"style": "bw", "noclasses": True, "nobackground": True, "cssclass": "highlight language-python"}
    block = "font-family: monospace; white-space: pre; overflow: visible; margin: 0 0 1em"
    formatter = HtmlFormatter(**look, prestyles=block)
    return Shown(
        html="".join(highlight(source, PythonLexer(), formatter) for source in sources),
        markdown="\n".join(f"```python\n{source}```\n" for source in sources),
        plain="\n".join(sources),
    )


def table(header, rows, caption, align=None, widths=None, size=100):
    """Show a table with its caption.

    Parameters
    ----------
    header : sequence of str
        Plain text, not markup.
    rows : sequence of sequences
        Cells: plain text or numbers, as they are to be shown; `verbatim` for running text.
    caption : str
        Markdown, with its number: ``"Table 1. The gradient check."``
    align : str, optional
        A letter per column: ``l``, ``r`` or ``c``. Default: all ``l``.
    widths : sequence of float, optional
        Relative widths of the columns; the table then fills the line. Default: from the contents.
    size : int
        Size of the type in percent; it needs `widths`.

    Returns
    -------
    Shown
        A table for Jupyter to display.

    Raises
    ------
    ValueError
        If a row, `align` or `widths` does not fit the header.
    """
    align = align or "l" * len(header)
    rows = [[cell if isinstance(cell, str) else str(cell) for cell in row] for row in rows]
    for name, part in [("align", align), ("widths", widths or header), *((f"row {i}", r) for i, r in enumerate(rows))]:
        if len(part) != len(header):
            raise ValueError(f"{name} has {len(part)} entries, but the header of this table has {len(header)}")
    caption = _label(caption)
    return Shown(
        html=_html_table(header, rows, caption, align, widths, size),
        markdown=f"```{{=latex}}\n{STAY}\n```\n\n{caption}\n\n{_pipe_table(header, rows, align, widths)}",
        plain=f"{caption}\n\n{_plain_table(header, rows, align)}",
    )


def figure(fig, caption, alt):
    """Display a matplotlib figure, with its caption below, and close it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure.
    caption : str
        Markdown, with its number: ``"Figure 2. The smooth loss."``
    alt : str
        What the figure shows, for those who cannot see it.
    """
    for axis in (axis for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)):
        if type(axis.get_major_formatter()) is ScalarFormatter and max(map(abs, axis.get_view_interval())) >= 5000:
            axis.set_major_formatter("{x:,.0f}")  # 20,000, as in the text
    # A PNG, which every screen shows, and for paper a vector form, which no screen takes: its text is text, in the
    # page's own typeface. Neither depends on the day.
    with mpl.rc_context({"svg.hashsalt": "lab", "svg.fonttype": "none"}):
        svg = _save(fig, "svg", metadata=dict.fromkeys(["Creator", "Date", "Format", "Type"])).decode()
    png = _save(fig, "png", dpi=2 * CSS_PIXELS)
    width = round(CSS_PIXELS * fig.get_size_inches()[0])
    plt.close(fig)
    data = {
        "image/png": _few_colours(png),
        PAPER: svg.replace("'STIXGeneral'", FACES),
        "text/plain": f"[Figure: {alt}]",
    }
    display(data, metadata={"alt": alt, "image/png": {"width": width}}, raw=True)
    display(Markdown(_label(caption)))


def use_house_style():
    """Set matplotlib's defaults to the style of the report: serif, thin lines, colours that survive a grey printer."""
    mpl.rcParams.update(
        {
            "figure.figsize": (TEXT_WIDTH, 2.8),
            "figure.dpi": CSS_PIXELS,
            "figure.constrained_layout.use": True,
            # Both ship with matplotlib: the first sits well beside the type of the page, the second has more scripts.
            "font.family": ["STIXGeneral", "DejaVu Sans"],
            "mathtext.fontset": "stix",
            "font.size": 9.5,
            "axes.titlesize": 10,
            "axes.labelsize": 9.5,
            "xtick.labelsize": 8.5,
            "ytick.labelsize": 8.5,
            "legend.fontsize": 8.5,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#e4e4e4",
            "grid.linewidth": 0.5,
            "lines.linewidth": 1.3,
            "axes.prop_cycle": mpl.cycler(color=COLOURS) + mpl.cycler(linestyle=LINES),
        }
    )


IGNORE = "tex2jax_ignore mathjax_ignore"  # MathJax 2 and 3 and later: no formulas in here


def _label(caption):
    """Set the "Table 1." that a caption begins with in bold."""
    return caption and re.sub(r"^(Figure|Table) (\w+)\.", r"**\1 \2.**", caption)


def _save(fig, kind, **options):
    buffer = io.BytesIO()
    fig.savefig(buffer, format=kind, **options)
    return buffer.getvalue()


def _few_colours(png):
    """A picture with a palette, in base64: a third of the size, without a visible difference."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(
        buffer, "png", optimize=True
    )
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _source(line, pause="&#8203;"):
    """ASCII Markdown for one line of visible text; `pause` is put where a long run without spaces may be broken."""
    line = re.sub("^ | $|(?<= ) ", "\xa0", line)
    words = [[word[i : i + LONG_RUN] for i in range(0, len(word), LONG_RUN)] for word in line.split(" ")]
    # A point, comma or hyphen inside a number is harmless everywhere, and keeps columns of figures readable as source.
    risky = r"(?<=[0-9e])[.,-](?=[0-9])|([^A-Za-z0-9])"
    escape = lambda part: re.sub(risky, lambda m: f"&#{ord(m[0])};" if m[1] else m[0], part)  # noqa: E731
    return " ".join(pause.join(map(escape, parts)) for parts in words)


def _cell(cell):
    """Pandoc Markdown, in one line, for a cell."""
    source = BREAK.join(_source(line) or "&#160;" for line in visible(cell).split("\n")) if cell else ""
    return MONO % source if isinstance(cell, verbatim) and cell else source


def _html(text):
    return html.escape(visible(text))


def _html_table(header, rows, caption, align, widths, size):
    side = {"l": "left", "r": "right", "c": "center"}
    inner = _markdown(caption).removeprefix("<p>").removesuffix("</p>")

    def cells(tag, row):
        for cell, letter in zip(row, align, strict=True):
            text = _html(cell).replace("\n", "<br>")
            style = f"text-align: {side[letter]}; vertical-align: top; white-space: pre-wrap"
            if isinstance(cell, verbatim):
                text = f"<samp>{text}</samp>" if text else ""
                style += "; font-family: monospace; overflow-wrap: break-word"
            name = tag if text else "td"  # for screen readers an empty cell is no header
            yield f'<{name} dir="auto" align="{side[letter]}" style="{style}">{text}</{name}>'

    head = f'<thead class="{IGNORE}"><tr>{"".join(cells("th", header))}</tr></thead>'
    body = "\n".join(f"<tr>{''.join(cells('td', row))}</tr>" for row in rows)
    # The caption keeps a readable width, whatever the table's
    look = "caption-side: top; text-align: left; padding: 0.5em 0; min-width: min(36em, 85vw); max-width: 85vw"
    wide = "".join(f'<col style="width: {100 * width / sum(widths):.3g}%">' for width in widths or [])
    small = f' style="font-size: {size}%"' if size != 100 else ""
    return (
        f'<table{small}><caption align="left" style="{look}">{inner}</caption><colgroup>{wide}</colgroup>{head}'
        f'<tbody class="{IGNORE}">\n{body}\n</tbody></table>'
    )


def _pipe_table(header, rows, align, widths):
    """Lay out a pandoc pipe table, whose rules give the columns' widths."""
    grid = [[visible(cell).split("\n") for cell in row] for row in [header, *rows]]
    longest = [min(40, max(len(line) for cell in column for line in cell)) for column in zip(*grid, strict=True)]
    dashes = ["-" * max(3, round(100 * width / sum(widths or longest))) for width in widths or longest]
    marks = [{"l": ":%s", "r": "%s:", "c": ":%s:"}[side] % rule for side, rule in zip(align, dashes, strict=True)]
    cells = [list(map(_cell, row)) for row in [header, *rows]]
    return "\n".join(f"|{'|'.join(row)}|" for row in [cells[0], marks, *cells[1:]])


def _plain_table(header, rows, align):
    grid = [[visible(cell).split("\n") for cell in row] for row in [header, *rows]]
    wide = [max(len(line) for cell in column for line in cell) for column in zip(*grid, strict=True)]
    put = {"l": str.ljust, "r": str.rjust, "c": str.center}
    lines = []
    for row in grid:
        for parts in itertools.zip_longest(*row, fillvalue=""):
            lines.append("  ".join(put[a](s, n) for a, s, n in zip(align, parts, wide, strict=True)).rstrip())
    height = max(map(len, grid[0]))
    lines.insert(height, "  ".join("-" * n for n in wide))
    return "\n".join(lines)


def _markdown(text):
    """HTML for a line of trusted Markdown; formulas are left to MathJax."""
    return mistune.create_markdown(escape=False, plugins=["math"])(text).strip()
