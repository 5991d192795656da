"""What the README shows: a page of a PDF, a figure of a notebook, and what the network wrote."""

import io

import nbformat
import numpy as np
import pypdf
import pytest
import typst
from notebooks import notebook, text_of, words
from PIL import Image
from small import VOCAB
from test_project import ROOT

from lab.measured import minute
from report.live import page
from report.paper.exporter import export
from report.pictures import LOSS, figure_picture, live_picture, page_picture, recipes_table, samples_table
from rnn_core import init_params


@pytest.mark.parametrize(("number", "colour"), [(1, (255, 0, 0)), (2, (0, 0, 255))])
def test_a_page_is_rendered_as_large_as_it_is_and_alone(number, colour, tmp_path):
    source = tmp_path / "pages.typ"
    source.write_text(
        '#for fill in ("f00", "00f") { page(width: 2in, height: 1in, fill: rgb(fill))[] }', encoding="utf-8"
    )
    picture = Image.open(io.BytesIO(page_picture(typst.compile(source), number, ppi=60)))
    assert (picture.format, picture.size) == ("PNG", (122, 62))  # with a line around it
    assert {picture.getpixel(place) for place in ((2, 2), (60, 30), (119, 59))} == {colour}
    assert {picture.getpixel(place) for place in ((0, 0), (60, 61), (121, 30))} == {(153, 153, 153)}


def test_a_figure_is_found_by_how_its_caption_begins():
    nb = notebook()
    assert figure_picture(nb, "A line").startswith(b"<?xml") and b"</svg>" in figure_picture(nb, "A line")
    with pytest.raises(LookupError) as missing:
        figure_picture(nb, "line")
    assert str(missing.value) == "The notebook has no figure with the caption 'line': run it first."


def test_what_the_project_shows_is_what_its_notebook_holds():
    """Else run `make pictures`."""
    ships = nbformat.read(ROOT / "lab4.ipynb", as_version=4)
    pdf = export(ships, ROOT)
    new, shown = (pypdf.PdfReader(source) for source in (io.BytesIO(pdf), ROOT / "report" / "lab4.pdf"))
    assert words(text_of(shown)) == words(text_of(new))
    ours, fresh = Image.open(ROOT / "report" / "page1.png"), Image.open(io.BytesIO(page_picture(pdf, 1, ppi=60)))
    assert ours.size == fresh.size
    assert np.abs(np.subtract(ours.convert("L"), fresh.convert("L"), dtype=float)).mean() < 2  # of 255
    assert (ROOT / "report" / "loss.svg").read_bytes() == figure_picture(ships, LOSS)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert recipes_table() in readme
    assert samples_table(ships, minute()["runs"]["best in a minute"]["0"]) in readme


def test_a_page_is_photographed_in_light_and_in_dark(tmp_path):
    import browser  # noqa: F401, here: it skips where there is none

    (tmp_path / "page.html").write_text(page(init_params(VOCAB.size, 5), VOCAB), encoding="utf-8")
    grounds = []
    for scheme in ("light", "dark"):
        picture = Image.open(io.BytesIO(live_picture(tmp_path / "page.html", scheme))).convert("L")
        assert picture.width > 1400 and picture.height > 800
        grounds.append(picture.getpixel((40, 60)))
    assert grounds[0] > 200 > 60 > grounds[1]
