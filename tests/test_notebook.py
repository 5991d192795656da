"""The rules of the notebook: what a cell may be, and that its settings are those that every claim must hold for."""

import ast
import re
from pathlib import PurePosixPath

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbclient.exceptions import CellExecutionError
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor
from test_project import ROOT

from report.say import SHIPPED

SOURCE = (ROOT / "lab4.ipynb").read_text(encoding="utf-8")
NOTEBOOK = nbformat.reads(SOURCE, as_version=4)
CELLS = NOTEBOOK.cells
CODE = [cell for cell in CELLS if cell.cell_type == "code"]


def tags(cell):
    return cell.metadata.get("tags", [])


def names(cell):
    """The names, and the attributes of names, that the code of a cell uses."""
    tree = ast.parse(cell.source)
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return found | {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_the_notebook_has_at_most_400_lines_of_code_and_no_cell_over_12():
    lengths = [len(cell.source.splitlines()) for cell in CODE]
    assert max(lengths) <= 12 and sum(lengths) <= 400


def test_code_that_is_shown_fits_the_page():
    shown = [cell for cell in CODE if "remove-input" not in tags(cell)]
    assert len(shown) > 8 and max(len(line) for cell in shown for line in cell.source.splitlines()) <= 96


def test_a_cell_that_is_hidden_on_paper_is_folded_on_the_screen_too():
    for cell in CODE:
        assert ("remove-input" in tags(cell)) == cell.metadata.get("jupyter", {}).get("source_hidden", False), cell.id
    assert not [cell.id for cell in CELLS if "remove-cell" in tags(cell)]


def test_the_file_is_small_and_just_as_jupyterlab_writes_it():
    assert len(SOURCE.encode()) <= 1_200_000 and max(map(len, SOURCE.split("\n"))) <= 200_000
    assert SOURCE == nbformat.writes(NOTEBOOK) + "\n"
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    assert NOTEBOOK.metadata.kernelspec == kernel


def test_where_html_is_sanitized_every_figure_is_left_and_the_text_of_every_table():
    page = BeautifulSoup(HTMLExporter(sanitize_html=True).from_notebook_node(NOTEBOOK)[0], "html.parser")
    outputs = [output.get("data", {}) for cell in CODE for output in cell.outputs]
    captions = [data for data in outputs if data.get("text/markdown", "").startswith("**Figure ")]
    assert len(page.find_all("img")) == len(captions) > 0
    tables = BeautifulSoup("".join(data.get("text/html", "") for data in outputs), "html.parser").find_all("td")
    left = [re.sub("</?(samp|br/?)>", "", cell.get_text()) for cell in page.find_all("td")]  # it shows as source
    assert tables and left == [cell.get_text() for cell in tables]


def test_a_section_is_a_slide():
    for cell in CELLS:
        assert cell.source.startswith("## ") == (cell.metadata.get("slideshow") == {"slide_type": "slide"}), cell.id


def test_the_notebook_does_not_plot_and_asks_nowhere_whether_it_is_the_one_that_ships():
    for cell in CODE:
        assert not names(cell) & {"plt", "matplotlib", "figure", "Markdown", "display"}, cell.id
        branches = [node.test for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.If | ast.IfExp)]
        assert "shipped" not in {ast.unparse(test) for test in branches}, cell.id


def test_the_settings_that_every_claim_must_hold_for_are_those_of_the_notebook():
    (cell,) = (cell for cell in CODE if "parameters" in tags(cell))
    stated = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell.source).body}
    assert stated | {"book": PurePosixPath(stated["book"]).name} == SHIPPED


def test_a_false_claim_fails_the_notebook_and_is_left_out_on_another_book(monkeypatch):
    monkeypatch.chdir(ROOT)

    def said(settings):
        notebook = nbformat.v4.new_notebook(
            cells=[
                nbformat.v4.new_code_cell(f"from report.say import claim, say, settings\nsettings(**{settings})"),
                nbformat.v4.new_code_cell('say("It was said.", claim(1 > 2, "One is more than two."))'),
            ]
        )
        ExecutePreprocessor(kernel_name="python3").preprocess(notebook)
        return notebook.cells[-1].outputs[0].data["text/markdown"]

    assert said(SHIPPED | {"book": "another.txt"}) == "It was said."
    with pytest.raises(CellExecutionError, match=r"does not hold: 'One is more than two\.'"):
        said(SHIPPED)
