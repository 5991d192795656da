"""Marking: what is read of a hand-in, what it can't do, and what comes out."""

import csv
import io
import json
import os
import zipfile

import nbformat
import numpy as np
import psutil
import pytest
from versions import KEY, WRONG, changed, functions

from classroom import grade
from classroom.build import key, notebook
from classroom.checks import Wrong, earned
from classroom.tasks import POINTS
from lab import plain

W, U, V, b, c = (np.random.default_rng(0).normal(size=shape) for shape in ((6, 6), (6, 4), (4, 6), 6, 4))
CALL = [W, U, V, b, c], np.array([0, 1, 3]), np.array([1, 3, 2]), np.full(6, 0.5)
HOSTILE = {
    "exit": "os._exit(0)",
    "loops": "while True: pass",
    "sleeps": "__import__('time').sleep(1000)",
    "forks": "while True: os.fork()",
    "fills the disk": "open('x', 'wb').write(bytes(10**6))",
    "fills the memory": "return bytes(10**11)",
    "returns an object": "return print",
    "recurses": "return forward(*args)",
    "shouts": "\n    for n in range(3, 30):\n        try: os.write(n, b'28 of 28 points' * 9)\n        except "
    "OSError: pass",
    "floods": "\n    for n in range(3, 30):\n        try: os.write(n, bytes([0, 0, 0, 0, 3, 255, 255, 255]) + "
    "bytes(10**8))\n        except OSError: pass",
    "closes the pipe": "os.closerange(0, 30)",
}


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """A second, in place of five, and the students' own point alone."""
    monkeypatch.setattr(grade, "SECONDS", 1.5)
    monkeypatch.setattr(grade, "ROUNDS", 0)


def hostile(what):
    """The key, with a forward that does something else."""
    return f"{KEY}\n\nimport os\ndef forward(*args):\n    {what}\n"


def test_a_function_behind_the_pipe_returns_what_it_returns_here():
    with grade.Student(KEY) as student:
        (L, *there), (expected, *here) = student.functions().forward(*CALL), plain.forward(*CALL)
        assert L == pytest.approx(expected, rel=1e-12)  # that process may choose other BLAS kernels than this one
        for got, wanted in zip(there, here, strict=True):
            assert got.keys() == wanted.keys()
            assert all(np.allclose(got[t], wanted[t], rtol=1e-12, atol=0) for t in wanted)
        params, memory = [np.ones((2, 2))], [np.zeros((2, 2))]
        student.functions().adagrad(params, [np.full((2, 2), 3.0)], memory, 0.1)
        assert memory[0].tolist() == [[9, 9], [9, 9]] and params[0][0, 0] == pytest.approx(0.9)


def test_stand_ins_are_the_keys_and_never_enter_the_students_process():
    source = (
        f"{KEY}\n\ndef forward(*args):\n    raise ValueError\n\ndef backward(*args):\n    return str(softmax.__code__)"
    )
    ids, start = np.arange(30) % 4, [W, U, V, b, c]
    with grade.Student(source) as student:
        train = student.functions(["forward", "backward"]).train
        here, there = (list(map(np.copy, start)) for _ in range(2))
        losses, *_ = train(there, ids, 3, np.random.default_rng(0), 5, 0.1, 9, 4)
        np.testing.assert_array_equal(losses, plain.train(here, ids, 3, np.random.default_rng(0), 5, 0.1, 9, 4)[0])
        np.testing.assert_array_equal(there[0], here[0])
        with pytest.raises(Exception, match=r"^$"):
            student.functions().forward(*CALL)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limits of this kind")
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_function_is_stopped_and_the_next_one_runs(what):
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with grade.Student(hostile(HOSTILE[what])) as student:
        code = student.functions()
        with pytest.raises(Exception) as stopped:
            code.forward(*CALL)
            raise Wrong("it returned")
        assert not isinstance(stopped.value, EOFError | OSError) or what == "fills the disk"
        folder = student.folder.name
        assert (
            os.listdir(folder) in ([], ["x"]) and sum(os.path.getsize(f"{folder}/{x}") for x in os.listdir(folder)) == 0
        )
        assert len(code.synthesize(CALL[0], 0, CALL[3], 5, np.random.default_rng(0))) == 5
    assert not os.path.exists(folder)
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


def test_a_loop_costs_its_time_only_once(monkeypatch):
    with grade.Student(hostile("while True: pass")) as student:
        for _ in range(2):
            with pytest.raises(Wrong, match=r"^forward does not end within 1.5 seconds. Which line does that\?$"):
                student.functions().forward(*CALL)
            monkeypatch.setattr(student, "start", None)


def test_a_file_that_cannot_be_run_is_reported_once():
    with grade.Student("import numpy\n\nx = 1 / 0") as student:
        with pytest.raises(
            Wrong, match=r"^Nothing could be run: ZeroDivisionError: division by zero. Does rnn.py run by itself\?$"
        ):
            student.functions().train()
        with pytest.raises(Wrong, match=r"^Nothing could be run: "):
            student.functions().forward()


def test_the_process_sees_nothing_of_ours(monkeypatch):
    monkeypatch.setenv("SECRET", "salt")
    source = (
        "import os, sys\ndef forward():\n    return ['SECRET' in os.environ, 'classroom' in sys.modules, os.getcwd()]"
    )
    with grade.Student(source) as student:
        assert student.functions().forward() == [False, False, os.path.realpath(student.folder.name)]


def test_a_mistake_costs_once():
    for task, name in (("forward", "W transposed"), ("backward", "another order"), ("synthesize", "n + 1")):
        outcome = grade.mark(functions(changed(task, *WRONG[task][name])), "")
        assert {other for other, failed in outcome.items() if earned(other, failed) < 1} == {task}


def test_one_mistake_made_throughout_costs_once():
    source = changed("forward", *WRONG["forward"]["W transposed"])
    source = source.replace("W.T @ delta_t", "W @ delta_t").replace(
        "np.outer(delta_t, h[t - 1])", "np.outer(h[t - 1], delta_t)"
    )
    source = source.replace("np.tanh(W @ h +", "np.tanh(W.T @ h +")
    outcome = grade.mark(functions(source), "")
    assert {task: earned(task, failed) for task, failed in outcome.items() if failed} == {"forward": 0.5}


def test_at_the_first_level_all_but_backward_is_given():
    outcome = grade.mark(functions("def backward(*a):\n    return None\n"), "", level=1)
    assert list(outcome) == ["backward"] and earned("backward", outcome["backward"]) == 0
    assert not grade.mark(functions(KEY), "", level=1)["backward"]


def test_the_salt_says_where_properties_are_tested(monkeypatch):
    monkeypatch.setattr(grade, "ROUNDS", 3)
    assert grade.seeds("a") == grade.seeds("a") != grade.seeds("b")
    assert len(set(grade.seeds("a"))) == 4 and grade.seeds("a")[0] == 0


def handed(tmp_path, files):
    """The source of a zip with these files."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return grade.handed_in(tmp_path / "all.zip")


def test_rnn_py_is_found_in_whatever_is_handed_in(tmp_path):
    files = {"student/rnn.py": "a = 1", "student/checks.py": "b = 2", "lab4.ipynb": nbformat.writes(notebook(2))}
    assert handed(tmp_path, files) == "a = 1"
    (tmp_path / "ann" / "deep").mkdir(parents=True)
    (tmp_path / "ann" / "deep" / "rnn.py").write_text("c = 3", encoding="utf-8")
    assert grade.handed_in(tmp_path / "ann") == "c = 3"
    (tmp_path / "bob_rnn.py").write_bytes(b"\xef\xbb\xbfd = 4")
    assert grade.handed_in(tmp_path / "bob_rnn.py") == "d = 4"


def test_a_notebook_gives_what_it_defines_and_is_not_run(tmp_path):
    cells = [
        "%matplotlib inline\nimport numpy as np\nimport matplotlib.pyplot as plt\nfrom checks import check",
        "EPS = 1e-8\ndata = np.load('x')\n\n\ndef forward(params):\n    return EPS",
        "def backward(:",
        "check('forward', 1)\n!rm x\nclass A:\n    pass",
    ]
    made = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    path = tmp_path / "lab4.ipynb"
    nbformat.write(made, path)
    expected = "import numpy as np\n\nEPS = 1e-08\n\ndef forward(params):\n    return EPS\n\nclass A:\n    pass"
    assert grade.handed_in(path) == expected


def test_a_notebook_without_the_functions_is_no_hand_in(tmp_path):
    nbformat.write(notebook(2), tmp_path / "lab4.ipynb")
    with pytest.raises(ValueError, match=r"^There is no rnn.py in the hand-in, and its notebook defines none of the"):
        grade.handed_in(tmp_path / "lab4.ipynb")


@pytest.mark.parametrize("data", [b"PK\x05\x06" + bytes(18), b"PK\x03\x04 broken", b"", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["a.zip", "a.ipynb"])
def test_a_hand_in_that_cannot_be_read_says_so(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=r"^The hand-in can't be read: |^There is neither rnn.py nor a notebook in"):
        grade.handed_in(tmp_path / name)


def test_marks_come_out_for_all_whatever_one_of_them_does(tmp_path, capsys):
    folder = tmp_path / "submissions"
    folder.mkdir()
    (folder / "blank.py").write_text(key(2), encoding="utf-8")
    (folder / "kills.py").write_text("import os\nos.kill(os.getppid(), 9)\n", encoding="utf-8")
    (folder / "=cmd.zip").write_bytes(b"no zip")
    assert grade.main([str(folder), "--out", str(tmp_path / "marks"), "--salt", "s"]) == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "marks" / "marks.csv").read_text(encoding="utf-8"))))
    assert [row["student"] for row in rows] == ["=cmd", "blank", "kills"] and {row["points"] for row in rows} == {"0"}
    made = json.loads((tmp_path / "marks" / "blank" / "results.json").read_text(encoding="utf-8"))
    assert made["score"] == 0 and [test["max_score"] for test in made["tests"]] == list(POINTS.values())
    assert "forward is not written yet" in (tmp_path / "marks" / "blank" / "feedback.txt").read_text(encoding="utf-8")
    assert "The feedback is in" in capsys.readouterr().out
    assert grade.main([str(tmp_path / "nowhere")]).startswith("There is no folder")


def class_of_seven(folder):
    """Hand-ins of seven students, as files in a folder."""
    answers = {
        "right": KEY,
        "blank": key(2),
        "transposed": changed("forward", *WRONG["forward"]["W transposed"]),
        "cheats": f"{KEY}\n\nimport builtins\nprint('28 of 28 points')\nfor n in list(vars(builtins)): pass\n"
        "try:\n    import checks\n    checks.check = print\nexcept ImportError: pass\ndef forward(*a): return 28\n",
        "loops": changed("backward", ("W, _, V, b, c = params", "while True: pass")),
        "exits": changed("synthesize", ("W, U, V, b, c = params", "import os\n    os._exit(0)")),
        "syntax": KEY + "\ndef forward(params\n",
    }
    folder.mkdir()
    for name, source in answers.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")


@pytest.mark.slow
def test_a_class_of_seven_is_marked(tmp_path):
    class_of_seven(tmp_path / "submissions")
    grade.main([str(tmp_path / "submissions"), "--out", str(tmp_path / "marks"), "--salt", "any words"])
    with open(tmp_path / "marks" / "marks.csv", encoding="utf-8") as table:
        marks = {row["student"]: float(row["points"]) for row in csv.DictReader(table)}
    assert marks == {"right": 28, "blank": 0, "transposed": 25, "cheats": 22, "loops": 18, "exits": 24, "syntax": 0}
