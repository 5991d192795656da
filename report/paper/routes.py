"""What nbconvert's own exporters lack: two preprocessors, which change a copy of the notebook, and a filter."""

import html
import re
from pathlib import PurePath

import bleach
import nbformat
import typst
from bleach.css_sanitizer import CSSSanitizer

from . import PAPER
from .page import quote

__all__ = ["clean_html", "described", "for_latex"]

# Nothing in these can run, or fetch anything without a click
ELEMENTS = bleach.ALLOWED_TAGS | set(
    "br dd del div dl dt h1 h2 h3 h4 h5 h6 hr img p pre samp span sub sup wbr "
    "caption col colgroup table tbody td th thead tr".split()
)
ATTRIBUTES = {"align", "alt", "class", "colspan", "dir", "id", "rowspan", "style", "title", "width"}
STYLES = (
    "background-color caption-side color font-family font-size font-style font-weight line-height margin "
    "max-width min-width overflow overflow-wrap padding text-align vertical-align white-space width word-break"
)
CSS = CSSSanitizer(allowed_css_properties=STYLES.split())
# pandoc 3.8 counts tables without a caption by "none", which nbconvert's page does not define (jupyter/nbconvert#2243)
NONE = r"\ifcsname c@none\endcsname\else\newcounter{none}\fi"
UNNUMBERED = r"\setcounter{secnumdepth}{0}"  # for headings that have their numbers


def described(notebook, resources):
    """Give pictures the alternative texts that are stored with them, which nbconvert's page leaves out.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        It is changed.
    resources : dict
        nbconvert's.

    Returns
    -------
    notebook, resources
    """
    for output in _pictures(notebook):
        file = output.metadata.get("filenames", {}).get("image/png")
        source = html.escape(file) if file else f"data:image/png;base64,{output.data['image/png']}"
        alt, width = html.escape(output.metadata.get("alt", "")), output.metadata.get("image/png", {}).get("width", "")
        output.data["text/html"] = f'<img src="{source}" alt="{alt}" width="{width}">'
    return notebook, resources


def for_latex(notebook, resources):
    """Print the title once, number no heading twice, and take pictures in the form that is for paper.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        It is changed.
    resources : dict
        nbconvert's, with the files to be written.

    Returns
    -------
    notebook, resources
    """
    first = notebook.cells[0] if notebook.cells else {}
    if first.get("cell_type") == "markdown" and (heading := re.match(r"# ([^*_`$\[<\\\n]+)(\n+|$)", first.source)):
        first.source = first.source[heading.end() :]
        notebook.metadata.setdefault("title", heading[1])
    numbered = any(re.match(r"## \d", cell.source) for cell in notebook.cells)
    notebook.cells.insert(0, nbformat.v4.new_raw_cell(NONE + UNNUMBERED * numbered))
    for output in _pictures(notebook):
        png = output.metadata.filenames["image/png"]
        pdf = str(PurePath(png).with_suffix(".pdf"))
        page = f"#set page(width: auto, height: auto, margin: 0pt)\n#image(bytes({quote(output.data[PAPER])}))"
        del resources["outputs"][png]
        resources["outputs"][pdf] = typst.compile(page.encode())
        output.metadata.filenames["image/png"] = pdf
    return notebook, resources


def _pictures(notebook):
    """The outputs that `report.show.figure` made."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output for output in outputs if PAPER in output.get("data", {})]


def clean_html(source):
    """Sanitize HTML. It replaces nbconvert's function of that name, which removes headings, paragraphs,
    pictures, and the headers and captions of tables.

    Parameters
    ----------
    source : str or bytes
        HTML that may do harm.

    Returns
    -------
    str
        HTML of text, tables and pictures that are part of it; other elements show as their source.
    """
    return bleach.clean(
        source.decode() if isinstance(source, bytes) else str(source),
        tags=ELEMENTS,
        attributes=_harmless,
        protocols={"http", "https", "mailto", "data"},
        css_sanitizer=CSS,
    )


def _harmless(tag, name, value):
    if (tag, name) == ("img", "src"):
        return re.match("data:image/(png|jpeg|gif);base64,", value)
    if (tag, name) == ("a", "href"):
        return re.match("(https?|mailto):|[^:]*$", value, re.IGNORECASE)
    if name == "style":  # a negative margin would let it lie over other things
        return not re.search(r"(margin|padding)[^;]*-\s*[\d.]", value, re.IGNORECASE)
    return name in ATTRIBUTES
