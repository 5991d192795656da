"""The sources for otter-grader and nbgrader; the slow tests build and mark with both."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from versions import BACKWARD, FORWARD

from classroom.build import key
from classroom.formats import FORMATS, functions, gradescope, nbgrader, otter
from classroom.tasks import POINTS


def test_the_head_and_the_body_of_a_function_are_the_whole_of_it():
    for name, (head, body) in functions().items():
        assert f"{head}\n{body}" in key() and head.startswith(f"def {name}(") and head.endswith('"""')


@pytest.mark.parametrize("level", [1, 2])
def test_both_sources_are_notebooks_with_the_points_of_the_machine(tmp_path, level):
    nbgrader(tmp_path / "n", level, "")
    cells = nbformat.read(tmp_path / "n" / "source" / "lab4" / "lab4.ipynb", as_version=4).cells
    assert sum(cell.metadata.nbgrader.get("points", 0) for cell in cells) == pytest.approx(28)
    solutions = [cell.metadata.nbgrader.grade_id for cell in cells if cell.metadata.nbgrader.solution]
    assert solutions == (["backward"] if level == 1 else list(POINTS))
    otter(tmp_path / "o", level, "")
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
    """Run a program that need be on the PATH only."""
    done = subprocess.run([program, *words], cwd=cwd, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nbgrader"), reason="needs pip install --editable '.[classroom]'")
def test_nbgrader_builds_and_marks(tmp_path):
    nbgrader(tmp_path, 2, "")
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
    otter(tmp_path, 2, "")
    run("otter", "assign", "master.ipynb", "dist", "--no-run-tests", cwd=tmp_path)
    release = tmp_path / "dist" / "student" / "master.ipynb"
    assert "delta_t" not in release.read_text(encoding="utf-8")
    (archive,) = (tmp_path / "dist" / "autograder").glob("*.zip")
    for student, written in answers().items():
        hand_in(release, tmp_path / student / "master.ipynb", **written)
        run("otter", "run", "-a", archive, "-o", tmp_path / student, f"{student}/master.ipynb", cwd=tmp_path)
    marks = {name: sum(test.get("score", 0) for test in _results(tmp_path / name)) for name in answers()}
    assert marks["right"] == 28 and marks["blank"] == 0 and 0 < marks["mistaken"] < 28


@pytest.mark.skipif(os.name == "nt", reason="Gradescope's machines run Linux")
def test_gradescopes_autograder_marks_by_itself(tmp_path):
    gradescope(tmp_path, 1, "it's $salt")
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        archive.extractall(tmp_path / "source")
    assert {"setup.sh", "requirements.lock"} < set(os.listdir(tmp_path / "source"))
    for name in ("results", "submission", "venv/bin"):
        (tmp_path / name).mkdir(parents=True)
    shim = tmp_path / "venv" / "bin" / "python"  # in the place of the environment that setup.sh makes
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    (tmp_path / "submission" / "rnn.py").write_text(key(), encoding="utf-8")
    script = (tmp_path / "source" / "run_autograder").read_text(encoding="utf-8")
    assert "--salt 'it'\"'\"'s $salt'" in script
    run("bash", "-c", script.replace("/autograder", str(tmp_path)), cwd=tmp_path)
    assert _results(tmp_path / "results") == [
        {"name": "backward", "score": 28, "max_score": 28, "output": "backward: 28 of 28 points."}
    ]


def test_gradescopes_archive_is_the_same_each_time_and_its_scripts_may_be_run(tmp_path):
    for name in "ab":
        gradescope(tmp_path / name, 2, "")
    one, other = ((tmp_path / name / "autograder.zip").read_bytes() for name in "ab")
    assert one == other
    with zipfile.ZipFile(tmp_path / "a" / "autograder.zip") as archive:
        assert archive.getinfo("run_autograder").external_attr >> 16 & 0o111
        assert not [name for name in archive.namelist() if "build" in name or "lab4" in name]


def _results(folder):
    return json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))["tests"]


def test_each_format_has_its_tests_here():
    assert list(FORMATS) == ["otter", "nbgrader", "gradescope"]
