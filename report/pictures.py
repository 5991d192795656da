"""Pictures for the README from a report that was made: a page, and a figure."""

import itertools
import re
import tempfile
from pathlib import Path

import typst

from report.show import PAPER


def page_picture(pdf, number, ppi):
    """Render one page of a PDF: Typst reads PDF, too.

    Parameters
    ----------
    pdf : bytes
    number : int
        Of the page, from 1.
    ppi : float
        Pixels per inch.

    Returns
    -------
    bytes
        A PNG.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "report.pdf").write_bytes(pdf)
        page = Path(folder) / "page.typ"
        source = f'#set page(width: auto, height: auto, margin: 0pt)\n#image("report.pdf", page: {number})'
        page.write_text(source, encoding="utf-8")
        return typst.compile(str(page), format="png", ppi=ppi)


def figure_picture(notebook, caption):
    """The SVG of the figure in the outputs of a notebook whose caption, after its number, begins so.

    Raises
    ------
    LookupError
        There is no such figure.
    """
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    for picture, below in itertools.pairwise(outputs):
        found = re.match(rf"\*\*Figure \w+\.\*\* {re.escape(caption)}", below.get("text/markdown", ""))
        if found and PAPER in picture:
            return picture[PAPER].encode()
    raise LookupError(f"The notebook has no figure with the caption {caption!r}: run it first.")
