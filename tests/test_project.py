"""The project: the book is what its README says, and the dependency lists agree."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

import rnn_core as rnn
from lab.words import words

ROOT = Path(__file__).parent.parent
SHOWING = ["figures", "live", "parameters", "say", "show", "tables"]  # the part of report/ that the notebook uses


def requirement_names(lines):
    """The names of requirements such as "numpy>=2.0", as pip normalises them."""
    return {re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower() for line in lines}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements():
    """What the project needs, and its developers."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return project()["dependencies"] + groups["dev"]


def test_the_conda_environment_names_the_same_packages_as_pyproject():
    lines = re.findall(r"^\s+- ([^:\n]+)$", (ROOT / "environment.yml").read_text(encoding="utf-8"), re.MULTILINE)
    packages = [line for line in lines if not re.match(r"conda-forge|python=|pip$|--editable", line)]
    assert sorted(packages) == sorted(requirements())


def test_binder_finds_the_version_of_python_in_the_conda_environment():
    """Its repo2docker takes 3.10 where it finds none after a single `=`."""
    environment = (ROOT / "environment.yml").read_text(encoding="utf-8")
    version = re.search(r"^  - python=(\d+)\.(\d+)$", environment, re.MULTILINE)
    least = re.fullmatch(r">=(\d+)\.(\d+)", project()["requires-python"])
    assert [*map(int, version.groups())] >= [*map(int, least.groups())]


def test_the_lock_pins_every_dependency_with_hashes():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w.-]+)==\S+.*\\\n    --hash=sha256:", lock, re.MULTILINE)
    assert requirement_names(requirements()) <= requirement_names(pinned)
    assert len(pinned) == len(re.findall(r"^\w", lock, re.MULTILINE))


def test_the_lock_is_for_windows_and_macos_too():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.search("^#.* uv pip compile --universal .*--generate-hashes", lock, re.MULTILINE)
    for name, system in {"colorama": "sys_platform == 'win32'", "pywinpty": "os_name == 'nt'"}.items():
        assert re.search(rf"^{name}==\S+ ; {system}", lock, re.MULTILINE)


def commands(recipe):
    """What a recipe of the Makefile or of make.bat runs of the environment, whatever the two call its folder."""
    lines = recipe.replace("%BIN%\\", "$(BIN)/").replace("|| goto end", "").replace("&&", "\n")
    return [line.strip() for line in re.findall(r"\$\(BIN\)/(.*)", lines)]


@pytest.mark.parametrize("name", ["ready", "report", "test", "quick", "lab"])
def test_windows_runs_the_same_commands_as_the_makefile(name):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    style = re.search("^STYLE = (.*)", makefile, re.MULTILINE)[1]
    recipe = re.search(rf"^(?:\.venv/)?{name}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)[1].replace("$(STYLE)", style)
    recipe = recipe.replace(" $(AS_ROOT)", "")  # of which Windows knows nothing
    batch = (ROOT / "make.bat").read_text(encoding="utf-8")
    label = re.search(rf"^:{name}\n(.*?)(?=^:|\Z)", batch, re.MULTILINE | re.DOTALL)[1]
    arguments = re.compile(r"(-m report) .*")  # of the first, as make knows them; of the second, as they were typed
    ours, theirs = ([arguments.sub(r"\1", line) for line in commands(text)] for text in (recipe, label))
    assert theirs == ours != []


@pytest.mark.skipif(not shutil.which("git"), reason="there is no git here")
def test_git_ignores_other_books_and_what_a_run_makes_and_nothing_of_the_project(tmp_path):
    shutil.copy(ROOT / ".gitignore", tmp_path)
    own = ["data/the_drowned_bell.txt", "data/README.md", "lab4.ipynb", "lab/measured/best.npz", "report/lab4.pdf"]
    made = ["data/diary.txt", "data/more/a b.md", "build/lab4.pdf", "my.npz", "my.npz.checkpoint", "lab4.html"]
    made += ["lab/.ipynb_checkpoints/lab4-checkpoint.ipynb", "dist/lab4.whl", "goblet_book.txt"]
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    words = ["git", "check-ignore", "--no-index", *own, *made]
    ignored = subprocess.run(words, cwd=tmp_path, capture_output=True, check=True, encoding="utf-8").stdout
    assert ignored.splitlines() == made


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")
def test_clean_removes_what_jupyter_has_left_in_any_folder(tmp_path):
    for folder in ("data/a b/.ipynb_checkpoints", "build", "lab"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", tmp_path)
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["Makefile", "a b", "data", "lab"]


def test_a_batch_file_has_the_line_ends_in_which_windows_finds_its_labels():
    assert "*.bat text eol=crlf" in (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()


def test_a_codespace_runs_the_command_that_makes_the_environment():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    target = container["postCreateCommand"].removeprefix("make ")
    assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    python = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert python == f"${{containerWorkspaceFolder}}/{target.replace('ready', 'bin/python')}"
    assert (ROOT / container["customizations"]["codespaces"]["openFiles"][0]).is_file()


def test_the_notebook_runs_where_only_what_colab_has_is_installed():
    """There, a clone and `%cd` are all it needs; PyTorch is used if it is there."""
    paths = [ROOT / "rnn_core.py", *ROOT.glob("lab/**/*.py"), *(ROOT / "report" / f"{name}.py" for name in SHOWING)]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    cells = [cell for cell in nbformat.read(ROOT / "lab4.ipynb", as_version=4).cells if cell.cell_type == "code"]
    imported = set()
    for node in ast.walk(ast.parse("\n".join([*sources, *(cell.source for cell in cells)]))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add(node.module.partition(".")[0])
    others = imported - sys.stdlib_module_names - {"rnn_core", "lab", "report"}
    assert others <= {
        "IPython",
        "joblib",
        "matplotlib",
        "mistune",
        "numpy",
        "PIL",
        "pygments",
        "threadpoolctl",
        "torch",
        "tqdm",
    }


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


def test_what_is_imported_is_declared():
    """No import relies on another package to bring it, except in an extra or through Jupyter's own code."""
    called = {"beautifulsoup4": "bs4", "pillow": "pil", "pypandoc-binary": "pypandoc", "ipython": "ipython"}
    declared = {called.get(name, name.replace("-", "_")) for name in requirement_names(project()["dependencies"])}
    optional = {"torch", "jax", "numba", "distributed", "playwright"}
    imported = set()
    for path in [ROOT / "rnn_core.py", *ROOT.glob("lab/**/*.py"), *ROOT.glob("report/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.partition(".")[0])
    others = {name.lower() for name in imported - sys.stdlib_module_names - {"rnn_core", "lab", "report"}}
    assert others - optional <= declared
