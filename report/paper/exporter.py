"""The lab report as a PDF: notebook -> HTML -> pandoc -> Typst -> PDF, with no LaTeX, no browser and no network.

Jupyter's own reader turns Markdown into HTML, and this file turns outputs into HTML. `tree.py` adapts that HTML to
paper, `formulas.py` translates its TeX, and `page.py` makes the PDF.
"""

import base64
import copy
import datetime
import html
import itertools
import os
import re
import time
from pathlib import Path
from unittest.mock import patch

from jupyter_client import KernelManager
from nbconvert.exporters import Exporter, TemplateExporter
from nbconvert.filters.markdown_mistune import HTMLRenderer, IPythonRenderer, MarkdownWithMath
from traitlets import CaselessStrEnum, List, Unicode
from traitlets.config import Config

from . import PAPER
from .config import TAGS
from .page import make_pdf
from .tree import Document, box, formula, note

__all__ = ["LabReportExporter", "export"]

# Else a kernel that is run for the report warns of an unencrypted transport
KERNEL = {"transport_encryption": "auto"} if hasattr(KernelManager, "transport_encryption") else {}
MANY = 3000  # cells: Typst takes about a gigabyte for this many
PAPERS = ["a4", "us-letter"]
# What was made for paper first, then what says most, as in JupyterLab.
BEST_FIRST = [
    *(PAPER, "text/html", "text/markdown", "text/latex"),
    *("image/svg+xml", "image/png", "image/jpeg", "application/pdf"),
]
COLOURS = re.compile(r"\x1b\[(?!\d{0,4}[AK]).*?[@-~]")  # all escape sequences but those of TERMINAL
# Text, or what moves the cursor or erases: line ends, steps back, up (A) by a number of lines, a line or part of it (K)
TERMINAL = re.compile(r"([^\n\r\b\x1b]+|\x1b(?!\[\d{0,4}[AK]))|(?:\x1b\[(\d*))?([AK\n\r\b])")
FRAME = re.compile(r'frames\[0\] = "(data:image/[^"]+)"')  # in what Matplotlib's to_jshtml makes
UNSEEN = re.compile(  # tags are seen only if they stand for something
    r"<(script|style)\b.*?</\1>|<!--.*?-->|<(?!/?(?:img|svg|iframe|video|audio|embed|object|input|hr)\b)[^>]*>",
    re.I | re.S,
)


class LabReportExporter(TemplateExporter):
    """Export a notebook to a PDF that looks like a paper.

    Title, authors, course, date and paper come from the options below, else from the notebook's metadata, else from
    papermill's parameters. A notebook that begins with a first-level heading has it as its title. What cannot be
    printed is named on the page and in a warning; everything else is printed.
    """

    export_from_notebook = "PDF (lab report)"
    output_mimetype = "application/pdf"

    title = Unicode(help="Title; default: metadata, else the notebook's first heading.").tag(config=True)
    author = Unicode(help="Author; default: the names in the notebook's metadata `authors`.").tag(config=True)
    course = Unicode(help="Course; default: metadata.").tag(config=True)
    date = Unicode(help="Date as it is to be printed; default: metadata.").tag(config=True)
    lang = Unicode(help="Language code; default: metadata, else en.").tag(config=True)
    paper = CaselessStrEnum(["", *PAPERS], "", help="Paper; default: metadata, else a4.").tag(config=True)
    raw_mimetypes = List(["", "text/markdown", "text/html"], help="Raw cells that are printed.").tag(config=True)

    def _file_extension_default(self):
        return ".pdf"

    def get_template_names(self):
        """None: Typst lays out the page; only the options of the parent's templates are used."""
        return []

    @property
    def default_config(self):
        """The parent's, with the usual cell tags enabled."""
        config = Config(
            {
                "TagRemovePreprocessor": {"enabled": True, **TAGS},
                "HighlightMagicsPreprocessor": {"enabled": False},
                "KernelManager": KERNEL,
            }
        )
        inherited = super().default_config.copy()
        inherited.merge(config)
        return inherited

    def from_notebook_node(self, nb, resources=None, **kw):
        """Convert a notebook.

        Parameters
        ----------
        nb : nbformat.NotebookNode
            The notebook.
        resources : dict, optional
            nbconvert's.
        **kw
            Passed on.

        Returns
        -------
        pdf : bytes
            The report.
        resources : dict
            nbconvert's.

        Raises
        ------
        ConversionException
            If pandoc or Typst fails on the report as a whole. A cell that fails is shown as its source.
        """
        nb = copy.deepcopy(nb)
        if not isinstance(nb.metadata.get("authors", []), list):  # else nbconvert would find the notebook invalid
            nb.metadata["authors"] = [nb.metadata["authors"]]
        for number, cell in enumerate(nb.cells, 1):  # before the preprocessors take cells away
            cell.metadata["number"] = number
        names = {number: f"cell {number} ({cell.source.strip()[:40]!r})" for number, cell in enumerate(nb.cells, 1)}

        def warn(message, number=None):
            self.log.warning("%s: %s", names.get(number, "notebook"), message)

        code = [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]
        runs_now = self.config.get("ExecutePreprocessor", {}).get("enabled", False)
        if unrun := "" if runs_now else _unrun(code):
            warn(unrun)
        if len(nb.cells) > MANY:
            warn(f"{len(nb.cells):,} cells take some {len(nb.cells) / MANY:.0f} GB of memory: with less, export parts")
        # Not the parent's method: that one goes on to lay out the whole notebook with a template.
        nb, resources = Exporter.from_notebook_node(self, nb, resources, **kw)
        language = nb.metadata.get("language_info", {}).get("name", "python")
        cells = [(cell.metadata.number, cell.source, [*self.pieces(cell, language)]) for cell in nb.cells]
        about = resources.get("metadata", {})
        facts = {"name": about.get("name") or "Notebook", "note": unrun, **self.facts(nb.metadata, warn)}
        return make_pdf(Document(cells, Path(about.get("path") or "."), warn), facts, warn), resources

    def facts(self, metadata, warn):
        """What the page must know about the report: title, authors, course, date, made, paper and lang."""
        parameters = metadata.get("papermill", {}).get("parameters", {})

        def about(name, default=""):
            return str(getattr(self, name, "") or metadata.get(name) or parameters.get(name) or default)

        def choose(name, default, pattern):
            if not re.fullmatch(pattern, value := about(name, default).lower()):
                warn(f"{name} is {value!r}, which Typst does not know: {default} is taken")
            return value if re.fullmatch(pattern, value) else default

        authors = [self.author] if self.author else metadata.get("authors") or [about("author")]
        names = [author.get("name") if isinstance(author, dict) else author for author in authors]
        if not all(isinstance(name, str) for name in names):
            warn(f"the authors in the metadata must be names, but some of {metadata.get('authors')!r} are not")
        # No clock: the same notebook gives the same bytes tomorrow.
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        try:
            made = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC) if epoch else None
        except (ValueError, OverflowError, OSError):
            made = warn(f"SOURCE_DATE_EPOCH is {epoch!r}, not a number of seconds since 1970: the PDF has no date")
        return {
            "title": about("title"),
            "authors": [name for name in names if isinstance(name, str) and name],
            "course": about("course"),
            "date": about("date"),
            "made": made or _iso_date(about("date")),
            "paper": choose("paper", "a4", "|".join(PAPERS)),
            "lang": choose("lang", "en", r"[a-z]{2,3}(-[a-z]{2})?"),
            "direction": choose("direction", "ltr", "ltr|rtl"),
        }

    # ----- the notebook as HTML

    def pieces(self, cell, language):
        """Yield what a cell shows, as pieces of HTML."""
        if cell.cell_type == "markdown" and not self.exclude_markdown:
            yield _attach(_markdown(cell.source), cell.get("attachments", {}))
        elif cell.cell_type == "raw" and not self.exclude_raw:
            kind = cell.metadata.get("raw_mimetype", cell.metadata.get("format", ""))
            if kind in self.raw_mimetypes and cell.source.strip():
                shown = {"text/markdown": _markdown, "text/html": str}.get(kind, lambda text: box("output", text))
                yield shown(cell.source)
        elif cell.cell_type == "code" and not self.exclude_code_cell:
            hidden = self.exclude_input or cell.metadata.get("transient", {}).get("remove_source")
            if cell.source.strip() and not hidden:
                yield box("code", cell.source, language)
            outputs = [] if self.exclude_output else cell.outputs
            for stream, group in itertools.groupby(outputs, lambda output: output.get("name")):
                if stream:  # one text: a later piece may overwrite an earlier one
                    yield _text("problem" if stream == "stderr" else "output", "".join(one.text for one in group))
                else:
                    yield from map(_output, group)


def export(notebook, folder, author=""):
    """The PDF of a notebook that was just run, made now: PDF/A wants a date, and the exporter itself knows no clock.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    folder : path-like
        Where its files are.
    author : str
        As for the exporter.

    Returns
    -------
    bytes
    """
    exporter = LabReportExporter(config=Config({"LabReportExporter": {"author": author}}))
    with patch.dict(os.environ, {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH") or str(int(time.time()))}):
        return exporter.from_notebook_node(notebook, {"metadata": {"path": str(folder)}})[0]


def _unrun(cells):
    """A warning about cells of code that have not run; if counts were removed, outputs show that they have."""
    left = sum(cell.execution_count is None for cell in cells)
    if not left or (left == len(cells) and any(cell.outputs for cell in cells)):
        return ""
    have, lacks = ("has", "its results are") if left == 1 else ("have", "their results are")
    return f"{left} of {len(cells)} cells {have} not run: {lacks} missing. Run all cells and export again."


def _output(output):
    if output.output_type == "error":
        return _text("problem", "\n".join(output.traceback) or f"{output.ename}: {output.evalue}")
    data = output.data
    pictures = [kind for kind in data if kind.startswith("image/") and kind not in BEST_FIRST]
    for kind in [*BEST_FIRST, *pictures]:
        if kind in data and (shown := _rich(kind, data[kind], output.metadata)):
            return shown
    plain = data.get("text/plain", "")
    active = [kind for kind in data if re.search(r"vnd\.|javascript", kind)]
    if active or "<script" in data.get("text/html", ""):
        kinds = ", ".join(kind for kind in data if kind != "text/plain")
        return note(f"An output has no form for paper and is left out: {kinds} {_printed(plain)[:200]}")
    empty = any(kind in data for kind in BEST_FIRST)  # as on the screen, where the text is not shown in its stead
    return "" if empty else _text("output", plain)


def _text(kind, text):
    """A block of text as a terminal shows it in the end; nothing if none of it is visible."""
    shown = _printed(text)
    return box(kind, shown) if shown.strip() else ""


def _rich(kind, content, metadata):
    """HTML for one form of an output; nothing if none of it is visible."""
    if kind == "text/html" and (frame := FRAME.search(content)):
        picture = frame[1].replace("\\\n", "")
        return f'<p><img src="{picture}" alt="A frame."></p><p>The first frame of an animation.</p>'
    if kind == "text/html":
        return content if UNSEEN.sub("", content).strip() else ""
    if kind == "text/markdown":
        return _markdown(content)
    if kind == "text/latex":
        return f"<p>{html.escape(content)}</p>"
    own = metadata.get(kind, {})
    size = f' width="{own["width"]}"' if isinstance(own, dict) and "width" in own else ""
    alt = html.escape(str(metadata.get("alt") or (isinstance(own, dict) and own.get("alt")) or ""))
    if kind in (PAPER, "image/svg+xml"):
        content = base64.b64encode(content.encode("utf-8", "replace")).decode()
    return f'<p><img src="data:{kind};base64,{html.escape(content)}" alt="{alt}"{size}></p>'


class _Renderer(IPythonRenderer):
    """Jupyter's, with an element of its own for a formula, and no work that is only for the screen."""

    block_code, heading, image = HTMLRenderer.block_code, HTMLRenderer.heading, HTMLRenderer.image

    def text(self, text):
        # An empty comment before a dollar that belongs to no formula: later, no formula is looked for there.
        return super().text(text).replace("$", "<!---->$")

    def inline_math(self, body):
        return formula(body)

    def block_math(self, body):
        return formula(body, display=True)

    def latex_environment(self, name, body):
        return formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", display=True)


def _markdown(source):
    made = MarkdownWithMath(renderer=_Renderer(escape=False)).render(source)
    return made.replace("\\<!---->$", "<!---->$")  # MathJax's sign for a dollar, which Markdown takes for a backslash


def _attach(source, attachments):
    """Put a cell's own attachments into its pictures."""

    def put(match):
        name = html.unescape(match[2])
        bundle = attachments.get(name) or attachments.get(re.sub("%20", " ", name)) or {}
        return next((f"{match[1]}data:{kind};base64,{content}" for kind, content in bundle.items()), match[0])

    return re.sub(r"""(<img\b[^>]*?\bsrc=["'])attachment:([^"']*)""", put, source)


def _printed(text):
    """What a terminal shows in the end: without colours, and without what was overwritten or erased, as bars are."""
    lines, row, column = [""], 0, 0
    for plain, number, control in TERMINAL.findall(COLOURS.sub("", text).replace("\r\n", "\n")):
        line = lines[row].ljust(column)
        if plain:
            lines[row] = line[:column] + plain + line[column + len(plain) :]
            column += len(plain)
        elif control == "\n":
            row, column = row + 1, 0
            lines += [""] * (row == len(lines))
        elif control == "\b":
            column = max(column - 1, 0)
        elif control == "\r":
            column = 0
        elif control == "A":
            row = max(row - max(int(number or 1), 1), 0)
        else:  # K: from here on, up to here, or all of the line
            left, right = line[:column], line[column + 1 :]
            lines[row] = {0: left, 1: " " * (column + 1) + right, 2: ""}.get(int(number or 0), line)
    return "\n".join(line.rstrip(" ") for line in lines)


def _iso_date(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None
