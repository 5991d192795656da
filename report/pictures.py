"""What the README shows of the report that ships: its PDF, page 1, the figure of the loss, and some of the text.

    python -m report.pictures
    python -m report.pictures build/lab4-live.html

takes them from the outputs that are stored in lab4.ipynb; nothing is run. With the page of a network it takes pictures
of that, too, in a real browser.
"""

import argparse
import html
import io
import itertools
import re
import shutil
import tempfile
from pathlib import Path

import nbformat
import typst
from bs4 import BeautifulSoup
from PIL import Image

from report.paper import PAPER
from report.paper.exporter import export

ROOT = Path(__file__).parent.parent
STEPS = ["0", "10,000", "60,000"]  # after which the README shows what the network writes, besides the last


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
    return _figure(notebook, caption).data[PAPER].encode()


def _figure(notebook, caption):
    """The output that is that figure."""
    for picture, below in itertools.pairwise(_outputs(notebook)):
        found = re.match(rf"\*\*Figure \w+\.\*\* {re.escape(caption)}", below.get("data", {}).get("text/markdown", ""))
        if found and PAPER in picture.get("data", {}):
            return picture
    raise LookupError(f"The notebook has no figure with the caption {caption!r}: run it first.")


def samples_table(notebook, steps):
    """What the network writes on the way, beside the figure of the loss: HTML for the README.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With its outputs, of which a table of synthesized characters is one.
    steps : sequence of str
        As that table writes them: the rows to be shown, besides the last one.

    Returns
    -------
    str
    """
    sources = (output.get("data", {}).get("text/html", "") for output in _outputs(notebook))
    found = next(source for source in sources if " synthesized characters " in source)
    rows = [[cell.get_text() for cell in row("td")] for row in BeautifulSoup(found, "html.parser").tbody("tr")]
    rows = [row for row in rows[:-1] if row[0] in steps] + rows[-1:]
    alt = html.escape(_figure(notebook, "The smooth loss").metadata["alt"])
    picture = f'<img src="report/loss.svg" alt="{alt}" width="330">'
    head = '<th align="right">Step</th><th align="left">It writes</th>'
    lines = [f'{head}<td rowspan="{len(rows) + 1}" width="350">{picture}</td>']
    for step, _, text in rows:
        lines.append(f'<td align="right">{step}</td><td><code>{html.escape(text[:70], quote=False)}</code></td>')
    return "\n".join(["<table>", *(f"<tr>{line}</tr>" for line in lines), "</table>"])


def installed_browser():
    """The path of Chromium or Chrome; None if neither is installed."""
    return next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


def live_picture(page, scheme):
    """A picture of the network writing in its page. It needs the extra [browser], and Chromium or Chrome.

    Parameters
    ----------
    page : Path
        As `report.live` leaves it.
    scheme : {"light", "dark"}

    Returns
    -------
    bytes
        A WebP, two pixels for each of the page.
    """
    from playwright.sync_api import sync_playwright  # an extra

    with sync_playwright() as play, play.chromium.launch(executable_path=installed_browser()) as browser:
        view = {"viewport": {"width": 800, "height": 900}, "device_scale_factor": 2, "color_scheme": scheme}
        tab = browser.new_page(**view)
        tab.goto(page.resolve().as_uri())
        shown = io.BytesIO(tab.locator("#write figure").screenshot())
    picture = io.BytesIO()
    Image.open(shown).convert("RGB").save(picture, "webp", quality=80)
    return picture.getvalue()


def _outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def main(arguments=None):
    """What the command does."""
    parser = argparse.ArgumentParser(prog="python -m report.pictures", description="Make what the README shows.")
    parser.add_argument("page", type=Path, nargs="?", help="the page of a network, to be shown as well")
    page = parser.parse_args(arguments).page
    for scheme in ("light", "dark") if page else ():
        (ROOT / "report" / f"live-{scheme}.webp").write_bytes(live_picture(page, scheme))
    notebook = nbformat.read(ROOT / "lab4.ipynb", as_version=4)
    pdf = export(notebook, ROOT)
    (ROOT / "report" / "lab4.pdf").write_bytes(pdf)
    (ROOT / "report" / "page1.png").write_bytes(page_picture(pdf, 1, ppi=60))
    (ROOT / "report" / "loss.svg").write_bytes(figure_picture(notebook, "The smooth loss"))
    table = samples_table(notebook, STEPS)
    readme = ROOT / "README.md"
    text = re.sub(
        r"(?s)(?<=<!-- samples -->\n).*(?=<!-- /samples -->)",
        lambda _: f"{table}\n",
        readme.read_text(encoding="utf-8"),
    )
    readme.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
