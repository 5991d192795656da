"""The report's page: text shown exactly, tables and figures with their captions, and the PDF exporter."""

import base64
import html
import io
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pypandoc
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter, LatexExporter, get_exporter
from nbconvert.filters import markdown2html_mistune
from nbconvert.utils.exceptions import ConversionException
from nbformat import v4
from PIL import Image

from report import show
from report.exporter import MARKDOWN, WIDGET, LabReportExporter
from report.pictures import figure_picture, page_picture

PAGES = Path(__file__).with_name("fixtures")
HOSTILE = (
    "a|b <script>alert(1)</script> $x^2$ \\frac `code` *b* _i_ #h &amp; [l](u) {=t} ~s~ ... -- 'q' \"Q\" @x //c /*d*/"
)
WILD = "  two  spaces\n\n\x1b[31mred\x00\x7f\x85\u202e\tтест ελ end "
SCRIPTS = "שלום العربية हिन्दी 漢字 👩\u200d👩\u200d👧 🏴\U000e0067 e\u0301\u0323 \U0010ffff \ud800 \ufeff"
LONG = "x" * 150
FIRST = """# Lab 0 - A fixture

**Abstract.** What was done, and found: "quotes", it's 5--6, [section 2](#2-The-model)."""
BOOK = r"""## 1 The book

Some *text* with $h_t = \tanh(a_t)$, `code`, a [link](https://example.org/a_b) and a note.[^1]
- one
- two"""
MODEL = r"""## 2 The model

\begin{align}
a_t &= W h_{t-1} + U x_t + b \tag{1} \\
h_t &= \tanh(a_t) \tag{2}
\end{align}

and

$$ L = -\sum_{t=1}^{T} \log p_t[y_t] \odot 1 \tag{3} $$

> quoted

| a | b |
|---|--:|
| 1 | 2 |"""
SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'


# ----- a small notebook with everything in it


def bundle(shown):
    """The output that Jupyter would store for something displayed."""
    return v4.new_output("display_data", data=shown._repr_mimebundle_())


def drawing(caption="Figure 1. A line.", alt="A line that rises."):
    """The outputs of a displayed figure."""
    with pytest.MonkeyPatch.context() as patch:
        outputs = []

        def keep(data, metadata=None, raw=False):
            data = data if raw else {"text/markdown": data.data}
            outputs.append(v4.new_output("display_data", data=data, metadata=metadata or {}))

        patch.setattr(show, "display", keep)
        with plt.rc_context():
            show.use_house_style()
            fig, ax = plt.subplots()
            ax.plot([0, 1, 2], [0, 1, 1.5], label="loss")
            ax.plot([0, 1, 2], [1, 0.7, 0.6], label="smooth loss")
            ax.set(xlabel="Update step", ylabel="Loss (nats)")
            ax.legend()
            show.figure(fig, caption, alt)
    return outputs


def notebook():
    """Build the fixture: all kinds of cells and outputs, formulas, wide tables, hostile text."""
    code, text = v4.new_code_cell, v4.new_markdown_cell
    check = show.table(
        ["Parameter", "Difference", "Relative | error"],
        [["W", "3.1e-08", "1,169,699"], ["U", "−2.0e-09", "0.5 %"]],
        "Table 1. The gradient *check*, $m = 10$.",
        align="lrr",
    )
    rows = [
        [f"{10_000 * i:,}", f"{80 - i}.5", show.verbatim(f"row{i} " + "the cat\nsat on  a mat. " * 9)] for i in range(9)
    ]
    rows.insert(1, ["hostile", "-- ... 'q'", show.verbatim(HOSTILE + WILD + LONG)])
    wide = show.table(["Iteration", "smooth loss", "Text"], rows, "Table 2. Text.", align="rrl", widths=[1, 1, 6])
    dot = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(dot, "PNG")
    png = base64.b64encode(dot.getvalue()).decode()
    attached = text("Attached: ![a red dot](attachment:dot.png)")
    attached.attachments = {"dot.png": {"image/png": png}}
    stream = lambda name, words: v4.new_output("stream", name=name, text=words)  # noqa: E731
    hidden = {"tags": ["remove-input"]}
    other = [
        v4.new_output("execute_result", data={"text/plain": "[1, 2]"}),
        v4.new_output("display_data", data={"text/latex": "$\\displaystyle \\frac{1}{2}$", "text/plain": "1/2"}),
        v4.new_output("display_data", data={"text/html": "<b>only</b> HTML<script>no()</script>"}),
        v4.new_output("display_data", data={"image/png": png, "text/plain": "<dot>"}),
        v4.new_output("display_data", data={"image/svg+xml": SQUARE}),
        v4.new_output("display_data", data={WIDGET: {"model_id": "x"}, "text/plain": "bar"}),
        v4.new_output("error", ename="ValueError", evalue="x", traceback=["\x1b[31mValueError\x1b[0m: bad | $x$"]),
    ]
    function = "def f(x):\n    return x + 1  # a comment, 'text' and \"text\" \\n"
    printed = [stream("stdout", "plain \x1b[31mred\x1b[0m | $x$\n 10%\r100%\n"), stream("stderr", "progress bar\n")]
    cells = [
        text(FIRST),
        text(
            f"{BOOK}\n\nInline: {show.inline(HOSTILE)} and {show.inline(WILD)}.\n\n[^1]: A footnote.\n\n<!-- gone -->"
        ),
        text("An open fence ends with its cell:\n\n```\nopen"),
        text(MODEL),
        code(function, outputs=printed),
        code("hidden = 1", metadata=hidden, outputs=[bundle(check)]),
        code("secret = 2", metadata={"tags": ["remove-cell"]}, outputs=[stream("stdout", "never seen")]),
        code("quiet = 3", metadata={"tags": ["remove-output"]}, outputs=[stream("stdout", "never shown")]),
        code("figure", metadata=hidden, outputs=drawing()),
        code("wide", metadata=hidden, outputs=[bundle(wide)]),
        code("passage", metadata=hidden, outputs=[bundle(show.passage(HOSTILE + "\n\n" + WILD + LONG))]),
        code("other", outputs=other),
        attached,
        v4.new_raw_cell("Raw *Markdown*.", metadata={"raw_mimetype": "text/markdown"}),
        v4.new_raw_cell("\\LaTeX only", metadata={"raw_mimetype": "text/latex"}),
    ]
    nb = v4.new_notebook(cells=cells)
    nb.metadata.update(authors=[{"name": "Ada Example"}], course="A course", date="2024-05-06")
    nb.metadata["language_info"] = {"name": "python"}
    for i, cell in enumerate(nb.cells):
        cell["id"] = f"cell-{i}"
    return nb


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
        elif tag not in ("wbr", "code", "span", "em", "bdi", "p"):
            assert not self.open, f"<{tag}> in what should be text"

    def handle_endtag(self, tag):
        self.open = self.open and tag != self.tag

    def handle_data(self, data):
        if self.open:
            self.texts[-1] += data


def pandoc(markdown):
    return pypandoc.convert_text(markdown, "html", MARKDOWN, extra_args=["--wrap=none", "--mathjax"])


def read(tag, source):
    """What a reader of HTML sees; a break is a break whether or not the source goes on in a new line."""
    texts = Reader(tag, source).texts
    return [re.sub("\0\n?", "\n", text).replace("\xa0", " ").replace("\u200b", "") for text in texts]


def seen(text, empty=""):
    """What should be read: `empty` stands for an empty line."""
    return re.sub("^$", empty, show.visible(text).replace("\xa0", " "), flags=re.M) if text else ""


fragments = st.sampled_from(
    [HOSTILE, WILD, SCRIPTS, LONG, "\n", "  ", "|", "+---+", "</code>", "`", "$", "\\", "1. ", ":::"]
)
texts = st.lists(fragments | st.text(st.characters(), max_size=8), max_size=5).map("".join)


# ----- text shown exactly


@given(texts)
def test_visible_leaves_nothing_unseen_and_changes_nothing_else(text):
    shown = show.visible(text)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    assert show.visible(shown) == shown
    assert [c for c in text if c.isalnum() or c in "\n $|<"] == [
        c for c in re.sub(r"<U\+\w+>", "", shown) if c.isalnum() or c in "\n $|<"
    ]


def test_visible_shows_controls_as_pictures():
    assert show.visible("\0\t\r\x1b\x7f\x85\u202e\ud800\n") == "␀␉␍␛␡<U+0085><U+202E><U+D800>\n"
    assert show.visible("e\u0301 👩\u200d👧 שלום") == "e\u0301 👩\u200d👧 שלום"


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
    assert read("code", pandoc("\n\n".join(passage["markdown"] for passage in passages))) == [
        seen(text, " ") for text in many
    ]
    assert [read("pre", passage["html"]) for passage in passages] == [[seen(text)] for text in many]


def test_html_keeps_mathjax_and_the_browser_off_network_text():
    for shown in (show.table(["a"], [[show.verbatim("$x$  y")]], "Table 1. $m$"), show.passage("$x$  y")):
        assert "tex2jax_ignore mathjax_ignore" in shown.formats["html"]
        assert "white-space: pre-wrap" in shown.formats["html"]


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
    assert image.metadata["alt"] == "A line that rises." and 'alt="A line that rises."' in image.data["text/html"]
    assert caption.data["text/markdown"] == "**Figure 1.** A line."
    assert not plt.get_fignums()


# ----- the PDF


def words(text):
    return re.sub(r"[\s\u200b\xad]", "", text)


def convert(*cells, exporter=None, **metadata):
    nb = v4.new_notebook(cells=list(cells), metadata=metadata)
    pdf, _ = (exporter or LabReportExporter()).from_notebook_node(nb)
    return pypdf.PdfReader(io.BytesIO(pdf))


def text_of(reader):
    return "\n".join(page.extract_text() for page in reader.pages)


@pytest.fixture(scope="module")
def pdf():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SOURCE_DATE_EPOCH", raising=False)
        return LabReportExporter().from_notebook_node(notebook())[0]


@pytest.fixture(scope="module")
def reader(pdf):
    return pypdf.PdfReader(io.BytesIO(pdf))


def test_entry_point_offers_the_exporter():
    assert get_exporter("labreport") is LabReportExporter
    assert LabReportExporter.export_from_notebook == "PDF (lab report)"


def test_pages_are_a4_numbered_and_headed(reader):
    assert len(reader.pages) == len(list(PAGES.glob("page-*.png")))
    assert [round(float(x)) for x in reader.pages[0].mediabox[2:]] == [595, 842]
    assert "2 / " in reader.pages[1].extract_text() and "A course" in reader.pages[1].extract_text()


def test_metadata_outline_and_language(reader):
    assert reader.metadata.title == "Lab 0 - A fixture" and reader.metadata.author == "Ada Example"
    assert reader.metadata.creation_date.strftime("%Y-%m-%d") == "2024-05-06"
    assert [item.title for item in reader.outline] == ["1 The book", "2 The model"]
    assert reader.trailer["/Root"]["/Lang"] == "en"


def test_title_shows_once_and_numbers_are_those_of_the_notebook(reader):
    text = text_of(reader)
    assert reader.pages[0].extract_text().count("Lab 0 - A fixture") == 1
    for label in ("Table 1.", "Table 2.", "Figure 1.", "(2)", "(3)"):
        assert text.count(label) == 1, label


def test_fonts_are_embedded(reader):
    names = set()
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            for part in font.get_object()["/DescendantFonts"]:
                names.add(part["/BaseFont"].split("+")[1])
                descriptor = part["/FontDescriptor"]
                assert {"/FontFile2", "/FontFile3"} & set(descriptor)
    assert any("Libertinus" in name for name in names) and any("DejaVuSansMono" in name for name in names)


def test_figures_are_vectors_with_alternative_text(reader, pdf):
    assert "Update step" in text_of(reader)  # the letters of the figure are letters
    alts = [alt for o in range(1, len(reader.xref[0]) + 1) if (alt := alternative(reader, o))]
    assert "A line that rises." in alts and "a red dot" in alts


def alternative(reader, number):
    try:
        thing = reader.get_object(pypdf.generic.IndirectObject(number, 0, reader))
    except pypdf.errors.PdfReadError:
        return None
    return thing.get("/Alt") if isinstance(thing, dict) else None


def test_hostile_text_arrives_in_tables_passages_and_sentences(reader):
    text = words(text_of(reader))
    assert text.count(words(HOSTILE)) == 3
    assert text.count(words(LONG)) == 2
    assert text.count("ESC[31mredNULDEL<U+0085><U+202E>TABтест") == 3


def test_all_outputs_arrive_but_errors_streams_and_progress(reader):
    text = text_of(reader)
    for part in (
        "[1, 2]",
        "only HTML",
        "ValueError: bad | $x$",
        "Raw Markdown.",
        "plain red | $x$",
        "100%",
        "A footnote.",
    ):
        assert part in text
    for part in ("progress bar", "bar\n", "10%", "no()", "gone", "LaTeX only", "\x1b"):
        assert part not in text


def test_tags_hide_cells_inputs_and_outputs(reader):
    text = text_of(reader)
    assert "hidden = 1" not in text and "secret" not in text and "never" not in text and "quiet = 3" in text


def test_pages_look_as_they_did(pdf):
    """Compare with stored pictures; run this file as a program to store them anew."""
    pages = pictures(pdf)
    stored = sorted(PAGES.glob("page-*.png"))
    assert len(pages) == len(stored)
    for name, page in zip(stored, pages, strict=True):
        old = np.asarray(Image.open(name), dtype=float)
        assert page.shape == old.shape
        assert (abs(page - old) > 64).mean() < 0.002, f"{name.name} looks different"


def pictures(pdf):
    """Every page, small and grey."""
    numbers = range(1, len(pypdf.PdfReader(io.BytesIO(pdf)).pages) + 1)
    return [np.asarray(Image.open(io.BytesIO(page_picture(pdf, n, ppi=50))).convert("L")) for n in numbers]


def test_a_figure_is_found_by_its_caption():
    nb = notebook()
    assert figure_picture(nb, "A line").startswith(b"<?xml") and b"</svg>" in figure_picture(nb, "A line")
    with pytest.raises(LookupError, match="has no figure with the caption 'The loss'"):
        figure_picture(nb, "The loss")


def test_same_notebook_same_bytes(pdf, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert LabReportExporter().from_notebook_node(notebook())[0] == pdf


def test_source_date_epoch_is_the_date_of_the_pdf(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert convert(v4.new_markdown_cell("Hi.")).metadata.creation_date.strftime("%Y-%m-%d") == "1970-01-02"


def test_command_line_options(tmp_path):
    nbformat.write(notebook(), tmp_path / "small.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "labreport", "--no-input", "--output", "out", "small.ipynb"]
    subprocess.run([*command, "--LabReportExporter.paper=us-letter"], cwd=tmp_path, check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.pdf", "small.ipynb"]
    made = pypdf.PdfReader(tmp_path / "out.pdf")
    assert "def f" not in text_of(made) and "plain red" in text_of(made)
    assert [round(float(x)) for x in made.pages[0].mediabox[2:]] == [612, 792]


def test_metadata_beats_the_heading_options_beat_metadata_and_parameters_come_last():
    cell = v4.new_markdown_cell("# Heading\n\nText.")
    made = convert(cell, title="Metadata", papermill={"parameters": {"course": "Parameter"}})
    assert made.metadata.title == "Metadata" and "Heading" not in text_of(made) and "Parameter" in text_of(made)
    assert made.metadata.author is None
    made = convert(cell, exporter=LabReportExporter(title="Option", author="Me"), title="Metadata")
    assert (made.metadata.title, made.metadata.author) == ("Option", "Me")


def test_empty_notebook_and_every_script_make_a_page():
    assert len(convert().pages) == 1
    output = v4.new_output("stream", name="stdout", text=SCRIPTS)
    made = convert(v4.new_markdown_cell(show.inline(SCRIPTS)), v4.new_code_cell(SCRIPTS, outputs=[output]))
    assert text_of(made).count("<U+D800>") == 3


def test_links_lead_to_headings_as_jupyter_names_them():
    made = convert(v4.new_markdown_cell("## A b\n\n[one](#A-b) [two](#a-b)"), v4.new_markdown_cell("## A b"))
    assert sum(len(page.get("/Annots", [])) for page in made.pages) == 2


def test_a_cell_longer_than_a_page_is_all_there():
    rows = [[show.verbatim("\n".join(map(str, range(100, 300))))], [show.verbatim("nospaces" * 300)]]
    made = convert(v4.new_code_cell("x", outputs=[bundle(show.table(["Text"], rows, "Table 1. Long."))]))
    text = words(text_of(made))
    assert "299" in text and text.count("p") == 300


def test_html_only_output_is_printed_with_a_warning(caplog):
    output = v4.new_output(
        "display_data", data={"text/html": "<table><tr><td>7</td></tr></table>", "text/plain": "<x>"}
    )
    made = convert(v4.new_code_cell("df", outputs=[output]))
    assert "7" in text_of(made) and "cell 1 ('df'): this output is HTML only" in caplog.text


def test_a_formula_that_pandoc_cannot_read_is_shown_as_it_is_with_a_warning(caplog):
    made = convert(v4.new_markdown_cell("Fine."), v4.new_markdown_cell("See $\\nonsense{x}$."))
    assert "nonsense" in text_of(made) and "cell 2 (" in caplog.text


def test_a_picture_or_a_heading_that_is_not_there_is_named(caplog):
    made = convert(v4.new_markdown_cell("![dot](no/such.png) and [there](#nowhere)"))
    assert "no/such.png" in text_of(made) and "there" in text_of(made)
    assert "no such picture: no/such.png" in caplog.text and "no heading for the link to #nowhere" in caplog.text


@pytest.mark.parametrize(
    "cell",
    [
        v4.new_markdown_cell("Bad:\n\n```{=typst}\n#nonsense()\n```"),
        v4.new_code_cell("bad", outputs=[v4.new_output("display_data", data={"image/png": "AAAA"})]),
    ],
)
def test_an_error_of_typst_is_one_message_that_names_the_cell(cell):
    with pytest.raises(ConversionException, match=r"^Typst cannot set cell 2 \('[Bb]ad.*'\): .+$"):
        convert(v4.new_markdown_cell("Good."), cell, v4.new_markdown_cell("Good."))


# ----- the other routes


def test_html_route_shows_text_exactly_and_has_alternative_texts():
    source, _ = HTMLExporter().from_notebook_node(notebook())
    assert 'alt="A line that rises."' in source
    assert "<script>alert(1)" not in source
    shown = html.unescape(re.sub(r"<wbr\s*/?>", "", source))
    assert shown.count(HOSTILE) == 3


def test_latex_route_keeps_captions_numbers_and_text(monkeypatch):
    monkeypatch.setenv("PATH", str(Path(pypandoc.get_pandoc_path()).parent), prepend=os.pathsep)
    nb = notebook()
    for cell in nb.cells:  # nbconvert's LaTeX route needs Inkscape for pictures that are SVG only, and has no HTML
        if cell.source == "other":
            cell.outputs = cell.outputs[:2]
    source, _ = LatexExporter().from_notebook_node(nb)
    captions = ("\\textbf{Table 1.}", "\\textbf{Figure 1.}", "\\tag{1}", "\\tag{3}")
    for part in (*captions, "alert(1)", "\\ttfamily{}", "\\newcounter{none}"):
        assert part in source


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    made, _ = LabReportExporter().from_notebook_node(notebook())
    for number, page in enumerate(pictures(made), 1):
        Image.fromarray(page).save(PAGES / f"page-{number}.png", optimize=True)
