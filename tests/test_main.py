"""`python -m report`: one command from a book to its PDF, and one sentence where that fails."""

import io
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import papermill
import pypdf
import pytest
from nbconvert.utils.exceptions import ConversionException
from test_project import ROOT

from lab.checkpoint import load_params
from lab.sweep import RECIPES
from report import __main__ as command
from report.__main__ import main, make_report
from rnn_core import synthesize

BOOK = "The quick brown fox jumps over the lazy dog. Åsa saw it, and said so.\n" * 60


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "a book.txt"
    path.write_text(BOOK, encoding="utf-8")
    return path


@pytest.fixture
def making(monkeypatch, tmp_path):
    """What reports are made of, in place of the reports, in an empty house."""
    made = []

    def make(folder, author, **parameters):
        made.append((author, parameters))
        for name in ("lab4.ipynb", "lab4.pdf"):
            (folder / name).write_text("new", encoding="utf-8")

    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "make_report", make)
    return made


def test_every_parameter_of_the_notebook_is_one_of_the_command_in_two_spellings(book, making, monkeypatch):
    monkeypatch.chdir(book.parent)
    assert main(["--book", book.name, "--author=a=b", "--recipe", "Adam 0.001, scaled", "--hidden-size=20"]) == 0
    words = ["EPOCHS=2", "--steps=60", "seed=3", "HIDDEN_SIZE=", f"BOOK={book}", "AUTHOR="]
    assert main(words) == 0
    assert making == [
        ("a=b", {"book": str(book), "recipe": "Adam 0.001, scaled", "hidden_size": 20}),
        ("", {"book": str(book), "epochs": 2, "steps": 60, "seed": 3}),
    ]


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
        (["STEPS=1.5"], r"steps must be a whole number, 1 or more; it is '1\.5'\."),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_before_anything_runs(words, sentence, making, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "data", tmp_path / "data")
    (tmp_path / "short.txt").write_text("a" * 2099, encoding="utf-8")
    assert re.fullmatch(sentence, main(words))
    assert not making and not (tmp_path / "build").exists()


def test_a_name_that_is_not_utf8_is_refused_before_anything_runs(capsys):
    with pytest.raises(SystemExit):
        main(["--book=\udcff.txt"])
    assert r"argument --book: '\udcff.txt' is not UTF-8" in capsys.readouterr().err


def test_a_report_that_is_open_elsewhere_is_not_mixed_with_another(book, making, monkeypatch):
    moved = []

    def replace(file, place):
        moved.append(file.name)
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    monkeypatch.setattr(Path, "replace", replace)
    said = main([f"--book={book}"])
    assert said == "Close build/lab4.pdf, which another program has open, and make the report again."
    assert moved == ["lab4.pdf"]


@pytest.mark.parametrize("terminal", [True, False])
def test_in_a_terminal_and_only_there_a_bar_over_the_cells_shows_the_section(terminal, tmp_path, monkeypatch):
    class Screen(io.StringIO):
        def isatty(self):
            return terminal

    def run(notebook, *_, on_cell_start, **options):
        for number, cell in enumerate(nbformat.read(notebook, as_version=4).cells):
            on_cell_start(cell=cell, cell_index=number)
        inherited.update(os.environ)
        raise ConversionException("That will do.")

    screen, inherited = Screen(), {}
    monkeypatch.setenv("TQDM_DISABLE", "")
    monkeypatch.setattr(papermill, "execute_notebook", run)
    monkeypatch.setattr(sys, "stdout", screen)
    with pytest.raises(ConversionException):
        make_report(tmp_path)
    assert (inherited["TQDM_DISABLE"], inherited["LAB4_BUILD"]) == ("1", str(tmp_path))  # by the kernel alone
    assert os.environ["TQDM_DISABLE"] == ""
    states = re.split("\r+", screen.getvalue())
    sections = ["5 Training", "10 Going further", "References"] if terminal else []
    shown = [next(state for state in states if state.startswith(section)) for section in sections]
    parts = [int(re.search(r" (\d+)%\|", state)[1]) for state in shown]
    assert sorted(parts) == parts and all(0 < part < 100 for part in parts)
    assert not states[-1].strip() and not (tmp_path / "lab4.pdf").exists()


def test_of_two_runs_that_end_together_the_second_waits(book, making, tmp_path):
    (tmp_path / "build").mkdir()
    first = sqlite3.connect(tmp_path / "build" / ".moving", isolation_level=None)
    first.execute("BEGIN EXCLUSIVE")
    second = threading.Thread(target=main, args=([f"--book={book}"],))
    second.start()
    second.join(0.5)
    assert making
    assert not list((tmp_path / "build").glob("lab4.*"))
    first.close()
    second.join(10)
    assert sorted(path.name for path in (tmp_path / "build").glob("lab4.*")) == ["lab4.ipynb", "lab4.pdf"]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_report_is_made_with_every_recipe(book, tmp_path, recipe):
    make_report(tmp_path, author="Åsa", book=str(book), recipe=recipe, steps=60, hidden_size=10)
    printed = "".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "lab4.pdf").pages)
    assert "Åsa" in printed and "60 update steps" in printed
    params, vocab = load_params(tmp_path / "lab4.npz")
    assert params.hidden_size == 10 and len(synthesize(params, vocab, 20)) == 20
    said = "".join(
        output.data.get("text/markdown", "")
        for cell in nbformat.read(tmp_path / "lab4.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
        if "data" in output
    )
    assert ("AdaGrad (Duchi" in said) == recipe.startswith("AdaGrad")
    assert ("Adam (Kingma and Ba 2015) keeps" in said) == recipe.startswith("Adam ")


@pytest.mark.slow
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"], ids=["LF", "CR LF"])
def test_a_report_is_made_without_a_locale_whatever_the_kernel_was_called_and_lines_end_in(ends, tmp_path):
    """In a checkout of its own, whose notebook another program has saved under the name of its kernel."""
    house = tmp_path / "a house"
    for name in ("lab", "report", "benchmarks"):
        shutil.copytree(ROOT / name, house / name)
    shutil.copy(ROOT / "rnn_core.py", house)
    notebook = nbformat.read(ROOT / "lab4.ipynb", as_version=4)
    notebook.metadata["kernelspec"] = {"name": "conda-env-other-py", "display_name": "Python [conda env:other]"}
    del notebook.metadata["language_info"]
    nbformat.write(notebook, house / "lab4.ipynb")
    (house / "a book.txt").write_text(BOOK, encoding="utf-8", newline="\n")
    for file in house.rglob("*"):
        if file.suffix in (".ipynb", ".json", ".lua", ".md", ".py", ".svg", ".txt", ".typ"):
            file.write_bytes(file.read_bytes().replace(b"\n", ends))
    environment = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(house)}
    words = ["BOOK=a book.txt", "STEPS=60", "HIDDEN_SIZE=10", "AUTHOR=Åsa"]
    command = [sys.executable, "-m", "report", *words]
    run = subprocess.run(command, cwd=house, env=os.environ | environment, capture_output=True, encoding="utf-8")
    assert (run.returncode, run.stdout) == (0, "The report is build/lab4.pdf, and its network build/lab4.npz\n"), (
        run.stderr
    )
    assert "WARNING" not in run.stderr
    pages = pypdf.PdfReader(house / "build" / "lab4.pdf").pages
    before, _, after = "".join(page.extract_text() for page in pages).partition("2 The model")
    assert f"{len(BOOK):,} characters" in before and "Åsa" in before and after
