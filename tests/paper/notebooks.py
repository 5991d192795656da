"""A small notebook with everything in it, and ways to convert notebooks and to read what comes out."""

import base64
import io
import re
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pypdf
import pytest
import typst
from nbformat import v4
from PIL import Image
from traitlets.config import Config

from report import show
from report.paper.config import configure
from report.paper.exporter import LabReportExporter

HOSTILE = (
    "a|b <script>alert(1)</script> $x^2$ \\frac `code` *b* _i_ #h &amp; [l](u) {=t} ~s~ ... -- 'q' \"Q\" @x //c /*d*/"
)
WILD = "  two  spaces\n\n\x1b[31mred\x00\x7f\x85\u202e\tтест ελ end "
SCRIPTS = "שלום العربية हिन्दी 漢字 👩\u200d👩\u200d👧 🏴\U000e0067 e\u0301\u0323 \U0010ffff \ud800 \ufeff"
LONG = "x" * 150
FIRST = """# Lab 0 - A fixture

**Abstract.** What was done, and found: "quotes", it's 5--6, [section 2](#2-The-model)."""
BOOK = r"""## 1 The book

Some *text* with $h_t = \tanh(a_t)$, `code`, a [link](https://example.org/a_b) and a note.[^1]
- one
- two"""
MODEL = r"""## 2 The model

\begin{align}
a_t &= W h_{t-1} + U x_t + b \tag{1} \\
h_t &= \tanh(a_t) \tag{2}
\end{align}

and

$$ L = -\sum_{t=1}^{T} \log p_t[y_t] \odot 1 \tag{3} $$

> quoted

| a | b |
|---|--:|
| 1 | 2 |"""
WIDGET = "application/vnd.jupyter.widget-view+json"  # a progress bar, most often
SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'


def bundle(shown):
    """The output that Jupyter would store for something displayed."""
    return v4.new_output("display_data", data=shown._repr_mimebundle_())


def drawing(caption="Figure 1. A line.", alt="A line that rises."):
    """The outputs of a displayed figure."""
    with pytest.MonkeyPatch.context() as patch:
        outputs = []

        def keep(data, metadata=None, raw=False):
            data = data if raw else {"text/markdown": data.data}
            outputs.append(v4.new_output("display_data", data=data, metadata=metadata or {}))

        patch.setattr(show, "display", keep)
        with plt.rc_context():
            show.use_house_style()
            fig, ax = plt.subplots()
            ax.plot([0, 1, 2], [0, 1, 1.5], label="loss")
            ax.plot([0, 1, 2], [1, 0.7, 0.6], label="smooth loss")
            ax.set(xlabel="Update step", ylabel="Loss (nats)")
            ax.legend()
            show.figure(fig, caption, alt)
    return outputs


def notebook():
    """Build the fixture: all kinds of cells and outputs, formulas, wide tables, hostile text."""
    code, text = v4.new_code_cell, v4.new_markdown_cell
    check = show.table(
        ["Parameter", "Difference", "Relative | error"],
        [["W", "3.1e-08", "1,169,699"], ["U", "−2.0e-09", "0.5 %"]],
        "Table 1. The gradient *check*, $m = 10$.",
        align="lrr",
    )
    rows = [
        [f"{10_000 * i:,}", f"{80 - i}.5", show.verbatim(f"row{i} " + "the cat\nsat on  a mat. " * 9)] for i in range(9)
    ]
    rows.insert(1, ["hostile", "-- ... 'q'", show.verbatim(HOSTILE + WILD + LONG)])
    wide = show.table(["Iteration", "smooth loss", "Text"], rows, "Table 2. Text.", align="rrl", widths=[1, 1, 6])
    dot = io.BytesIO()
    Image.new("RGB", (40, 20), "red").save(dot, "PNG")
    png = base64.b64encode(dot.getvalue()).decode()
    attached = text("Attached: ![a red dot](attachment:dot.png)")
    attached.attachments = {"dot.png": {"image/png": png}}
    stream = lambda name, words: v4.new_output("stream", name=name, text=words)  # noqa: E731
    hidden = {"tags": ["remove-input"]}
    other = [
        v4.new_output("execute_result", data={"text/plain": "[1, 2]"}),
        v4.new_output("display_data", data={"text/latex": "$\\displaystyle \\frac{1}{2}$", "text/plain": "1/2"}),
        v4.new_output("display_data", data={"text/html": "<b>only</b> HTML<script>no()</script>"}),
        v4.new_output("display_data", data={"image/png": png, "text/plain": "<dot>"}),
        v4.new_output("display_data", data={"image/svg+xml": SQUARE}),
        v4.new_output("display_data", data={WIDGET: {"model_id": "x"}, "text/plain": "bar"}),
        v4.new_output("error", ename="ValueError", evalue="x", traceback=["\x1b[31mValueError\x1b[0m: bad | $x$"]),
    ]
    function = "def f(x):\n    return x + 1  # a comment, 'text' and \"text\" \\n"
    printed = [stream("stdout", "plain \x1b[31mred\x1b[0m | $x$\n 10%\r100%\n"), stream("stderr", "progress bar\n")]
    cells = [
        text(FIRST),
        text(
            f"{BOOK}\n\nInline: {show.inline(HOSTILE)} and {show.inline(WILD)}.\n\n[^1]: A footnote.\n\n<!-- gone -->"
        ),
        text("An open fence ends with its cell:\n\n```\nopen"),
        text(MODEL),
        code(function, outputs=printed),
        code("hidden = 1", metadata=hidden, outputs=[bundle(check)]),
        code("secret = 2", metadata={"tags": ["remove-cell"]}, outputs=[stream("stdout", "never seen")]),
        code("quiet = 3", metadata={"tags": ["remove-output"]}, outputs=[stream("stdout", "never shown")]),
        code("figure", metadata=hidden, outputs=drawing()),
        code("wide", metadata=hidden, outputs=[bundle(wide)]),
        code("passage", metadata=hidden, outputs=[bundle(show.passage(HOSTILE + "\n\n" + WILD + LONG))]),
        code("other", outputs=other),
        attached,
        v4.new_raw_cell("Raw *Markdown*.", metadata={"raw_mimetype": "text/markdown"}),
        v4.new_raw_cell("\\LaTeX only", metadata={"raw_mimetype": "text/latex"}),
    ]
    nb = v4.new_notebook(cells=cells)
    nb.metadata.update(authors=[{"name": "Ada Example"}], course="A course", date="2024-05-06")
    nb.metadata["language_info"] = {"name": "python"}
    for i, cell in enumerate(nb.cells):
        cell["id"] = f"cell-{i}"
    return nb


def configured():
    """Jupyter's configuration, as the file that the package installs makes it."""
    made = Config()
    configure(made)
    return made


def printable():
    """The notebook without what nbconvert's LaTeX lacks: pictures that are SVG only, for which it needs Inkscape."""
    nb = notebook()
    for cell in nb.cells:
        if cell.source == "other":
            cell.outputs = cell.outputs[:2]
    return nb


def words(text):
    return re.sub(r"[\s\u200b\xad]", "", text)


def convert(*cells, exporter=None, path="", **metadata):
    """The PDF of a notebook with these cells, that lies in a folder; all of it is on the page."""
    nb = v4.new_notebook(cells=list(cells))
    nb.metadata.update(metadata)
    pdf, _ = (exporter or LabReportExporter()).from_notebook_node(nb, {"metadata": {"path": str(path)}})
    assert not astray(pdf)
    return pypdf.PdfReader(io.BytesIO(pdf))


def astray(pdf):
    """The pages on which something stands beside the text: what leaves a page has to cross its margin."""
    edges = [page[:, [*range(30), *range(-30, 0)]] for page in looks(pdf, ppi=36)]
    return [number for number, edge in enumerate(edges, 1) if (edge < 200).any()]


def looks(pdf, ppi):
    """Every page as an array of greys: Typst reads PDF, too."""
    numbers = range(1, len(pypdf.PdfReader(io.BytesIO(pdf)).pages) + 1)
    pages = "".join(f'#page(image("made.pdf", page: {number}))\n' for number in numbers)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "made.pdf").write_bytes(pdf)
        source = f"#set page(width: auto, height: auto, margin: 0pt)\n{pages}"
        Path(folder, "pages.typ").write_text(source, encoding="utf-8")
        typst.compile(str(Path(folder, "pages.typ")), str(Path(folder, "{p}.png")), format="png", ppi=ppi)
        return [np.asarray(Image.open(Path(folder, f"{number}.png")).convert("L")) for number in numbers]


def text_of(reader):
    return "\n".join(page.extract_text() for page in reader.pages)
