"""A text and a seed for each student, so that no two reports show the same: `make class STUDENTS=list.csv`.

The list has a column `student` and, if the texts are not to be drawn from the shipped book, a column `text` with their
files. Marking only has to find one sentence of the report: the first losses follow from the text and the seed.
"""

import csv
import hashlib
import io
import re

import numpy as np

from classroom.build import ROOT, contents, write_archive, write_text
from lab import plain
from rnn_core import Vocabulary, read_book

BOOK = "data/the_drowned_bell.txt"


def seed_of(student, salt):
    """A student's seed: a number that follows from the name and the salt."""
    return int.from_bytes(hashlib.sha256(f"{salt}\n{student}".encode()).digest()[:4], "big")


def reordered(text, seed):
    """A book with its chapters in another order; what stands before the first one stays there."""
    front, *chapters = re.split(r"(?m)^(?=CHAPTER )", text)
    return front + "".join(chapters[n] for n in np.random.default_rng(seed).permutation(len(chapters)))


def first_losses(text, seed):
    """What the students' report says of a text and a seed, if their functions are right.

    Parameters
    ----------
    text : str
    seed : int

    Returns
    -------
    str
        A sentence with the losses of the first five steps. They are the same for right code that adds up in another
        order, to less than 1e-8 for 30 seeds; the tenth loss may differ by 1e-4.
    """
    vocab, rng, m = Vocabulary(text), np.random.default_rng(seed), 100
    weights = [rng.normal(0, 0.01, shape) for shape in ((m, m), (m, vocab.size), (vocab.size, m))]
    ids = vocab.encode(text[:1000]).astype(int)
    losses, *_ = plain.train([*weights, np.zeros(m), np.zeros(vocab.size)], ids, 5, rng, length=1)
    return f"The first five losses are {', '.join(f'{L:.2f}' for L in losses)}."


def read_list(path):
    """The students of a list, each with the teacher's text for them, or None.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to str or None

    Raises
    ------
    ValueError, OSError
        It has no column `student`, a name in it can't be that of a file, or a text can't be read; the message says so.
    """
    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    for row in rows:
        if not re.fullmatch(r"[\w@+-][\w@+. -]*", row.get("student") or ""):
            raise ValueError(f"{path}: each line needs a `student` whose name can be that of a file, unlike {row}.")
    return {row["student"]: read_book(path.parent / row["text"]) if row.get("text") else None for row in rows}


def write_students(folder, students, salt):
    """Write students/NAME.zip for each student, from the edition in student/, and teacher/students.csv.

    Parameters
    ----------
    folder : Path
        Where `classroom.build.build` has written both editions.
    students : dict of str to str or None
        As `read_list` returns it.
    salt : str
    """
    shared, table = contents(folder / "student"), io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["student", "seed", "report says"])
    for student, given in students.items():
        seed = seed_of(student, salt)
        text = given or reordered(read_book(ROOT / BOOK), seed)
        own = {name: data for name, data in shared.items() if name != BOOK} | {"data/book.txt": text.encode()}
        for old, new in ((BOOK, "data/book.txt"), ("seed = 0", f"seed = {seed}")):
            own["lab4.ipynb"] = own["lab4.ipynb"].replace(old.encode(), new.encode())
        write_archive(folder / "students" / f"{student}.zip", {f"student/{name}": own[name] for name in sorted(own)})
        rows.writerow([student, seed, first_losses(text, seed)])
    write_text(folder / "teacher" / "students.csv", table.getvalue())
