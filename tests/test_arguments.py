"""The command line of `python -m report`: every parameter in two spellings, and what is wrong in one sentence."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from test_project import ROOT

from lab.sweep import RECIPES
from report.arguments import read_arguments


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """The notebook in an empty house, where the books are, too."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "data", tmp_path / "data")
    for name, length in (("short.txt", 2099), ("long.txt", 2100)):
        (tmp_path / name).write_text("a" * length, encoding="utf-8")
    return Path(shutil.copy(ROOT / "lab4.ipynb", tmp_path))


def edit(notebook, source):
    """Write another first cell of code."""
    content = nbformat.read(notebook, as_version=4)
    next(cell for cell in content.cells if cell.cell_type == "code").source = source
    nbformat.write(content, notebook)


def test_every_parameter_of_the_notebook_is_an_option_of_the_command_in_two_spellings(notebook):
    words = ["--book", "long.txt", "--author=a=b", "--recipe", "Adam 0.001, scaled", "--hidden-size=20"]
    parameters = {"book": str(notebook.parent / "long.txt"), "recipe": "Adam 0.001, scaled", "hidden_size": 20}
    assert read_arguments(words, notebook) == ("a=b", parameters)
    words = ["EPOCHS=2", "--steps=60", "seed=3", "HIDDEN_SIZE=", "BOOK=long.txt", "AUTHOR="]
    parameters = {"book": str(notebook.parent / "long.txt"), "epochs": 2, "steps": 60, "seed": 3}
    assert read_arguments(words, notebook) == ("", parameters)


def test_a_parameter_that_a_reader_adds_is_an_option_too(notebook):
    edit(notebook, 'author = "Me"\nN, title, share = 3, "3", 0.5  # of all\nhelp = 1')
    assert read_arguments(["N=4", "--title=4", "SHARE=0.25"], notebook) == ("", {"N": 4, "title": "4", "share": 0.25})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--book=nowhere.txt"], r"There is no book at '.*nowhere\.txt': give the path of a text file in UTF-8\."),
        (["BOOK=short.txt"], r"short\.txt has 2,099 characters, too few: choose a book of 2,100 or more\."),
        (["--recipe=SGD"], f"There is no recipe 'SGD': choose one of {re.escape(', '.join(map(repr, RECIPES)))}\\."),
        (["EPOCS=2"], "There is no parameter 'epocs': choose one of 'author', 'book', .*"),
        (["--hidden", "20"], "There is no parameter 'hidden': .*"),
        (["--epochs=0"], r"epochs must be a whole number, 1 or more; it is 0\."),
        (["HIDDEN_SIZE=many"], r"hidden_size must be a whole number, 1 or more; it is 'many'\."),
        (["SEED=-1"], r"seed must be a whole number, 0 or more; it is -1\."),
        (["STEPS=1.5"], r"steps must be a whole number, 1 or more; it is 1\.5\."),
    ],
)
def test_wrong_input_is_named_in_one_sentence(words, sentence, notebook):
    with pytest.raises((ValueError, OSError)) as complaint:
        read_arguments(words, notebook)
    assert re.fullmatch(sentence, str(complaint.value))


def test_the_first_cell_is_checked_like_the_command_line(notebook):
    for source, complaint in [
        ("from pathlib import Path\nbook = Path('data') / 'nowhere.txt'", "There is no book"),
        ("epochs = 3 - 3", "epochs must be a whole number, 1 or more; it is 0"),
        ("epochs = (3", r"The notebook's first cell of code is not Python: .* \(line 1: 'epochs = \(3'\)"),
    ]:
        edit(notebook, source)
        with pytest.raises((ValueError, OSError), match=complaint):
            read_arguments([], notebook)
    edit(notebook, "!wget https://a.b/nowhere.txt\nbook = 'nowhere.txt'")  # the kernel will see
    assert read_arguments(["EPOCHS=2"], notebook) == ("", {"epochs": 2})


def test_a_name_that_is_not_utf8_is_refused(notebook, capsys):
    with pytest.raises(SystemExit):
        read_arguments(["--book=\udcff.txt"], notebook)
    assert r"argument --book: '\udcff.txt' is not UTF-8" in capsys.readouterr().err


def test_without_the_notebook_help_says_how_to_get_it_and_so_does_the_error(tmp_path, capsys):
    with pytest.raises(SystemExit):
        read_arguments(["--help"], tmp_path / "lab4.ipynb")
    shown = " ".join(capsys.readouterr().out.split())
    assert "--hidden-size" in shown and "does not contain it: clone the project" in shown
    with pytest.raises(FileNotFoundError, match=r"^There is no lab4\.ipynb in '.*': clone the project"):
        read_arguments([], tmp_path / "lab4.ipynb")
