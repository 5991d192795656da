"""`python -m report`: one command from a book to its PDF, and one sentence where that fails."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pypdf
import pytest
from test_project import ROOT

from lab.checkpoint import load_params
from lab.sweep import RECIPES
from report import __main__ as command
from report import run
from report.__main__ import main, own_folder
from report.run import Failed, make_report
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

    def make(notebook, folder, author, **parameters):
        made.append((author, parameters))
        for name in ("lab4.ipynb", "lab4.pdf"):
            (folder / name).write_text("new", encoding="utf-8")

    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(run, "make_report", make)
    return made


def test_the_command_line_says_what_is_made(book, making, capsys):
    assert main([f"--book={book}", "--author=Åsa", "STEPS=60"]) == 0
    assert making == [("Åsa", {"book": str(book), "steps": 60})]
    assert capsys.readouterr().out == "The report is build/lab4.pdf\n"  # no network was kept


def test_the_network_and_its_page_are_moved_and_named_where_the_notebook_keeps_them(book, making, capsys, monkeypatch):
    make, names = run.make_report, ["lab4-live.html", "lab4.npz"]

    def make_all(notebook, folder, author, **parameters):
        make(notebook, folder, author, **parameters)
        for name in names:
            (folder / name).write_text("new", encoding="utf-8")

    monkeypatch.setattr(run, "make_report", make_all)
    assert main([f"--book={book}"]) == 0
    said = "The report is build/lab4.pdf, and its network build/lab4.npz; it writes in build/lab4-live.html\n"
    assert capsys.readouterr().out == said
    assert all((command.ROOT / "build" / name).read_text(encoding="utf-8") == "new" for name in names)


def test_wrong_input_is_named_before_anything_is_made_or_imported(making):
    assert main(["--book=nowhere.txt"]).startswith("There is no book at ")
    assert not making and not (command.ROOT / "build").exists()
    script = "import sys; from report.__main__ import main; main(['--book=nowhere.txt']); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert not {"nbformat", "nbconvert", "nbclient", "matplotlib", "IPython"} & set(run.stdout.split())


def test_a_report_that_is_open_elsewhere_is_not_mixed_with_another(book, making, monkeypatch):
    moved = []

    def replace(file, place):
        moved.append(file.name)
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    monkeypatch.setattr(Path, "replace", replace)
    said = main([f"--book={book}"])
    assert said == "Close build/lab4.pdf, which another program has open, and make the report again."
    assert moved == ["lab4.pdf"]


def test_the_second_of_two_runs_that_end_together_waits(book, making, tmp_path, monkeypatch):
    (tmp_path / "build").mkdir()
    other = sqlite3.connect(tmp_path / "build" / ".moving", isolation_level=None, check_same_thread=False)
    make = run.make_report

    def make_while_another_moves(*arguments, **parameters):
        make(*arguments, **parameters)
        other.execute("BEGIN EXCLUSIVE")

    monkeypatch.setattr(run, "make_report", make_while_another_moves)
    second = threading.Thread(target=main, args=([f"--book={book}"],))
    second.start()
    second.join(1)
    assert making and not list((tmp_path / "build").glob("lab4.*"))
    other.close()
    second.join(10)
    assert sorted(path.name for path in (tmp_path / "build").glob("lab4.*")) == ["lab4.ipynb", "lab4.pdf"]


def test_the_folder_of_a_killed_run_is_removed_and_that_of_a_living_one_stays(book, making, tmp_path):
    left = tmp_path / "build" / "report-left"
    left.mkdir(parents=True)
    (left / "lab4.ipynb").touch()
    with own_folder(tmp_path / "build") as alive:
        assert main([f"--book={book}"]) == 0
        assert alive.exists() and not left.exists()
    assert [*(tmp_path / "build").glob("report-*")] == []


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (Failed("It can't."), "It can't."),
        (KeyboardInterrupt(), "Interrupted: the last report is as it was."),
        (OSError("The disk is full"), "The report could not be written: The disk is full."),
    ],
)
def test_what_stops_a_run_is_said_and_the_last_report_stays(failure, sentence, book, making, monkeypatch):
    assert main([f"--book={book}"]) == 0

    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(run, "make_report", fail)
    assert main([f"--book={book}"]) == sentence
    files = sorted(file.name for file in (command.ROOT / "build").iterdir())
    assert files == [".moving", "lab4.ipynb", "lab4.pdf"]


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_run_with_one_sentence(name, tmp_path):
    """While the kernel works, which must not go on without the command."""
    house = tmp_path / "house"
    for part in ("lab", "report"):
        shutil.copytree(ROOT / part, house / part)
    shutil.copy(ROOT / "rnn_core.py", house)
    sources = "book = 'book.txt'", "from pathlib import Path", "Path('began').touch()\nwhile True:\n    pass"
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), house / "lab4.ipynb")
    (house / "book.txt").write_text(BOOK, encoding="utf-8")
    words = [sys.executable, "-m", "report"]
    process = subprocess.Popen(
        words,
        cwd=house,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup, if it runs the tests, ignores it
    )
    for _ in range(600):
        if (house / "began").exists():
            break
        time.sleep(0.1)
    process.send_signal(getattr(signal, name))
    assert process.communicate(timeout=60)[0] == "Interrupted: the last report is as it was.\n"
    assert process.returncode == 1 and [file.name for file in (house / "build").iterdir()] == [".moving"]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_report_is_made_with_every_recipe(book, tmp_path, recipe):
    make_report(ROOT / "lab4.ipynb", tmp_path, author="Åsa", book=str(book), recipe=recipe, steps=60, hidden_size=10)
    printed = "".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "lab4.pdf").pages)
    assert "Åsa" in printed and "60 update steps" in printed and "with 10 hidden units" in " ".join(printed.split())
    params, vocab = load_params(tmp_path / "lab4.npz")
    assert len(synthesize(params, vocab, 20)) == 20
    said = "".join(
        output.data.get("text/markdown", "")
        for cell in nbformat.read(tmp_path / "lab4.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
        if "data" in output
    )
    assert ("AdaGrad (Duchi" in said) == recipe.startswith("AdaGrad")
    assert ("Adam (Kingma and Ba 2015) keeps" in said) == (not recipe.startswith("AdaGrad"))


@pytest.mark.slow
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"], ids=["LF", "CR LF"])
def test_a_report_is_made_without_a_locale_whatever_the_kernel_was_called_and_lines_end_in(ends, tmp_path):
    """It is made in a checkout of its own, whose notebook another program has saved under the name of its kernel."""
    house = tmp_path / "a house"
    for name in ("lab", "report"):
        shutil.copytree(ROOT / name, house / name)
    shutil.copy(ROOT / "rnn_core.py", house)
    notebook = nbformat.read(ROOT / "lab4.ipynb", as_version=4)
    notebook.metadata["kernelspec"] = {"name": "conda-env-other-py", "display_name": "Python [conda env:other]"}
    del notebook.metadata["language_info"]
    nbformat.write(notebook, house / "lab4.ipynb")
    (house / "a book.txt").write_text(BOOK, encoding="utf-8", newline="\n")
    for file in house.rglob("*"):
        if file.suffix in (".html", ".ipynb", ".json", ".lua", ".md", ".py", ".svg", ".txt", ".typ"):
            file.write_bytes(file.read_bytes().replace(b"\n", ends))
    environment = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(house)}
    words = ["BOOK=a book.txt", "STEPS=60", "HIDDEN_SIZE=10", "AUTHOR=Åsa"]
    command = [sys.executable, "-m", "report", *words]
    environment = os.environ | environment
    del environment["PYTEST_CURRENT_TEST"]  # where it is set, ipykernel lets what its helpers say pass to the terminal
    made = subprocess.run(command, cwd=house, env=environment, capture_output=True, encoding="utf-8")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("The report is build/lab4.pdf, and its network build/lab4.npz")
    assert "Warning" not in made.stderr
    pages = pypdf.PdfReader(house / "build" / "lab4.pdf").pages
    before, _, after = "".join(page.extract_text() for page in pages).partition("2 The model")
    assert f"{len(BOOK):,} characters" in before and "Åsa" in before and after
