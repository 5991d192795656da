"""A text and a seed for each student."""

import csv
import re
import sys
import zipfile

import nbformat
import numpy as np
import pytest

from classroom import grade, texts
from classroom.build import ROOT, student
from lab import plain
from rnn_core import read_book

BOOK = read_book(ROOT / texts.BOOK)


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory):
    """The folder of a class of two, of whom one has a text from the teacher."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "own.txt").write_text("It was the best of times,\nit was the worst of times.\n" * 40, encoding="utf-8")
    (folder / "list.csv").write_text("student,text\nann,\nbob b.,own.txt\n", encoding="utf-8")
    student(folder / "student", 2)
    texts.write_students(folder, texts.read_list(folder / "list.csv"), "salt")
    return folder


def test_each_student_has_a_seed_that_follows_from_name_and_salt():
    seeds = {texts.seed_of(name, salt) for name in "ab" for salt in "xy"}
    assert len(seeds) == 4 and texts.seed_of("a", "x") in seeds


def test_a_reordered_book_has_the_same_chapters_in_another_order():
    front, *chapters = re.split("(?m)^(?=CHAPTER )", BOOK)
    one, other = (texts.reordered(BOOK, seed) for seed in (1, 2))
    assert one == texts.reordered(BOOK, 1) and len({BOOK, one, other}) == 3 and one.startswith(front)
    assert sorted(re.split("(?m)^(?=CHAPTER )", one)[1:]) == sorted(chapters)
    assert texts.reordered("no chapters", 1) == "no chapters"


def test_the_students_notebook_says_the_losses_that_marking_looks_for(handed_out, tmp_path, monkeypatch):
    zipfile.ZipFile(handed_out / "students" / "ann.zip").extractall(tmp_path)
    cells = {cell.id: cell.source for cell in nbformat.read(tmp_path / "student" / "lab4.ipynb", as_version=4).cells}
    monkeypatch.chdir(tmp_path / "student")
    monkeypatch.setitem(sys.modules, "rnn", plain)
    source = "import rnn\n" + "\n".join(cells[name] for name in ("parameters", "read", "first-network", "train"))
    said, names = [], {"np": np, "read_book": read_book, "Vocabulary": texts.Vocabulary, "SimpleNamespace": dict}
    exec(source.replace("steps = None", "steps = 12"), names)
    exec(cells["loss-says"], names | {"say": lambda *sentences: said.extend(sentences)})
    with open(handed_out / "teacher" / "students.csv", encoding="utf-8") as table:
        ann, bob = csv.DictReader(table)
    assert ann["report says"] == said[-1] != bob["report says"] and ann["student"] == "ann"
    assert said[-1].count(".") == 6 and int(ann["seed"]) == names["seed"]


def test_a_teachers_text_is_handed_out_and_no_other(handed_out):
    with zipfile.ZipFile(handed_out / "students" / "bob b..zip") as archive:
        assert [name for name in archive.namelist() if "data/" in name] == ["student/data/book.txt"]
        assert archive.read("student/data/book.txt").startswith(b"It was the best")
        assert {"student/rnn.py", "student/Makefile", "student/checks.py"} < set(archive.namelist())


def test_marking_finds_the_sentence_of_a_students_own_text(handed_out, tmp_path, capsys):
    with open(handed_out / "teacher" / "students.csv", encoding="utf-8") as table:
        ann, _ = (row["report says"] for row in csv.DictReader(table))
    output = nbformat.v4.new_output("display_data", {"text/markdown": f"The smooth loss falls. {ann}"})
    shown = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])])
    for name in ("ann", "bob b.", "eve"):
        (tmp_path / "handed" / name).mkdir(parents=True)
        nbformat.write(shown, tmp_path / "handed" / name / "lab4.ipynb")
    students = ["--students", str(handed_out / "teacher" / "students.csv")]
    grade.main([str(tmp_path / "handed"), *students, "--level", "1", "--out", str(tmp_path / "marks")])
    rows = csv.DictReader((tmp_path / "marks" / "marks.csv").read_text(encoding="utf-8").splitlines())
    assert [(row["student"], row["own text"]) for row in rows] == [
        ("ann", "yes"), ("bob b.", "not shown"), ("eve", "not listed"),
    ]  # fmt: skip
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    assert not grade.says(tmp_path / "broken.zip", ann)


@pytest.mark.parametrize(
    "lines", ["name\nann\n", "student\n../ann\n", "student\n''\n", "student,text\nann,nowhere.txt\n"]
)
def test_a_list_that_cannot_be_used_is_refused_before_anything_is_built(tmp_path, lines):
    (tmp_path / "list.csv").write_text(lines, encoding="utf-8")
    with pytest.raises((ValueError, OSError), match=r"list\.csv: each line needs a `student`|nowhere\.txt"):
        texts.read_list(tmp_path / "list.csv")
