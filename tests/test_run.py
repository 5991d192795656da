"""The run of `python -m report`: any notebook that is this one, and one sentence where it fails."""

import io
import json
import os
import re
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_project import ROOT

from report import run
from report.parameters import parameter_cells
from report.run import Failed, make_report, read_notebook

SHIPPED = json.loads((ROOT / "lab4.ipynb").read_text(encoding="utf-8"))


@pytest.fixture
def written(tmp_path):
    """A function that writes a notebook of some sources of code."""

    def write(*sources, **metadata):
        cells = [new_code_cell(source, metadata=metadata) for source in sources]
        nbformat.write(new_notebook(cells=[new_markdown_cell("# A title"), *cells]), tmp_path / "lab4.ipynb")
        return tmp_path / "lab4.ipynb"

    return write


@pytest.fixture
def exported(monkeypatch):
    """The notebooks that are exported, in place of their PDFs."""
    notebooks = []
    monkeypatch.setattr(run, "export", lambda notebook, folder, author: notebooks.append(notebook) or b"PDF")
    return notebooks


def saved_by(program):
    """The notebook as other programs save it."""
    notebook = json.loads(json.dumps(SHIPPED))
    notebook["metadata"] = {
        "Colab": {"colab": {"provenance": []}, "kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "VS Code": {"kernelspec": {"name": "venv", "display_name": ".venv"}, "language_info": {"name": "python"}},
        "Deepnote": {"deepnote": {}, "deepnote_notebook_id": "0"},
        "jupytext": {"jupytext": {"formats": "ipynb,py:percent"}},
        "an old Jupyter": {"kernelspec": {"name": "python2", "display_name": "Python 2"}},
    }[program]
    notebook["nbformat_minor"] = {"Colab": 0, "an old Jupyter": 4}.get(program, 5)
    for cell in notebook["cells"]:
        if program == "VS Code":
            cell["metadata"]["vscode"] = {"languageId": "python"}
        elif program == "Deepnote":
            cell["metadata"] |= {"deepnote_cell_type": cell["cell_type"], "cell_id": cell.pop("id")}
        else:
            cell["metadata"]["id"] = cell.pop("id")
        if program == "jupytext":
            cell["source"] = "".join(cell["source"])
    return notebook


@pytest.mark.parametrize("program", ["Colab", "VS Code", "Deepnote", "jupytext", "an old Jupyter"])
def test_the_notebook_may_have_been_saved_by_any_program(program, tmp_path, recwarn):
    (tmp_path / "lab4.ipynb").write_text(json.dumps(saved_by(program)), encoding="utf-8")
    notebook = read_notebook(tmp_path / "lab4.ipynb")
    assert [cell.source for cell in notebook.cells] == ["".join(cell["source"]) for cell in SHIPPED["cells"]]
    assert all(cell.id for cell in notebook.cells) and notebook.metadata.kernelspec.name == "python3"
    assert len(parameter_cells(notebook.cells)) == 1 and not [*recwarn]


@pytest.mark.parametrize("content", ["{}", "[]", "null", '{"nbformat": 4, "nbformat_minor": 5}', "<<<<<<< HEAD"])
def test_a_file_that_is_not_a_notebook_is_named_in_one_sentence(content, tmp_path):
    (tmp_path / "lab4.ipynb").write_text(content, encoding="utf-8")
    with pytest.raises(Failed, match=r"^lab4\.ipynb is not a notebook: [^\n]+$"):
        read_notebook(tmp_path / "lab4.ipynb")


@pytest.mark.parametrize("tags", [["parameters"], []], ids=["tagged", "not tagged"])
def test_what_the_command_line_says_holds_after_each_cell_that_states_it(tags, written, exported, tmp_path):
    notebook = written("book, seed = 'b', 1 + 1", "seed = seed", "print(book, seed, end='')", tags=tags)
    make_report(notebook, tmp_path, book="it's")
    (made,) = exported
    injected = [cell for cell in made.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    assert [cell.source for cell in injected] == ['book = "it\'s"'] * (3 if tags else 1)
    assert made.cells[-2 if tags else -1].outputs[0].text == "it's 2"
    assert nbformat.read(tmp_path / "lab4.ipynb", as_version=4) == made


def test_without_a_cell_that_sets_parameters_none_can_be_given(written, exported, tmp_path):
    with pytest.raises(Failed, match=r"^No cell of the notebook sets its parameters, so seed can't be set:"):
        make_report(written("1"), tmp_path, seed=3)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("epochs = N", r"Code cell 2 of the notebook \('epochs = N'\) failed\. NameError: name 'N' is not defined"),
        ("\n%nothing\n1", r"Code cell 2 of the notebook \('%nothing'\) failed\. UsageError: .*"),
        ("import os; os._exit(3)", r"Code cell 2 of the notebook \('import.*'\) ended the kernel: .*"),
    ],
)
def test_a_cell_that_fails_is_named_by_its_number_and_first_line(source, sentence, written, exported, tmp_path):
    with pytest.raises(Failed) as failure:
        make_report(written("book = 'b'", source), tmp_path, book="c")
    assert re.fullmatch(sentence, str(failure.value)) and not exported


HELPER = """import signal, sys
for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, signal.SIG_IGN)
print("ready", flush=True)
sys.stdin.read()  # until the kernel ends
open("cleaned", "w")
"""


def test_a_helper_of_the_kernel_that_outlives_it_may_clean_up(written, exported, tmp_path):
    start = f"process = Popen([sys.executable, '-c', {HELPER!r}], stdin=PIPE, stdout=PIPE)\nprocess.stdout.readline()"
    make_report(written(f"import sys\nfrom subprocess import PIPE, Popen\n{start}"), tmp_path)
    deadline = time.monotonic() + 10
    while not (tmp_path / "cleaned").exists():
        assert time.monotonic() < deadline, "It was killed."
        time.sleep(0.05)


def test_a_kernel_that_does_not_start_is_said_in_one_sentence(written, exported, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # where there is no Python
    with pytest.raises(Failed, match=r"^Jupyter could not start a kernel: .*\.$"):
        make_report(written("1"), tmp_path)


@pytest.mark.parametrize("terminal", [True, False])
def test_in_a_terminal_and_only_there_a_bar_over_the_cells_shows_the_section(
    terminal, written, exported, tmp_path, monkeypatch
):
    class Screen(io.StringIO):
        def isatty(self):
            return terminal

    screen = Screen()
    monkeypatch.setenv("TQDM_DISABLE", "")
    monkeypatch.setattr(sys, "stdout", screen)
    make_report(written("import os\nprint(os.environ['TQDM_DISABLE'], os.environ['LAB4_BUILD'])"), tmp_path)
    assert exported[0].cells[-1].outputs[0].text == f"1 {tmp_path}\n" and os.environ["TQDM_DISABLE"] == ""
    states = re.split("\r+", screen.getvalue())
    assert any(re.match(r"A title:.*\b[01]/2 ", state) for state in states) == terminal and not states[-1].strip()


def test_what_the_exporter_warns_of_reaches_the_person(written, tmp_path, capsys):
    make_report(written("print('\U0010fffd')", tags=["parameters"]), tmp_path, author="Me")
    assert re.search(r"^Warning: .*no font.*\U0010fffd", capsys.readouterr().err, re.MULTILINE)
    assert (tmp_path / "lab4.pdf").read_bytes().startswith(b"%PDF")
