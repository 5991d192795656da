"""The page around the text: title block, fonts, accessibility, and errors of Typst."""

import io

import pypdf
import pytest
from bs4 import Tag
from nbformat import v4
from notebooks import convert, notebook, text_of

from report.paper.exporter import LabReportExporter
from report.paper.page import make_pdf
from report.paper.tree import Document

HELLO = v4.new_markdown_cell("Hello.")


def test_characters_that_no_font_has_are_named_once_and_no_others(caplog):
    convert(v4.new_markdown_cell("A \u0378word and \u0378, Ελληνικά, русский."), v4.new_markdown_cell("\u0379"))
    (record,) = [record for record in caplog.records if "no font" in record.getMessage()]
    assert record.getMessage().endswith(": \u0378\u0379")


def test_the_pdf_is_accessible():
    pdf, _ = LabReportExporter().from_notebook_node(notebook())
    assert b"pdfuaid" in pdf
    root = pypdf.PdfReader(io.BytesIO(pdf)).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en"


def test_a_cell_that_typst_refuses_is_printed_as_its_source(tmp_path):
    warnings = []
    cells = [(1, "Good.", ["<p>Good.</p>"]), (2, "Bad *source*", ["<p>Bad.</p>"])]
    document = Document(cells, tmp_path, lambda text, _: warnings.append(text))
    assert document.give_up(2, "no reason") and not document.give_up(2, "no reason")
    assert "Good." in document.html() and "<p>Bad.</p>" not in document.html() and "Bad *source*" in document.html()
    assert not document.give_up(0, "nobody's fault")
    assert warnings == ["Typst cannot set this cell (no reason): its source is printed"]


@pytest.mark.parametrize(
    ("source", "message"),
    [('#{show regex("a"): box; "a " * 600}', "maximum grouping depth exceeded"), ("#panic()", "panicked")],
)
def test_a_cell_that_stops_typst_is_found_where_typst_names_the_next_one_or_none(source, message, tmp_path):
    warnings = []
    bad = [Tag(name="pre", attrs={"data-typst": source})]
    cells = [(number, "x", bad if number == 4 else ["<p>Good.</p>"]) for number in range(3, 8)]
    document = Document(cells, tmp_path, lambda *warning: warnings.append(warning))
    facts = {"title": "", "name": "A", "note": "", "authors": [], "course": "", "date": ""}
    pdf = make_pdf(document, facts | {"made": None, "paper": "a4", "lang": "en", "direction": "ltr"}, warnings.append)
    text = text_of(pypdf.PdfReader(io.BytesIO(pdf)))
    assert text.count("Good.") == 4 and text.count("cannot be printed") == 1
    assert warnings == [(f"Typst cannot set this cell ({message}): its source is printed", 4)]
