"""What Jupyter's own exporters are told, so that each of them prints the report and not its plumbing.

The package installs etc/jupyter_config.py, which calls `configure`: nbconvert reads it, and so does Jupyter's server,
whose export menu goes the same ways.
"""

import html
import os
import re
from pathlib import Path, PurePath

import nbformat
import pypandoc
import typst

from report.page import quote
from report.show import PAPER

__all__ = ["TAGS", "configure", "described", "for_latex"]

TAGS = {  # of nbconvert's TagRemovePreprocessor
    "enabled": True,
    "remove_cell_tags": {"remove-cell"},
    "remove_input_tags": {"remove-input", "injected-parameters"},  # papermill adds the second
    "remove_all_outputs_tags": {"remove-output"},
}
# Those that make documents, with the exporters that are made of them. A script, or a notebook, keeps all its cells.
DOCUMENTS = ["HTMLExporter", "LatexExporter", "MarkdownExporter", "RSTExporter", "ASCIIDocExporter"]
# The headings have their numbers. pandoc 3.8 counts tables without a caption by "none", which nbconvert's page does not
# define (jupyter/nbconvert#2243).
PREAMBLE = r"\setcounter{secnumdepth}{0}\ifcsname c@none\endcsname\else\newcounter{none}\fi"


def configure(config):
    """Configure nbconvert.

    Parameters
    ----------
    config : traitlets.config.Config
        Jupyter's, which is changed.
    """
    for exporter in DOCUMENTS:
        config[exporter].TagRemovePreprocessor.update(TAGS)
    config.HTMLExporter.preprocessors = ["report.config.described"]
    config.LatexExporter.preprocessors = ["report.config.for_latex"]
    config.SlidesExporter.reveal_scroll = True  # a section is longer than a slide
    # After all others: a pandoc of the system comes first
    pandoc = Path(pypandoc.get_pandoc_path()).parent
    os.environ["PATH"] = os.pathsep.join(filter(None, [os.environ.get("PATH"), str(pandoc)]))


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
        alt, width = html.escape(output.metadata.alt), output.metadata["image/png"].width
        source = f"data:image/png;base64,{output.data['image/png']}"
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
    if first.get("cell_type") == "markdown" and (heading := re.match(r"# (.+)\n*", first.source)):
        first.source = first.source[heading.end() :]
        notebook.metadata.setdefault("title", heading[1])
    notebook.cells.insert(0, nbformat.v4.new_raw_cell(PREAMBLE))
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
