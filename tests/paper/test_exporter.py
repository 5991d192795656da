"""The PDF of a notebook."""

import datetime
import io
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pypdf
import pytest
from bs4 import BeautifulSoup
from jupyter_client import KernelManager
from matplotlib.animation import FuncAnimation
from nbconvert.exporters import get_exporter
from nbformat import v4
from notebooks import HOSTILE, LONG, SCRIPTS, bundle, convert, drawing, looks, notebook, text_of, words
from PIL import Image
from tqdm import tqdm, trange
from traitlets.config import Config

from report import show
from report.paper import PAPER
from report.paper.exporter import LabReportExporter, export

PAGES = Path(__file__).with_name("fixtures")


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
    assert LabReportExporter.output_mimetype == "application/pdf" and LabReportExporter().get_template_names() == []


def test_tags_count_and_a_kernel_speaks_in_confidence_if_it_can():
    config = LabReportExporter().default_config
    assert config["TagRemovePreprocessor"]["enabled"] and not config["HighlightMagicsPreprocessor"]["enabled"]
    known = hasattr(KernelManager, "transport_encryption")
    assert config["KernelManager"] == ({"transport_encryption": "auto"} if known else {})


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


def test_the_text_of_figures_is_text_in_the_face_of_the_page(reader, pdf):
    assert "Loss (nats)" in text_of(reader) and b"STIX" not in pdf


def test_figures_have_alternative_text(reader):
    alts = [alt for o in range(1, len(reader.xref[0]) + 1) if (alt := alternative(reader, o))]
    assert "A line that rises." in alts and "a red dot" in alts


def alternative(reader, number):
    try:
        thing = reader.get_object(pypdf.generic.IndirectObject(number, 0, reader))
    except pypdf.errors.PdfReadError:
        return None
    return thing.get("/Alt") if isinstance(thing, dict) else None


def test_hostile_text_arrives_in_tables_passages_and_sentences(reader):
    text = re.sub(r"Lab0-AfixtureAcourse|\d/4", "", words(text_of(reader)))  # what stands at the edges of a page
    assert text.count(words(HOSTILE)) == 3
    assert text.count(words(LONG)) == 2
    assert text.count("ESC[31mredNULDEL<U+0085><U+202E>TABтест") == 3


def test_all_outputs_arrive_or_are_named(reader):
    text = text_of(reader)
    for part in (
        "[1, 2]",
        "only HTML",
        "ValueError: bad | $x$",
        "Raw Markdown.",
        "plain red | $x$",
        "100%",
        "A footnote.",
        "progress bar",
        "widget-view+json",
    ):
        assert part in text
    for part in (" 10%", "no()", "gone", "LaTeX only", "\x1b"):
        assert part not in text


def test_tags_hide_cells_inputs_and_outputs(reader):
    text = text_of(reader)
    assert "hidden = 1" not in text and "secret" not in text and "never" not in text and "quiet = 3" in text


def test_pages_look_as_they_did(pdf):
    """Compare with stored pictures; run this file as a program to store them anew."""
    pages = looks(pdf, ppi=50)
    stored = sorted(PAGES.glob("page-*.png"))
    assert len(pages) == len(stored)
    for name, page in zip(stored, pages, strict=True):
        old = np.asarray(Image.open(name), dtype=float)
        assert page.shape == old.shape
        assert (abs(page - old) > 64).mean() < 0.002, f"{name.name} looks different"


def test_a_figure_stands_where_the_notebook_shows_it():
    picture = drawing()
    sentences = [f"Begin {number} " + "a sentence of some length that goes on " * 20 + "end." for number in range(8)]
    cells = [
        cell for text in sentences for cell in (v4.new_markdown_cell(text), v4.new_code_cell("x", outputs=picture))
    ]
    printed = words(text_of(convert(*cells)))
    marks = [match[0] for match in re.finditer(r"Begin|end\.|Figure1\.", printed)]
    assert marks == ["Begin", "end.", "Figure1."] * len(sentences)


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


def test_every_option_is_explained():
    options = LabReportExporter.class_own_traits(config=True)
    assert set(options) == {"title", "author", "course", "date", "lang", "paper", "raw_mimetypes"}
    assert all(re.fullmatch(r"[A-Z][a-z]+\b.*\.", option.help) for option in options.values())


def test_metadata_beats_the_heading_options_beat_metadata_and_parameters_come_last():
    cell = v4.new_markdown_cell("# Heading\n\nText.")
    made = convert(cell, title="Metadata", papermill={"parameters": {"course": "Parameter"}})
    assert made.metadata.title == "Metadata" and "Heading" not in text_of(made) and "Parameter" in text_of(made)
    assert made.metadata.author is None
    assert convert(cell, authors={"name": "Ada"}).metadata.author == "Ada"
    made = convert(cell, exporter=LabReportExporter(title="Option", author="Me"), title="Metadata")
    assert (made.metadata.title, made.metadata.author) == ("Option", "Me")


def test_the_pdf_of_a_report_is_fit_for_archives_too(monkeypatch, tmp_path):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    pdf = export(v4.new_notebook(cells=notebook().cells), tmp_path)  # its metadata have no date and no author
    assert b"pdfuaid" in pdf and b"pdfaid" in pdf
    made = pypdf.PdfReader(io.BytesIO(pdf)).metadata
    assert made.creation_date is not None and made.author is None
    assert "SOURCE_DATE_EPOCH" not in os.environ
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    made = pypdf.PdfReader(io.BytesIO(export(v4.new_notebook(), tmp_path, author="Ada"))).metadata
    assert (made.creation_date.year, made.author) == (1970, "Ada")


PLAIN = {
    **dict.fromkeys(("title", "course", "date"), ""), "authors": [], "made": None,
    "paper": "a4", "lang": "en", "direction": "ltr",
}  # fmt: skip
NO_DATE = "SOURCE_DATE_EPOCH is {!r}, not a number of seconds since 1970: the PDF has no date"


@pytest.mark.parametrize(
    ("metadata", "options", "epoch", "found", "warning"),
    [
        ({}, {}, "", {}, None),
        ({"lang": "en-GB", "paper": "US-Letter", "direction": "rtl"}, {}, "",
         {"lang": "en-gb", "paper": "us-letter", "direction": "rtl"}, None),
        ({"authors": ["Ada", {"name": "Bo"}]}, {}, "", {"authors": ["Ada", "Bo"]}, None),
        ({"authors": ["Ada"], "course": "A"}, {"author": "Me", "course": "B", "paper": "US-Letter"}, "",
         {"authors": ["Me"], "course": "B", "paper": "us-letter"}, None),
        ({"title": "A", "papermill": {"parameters": {"title": "B", "author": "Cy", "date": 7}}}, {}, "",
         {"title": "A", "authors": ["Cy"], "date": "7"}, None),
        ({"date": "2024-05-06"}, {}, "", {"date": "2024-05-06", "made": datetime.date(2024, 5, 6)}, None),
        ({"date": "2024-05-06"}, {}, "86400",
         {"date": "2024-05-06", "made": datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC)}, None),
        ({"date": "in May"}, {}, "", {"date": "in May"}, None),
        *(({}, {}, epoch, {}, NO_DATE.format(epoch)) for epoch in ("yesterday", "9" * 20, "9" * 14)),
        ({"lang": "english"}, {}, "", {}, "lang is 'english', which Typst does not know: en is taken"),
        ({"paper": "A0"}, {}, "", {}, "paper is 'a0', which Typst does not know: a4 is taken"),
        ({"direction": "up"}, {}, "", {}, "direction is 'up', which Typst does not know: ltr is taken"),
        ({"authors": [3, {"name": "Ada"}]}, {}, "", {"authors": ["Ada"]},
         "the authors in the metadata must be names, but some of [3, {'name': 'Ada'}] are not"),
    ],
)  # fmt: skip
def test_facts_come_from_options_metadata_and_parameters_and_what_cannot_be_used_is_named(
    metadata, options, epoch, found, warning, monkeypatch
):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    warned = []
    assert LabReportExporter(**options).facts(metadata, warned.append) == PLAIN | found
    assert warned == [warning] * bool(warning)


def test_empty_notebook_and_every_script_make_a_page():
    empty = convert()
    assert len(empty.pages) == 1 and empty.metadata.title == "Notebook"
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


def pieces(cell, **options):
    """The HTML that a cell becomes, piece by piece."""
    return [str(piece) for piece in LabReportExporter(**options).pieces(cell, "python") if piece]


def printed(*parts):
    """What the PDF shows of text that a cell has printed in such parts: that of each block."""
    outputs = [v4.new_output("stream", name=name, text=text) for name, text in parts]
    return [BeautifulSoup(piece, "html.parser").get_text() for piece in pieces(v4.new_code_cell(outputs=outputs))]


@pytest.mark.parametrize(
    ("text", "seen"),
    {
        "a\r\nb\n": "a\nb",
        " 10%\r100%\n": "100%",
        "long line\rshort\n": "shortline",
        "back\b\b\b\b\b\bform": "form",
        "\x1b[31mred\x1b[0m \x1b[?25l": "red",
        "one\ntwo\x1b[Aover\nnew": "oneover\nnew",
        "one\ntwo\r\x1b[2A\x1b[K1": "1\ntwo",
        "1\n2\n3\x1b[Aa\x1b[0Ab": "1 b\n2a\n3",
        "abcdef\b\b\x1b[K": "abcd",
        "abcdef\b\b\b\x1b[1K": "    ef",
        "abcdef\x1b[2Kg": "      g",
        "\x1b[99999999999A, \x1b[x": ", ",
    }.items(),
)
def test_printed_text_is_what_a_terminal_shows_in_the_end(text, seen):
    assert printed(("stdout", text)) == [seen.rstrip(" ")]


def test_pieces_of_one_stream_are_one_text_and_blank_ones_are_not_printed():
    parts = [("stdout", "1%"), ("stdout", "\r2%"), ("stderr", "careful"), ("stdout", " \n\n"), ("stderr", "\r\r")]
    assert printed(*parts) == ["2%", "careful"]
    outputs = [v4.new_output("stream", name=name, text=text) for name, text in parts]
    boxes = [re.search(r"#lab\.(\w+)-box", piece)[1] for piece in pieces(v4.new_code_cell(outputs=outputs))]
    assert boxes == ["output", "problem"]


@pytest.mark.parametrize(
    ("data", "metadata", "html"),
    [
        ({"image/png": "AA"}, {"alt": "a"}, '<p><img src="data:image/png;base64,AA" alt="a"></p>'),
        (
            {"image/png": "AA"},
            {"image/png": {"alt": "a&b", "width": 30}},
            '<p><img src="data:image/png;base64,AA" alt="a&amp;b" width="30"></p>',
        ),
        ({"image/png": "AA"}, {"image/png": None}, '<p><img src="data:image/png;base64,AA" alt=""></p>'),
        (
            {"text/html": '<i></i>frames[0] = "data:image/png;base64,AA\\\nBB"'},
            {},
            '<p><img src="data:image/png;base64,AABB" alt="A frame."></p><p>The first frame of an animation.</p>',
        ),
        ({"image/gif": "AA", "text/plain": "x"}, {}, '<p><img src="data:image/gif;base64,AA" alt=""></p>'),
        ({"image/svg+xml": "é"}, {}, '<p><img src="data:image/svg+xml;base64,w6k=" alt=""></p>'),
        ({"text/html": "<i>b</i>", "image/png": "AA"}, {}, "<i>b</i>"),
        ({"text/html": "<br>\n", "text/markdown": "*b*"}, {}, "<p><em>b</em></p>\n"),
        ({"text/latex": "$<$"}, {}, "<p>$&lt;$</p>"),
        ({"application/pdf": "AA"}, {}, '<p><img src="data:application/pdf;base64,AA" alt=""></p>'),
    ],
)
def test_of_an_output_the_form_that_says_most_is_shown_with_its_own_width_and_description(data, metadata, html):
    output = v4.new_output("display_data", data=data, metadata=metadata)
    assert pieces(v4.new_code_cell(outputs=[output])) == [html]


@pytest.mark.parametrize(
    ("better", "worse"),
    list(itertools.pairwise([
        *(PAPER, "text/html", "text/markdown", "text/latex"),
        *("image/svg+xml", "image/png", "image/jpeg", "application/pdf"),
    ])),
)  # fmt: skip
def test_of_two_forms_the_better_one_is_shown(better, worse):
    def shown(**data):
        return pieces(v4.new_code_cell(outputs=[v4.new_output("display_data", data=data)]))

    assert shown(**{better: "AA"}) == shown(**{better: "AA", worse: "AA"}) == shown(**{worse: "AA", better: "AA"})
    assert shown(**{better: "AA"}) != shown(**{worse: "AA"})


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"application/vnd.plotly+json": {}, "text/html": "<p></p>"}, "application/vnd.plotly+json, text/html "),
        ({"application/javascript": "x", "text/plain": "y" * 300}, f"application/javascript {'y' * 200}"),
    ],
)
def test_an_output_that_has_no_form_for_paper_is_named_by_its_kinds(data, says):
    (shown,) = pieces(v4.new_code_cell(outputs=[v4.new_output("display_data", data=data)]))
    assert f">An output has no form for paper and is left out: {says}<" in shown


def test_the_lines_of_code_are_those_that_the_cell_shows():
    assert pieces(v4.new_code_cell("\n\na\r\n\tb\n"))[0].startswith(
        '<pre data-typst=\'#lab.code-box("a\\n    b", lang: "python");\'>'
    )


@pytest.mark.parametrize(("traceback", "shown"), [([], "OSError: gone"), (["a", "\x1b[31mb"], "a\nb")])
def test_an_error_shows_its_traceback_or_its_name(traceback, shown):
    error = v4.new_output("error", ename="OSError", evalue="gone", traceback=traceback)
    (html,) = pieces(v4.new_code_cell(outputs=[error]))
    assert "problem-box" in html and f">{shown}<" in html


@pytest.mark.parametrize(
    ("source", "html"),
    [
        (r"$a$ \$5", '<p><code class="math">a</code> <!---->$5</p>\n'),
        ("$$a<b$$", '<p><code class="math display">a&lt;b</code></p>\n'),
        (r"\begin{align}a\end{align}", r'<p><code class="math display">\begin{align}a\end{align}</code></p>' + "\n"),
        ("# A", "<h1>A</h1>\n"),
        ("```c\n<\n```", '<pre><code class="language-c">&lt;\n</code></pre>\n'),
    ],
)
def test_markdown_becomes_html_with_formulas_as_they_are(source, html):
    assert pieces(v4.new_markdown_cell(source)) == [html]


@pytest.mark.parametrize("name", ["my image.png", "my%20image.png", "a&amp;b.png"])
def test_a_picture_that_is_attached_to_its_cell_is_found_whatever_its_name(name):
    cell = v4.new_markdown_cell(f"![](<attachment:{name}>) ![](attachment:other.png)")
    cell.attachments = {"my image.png": {"image/png": "AA"}, "a&b.png": {"image/png": "AA"}}
    assert re.findall('src="(.*?)"', pieces(cell)[0]) == ["data:image/png;base64,AA", "attachment:other.png"]


@pytest.mark.parametrize(
    ("cell", "option"),
    [
        (v4.new_markdown_cell("x"), "exclude_markdown"),
        (v4.new_raw_cell("x"), "exclude_raw"),
        (v4.new_code_cell("x"), "exclude_input"),
        (v4.new_code_cell("x"), "exclude_code_cell"),
        (v4.new_code_cell("", outputs=[v4.new_output("stream", text="x")]), "exclude_output"),
    ],
)
def test_nbconverts_options_leave_out_kinds_of_cells(cell, option):
    assert len(pieces(cell)) == 1 and pieces(cell, **{option: True}) == []


@pytest.mark.parametrize(
    ("metadata", "html"),
    [
        ({"raw_mimetype": "text/html"}, ["*x*"]),
        ({"format": "text/markdown"}, ["<p><em>x</em></p>\n"]),
        ({"raw_mimetype": "text/latex"}, []),
    ],
)
def test_a_raw_cell_is_printed_if_it_is_of_a_kind_for_paper(metadata, html):
    assert pieces(v4.new_raw_cell("*x*", metadata=metadata)) == html


@pytest.mark.parametrize("leave", [True, False])
def test_a_progress_bar_is_printed_in_its_last_state_or_not_at_all(leave):
    screen = io.StringIO()
    for _ in trange(3, desc="outer", leave=leave, file=screen, mininterval=0):
        for _ in tqdm("abc", desc="inner", leave=False, file=screen, mininterval=0):
            pass
    shown = "".join(printed(("stderr", screen.getvalue())))
    assert screen.getvalue().count("inner") > 8 and "inner" not in shown
    assert shown.count("outer") == leave and ("3/3" in shown) == leave


AGAIN = "Run all cells and export again."


@pytest.mark.parametrize(
    ("counts", "outputs", "sentence"),
    [
        ([1, 2, 3], [], ""),
        ([1, None, 3], [], f"1 of 3 cells has not run: its results are missing. {AGAIN}"),
        ([None, None, None], [], f"3 of 3 cells have not run: their results are missing. {AGAIN}"),
        ([None, None, None], [v4.new_output("stream", text="7")], ""),  # the counts were taken away
    ],
)
def test_cells_that_have_not_run_are_named_in_a_warning_and_on_the_page(counts, outputs, sentence, caplog):
    cells = [v4.new_code_cell("x", execution_count=count, outputs=outputs) for count in counts]
    text = text_of(convert(v4.new_code_cell(" "), *cells))
    assert sentence in text and sentence in caplog.text
    assert bool(sentence) == ("not run" in text) == ("not run" in caplog.text)


def test_code_is_in_the_language_of_the_notebook(monkeypatch):
    seen = []
    monkeypatch.setattr(LabReportExporter, "pieces", lambda self, cell, language: seen.append(language) or [])
    convert(v4.new_code_cell("x"))
    convert(v4.new_code_cell("x"), language_info={"name": "R"})
    assert seen == ["python", "R"]


def test_cells_that_the_export_itself_runs_are_not_missed(caplog):
    exporter = LabReportExporter(config=Config({"ExecutePreprocessor": {"enabled": True}}))
    assert "42" in text_of(convert(v4.new_code_cell("print(6 * 7)"), exporter=exporter))
    assert "not run" not in caplog.text


def test_a_notebook_that_takes_gigabytes_says_so(monkeypatch, caplog):
    monkeypatch.setattr("report.paper.exporter.MANY", 2)
    convert(*[v4.new_markdown_cell("Hi.")] * 2)
    assert not caplog.text
    assert text_of(convert(*[v4.new_markdown_cell("Hi.")] * 4)).count("Hi.") == 4
    assert caplog.messages == ["notebook: 4 cells take some 2 GB of memory: with less, export parts"]


def test_an_animation_is_printed_as_its_first_frame():
    fig, ax = plt.subplots(figsize=(1, 1))
    (line,) = ax.plot([0, 1])
    page = FuncAnimation(fig, lambda _: (line,), frames=2).to_jshtml()
    plt.close(fig)
    made = convert(v4.new_code_cell("x", outputs=[v4.new_output("display_data", data={"text/html": page})]))
    assert len(made.pages[0].images) == 1 and "Reflect" not in text_of(made)


def test_html_is_printed_rather_than_plain_text():
    output = v4.new_output(
        "display_data", data={"text/html": "<table><tr><td>7</td></tr></table>", "text/plain": "<x>"}
    )
    made = convert(v4.new_code_cell("df", outputs=[output]))
    assert "7" in text_of(made) and "<x>" not in text_of(made)


def test_a_formula_that_pandoc_cannot_read_is_shown_as_it_is_with_a_warning(caplog):
    made = convert(v4.new_markdown_cell("Fine."), v4.new_markdown_cell("See $\\nonsense{x}$."))
    assert "nonsense" in text_of(made) and "cell 2 (" in caplog.text


def test_a_picture_or_a_heading_that_is_not_there_is_named(caplog):
    made = convert(v4.new_markdown_cell("![dot](no/such.png) and [there](#nowhere)"))
    assert "no/such.png" in text_of(made) and "there" in text_of(made)
    assert "no such picture: no/such.png" in caplog.text and "no heading for the link to #nowhere" in caplog.text


def test_a_broken_picture_is_named_on_the_page(caplog):
    output = v4.new_output("display_data", data={"image/png": "AAAA"})
    made = convert(v4.new_markdown_cell("Before."), v4.new_code_cell(f" {LONG}", outputs=[output]))
    assert "Before." in text_of(made) and "No picture: data:image/png;base64,AAAA" in text_of(made)
    assert f"cell 2 ({LONG[:40]!r}): no such picture" in caplog.text


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    made, _ = LabReportExporter().from_notebook_node(notebook())
    for number, page in enumerate(looks(made, ppi=50), 1):
        Image.fromarray(page).save(PAGES / f"page-{number}.png", optimize=True)
