"""The rules of the notebook: what a cell may be, and that its settings are those that every claim must hold for."""

import ast
import copy
import re
import symtable
import zlib
from pathlib import PurePosixPath
from types import SimpleNamespace
from unittest.mock import Mock

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from nbclient.exceptions import CellExecutionError
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor
from small import BOOK, IDS, VOCAB
from test_project import ROOT

import rnn_core as rnn
from lab import bugs, gradients, measured, sweep
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
    assert not [cell.id for cell in CODE if "remove-cell" in tags(cell)]  # nbconvert would not run it


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


def test_every_name_is_given_by_one_cell():
    """So any cell can be run again, at any time."""
    given = {}
    for cell in CODE:
        table = symtable.symtable(cell.source, cell.id, "exec")
        for name in (symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned()):
            assert name == "_" or given.setdefault(name, cell.id) == cell.id, name


def test_what_needs_no_number_is_written_in_markdown():
    for call in (node for cell in CODE for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)):
        if ast.unparse(call.func) == "say":
            assert not [ast.unparse(sentence) for sentence in call.args if isinstance(sentence, ast.Constant)]


@pytest.mark.slow
def test_every_cell_can_be_run_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setenv("LAB4_BUILD", str(tmp_path))
    (tmp_path / "book.txt").write_text(BOOK * 5, encoding="utf-8")
    twice = copy.deepcopy(NOTEBOOK)
    twice.cells = [nbformat.v4.new_code_cell(cell.source) for cell in CODE for _ in range(2)]
    few = f"book, steps, hidden_size = {str(tmp_path / 'book.txt')!r}, 60, 10"
    twice.cells.insert(2, nbformat.v4.new_code_cell(few))
    ExecutePreprocessor(kernel_name="python3").preprocess(twice, {"metadata": {"path": str(ROOT)}})


# Cells that run in this process, on a small book; what they show is nowhere, and what they say is kept


def run(cells, **names):
    """The sentences of some cells, after the imports and with these names."""
    sources, said = {cell.id: cell.source for cell in CODE}, []
    small = {"seed": 0, "seq_length": 25, "hidden_size": 10, "vocab": VOCAB, "ids": IDS, "in_bits": 1, "tables": Mock()}
    names = small | {"training_ids": np.tile(IDS, 3), "held_out_ids": IDS} | names
    exec(sources["imports"].replace("figures, live, show, tables", "show"), names)
    names["say"] = lambda *sentences: said.extend(sentences)
    for cell in cells:
        exec(sources[cell], names)
    return said


def test_more_recipes_before_and_after_change_no_sentence(monkeypatch):
    def outcomes(ways, seeds, *_):  # what a way comes to depends on its name alone
        return {name: [SimpleNamespace(bits=zlib.crc32(name.encode()) % 997)] for name in ways}

    monkeypatch.setattr(sweep, "sweep", outcomes)
    given = {"caused": outcomes(["as in the assignment", "G from 10"], [0]), "short": 100, "seeds": [0], "data": ()}
    another, said = {"optimizer": rnn.Adam, "scheme": "scaled"}, []
    for settings in (sweep.SETTINGS, {"another": another, **sweep.SETTINGS, "and another": another}):
        monkeypatch.setattr(sweep, "SETTINGS", settings)
        said.append(run(["sweep", "table-ways", "further-says"], **given))
    assert said[0] == said[1] and len(said[0]) == 2 and "The best recipe" in said[0][1]


def test_more_bugs_before_and_after_change_no_sentence_but_their_number(monkeypatch, capsys):
    usual_point = rnn.init_params(VOCAB.size, 10), IDS[:25], IDS[1:26], np.zeros(10)
    numerical = {name: gradients.numerical_gradient(*usual_point, method=name) for name in ("central", "complex-step")}
    given = {"usual_point": usual_point, "numerical": numerical, "entries": 1000}
    another, said, printed = bugs.Bug("another", "np.dot(g.T, h, out=out.V)", "out.V[...] = 0"), [], []
    for gallery in (bugs.BUGS, [another, *bugs.BUGS, another._replace(name="and another")]):
        monkeypatch.setattr(bugs, "BUGS", gallery)
        said.append(run(["gallery", "gallery-runs", "missed", "own-loss", "own-check"], **given))
        printed.append(capsys.readouterr().out)
        assert f"of the {len(gallery)} bugs" in said[-1].pop(1)
    assert said[0] == said[1] and printed[0] == printed[1] != ""


def test_a_missing_figure_of_the_bench_is_not_mentioned_and_an_older_one_is_named():
    bench = measured.speed() | {"older": {"rnn_core": "2026-11-28"}}
    for row in bench["turns"]:
        row["ratio"] = {
            name: ratio for name, ratio in row["ratio"].items() if "PyTorch" not in name and "JAX" not in name
        }
    del bench["autograd"]
    said = " ".join(run(["autograd-says", "speed-says"], bench=bench, checks={}))
    assert "PyTorch" not in said and "JAX" not in said
    assert "The NumPy calls" in said and said.endswith("Measured earlier than the rest: rnn_core (2026-11-28).")
