"""Every command in README.md runs: each is taken from its text, and run in a copy of the project with a short book.

A command is a line of a block that is not Python, or a piece of code inside a line that begins with a program's name.
Python is run as it stands.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import mistune
import nbformat
import pypdf
import pytest
from test_project import ROOT, project

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = "make|python3?|pip|pytest|uv|conda|jupyter|git|cd|apt|playwright"
PROGRAM = re.compile(rf"[!%]?(\S*[/\\])?(({PROGRAMS})(?!\S)|\w+\.sh\b)")
# What is run for the commands that match: themselves, or what shows in seconds that they would run. A command that
# matches nothing here is unknown, and fails.
RULES = {
    r"make( (report|test)( .*)?)?": r"\g<0>",
    r"make (long|bench|class)": r"make -n \1",
    r"(uv run )?(\S*/)?python3? -m (report(\.live)?|lab\.\w+)( .*)?": r"\g<0>",
    r"(uv run )?pytest( --nbval lab4.ipynb)?": r"\g<0>",
    r"jupyter nbconvert (--execute )?--to (labreport|html|slides) lab4\.ipynb": r"\g<0>",
    r"make lab|jupyter lab lab4\.ipynb": r"\g<0>",
    # What the other exporters need is fetched from elsewhere
    r"apt install .*|pip install 'nbconvert\[webpdf\]'|playwright install chromium": ":",
    # No conda, and nothing is installed: test_project.py compares the environments
    r"conda env create --file (\S+)": r"test -f \1",
    r"conda activate (\w+)": r"grep -qx 'name: \1' environment.yml",
    r"\S*pip install --editable '\.\[\w+\]'": "extra",
    # Not run here, where there is no Windows: test_project.py compares what make and make.bat run
    r"\.\\make (\w+)( .*)?": "windows",
    # Not run: the address of the repository is not known yet
    r"!git clone .*<.*|%cd \S+": ":",
}


def commands(text):
    """The commands of a Markdown text, in order."""
    for token in tokens(mistune.create_markdown(renderer=None, plugins=["table"])(text)):
        code = token["raw"]
        if token["type"] == "codespan" and PROGRAM.match(code):
            yield " ".join(code.split())
        elif token["type"] == "block_code" and not is_python(code, token.get("attrs", {}).get("info", "")):
            lines = (re.sub(r"(^|\s)(#|rem ).*", "", line.removeprefix("$ ")).strip() for line in code.splitlines())
            yield from filter(None, lines)


def programs(text):
    """The blocks of Python in a Markdown text, in order."""
    for token in tokens(mistune.create_markdown(renderer=None)(text)):
        if token["type"] == "block_code" and is_python(token["raw"], token.get("attrs", {}).get("info", "")):
            yield token["raw"]


def tokens(tree):
    """The pieces of code of a Markdown text, as mistune reads it."""
    for token in tree:
        if token["type"] in ("codespan", "block_code"):
            yield token
        yield from tokens(token.get("children", []))


def is_python(code, language):
    """Whether a block is Python: it says so, or says nothing and is more than a word that could be a command."""
    try:
        words = [isinstance(getattr(node, "value", None), ast.Name) for node in ast.parse(code).body]
    except SyntaxError:
        words = [True]
    return language.startswith("py") or not (language or all(words))


def stand_in(command):
    """What is run for a command, or None for one that is unknown."""
    found = (re.fullmatch(pattern, command) for pattern in RULES)
    return next((match.expand(RULES[match.re.pattern]) for match in found if match), None)


COMMANDS = list(dict.fromkeys(commands(README)))
# What checks a student's own code needs that code: test_gradcheck.py runs it
PYTHON = [program for program in programs(README) if "compute_loss" not in program]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A clone of the project that would take minutes, but for its book and its training, in this environment."""
    house = tmp_path_factory.mktemp("clone")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for file in filter(None, files):
        if (ROOT / file).is_file():
            (house / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, house / file)
    notebook = nbformat.read(house / "lab4.ipynb", as_version=4)
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    for name, value in {"book": '"short.txt"', "steps": 60, "hidden_size": 10}.items():
        cell.source, found = re.subn(rf"^{name} = [^#\n]+", f"{name} = {value}  ", cell.source, flags=re.MULTILINE)
        assert found == 1
    nbformat.write(notebook, house / "lab4.ipynb")
    book = (ROOT / "data" / "the_drowned_bell.txt").read_bytes()[:6000].decode()
    for place in ["short.txt", *re.findall(r"BOOK=(\S+)|--book[ =](\S+)", README)]:
        file = house / (place if isinstance(place, str) else "".join(place))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(book, encoding="utf-8")
    (house / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (house / ".venv" / part.name).symlink_to(part)
    (house / "config").mkdir()
    server = {"ServerApp": {"allow_root": True, "open_browser": False}}
    (house / "config" / "jupyter_server_config.json").write_text(json.dumps(server), encoding="utf-8")
    run(house, "jupyter nbconvert --to notebook --execute --inplace lab4.ipynb", TQDM_DISABLE="1")  # for nbval
    run(house, "git init -q && git add -A && git -c user.name=x -c user.email=x commit -qm x")
    (house / ".venv" / "ready").unlink(missing_ok=True)  # that of this environment stays as it is
    (house / ".venv" / "ready").touch()
    return house


def environment(house, **others):
    path = os.pathsep.join([str(house / ".venv" / "bin"), os.environ["PATH"]])
    own = {"PATH": path, "PYTHONPATH": str(house), "JUPYTER_CONFIG_DIR": str(house / "config")}
    own["UV_PROJECT_ENVIRONMENT"] = str(house / "build" / "uv")  # not this one
    return {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"} | own | others


def run(house, command, **others):
    done = subprocess.run(command, shell=True, cwd=house, env=environment(house, **others), capture_output=True)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-3000:]


def serve(house, command):
    """Run a command until JupyterLab says where it is."""
    with open(house / "build" / "server.log", "w+", encoding="utf-8") as log:
        server = subprocess.Popen(
            command.split(), cwd=house, env=environment(house), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            for _ in range(300):
                if "/lab?token=" in Path(log.name).read_text(encoding="utf-8"):
                    return
                assert server.poll() is None
                time.sleep(0.1)
            pytest.fail("JupyterLab does not start")
        finally:
            server.terminate()
            server.wait(30)


def test_every_command_is_known():
    assert len(COMMANDS) > 5
    assert [command for command in COMMANDS if stand_in(command) is None] == []
    assert [rule for rule in RULES if not any(re.fullmatch(rule, command) for command in COMMANDS)] == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the commands are a POSIX shell's")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_runs_and_leaves_nothing_behind(command, house):
    what, began = stand_in(command), time.time()
    if what == "windows":
        assert f"\n:{command.split()[1]}\n" in (ROOT / "make.bat").read_text(encoding="utf-8")
        what = ":"
    elif what == "extra":
        assert re.search(r"\[(\w+)", command)[1] in project()["optional-dependencies"]
        what = ":"
    elif what.startswith("uv ") and not shutil.which("uv"):
        pytest.skip("there is no uv here")
    elif re.search(r"\blab\b(?!\.)", what):
        (house / "build").mkdir(exist_ok=True)
        return serve(house, what)
    # Of the tests, some of each kind: nbval's and others
    run(house, what, PYTEST_ADDOPTS="-k 'ipynb or test_words'" if "--collect" not in what else "")
    steps = int((re.findall(r"(?i)\bsteps[= ](\d+)", command) or [60])[0])
    for pdf in (pdf for pdf in [house / "lab4.pdf", house / "build" / "lab4.pdf"] if pdf.exists()):
        if pdf.stat().st_mtime > began:
            printed = "".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages)
            assert f"{steps:,} update steps" in printed and "%|" not in printed and "it/s" not in printed
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=house, capture_output=True, check=True
    ).stdout.decode()
    assert "??" not in status


@pytest.mark.slow
@pytest.mark.parametrize("program", PYTHON)
def test_every_program_runs(program, house):
    if "distributed" in program:
        pytest.importorskip("distributed", reason="needs the extra [cluster]")
    (house / "program.py").write_text(program, encoding="utf-8")
    run(house, "python program.py")
    (house / "program.py").unlink()


def test_commands_are_found_in_blocks_and_lines_and_python_is_not_taken_for_one():
    text = (
        "Run `make` or `conda\nactivate x`, see `x.ipynb`, `make.bat`, `--to html`.\n\n    make report  # slow\n\n"
        "and\n\n    from a import b\n\n    c = b()\n\n```sh\n$ pytest\nnonsense --now\n```\n```python\nd e\n```\n"
        "| a | `git pull` |\n|---|---|\n| b | `.\\make test` |\n"
    )
    found = ["make", "conda activate x", "make report", "pytest", "nonsense --now", "git pull", ".\\make test"]
    assert list(commands(text)) == found and list(programs(text)) == ["from a import b\n\nc = b()", "d e\n"]
    assert stand_in("nonsense --now") is None and stand_in("make reprot") is None
