"""`python -m report`: one command from a book to its PDF, and one sentence where that fails."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import nbformat
import pypdf
import pytest
from test_project import ROOT

from lab.sweep import RECIPES
from report import __main__ as command
from report.__main__ import main, make_report

BOOK = "The quick brown fox jumps over the lazy dog. Åsa saw it, and said so.\n" * 60


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "a book.txt"
    path.write_text(BOOK, encoding="utf-8")
    return path


def test_what_is_wrong_is_said_in_one_sentence_and_the_last_report_stays(tmp_path):
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    before = sorted(build.glob("*"))
    said = main([f"--book={tmp_path / 'nowhere.txt'}"])
    assert "FileNotFoundError: There is no book at" in said and "\n" not in said
    assert main(["--recipe=SGD"]).endswith("ValueError: There is no recipe 'SGD': choose one of " + repr_of(RECIPES))
    assert sorted(build.glob("*")) == before


def test_a_name_that_is_not_utf8_is_refused_before_anything_runs(capsys):
    with pytest.raises(SystemExit):
        main(["--book=\udcff.txt"])
    assert r"argument --book: '\udcff.txt' is not UTF-8" in capsys.readouterr().err


def test_of_two_runs_that_end_together_the_second_waits(tmp_path, monkeypatch):
    made = threading.Event()

    def make(folder, author, **parameters):
        for name in ("lab4.ipynb", "lab4.pdf"):
            (folder / name).write_text("new")
        made.set()

    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "make_report", make)
    (tmp_path / "build").mkdir()
    first = sqlite3.connect(tmp_path / "build" / ".moving", isolation_level=None)
    first.execute("BEGIN EXCLUSIVE")
    second = threading.Thread(target=main, args=([],))
    second.start()
    assert made.wait(10)
    second.join(0.2)
    assert not list((tmp_path / "build").glob("lab4.*"))
    first.close()
    second.join(10)
    assert sorted(path.name for path in (tmp_path / "build").glob("lab4.*")) == ["lab4.ipynb", "lab4.pdf"]


def repr_of(names):
    return f"{', '.join(map(repr, names))}."


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_report_is_made_with_every_recipe(book, tmp_path, recipe):
    make_report(tmp_path, author="Åsa", book=str(book), recipe=recipe, steps=60, hidden_size=10)
    printed = "".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "lab4.pdf").pages)
    assert "Åsa" in printed and "60 update steps" in printed
    said = "".join(
        output.data.get("text/markdown", "")
        for cell in nbformat.read(tmp_path / "lab4.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
        if "data" in output
    )
    assert ("AdaGrad (Duchi" in said) == recipe.startswith("AdaGrad")
    assert ("Adam (Kingma and Ba 2015) keeps" in said) == recipe.startswith("Adam ")


@pytest.mark.slow
def test_a_report_is_made_without_a_locale_and_whatever_the_kernel_was_called(book, tmp_path):
    """In a checkout of its own, whose notebook another program has saved under the name of its kernel."""
    house = tmp_path / "checkout"
    for name in ("lab", "report", "benchmarks"):
        shutil.copytree(ROOT / name, house / name)
    shutil.copy(ROOT / "rnn_core.py", house)
    notebook = nbformat.read(ROOT / "lab4.ipynb", as_version=4)
    notebook.metadata["kernelspec"] = {"name": "conda-env-other-py", "display_name": "Python [conda env:other]"}
    del notebook.metadata["language_info"]
    nbformat.write(notebook, house / "lab4.ipynb")
    code = (
        "import pathlib, sys; from report.__main__ import make_report; "
        "make_report(pathlib.Path(sys.argv[1]), book=sys.argv[2], steps=60, hidden_size=10)"
    )
    environment = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TQDM_DISABLE": "1"}
    command = [sys.executable, "-c", code, tmp_path, book]
    run = subprocess.run(command, cwd=house, env=os.environ | environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "lab4.pdf").read_bytes().startswith(b"%PDF")
