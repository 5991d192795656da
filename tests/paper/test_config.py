"""What Jupyter's own exporters make of a notebook, once the package is installed."""

import os
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

import nbformat
import pytest
from nbconvert import exporters
from nbconvert.exporters import SlidesExporter
from nbformat import v4
from notebooks import configured, notebook, printable
from test_project import ROOT
from traitlets.config import Config

DOCUMENTS = ["HTMLExporter", "LatexExporter", "MarkdownExporter", "RSTExporter", "ASCIIDocExporter"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_is_the_report_and_not_its_plumbing(name):
    source, _ = getattr(exporters, name)(config=configured()).from_notebook_node(printable())
    assert "A line" in source and "quiet" in source
    for hidden in ("hidden = 1", "secret", "never s"):
        assert hidden not in source


def test_tags_that_somebody_gives_go_before_those_of_the_report():
    nb = v4.new_notebook(cells=[v4.new_code_cell(tag, metadata={"tags": [tag]}) for tag in ("mine", "remove-cell")])
    config = configured()
    config.merge(Config({"TagRemovePreprocessor": {"remove_cell_tags": {"mine"}}}))
    source, _ = exporters.MarkdownExporter(config=config).from_notebook_node(nb)
    assert "mine" not in source and "remove-cell" in source


@pytest.mark.parametrize("name", ["PythonExporter", "ScriptExporter", "NotebookExporter"])
def test_a_script_and_a_notebook_keep_their_code(name):
    assert "hidden = 1" in getattr(exporters, name)(config=configured()).from_notebook_node(notebook())[0]


def test_each_section_is_one_slide_that_scrolls():
    cells = [v4.new_markdown_cell(f"## {n}") for n in (1, 2)]
    for cell in cells:
        cell.metadata["slideshow"] = {"slide_type": "slide"}
    cells.insert(1, v4.new_markdown_cell("Of section 1."))
    source, _ = SlidesExporter(config=configured()).from_notebook_node(v4.new_notebook(cells=cells))
    assert source.count("<section><section>") == 2 and "var scroll = true" in source


def test_the_package_installs_the_file():
    installed = next(file for file in files("lab4-rnn") if file.name == "jupyter_config.py")
    assert installed.locate().resolve().read_text(encoding="utf-8") == (ROOT / "etc" / "jupyter_config.py").read_text(
        encoding="utf-8"
    )
    assert installed.locate().resolve().parent == Path(sys.prefix, "etc", "jupyter").resolve()


def test_the_command_finds_a_pandoc_where_the_system_has_none(tmp_path):
    """nbconvert and Jupyter's server read the same files: here, that of the project."""
    nbformat.write(printable(), tmp_path / "small.ipynb")
    (tmp_path / "jupyter_config.py").write_bytes((ROOT / "etc" / "jupyter_config.py").read_bytes())
    environment = os.environ | {"PATH": "", "JUPYTER_CONFIG_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nbconvert", "--to", "latex", "small.ipynb"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert r"\subsection{1 The book}" in (tmp_path / "small.tex").read_text(encoding="utf-8")
