"""Pictures for the README from a report that was made: its first page, and the figure of the smooth loss.

python -m report.pictures build/lab4.ipynb writes page1.png and loss.svg beside the notebook and its PDF.
"""

import base64
import itertools
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import typst


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
        page.write_text(f'#set page(width: auto, height: auto, margin: 0pt)\n#image("report.pdf", page: {number})')
        return typst.compile(str(page), format="png", ppi=ppi)


def figure_picture(notebook, number):
    """The SVG of the figure above the caption "Figure <number>." in the outputs of a notebook.

    Raises
    ------
    LookupError
        There is no such figure.
    """
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    for picture, caption in itertools.pairwise(outputs):
        source = re.search('data:image/svg.xml;base64,([^"]+)', picture.get("text/html", ""))
        if source and caption.get("text/markdown", "").startswith(f"**Figure {number}.**"):
            return base64.b64decode(source[1])
    raise LookupError(f"The notebook has no Figure {number}: run it first.")


if __name__ == "__main__":
    made = Path(sys.argv[1])
    made.with_name("page1.png").write_bytes(page_picture(made.with_suffix(".pdf").read_bytes(), 1, ppi=110))
    made.with_name("loss.svg").write_bytes(figure_picture(nbformat.read(made, as_version=4), 3))
