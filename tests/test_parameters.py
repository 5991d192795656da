"""The notebook's first cell of code: any Python that runs in Jupyter, in a file that any program has saved."""

import json

import pytest

from report.parameters import parameter_cells, read_cells, stated, values


def cell(source, *tags):
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("epochs = 1 + 2", 3),
        ("epochs = int(3)  # how often", 3),
        ("n = 3\nepochs = n", 3),
        ("from math import ceil\nepochs: int = ceil(2.5)", 3),
        ("book, epochs = 'a.txt', 3", 3),
        ("print('here')\nepochs = 3", 3),
        ("%matplotlib inline\nepochs = 3", None),
        ("%%time\nepochs = 3", None),
        ("epochs = undefined", None),
        ("epochs = int(input())", None),
        ("raise SystemExit", None),
    ],
)
def test_what_runs_as_python_has_its_value_and_all_else_is_left_to_the_kernel(source, value, tmp_path, capsys):
    assert values([cell(source)], tmp_path).get("epochs") == value
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("source", ["epochs = (3", "epochs = 'three", "epochs = 3 4\n%time 1"])
def test_invalid_python_is_named_with_its_line(source, tmp_path):
    with pytest.raises(
        ValueError, match=r"^The notebook's first cell of code is not Python: .*line 1: .epochs = .*\.$"
    ):
        values([cell(source)], tmp_path)


def test_a_cell_states_names_values_and_comments():
    source = "book = 'a # b.txt'  # a file, 100% # text\n%time 1\nsteps: int = None\n"
    source += "epochs = [\n  1,  # one\n]  # many\nx, y = 1, 2"
    assert stated(cell(source.splitlines(keepends=True))) == {
        "book": ("'a # b.txt'", "a file, 100% # text"),
        "steps": ("None", ""),
        "epochs": ("[\n  1,  # one\n]", "many"),
        "x": ("1, 2", ""),
        "y": ("1, 2", ""),
    }


def test_the_cells_are_those_that_are_tagged_or_the_first_that_sets_a_parameter():
    first, second, third = cell("import os"), cell("epochs = 3"), cell("book = 'b'")
    assert parameter_cells([{"cell_type": "markdown", "source": "epochs"}, first, second, third]) == [second]
    tagged = cell("epochs = 4", "parameters"), cell("seed = 1", "x", "parameters")
    assert parameter_cells([first, second, *tagged]) == [*tagged]
    assert parameter_cells([first]) == []


def test_a_file_that_is_not_a_notebook_has_no_cells(tmp_path):
    file = tmp_path / "lab4.ipynb"
    for content in ({}, [], None, {"cells": []}):
        file.write_text(json.dumps(content), encoding="utf-8")
        assert read_cells(file) == []
    file.write_text("<<<<<<< HEAD", encoding="utf-8")
    with pytest.raises(ValueError, match=r"^lab4\.ipynb is not a notebook, its text is not JSON: .*\.$"):
        read_cells(file)
