"""The pictures for the README: a page of a PDF, and a figure of a notebook."""

import io

import pytest
import typst
from notebooks import notebook
from PIL import Image

from report.pictures import figure_picture, page_picture


@pytest.mark.parametrize(("number", "colour"), [(1, (255, 0, 0)), (2, (0, 0, 255))])
def test_a_page_is_rendered_as_large_as_it_is_and_alone(number, colour, tmp_path):
    source = tmp_path / "pages.typ"
    source.write_text('#for fill in ("f00", "00f") { page(width: 2in, height: 1in, fill: rgb(fill))[] }')
    picture = Image.open(io.BytesIO(page_picture(typst.compile(source), number, ppi=60)))
    assert (picture.format, picture.size) == ("PNG", (120, 60))
    assert {picture.convert("RGB").getpixel(place) for place in ((1, 1), (60, 30), (118, 58))} == {colour}


def test_a_figure_is_found_by_how_its_caption_begins():
    nb = notebook()
    assert figure_picture(nb, "A line").startswith(b"<?xml") and b"</svg>" in figure_picture(nb, "A line")
    with pytest.raises(LookupError) as missing:
        figure_picture(nb, "line")
    assert str(missing.value) == "The notebook has no figure with the caption 'line': run it first."
