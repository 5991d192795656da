"""The project: the book is what its README says, and the dependency lists agree."""

import re
import tomllib
from pathlib import Path

import nbformat

import rnn_core as rnn
from lab.words import words

ROOT = Path(__file__).parent.parent


def requirement_names(lines):
    """The names of requirements such as "numpy>=2.0", as pip normalises them."""
    return {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower() for line in lines}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_conda_environment_names_the_same_packages_as_pyproject():
    lines = re.findall(r"^\s+- ([^:\n]+)$", (ROOT / "environment.yml").read_text(encoding="utf-8"), re.MULTILINE)
    packages = [line for line in lines if not re.match(r"conda-forge|python>|pip$|--editable", line)]
    assert sorted(packages) == sorted(project()["dependencies"])


def test_the_lock_pins_every_dependency_with_hashes():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w.-]+)==\S+.*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert requirement_names(project()["dependencies"]) <= requirement_names(pinned)
    assert len(pinned) == len(re.findall(r"^\w", lock, re.MULTILINE))


def test_the_book_is_what_its_readme_says():
    text = rnn.read_book(ROOT / "data" / "the_drowned_bell.txt")
    found = list(words(text))
    numbers = [len(text), len(set(text)), len(found), len({word.lower() for word in found})]
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    stated = re.findall(r"([\d,]+), of which ([\d,]+) different", readme)
    assert [int(n.replace(",", "")) for pair in stated for n in pair] == numbers


def test_the_notebook_was_run_once_from_top_to_bottom_and_keeps_no_log_of_it():
    cells = [cell for cell in nbformat.read(ROOT / "lab4.ipynb", as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [cell for cell in cells if "execution" in cell.metadata]  # when each cell began and ended
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
