"""Both editions: what is cut, what is copied, and that no answer is left in the students'."""

import ast
import inspect
import re
import subprocess
import sys

import nbformat
import pytest
from pypdf import PdfReader

from classroom.build import ROOT, build, contents, cut, excerpt, key, notebook, student
from classroom.tasks import LEVELS, POINTS
from report import figures, show, tables


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    """The students' edition, built once."""
    folder = tmp_path_factory.mktemp("class") / "student"
    student(folder, level=2)
    return folder


def statements(source):
    """Every statement of a source, within functions and loops, too, in one spelling; without docstrings."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and not isinstance(getattr(node, "value", None), ast.Constant):
            yield ast.unparse(node)


def bodies(level):
    """The statements of the functions that are to be written at a level, but for those of the functions given."""
    hidden, given = set(), set()
    for node in ast.parse(key()).body:
        if isinstance(node, ast.FunctionDef):
            found = hidden if node.name in LEVELS[level] else given
            found.update(statements("\n".join(map(ast.unparse, node.body))))
    return hidden - given


def answers(folder, level):
    """Where a statement of the answer stands: in code by its syntax tree, and anywhere letter by letter."""
    hidden = bodies(level)
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in (".txt", ".lock"):
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            yield from ((path.name, found) for found in hidden & set(statements(text)))
        bare = re.sub(r"\s|\\n", "", text)
        long = (statement for statement in hidden if len(re.sub(r"\s", "", statement)) > 20)
        yield from ((path.name, found) for found in long if re.sub(r"\s", "", found) in bare)


def test_a_body_is_cut_after_its_docstring_and_nothing_else_is():
    source = 'A = 1\n\n\ndef f(x):\n    """Say\n    it."""\n    return x  # so\n\n\ndef g():\n    return 2\n'
    assert cut(source, ["f"]) == source.replace("return x  # so", "raise NotImplementedError")
    assert cut(source, ["g"]) == source.replace("return 2", "raise NotImplementedError")


def test_an_excerpt_has_what_its_functions_use_and_no_more():
    source = (
        "import os\nimport numpy as np\nfrom a import b, c\n\nSIZE, OTHER = 3, 4\n\n"
        "def f():\n    return g(SIZE)\n\n@b\ndef g(n):\n    # why\n    return np.ones(n)\n\ndef h():\n    return c\n"
    )
    assert excerpt(source, ["f"]) == (
        "import numpy as np\nfrom a import b\n\n\nSIZE, OTHER = 3, 4\n\n\ndef f():\n    return g(SIZE)\n\n\n"
        "@b\ndef g(n):\n    # why\n    return np.ones(n)\n"
    )


@pytest.mark.parametrize("level", LEVELS)
def test_no_statement_of_the_answer_stands_in_the_students_edition(tmp_path, level):
    student(tmp_path / "student", level)
    assert not list(answers(tmp_path / "student", level))


def test_an_answer_that_leaked_would_be_found(edition, tmp_path):
    student(tmp_path / "leaky", level=2)
    leaky = tmp_path / "leaky" / "lab4.ipynb"
    made = nbformat.read(leaky, as_version=4)
    made.cells[-1].metadata["note"] = "delta_t = (V.T @ g_t + W.T @ delta_t) * (1 - h[t] ** 2)"
    nbformat.write(made, leaky)
    with open(tmp_path / "leaky" / "book.py", "a", encoding="utf-8") as book:
        book.write("\n\ndef f(t):\n    for t in t:\n        h[t]  =  np.tanh( a_t )\n")
    assert {name for name, _ in answers(tmp_path / "leaky", 2)} == {"lab4.ipynb", "book.py"}


def test_the_students_notebook_has_no_outputs_and_names_the_points():
    for level in LEVELS:
        made = notebook(level)
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in made.cells)
        (how,) = (cell.source for cell in made.cells if cell.id == "how")
        assert all((f"`{task}`" in how) == (task in LEVELS[level]) for task in POINTS)
    assert "`backward` 28 points" in "".join(cell.source for cell in notebook(1).cells)


@pytest.mark.parametrize("path", ["lab4.ipynb", "classroom/lab4.ipynb"])
def test_a_notebook_calls_what_shows_with_the_arguments_that_it_takes(path):
    modules = {"figures": figures, "show": show, "tables": tables}
    cells = nbformat.read(ROOT / path, as_version=4).cells
    source = "\n".join(re.sub("(?m)^%.*", "", cell.source) for cell in cells if cell.cell_type == "code")
    for call in ast.walk(ast.parse(source)):
        match call:
            case ast.Call(func=ast.Attribute(ast.Name(module), name)) if module in modules:
                given = {keyword.arg: keyword.value for keyword in call.keywords}
                inspect.signature(getattr(modules[module], name)).bind(*call.args, **given)


def test_the_untouched_edition_earns_nothing_and_is_told_so(edition):
    done = subprocess.run([sys.executable, "-m", "checks"], cwd=edition, capture_output=True, text=True, check=True)
    assert [line.partition(".")[0] for line in done.stdout.splitlines()] == [
        f"{task}: 0 of {points} points" for task, points in POINTS.items()
    ]
    assert "forward is not written yet" in done.stdout


def test_the_key_earns_all_in_the_students_edition_at_both_levels(tmp_path):
    for level in LEVELS:
        student(tmp_path / str(level), level)
        (tmp_path / str(level) / "rnn.py").write_text(key(), encoding="utf-8")
        command = [sys.executable, "-m", "checks"]
        done = subprocess.run(command, cwd=tmp_path / str(level), capture_output=True, text=True, check=True)
        shares = re.findall(r"([\d.]+) of ([\d.]+) points", done.stdout)
        assert len(shares) == len(LEVELS[level]) and all(got == full for got, full in shares)
        assert sum(float(full) for _, full in shares) == 28


def test_the_students_edition_is_the_same_each_time(edition, tmp_path):
    student(tmp_path / "again", level=2)
    assert contents(tmp_path / "again") == contents(edition)


@pytest.mark.slow
def test_both_editions_are_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        build(tmp_path / name, level=2, steps=300)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.slow
@pytest.mark.parametrize("written", [None, "backward", "all"])
def test_the_students_report_exports_whatever_is_written(tmp_path, written):
    student(tmp_path / "student", level=2)
    source = {None: key(2), "backward": cut(key(), ["backward"]), "all": key()}[written]
    (tmp_path / "student" / "rnn.py").write_text(source, encoding="utf-8")
    made = nbformat.read(tmp_path / "student" / "lab4.ipynb", as_version=4)
    for cell in made.cells:
        cell.source = cell.source.replace("steps = None", "steps = 300")
    nbformat.write(made, tmp_path / "student" / "lab4.ipynb")
    recipe = re.search("python (-m nbconvert .*)", (tmp_path / "student" / "Makefile").read_text(encoding="utf-8"))
    done = subprocess.run(
        [sys.executable, *recipe[1].split()], cwd=tmp_path / "student", check=True, capture_output=True, text=True
    )
    assert "WARNING" not in done.stderr
    pages = PdfReader(tmp_path / "student" / "build" / "lab4.pdf").pages
    text = "\n".join(page.extract_text() for page in pages)
    assert "9 What this does not show" in text and ("NotImplementedError" in text) == (written != "all")
    assert "forward: 0 of 6" in text if written is None else "forward: 6 of 6" in text
