"""What Jupyter's own exporters make of a notebook, once the package is installed."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbconvert import exporters
from nbconvert.exporters import HTMLExporter, LatexExporter, PythonExporter, SlidesExporter
from nbformat import v4
from notebooks import notebook
from test_project import ROOT
from traitlets.config import Config

from report.config import DOCUMENTS, configure


@pytest.fixture
def config(monkeypatch):
    """Jupyter's configuration, as the file that is installed makes it."""
    monkeypatch.setenv("PATH", os.environ["PATH"])
    made = Config()
    configure(made)
    return made


@pytest.fixture
def nb():
    """The notebook that has everything in it, but pictures for which LaTeX needs Inkscape, and HTML, which it skips."""
    made = notebook()
    for cell in made.cells:
        if cell.source == "other":
            cell.outputs = cell.outputs[:2]
    return made


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_is_the_report_and_not_its_plumbing(name, config, nb):
    source, _ = getattr(exporters, name)(config=config).from_notebook_node(nb)
    assert "A line" in source and "quiet" in source
    for hidden in ("hidden = 1", "secret", "never s"):
        assert hidden not in source


def test_a_script_keeps_its_code(config, nb):
    assert "hidden = 1" in PythonExporter(config=config).from_notebook_node(nb)[0]


def test_html_has_the_alternative_text_of_every_figure_and_its_width(config, nb):
    source, _ = HTMLExporter(config=config).from_notebook_node(nb)
    (picture,) = re.findall('<img[^>]*alt="A line that rises."[^>]*>', source)
    assert "data:image/png;base64," in picture and 'width="624"' in picture


def test_latex_has_the_title_once_the_numbers_of_the_notebook_and_vectors(config, nb):
    source, resources = LatexExporter(config=config).from_notebook_node(nb)
    assert re.search(r"\\title\{Lab 0 - A fixture\}", source) and source.count("Lab 0 - A fixture") == 1
    assert r"\setcounter{secnumdepth}{0}" in source and r"\subsection{1 The book}" in source
    for part in ("\\textbf{Table 1.}", "\\textbf{Figure 1.}", "\\tag{1}", "\\tag{3}", "alert(1)", "\\ttfamily{}"):
        assert part in source
    (picture,) = re.findall(r"\\adjustimage\{.*\}\{(.*?)\}", source)
    assert picture.endswith(".pdf") and resources["outputs"][picture].startswith(b"%PDF")
    LatexExporter(config=config).from_notebook_node(v4.new_notebook())  # nothing to mend in there


def test_slides_are_one_a_section_and_scroll(config):
    cells = [v4.new_markdown_cell(f"## {n}") for n in (1, 2)]
    for cell in cells:
        cell.metadata["slideshow"] = {"slide_type": "slide"}
    cells.insert(1, v4.new_markdown_cell("Of section 1."))
    source, _ = SlidesExporter(config=config).from_notebook_node(v4.new_notebook(cells=cells))
    assert source.count("<section><section>") == 2 and "var scroll = true" in source


def test_the_command_finds_a_pandoc_where_the_system_has_none(tmp_path, nb):
    """nbconvert and Jupyter's server read the same files: here, that of the project."""
    nbformat.write(nb, tmp_path / "small.ipynb")
    (tmp_path / "jupyter_config.py").write_bytes((ROOT / "etc" / "jupyter_config.py").read_bytes())
    environment = os.environ | {"PATH": "", "JUPYTER_CONFIG_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nbconvert", "--to", "latex", "small.ipynb"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert r"\subsection{1 The book}" in (tmp_path / "small.tex").read_text(encoding="utf-8")
