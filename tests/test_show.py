"""Text, tables and figures are shown exactly on every route."""

import base64
import html
import io
import re
from functools import partial
from html.parser import HTMLParser

import bleach
import matplotlib.pyplot as plt
import pypandoc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import markdown2html_mistune
from notebooks import HOSTILE, LONG, SCRIPTS, WILD, drawing, notebook
from PIL import Image

from report import show
from report.paper import PAPER, visible

LATEX_ROUTE = "markdown+lists_without_preceding_blankline"  # what nbconvert tells pandoc

# ----- reading back


class Reader(HTMLParser):
    """The text of all elements of one kind in a piece of HTML, with its line breaks."""

    def __init__(self, tag, source):
        super().__init__()
        self.tag, self.open, self.texts = tag, False, []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag == self.tag:
            self.open = True
            self.texts.append("")
        elif tag == "br":
            self.handle_data("\0")
        elif tag not in ("wbr", "code", "samp", "span", "em", "bdi", "p"):
            assert not self.open, f"<{tag}> in what should be text"

    def handle_endtag(self, tag):
        self.open = self.open and tag != self.tag

    def handle_data(self, data):
        if self.open:
            self.texts[-1] += data


def pandoc(markdown):
    """HTML of what nbconvert's LaTeX route reads, with its line breaks."""
    options = ["--wrap=none", "--mathjax"]
    return pypandoc.convert_text(markdown.replace(show.BREAK, "<br>"), "html", LATEX_ROUTE, extra_args=options)


def read(tag, source):
    """What a reader of HTML sees; a break is a break whether or not the source goes on in a new line."""
    texts = Reader(tag, source).texts
    return [re.sub("\0\n?", "\n", text).replace("\xa0", " ").replace("\u200b", "") for text in texts]


def seen(text, empty=""):
    """What should be read: `empty` stands for an empty line."""
    return re.sub("^$", empty, visible(text).replace("\xa0", " "), flags=re.M) if text else ""


fragments = st.sampled_from(
    [HOSTILE, WILD, SCRIPTS, LONG, "\n", "  ", "|", "+---+", "</code>", "`", "$", "\\", "1. ", ":::"]
)
texts = st.lists(fragments | st.text(st.characters(), max_size=8), max_size=5).map("".join)


# ----- text shown exactly


@given(texts)
def test_visible_leaves_nothing_unseen_and_changes_nothing_else(text):
    shown = visible(text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    assert visible(shown) == shown
    assert [c for c in text if c.isalnum() or c in "\n $|<"] == [
        c for c in re.sub(r"<U\+\w+>", "", shown) if c.isalnum() or c in "\n $|<"
    ]


def test_visible_shows_controls_as_pictures():
    assert visible("\0\t\r\x1b\x7f\x85\u202e\ud800\n") == "␀␉␍␛␡<U+0085><U+202E><U+D800>\n"
    assert visible("e\u0301 👩\u200d👧 שלום") == "e\u0301 👩\u200d👧 שלום"


@given(texts)
def test_inline_text_reads_back_in_jupyters_markdown(text):
    source = show.inline(text)
    assert source.isascii() and "\n" not in source
    assert read("code", markdown2html_mistune(f"It says {source}, so.")) == [seen(text).replace("\n", "¶")]


@settings(max_examples=5)
@given(st.lists(texts, min_size=40, max_size=60))
def test_inline_text_reads_back_in_pandoc(many):
    source = "\n\n".join(f"It says {show.inline(text)}, so." for text in many)
    assert read("code", pandoc(source)) == [seen(text).replace("\n", "¶") for text in many]


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
def test_table_cells_read_back_in_html(rows):
    made = show.table(["a|b", "<c>"], [(a, show.verbatim(b)) for a, b in rows], "Table 1. *Hostile.*", align="rl")
    source = made.formats["html"]
    assert read("th", source) == ["a|b", "<c>"]
    assert read("td", source) == [seen(cell) for row in rows for cell in row]
    assert "<strong>Table 1.</strong> <em>Hostile.</em>" in source


@settings(max_examples=5)
@given(st.lists(st.tuples(texts, texts), min_size=20, max_size=30), st.sampled_from([None, (1, 3)]))
def test_table_cells_read_back_in_pandoc(rows, widths):
    rows = [(a, show.verbatim(b)) for a, b in rows]
    source = pandoc(show.table(["a|b", "<c>"], rows, "Table 1. Hostile.", widths=widths).formats["markdown"])
    assert read("th", source) == ["a|b", "<c>"]
    assert read("td", source) == [seen(cell, " ") for row in rows for cell in row]


@settings(max_examples=5)
@given(st.lists(texts, min_size=20, max_size=30))
def test_passages_read_back_in_pandoc_and_html(many):
    many = [text or "." for text in many]
    passages = [show.passage(text, "Some *text*:").formats for text in many]
    quotes = read("blockquote", pandoc("\n\n".join(passage["markdown"] for passage in passages)))
    assert [quote.removeprefix("\n").removesuffix("\n") for quote in quotes] == [seen(text, " ") for text in many]
    assert [read("pre", passage["html"]) for passage in passages] == [["\n" + seen(text)] for text in many]


def test_html_keeps_mathjax_and_the_browser_off_network_text():
    for shown in (show.table(["a"], [[show.verbatim("$x$  y")]], "Table 1. $m$"), show.passage("$x$  y")):
        assert "tex2jax_ignore mathjax_ignore" in shown.formats["html"]
        assert "white-space: pre-wrap" in shown.formats["html"]


def test_where_styles_are_stripped_tables_and_passages_keep_text_alignment_and_line_breaks():
    made = show.table(
        ["", "Text"], [[7, show.verbatim("<b> cat\nsat")]], "Table 1. Text.", align="rl", size=80, widths=[1, 3]
    )
    tags = {"blockquote", "br", "caption", "pre", "samp", "strong", "table", "tbody", "td", "th", "thead", "tr"}
    clean = partial(bleach.clean, tags=tags, attributes={"*": ["align"]}, strip=True)  # about as GitHub does
    assert re.sub("\n", "", clean(made.formats["html"])) == (
        '<table><caption align="left"><strong>Table 1.</strong> Text.</caption>'
        '<thead><tr><td align="right"></td><th align="left">Text</th></tr></thead>'
        '<tbody><tr><td align="right">7</td><td align="left"><samp>&lt;b&gt; cat<br>sat</samp></td></tr></tbody>'
        "</table>"
    )
    assert clean(show.passage("a\n<b>").formats["html"]) == "<blockquote><pre>a\n&lt;b&gt;</pre></blockquote>"


def test_plain_table_is_readable():
    made = show.table(["Step", "Text"], [[1000, show.verbatim("the cat\nsat")], [20, "x"]], "Table 3. T.", align="rl")
    assert repr(made) == "**Table 3.** T.\n\nStep  Text\n----  -------\n1000  the cat\n      sat\n  20  x"


def test_a_listing_is_the_source_without_the_docstring_in_every_format():
    shown = show.listing(show.inline, show.listing)
    code = "def listing(*functions):\n    sources = [re.sub("
    assert repr(shown).count("def ") == 2 and code in repr(shown) and "Show the source" not in repr(shown)
    assert f"```python\n{code}" in shown._repr_mimebundle_()["text/markdown"]
    source = re.sub("<.*?>", "", shown._repr_mimebundle_()["text/html"])
    assert code in html.unescape(source) and "color" not in shown._repr_mimebundle_()["text/html"]


def test_table_names_the_row_that_does_not_fit():
    with pytest.raises(ValueError, match="row 1 has 1 entries, but the header of this table has 2"):
        show.table(["a", "b"], [[1, 2], [1]], "Table 1. Odd.")
    with pytest.raises(ValueError, match="align has 1 entries"):
        show.table(["a", "b"], [], "Table 1. Odd.", align="l")


def test_figure_is_the_same_twice_and_closed_and_has_alternative_text():
    (image, caption), again = drawing(), drawing()
    assert image == again[0]
    assert image.metadata["alt"] == "A line that rises."
    assert caption.data["text/markdown"] == "**Figure 1.** A line."
    assert not plt.get_fignums()


def test_figure_is_a_sharp_png_on_every_screen_and_no_screen_takes_what_is_for_paper():
    image = drawing()[0]
    assert set(image.data) == {"image/png", PAPER, "text/plain"}
    picture = Image.open(io.BytesIO(base64.b64decode(image.data["image/png"])))
    assert (
        picture.width / image.metadata["image/png"]["width"] >= 180 / 96
    )  # pixels of the screen, which has 96 an inch
    assert ">Loss (nats)</text>" in image.data[PAPER] and "STIX" not in image.data[PAPER]


# ----- the other routes


def test_html_route_shows_text_exactly():
    source, _ = HTMLExporter().from_notebook_node(notebook())
    assert "<script>alert(1)" not in source
    shown = html.unescape(re.sub(r"<wbr\s*/?>", "", source))
    assert shown.count(HOSTILE) == 3
