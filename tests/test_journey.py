"""A reader's journey in a real browser: open the notebook in JupyterLab, run it and export it, all from the menus.

The book and the training are short, and the stored outputs are taken away: all that is seen was computed on the way.
Screenshots and the server's log are left in build/journey.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pypdf
import pytest
import typst
from browser import axe, launched, playwright
from PIL import Image

from report.paper.formulas import translate
from report.paper.page import IMPORT, TEMPLATE

ROOT = Path(__file__).parent.parent
SEEN = ROOT / "build" / "journey"
NOTEBOOK = nbformat.read(ROOT / "lab4.ipynb", as_version=4)
SETTINGS = {
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # else cells out of view may not be drawn
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},  # else a question covers the page
}
FORMULAS = [
    r"\|x\|_2 + \left\lVert y\right\rVert_2 + |a|_1",
    r"A \& B, \text{R\&D}",
    r"\texttt{loss} = \mathtt{x}",
    r"\operatorname*{argmin}_{x \in \mathbb{R}} f(x)",
    r"\underset{x}{\max} \overset{!}{=} y",
    r"A = \begin{matrix}1&2\\3&4\end{matrix}",
    r"L = \begin{aligned}a&=b\\&=c+d\end{aligned}",
    r"f(x) = \begin{cases}a & x > 0\\ b+c & \text{otherwise}\end{cases}",
    r"\begin{align}a&=b & c&=d\\e&=f&g&=h\end{align}",
    r"\begin{gather}a=b\\c=d+e\end{gather}",
    r"\Big( x \Big) \Big\| y \Big\|",
    r"{a \over b} + \frac{\partial L}{\partial W} = \sum_{t=1}^{T} \delta_t h_{t-1}^\top",
    r"h_t = \tanh(W h_{t-1} + U x_t + b)",
    r"L = -\sum_{t=1}^{T} \log p_t[y_t] \odot 1",
    r"\bar x \hat\beta \tilde{y} \vec{v} \dot{z}",
    r"\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}",
    r"\lim_{n\to\infty} \prod_{i=1}^n x_i \cdot y",
    r"\sqrt[3]{x} \le y \ne z \approx w \in \mathbb{R}^{m \times K}",
    r"\mathbf{W}^T \mathcal{L} \boldsymbol{\theta}",
]


def captions(kind):
    """The captions of the committed report, "Figure 1." or "Table 1." and so on, in order."""
    outputs = [output for cell in NOTEBOOK.cells for output in cell.get("outputs", [])]
    markdown = "".join(output.get("data", {}).get("text/markdown", "") for output in outputs)
    return re.findall(rf"\*\*({kind} \w+\.)\*\*", markdown)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start JupyterLab, away from the reader's own settings, on a folder with the notebook and the book's beginning."""
    folder, home = tmp_path_factory.mktemp("journey"), tmp_path_factory.mktemp("home")
    notebook = nbformat.from_dict(NOTEBOOK)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += '\nbook, steps = "book.txt", 300'
    nbformat.write(notebook, folder / "lab4.ipynb")
    cells = [nbformat.v4.new_markdown_cell(f"$${tex}$$") for tex in FORMULAS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=NOTEBOOK.metadata), folder / "formulas.ipynb")
    text = (ROOT / "data" / "the_drowned_bell.txt").read_text(encoding="utf-8")
    (folder / "book.txt").write_text(text[:60_000], encoding="utf-8")
    (home / "labconfig").mkdir()
    (home / "labconfig" / "default_setting_overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    own = {name: str(home) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    shutil.rmtree(SEEN, ignore_errors=True)
    SEEN.mkdir(parents=True)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    with open(SEEN / "jupyterlab.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | own, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield address(process, home)
    finally:
        process.terminate()  # the server ends its kernels, too
        try:
            process.wait(30)
        finally:
            process.kill()


def address(process, home, patience=60):
    """Where the server is, with its token: it takes a free port, and writes that down once it listens."""
    note = home / f"jpserver-{process.pid}.json"
    for _ in range(10 * patience):
        assert process.poll() is None, f"JupyterLab ended: see {SEEN}/jupyterlab.log"
        if note.exists() and note.read_text(encoding="utf-8").endswith("}"):
            server = json.loads(note.read_text(encoding="utf-8"))
            return f"{server['url']}lab/tree/lab4.ipynb?token={server['token']}"
        time.sleep(0.1)
    raise TimeoutError(f"JupyterLab does not start: see {SEEN}/jupyterlab.log")


@pytest.fixture(scope="module")
def page(server):
    """The notebook in JupyterLab, after Run > Run All Cells."""
    with launched() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        try:
            page.goto(server)
            page.get_by_text("| Idle").wait_for(timeout=60_000)  # the status bar: from now on there is a kernel
            choose(page, "Run", "Run All Cells")
            waiting = page.locator(".jp-InputPrompt", has_text="[*]")
            waiting.first.wait_for()
            playwright.expect(waiting).to_have_count(0, timeout=300_000)
            # The last cells are folded, so they show no [*]; the very last one writes the abstract
            page.locator("strong", has_text="Abstract.").wait_for(timeout=300_000)
            photograph(page)
            yield page
        finally:
            page.screenshot(path=SEEN / "end.png")  # where the journey ended, in good as in bad times


def choose(page, *labels):
    """Click on the items of the menus, one after the other."""
    for label in labels:
        item = page.locator(".lm-MenuBar-itemLabel, .lm-Menu-itemLabel")
        item.and_(page.get_by_text(label, exact=True)).click()


def photograph(page):
    """Take a picture of every screen of the notebook."""
    view = page.locator(".jp-WindowedPanel-outer")
    height, step = view.evaluate("view => [view.scrollHeight, view.clientHeight]")
    for number, top in enumerate(range(0, height - step, step), 1):  # below the last cell, a screen is left empty
        view.evaluate("(view, top) => view.scrollTo(0, top)", top)
        page.screenshot(path=SEEN / f"notebook-{number:02}.png")


def test_every_cell_runs_once_and_in_order_without_errors_or_warnings(page):
    for kind in ("error", "stderr"):  # of the progress bars, nothing is left on the second
        shown = page.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']").all_inner_texts()
        assert "".join(shown).strip() == ""
    code = enumerate((cell for cell in NOTEBOOK.cells if cell.cell_type == "code"), 1)
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
    assert prompts == ["" if "jupyter" in cell.metadata else f"[{number}]:" for number, cell in code]


def test_nothing_is_left_of_the_bars(page):
    outputs = page.locator(".jp-OutputArea > .lm-Widget")
    seen = "one => one.innerText.trim() !== '' || one.querySelector('img, svg') !== null"
    shown = outputs.evaluate_all(f"all => all.map({seen})")
    assert shown and all(shown)


def test_every_figure_is_drawn_above_its_caption(page):
    pictures = page.locator(".jp-OutputArea-output img")
    playwright.expect(pictures).to_have_count(len(captions("Figure")))
    assert min(pictures.evaluate_all("all => all.map(picture => picture.naturalWidth)")) > 0
    labels = page.locator(".jp-OutputArea-child:has(img) + .jp-OutputArea-child strong")
    assert labels.all_inner_texts() == captions("Figure")


def test_every_table_has_rows_below_its_caption(page):
    tables = page.locator(".jp-OutputArea-output table:has(td)")
    assert tables.locator("caption strong").all_inner_texts() == captions("Table")


def test_formulas_are_typeset(page):
    assert page.locator("mjx-container").count() > 0 and page.locator("mjx-merror").count() == 0
    playwright.expect(page.locator(".jp-RenderedMarkdown, caption").filter(has_text="$")).to_have_count(0)


def ink(picture):
    """How black a picture is, without its margins."""
    black = 255 - np.asarray(Image.open(io.BytesIO(picture)).convert("L"), dtype=float)
    rows, columns = (np.flatnonzero(black.max(axis=axis) > 60) for axis in (1, 0))
    return black[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def profile(black):
    """How black each of 24 lines is: what stands above what."""
    return np.asarray(Image.fromarray(black.astype("uint8")).resize((1, 24), Image.BOX), dtype=float).ravel()


def test_formulas_of_the_pdf_look_like_mathjaxs(page, server, tmp_path):
    tab = page.context.browser.new_page(viewport={"width": 1280, "height": 2400}, device_scale_factor=3)
    tab.goto(server.replace("/lab/tree/lab4.ipynb", "/doc/tree/formulas.ipynb"))  # one document, no workspace
    shown = tab.locator("mjx-container > mjx-math")
    playwright.expect(shown).to_have_count(len(FORMULAS), timeout=60_000)
    (tmp_path / TEMPLATE.name).write_bytes(TEMPLATE.read_bytes())
    source = tmp_path / "formula.typ"
    for number, made in enumerate(translate([(tex, True) for tex in FORMULAS])):
        source.write_text(f"{IMPORT}#set page(width: auto, height: auto, margin: 4pt)\n{made}", encoding="utf-8")
        ours, theirs = ink(typst.compile(str(source), format="png", ppi=300)), ink(shown.nth(number).screenshot())
        assert np.corrcoef(profile(ours), profile(theirs))[0, 1] > 0.5, FORMULAS[number]
        assert 0.75 < ours.shape[1] / ours.shape[0] / (theirs.shape[1] / theirs.shape[0]) < 1.4, FORMULAS[number]
    tab.close()


def test_the_file_menu_exports_the_report_as_pdf(page, tmp_path):
    choose(page, "File", "Save and Export Notebook As")
    report = "Labreport"  # JupyterLab makes the label: the exporter's name with a capital, whatever its class says
    page.get_by_text(report, exact=True).wait_for()
    page.screenshot(path=SEEN / "export-menu.png")
    with page.expect_download(timeout=60_000) as download:
        choose(page, report)
    download.value.save_as(tmp_path / "report.pdf")
    assert download.value.suggested_filename == "lab4.pdf"
    sheets = pypdf.PdfReader(tmp_path / "report.pdf").pages
    text = " ".join(" ".join(sheet.extract_text() for sheet in sheets).split())
    for part in (NOTEBOOK.metadata.title, *captions("Figure"), *captions("Table")):
        assert part in text


@pytest.fixture(scope="module")
def web(page, tmp_path_factory):
    """The page that the export menu makes, sanitized as it proposes, on a telephone."""
    choose(page, "File", "Save and Export Notebook As", "HTML")
    with page.expect_download(timeout=60_000) as download:
        page.locator(".jp-Dialog").get_by_role("button", name="Ok").click()
    file = tmp_path_factory.mktemp("web") / "lab4.html"
    download.value.save_as(file)
    tab = page.context.browser.new_page(viewport={"width": 390, "height": 844})
    tab.route(re.compile("^https?:"), lambda route: route.abort())  # MathJax and the like
    tab.goto(file.as_uri())
    yield tab
    tab.screenshot(path=SEEN / "telephone.png", full_page=True)
    tab.close()


def test_the_html_page_is_the_report_without_its_plumbing(web):
    shown = [cell for cell in NOTEBOOK.cells if cell.cell_type == "code" and "jupyter" not in cell.metadata]
    playwright.expect(web.locator(".jp-CodeCell .jp-InputArea")).to_have_count(len(shown))


def test_the_html_page_is_accessible(web):
    # But for the colours of nbconvert's prompts and code
    found = axe.Axe().run(web, context={"exclude": [[".jp-InputArea"], [".jp-OutputPrompt"]]})
    assert not found.violations_count, found.generate_report()
    undescribed = web.locator("img[alt^='No description'], img:not([alt])")
    assert (undescribed.count(), web.locator("img").count()) == (0, len(captions("Figure")))


def test_the_html_page_fits_a_telephone(web):
    assert web.evaluate("document.documentElement.scrollWidth") <= 390
    for table in web.locator("table").all():  # they scroll, and their captions need not
        assert table.evaluate("table => getComputedStyle(table.parentElement).overflowX") == "auto"
        assert table.locator("caption").evaluate("caption => caption.offsetWidth") <= 350


def test_code_on_the_html_page_is_monospaced_and_generated_words_stay_whole(web):
    for block in web.locator("pre").all():
        assert "mono" in block.evaluate("block => getComputedStyle(block).fontFamily")
    broken = """block => {
        const text = block.firstChild, place = document.createRange()
        return [...text.data.matchAll(/(?<!\\S)[A-Za-z]{2,20}(?!\\S)/g)].map(word => {
            place.setStart(text, word.index)
            place.setEnd(text, word.index + word[0].length)
            return [word[0], place.getClientRects().length]
        }).filter(([word, lines]) => lines > 1)
    }"""
    passages = web.locator("blockquote > pre").all()
    assert passages and not [word for passage in passages for word in passage.evaluate(broken)]
