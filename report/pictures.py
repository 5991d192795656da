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
from PIL import Image, ImageOps

from lab.measured import full_length, minute
from lab.sweep import RECIPES, plan
from report.paper import PAPER
from report.paper.exporter import export

ROOT = Path(__file__).parent.parent
LOSS = "Left: the loss of single steps"  # so begins the caption of the figure that the README shows
SHOWN, NOVEL = 200, 1_111_214  # characters of a sample, and of the book that ships, without what is held out


def page_picture(pdf, number, ppi):
    """Render one page of a PDF, with a line around it, since pages are often shown on white: Typst reads PDF, too.

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
        picture = Image.open(io.BytesIO(typst.compile(str(page), format="png", ppi=ppi)))
    framed = io.BytesIO()
    ImageOps.expand(picture.convert("RGB"), border=1, fill="#999").save(framed, "png", optimize=True)
    return framed.getvalue()


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


def samples_table(notebook, made):
    """What two networks wrote, side by side, and how the loss of the first fell: HTML for the README.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With its outputs: the figure of the loss, and a table of synthesized characters, whose last row is the end's.
    made : dict
        The text and the bits of a network that was trained for a minute, as `lab.measured.minute` has them.

    Returns
    -------
    str
    """
    sources = (output.get("data", {}).get("text/html", "") for output in _outputs(notebook))
    found = next(source for source in sources if " synthesized characters " in source)
    *_, first = BeautifulSoup(found, "html.parser").tbody.find_all("tr")[-1]("td")
    bits = full_length()["AdaGrad 0.1, N(0, 0.01²)"]["bits"][0]
    texts = first.get_text(), made["text"].replace("\n", "¶")
    heads = f"The assignment's network: {bits:.2f} bits per character", f"The best in a minute: {made['bits']:.2f}"
    head = "".join(f'<th align="left" width="50%">{words}</th>' for words in heads)
    body = "".join(f"<td><code>{html.escape(text[:SHOWN], quote=False)}</code></td>" for text in texts)
    alt = html.escape(_figure(notebook, LOSS).metadata["alt"])
    picture = f'<img src="report/loss.svg" alt="{alt}" width="600">'  # wide enough for its words to be read
    return f'<table>\n<tr>{head}</tr>\n<tr valign="top">{body}</tr>\n</table>\n\n{picture}'


def recipes_table():
    """The recipes by name, with the number of update steps and of hidden units that they have for a novel: Markdown."""
    ways = {name: plan(name, NOVEL) for name in RECIPES}
    rows = [f"| `{name}` | {way['steps']:,} | {way['hidden_size']} |" for name, way in ways.items()]
    return "\n".join(["| `RECIPE` | update steps | hidden units |", "| --- | ---: | ---: |", *rows])


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
    (ROOT / "report" / "loss.svg").write_bytes(figure_picture(notebook, LOSS))
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    parts = {"samples": samples_table(notebook, minute()["runs"]["best in a minute"]["0"]), "recipes": recipes_table()}
    for name, part in parts.items():
        text = re.sub(rf"(?s)(?<=<!-- {name} -->\n).*(?=<!-- /{name} -->)", lambda _, part=part: f"{part}\n", text)
    readme.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
