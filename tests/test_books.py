"""Any book in the world makes a report, and the report shows exactly its characters. All but one of these are slow."""

import html.parser
import io
import re

import numpy as np
import pypdf
import pytest
from nbconvert.exporters import HTMLExporter
from test_project import ROOT

from report.paper import visible
from report.paper.exporter import LabReportExporter
from report.run import read_notebook, run, state

rng = np.random.default_rng(0)
CHINESE = "".join("".join(map(chr, rng.integers(0x4E00, 0x4E00 + 5000, 30))) + "。\n" for _ in range(250))
HOSTILE = (
    r"|a|b| <script>alert(1)</script> $x$ \frac{a}{b} `code` *b* _i_ #h ~s~ &amp; <!-- x --> [l](u) ![i](p) {{x}} $$z$$"
    " \x1b[31mred\x1b[0m \x00\x7f ''' \"\"\" #let x\n"
)
BOOKS = {
    "markup and controls": (HOSTILE * 60).encode(),
    "Swedish, marked, with CR LF": "\ufeffÅke såg älgen på ön. ”Nej!” sade Ärla, åt blåbär och gick.\r\n".encode() * 80,
    "Greek, with CR": "Μια φορά ζούσε στην Αθήνα η Ελένη. «Καλημέρα», είπε ο Ωρίων.\r".encode() * 80,
    "Arabic": "كان يا ما كان في قديم الزمان ملك اسمه شهريار. قالت شهرزاد: «مولاي».\n".encode() * 80,
    "thousands of Chinese characters": CHINESE.encode(),
    "emoji and combining marks": "👩\u200d👩\u200d👧 sa\u0301 🏳️\u200d🌈 e\u0301\u0323 👍🏽 z\u0308\u0301 🐛.\n".encode()
    * 120,
    "one character": b"a" * 2500,
    "two characters": b"ab" * 1250,
}


class Seen(html.parser.HTMLParser):
    """What a reader of a page sees of its text, and the tags that it is made of."""

    def __init__(self, page):
        super().__init__()
        self.text, self.hidden = "", 0
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.hidden += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data):
        self.text += "" if self.hidden else data


def close(text):
    """A text without its spaces, and without the marks that a page adds or drops where a line may be broken."""
    return re.sub(r"[\s\u200b\xad\ufeff]", "", text)


@pytest.mark.parametrize(
    "name", [name if i == 0 else pytest.param(name, marks=pytest.mark.slow) for i, name in enumerate(BOOKS)]
)
def test_a_report_is_made_of_any_book_and_shows_its_characters(name, tmp_path, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    (tmp_path / "book.txt").write_bytes(BOOKS[name])
    monkeypatch.setenv("LAB4_BUILD", str(tmp_path))
    notebook = read_notebook(ROOT / "lab4.ipynb")
    state(notebook, {"book": str(tmp_path / "book.txt"), "steps": 100, "hidden_size": 20})
    run(notebook, ROOT)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    data = [
        output.data
        for output in outputs
        if re.search("<table|<blockquote", source := output.get("data", {}).get("text/html", ""))
        and "background-color" not in source  # a surprise shows more than its text, and has a test of its own
    ]
    shown = [
        close(re.sub(r"(?s)^.*\n-[- ]+\n", "", piece["text/plain"])) for piece in data
    ]  # of a table, what is below its head
    assert len(shown) > 6

    page, _ = HTMLExporter().from_notebook_node(notebook)
    seen = close(Seen(page).text)
    pdf, _ = LabReportExporter().from_notebook_node(notebook)
    printed = close("".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(pdf)).pages))
    start = close(
        visible(BOOKS[name].decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")[:53]).replace("\n", "¶")
    )
    assert start in seen
    for text in shown:
        assert text in seen
    if name.startswith(
        ("markup", "Swedish", "Greek", "one", "two")
    ):  # scripts that run to the right, in fonts that are there
        assert start in printed
    assert "<script>alert" not in page
    said = "".join(output.data.get("text/markdown", "") for output in outputs if "data" in output)
    assert "with the best recipe" not in said  # that was found for the book that ships with the report
