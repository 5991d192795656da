"""The sources for otter-grader and nbgrader; the slow tests build and mark with both."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from versions import BACKWARD, FORWARD

from classroom.build import key
from classroom.formats import FORMATS, functions, nbgrader, otter
from classroom.tasks import POINTS


def test_the_head_and_the_body_of_a_function_are_the_whole_of_it():
    for name, (head, body) in functions().items():
        assert f"{head}\n{body}" in key() and head.startswith(f"def {name}(") and head.endswith('"""')


@pytest.mark.parametrize("level", [1, 2])
def test_both_sources_are_notebooks_with_the_points_of_the_machine(tmp_path, level):
    nbgrader(tmp_path / "n", level)
    cells = nbformat.read(tmp_path / "n" / "source" / "lab4" / "lab4.ipynb", as_version=4).cells
    assert sum(cell.metadata.nbgrader.get("points", 0) for cell in cells) == pytest.approx(28)
    solutions = [cell.metadata.nbgrader.grade_id for cell in cells if cell.metadata.nbgrader.solution]
    assert solutions == (["backward"] if level == 1 else list(POINTS))
    otter(tmp_path / "o", level)
    text = "\n".join(cell.source for cell in nbformat.read(tmp_path / "o" / "master.ipynb", as_version=4).cells)
    assert text.count("# BEGIN QUESTION") == text.count("# END TESTS") == len(solutions)
    assert text.count("# BEGIN SOLUTION") == 2 * len(solutions) and (tmp_path / "o" / "checks.py").exists()


def hand_in(release, path, **answers):
    """Write a release notebook with these functions filled in."""
    made = nbformat.read(release, as_version=4)
    for cell in made.cells:
        for name, source in answers.items():
            if cell.source.startswith(f"def {name}("):
                cell.source = source
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, path)


def answers():
    """What three students hand in: all right, W transposed in forward, and nothing."""
    right = {name: "\n".join(functions()[name]) for name in POINTS}
    ((old, new),) = FORWARD["W transposed"]
    ((old_carry, _),) = BACKWARD["nothing carried"]
    return {
        "right": right,
        "mistaken": right
        | {"forward": right["forward"].replace(old, new), "backward": right["backward"].replace(old_carry, "")},
        "blank": {},
    }


def run(program, *words, cwd):
    """Run one of the graders' programs, which need be on the PATH only."""
    done = subprocess.run([program, *words], cwd=cwd, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nbgrader"), reason="needs pip install --editable '.[classroom]'")
def test_nbgrader_builds_and_marks(tmp_path):
    nbgrader(tmp_path, level=2)
    run("nbgrader", "generate_assignment", "lab4", "--create", cwd=tmp_path)
    release = tmp_path / "release" / "lab4" / "lab4.ipynb"
    assert "SOLUTION" not in release.read_text(encoding="utf-8") and "delta_t" not in release.read_text(
        encoding="utf-8"
    )
    for student, written in answers().items():
        hand_in(release, tmp_path / "submitted" / student / "lab4" / "lab4.ipynb", **written)
    run("nbgrader", "autograde", "lab4", "--create", cwd=tmp_path)
    run("nbgrader", "export", cwd=tmp_path)
    rows = [line.split(",") for line in (tmp_path / "grades.csv").read_text(encoding="utf-8").splitlines()]
    marks = {row[rows[0].index("student_id")]: float(row[rows[0].index("raw_score")]) for row in rows[1:]}
    assert marks["right"] == 28 and marks["blank"] == 0 and 0 < marks["mistaken"] < 28


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("otter"), reason="needs pip install --editable '.[classroom]'")
def test_otter_builds_and_marks(tmp_path):
    otter(tmp_path, level=2)
    run("otter", "assign", "master.ipynb", "dist", "--no-run-tests", cwd=tmp_path)
    release = tmp_path / "dist" / "student" / "master.ipynb"
    assert "delta_t" not in release.read_text(encoding="utf-8")
    (archive,) = (tmp_path / "dist" / "autograder").glob("*.zip")
    for student, written in answers().items():
        hand_in(release, tmp_path / student / "master.ipynb", **written)
        run(
            "otter",
            "run",
            "-a",
            str(archive),
            "-o",
            str(tmp_path / student),
            str(tmp_path / student / "master.ipynb"),
            cwd=tmp_path,
        )
    marks = {name: sum(test.get("score", 0) for test in _results(tmp_path / name)) for name in answers()}
    assert marks["right"] == 28 and marks["blank"] == 0 and 0 < marks["mistaken"] < 28


def _results(folder):
    return json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))["tests"]


def test_each_format_has_its_tests_here():
    assert list(FORMATS) == ["otter", "nbgrader"]
