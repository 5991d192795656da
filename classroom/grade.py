"""Mark a folder of hand-ins: notebooks, rnn.py, folders with one of them, or zips.

    python -m classroom.grade submissions/ --salt "anything that students do not know"

writes marks.csv, and for each student feedback.txt and Gradescope's results.json. Each property is tested at the point
that students have, and again at others, which follow from the salt. The functions run in a process of their own
(`classroom.worker`); checks, salt and verdict stay here.
"""

import argparse
import ast
import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
from IPython.core.inputtransformer2 import TransformerManager

from classroom import worker
from classroom.checks import PROPERTIES, Wrong, earned, examine, told
from classroom.tasks import LEVEL, LEVELS, MEMORY, POINTS, ROUNDS, SECONDS, points
from lab import plain

LARGEST = 20_000_000  # bytes of a file that is handed in


# --------------------------------------------------------------------------------------------------- what is handed in


def definitions(notebook):
    """What a notebook defines, without running it: the source of its imports, functions, classes and constants.

    Parameters
    ----------
    notebook : str
        The text of an ipynb file.

    Returns
    -------
    str
    """
    kept, magics = [], TransformerManager()
    for cell in json.loads(notebook)["cells"]:
        if cell["cell_type"] != "code":
            continue
        try:
            tree = ast.parse(magics.transform_cell("".join(cell["source"])))
        except SyntaxError:  # this cell is lost, and what it would have defined
            continue
        kept += [ast.unparse(node) for node in tree.body if _defines(node)]
    return "\n\n".join(kept)


def _defines(node):
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [getattr(node, "module", None) or node.names[0].name, *(alias.name for alias in node.names)]
        return names[0].partition(".")[0] in {"numpy", "__future__"} | sys.stdlib_module_names
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return isinstance(node.value, ast.Constant | ast.Lambda)
    return isinstance(node, ast.FunctionDef | ast.ClassDef)


def _files(path):
    """How to read each file of a hand-in, by their names."""
    if path.is_dir():
        return {str(file): file.read_bytes for file in sorted(path.rglob("*")) if file.stat().st_size < LARGEST}
    if not zipfile.is_zipfile(path):
        return {path.name: path.read_bytes}
    archive = zipfile.ZipFile(path)
    return {
        entry.filename: lambda entry=entry: archive.read(entry)
        for entry in archive.infolist()
        if entry.file_size < LARGEST and "__MACOSX" not in entry.filename
    }


def says(path, sentence):
    """Whether a notebook of a hand-in has a sentence in its outputs, or wherever it stands in the file."""
    try:
        return any(sentence.encode() in read() for name, read in _files(path).items() if name.endswith(".ipynb"))
    except Exception:  # a damaged file, in one of many ways
        return False


def handed_in(path):
    """The source of a hand-in.

    Parameters
    ----------
    path : Path
        rnn.py, a notebook, a folder or a zip; rnn.py goes before a notebook.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        It has neither, its notebook defines none of the functions, or it can't be read; the message says which.
    """
    try:
        files = _files(path)
        code = [
            read
            for name, read in files.items()
            if name.endswith(".py") and (len(files) == 1 or Path(name).name == "rnn.py")
        ]
        if code:
            return code[0]().decode("utf-8-sig")
        notebooks = [
            read for name, read in files.items() if name.endswith(".ipynb") and ".ipynb_checkpoints" not in name
        ]
        source = definitions(notebooks[0]().decode("utf-8-sig")) if notebooks else ""
    except Exception as error:  # a damaged file, in one of many ways
        raise ValueError(f"The hand-in can't be read: {type(error).__name__}: {error}") from None
    if not notebooks:
        raise ValueError("There is neither rnn.py nor a notebook in the hand-in.")
    if not any(f"def {task}(" in source for task in POINTS):
        raise ValueError("There is no rnn.py in the hand-in, and its notebook defines none of the functions.")
    return source


# ------------------------------------------------------------------------------------------------- behind the pipe


class Student:
    """A student's functions, each call in a process of their own; with `stand_ins`, the key's take the place of some.

    Use it in a with statement: at the end all its processes are gone.

    Parameters
    ----------
    source : str
    """

    def __init__(self, source):
        self.source, self.process, self.lost = source, None, {}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="student-", ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def stop(self):
        """End the process, and all that came of it."""
        if self.process is not None:
            for child in [*_descendants(self.process.pid), self.process]:
                try:
                    child.kill()
                except (psutil.Error, OSError):
                    pass
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                try:
                    pipe.close()
                except OSError:
                    pass
            self.process = None

    def start(self):
        """Start the process with the student's source."""
        environment = {"OPENBLAS_NUM_THREADS": "1", "PATH": os.defpath}
        environment |= {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-B", worker.__file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=self.folder.name, env=environment, start_new_session=True,
        )  # fmt: skip
        self.talk({"source": self.source, "memory": MEMORY}, 4 * SECONDS, "the file")

    def talk(self, message, seconds, what, stand_ins=()):
        """Send a message, answer what is asked about the stand-ins meanwhile, and return the reply."""
        clock = threading.Timer(seconds, self.process.kill)
        clock.start()
        try:
            worker.send(self.process.stdin, message)
            while "ask" in (reply := worker.receive(self.process.stdout)):
                if reply["ask"] not in stand_ins:
                    raise EOFError
                arguments, named = worker.decode(reply["arguments"]), worker.decode(reply["named"])
                result = getattr(plain, reply["ask"])(*arguments, **named)
                answer = {"result": result, "arguments": [*arguments, *named.values()]}
                worker.send(self.process.stdin, worker.encode(answer))
        except Exception as error:
            late = not clock.is_alive()
            self.stop()
            if isinstance(error, EOFError | OSError):
                why = f"does not end within {seconds} seconds" if late else "ends the whole process"
            else:
                why = f"answers with something that can't be read ({type(error).__name__})"
            raise Wrong(f"{what} {why}. Which line does that?") from None
        finally:
            clock.cancel()
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def call(self, name, arguments, stand_ins=()):
        """Call one of the functions; arrays among the arguments that it changes are changed here, too."""
        if (why := self.lost.get((name, *stand_ins)) or self.lost.get("rnn.py")) is not None:
            raise Wrong(why)
        try:
            if self.process is None:
                self.start()
        except (Wrong, RuntimeError) as error:
            self.stop()
            self.lost["rnn.py"] = f"Nothing could be run: {error}. Does rnn.py run by itself?"
            raise Wrong(self.lost["rnn.py"]) from None
        request = {"name": name, "arguments": worker.encode(list(arguments)), "stand_ins": list(stand_ins)}
        try:
            reply = self.talk(request, SECONDS, name, stand_ins)
            result, changed = worker.decode(reply["result"]), worker.decode(reply["arguments"])
            worker.write_back(arguments, changed)
        except Wrong as error:  # it would do so again, and take as long
            self.lost[name, *stand_ins] = str(error)
            raise
        except RuntimeError as error:
            kind, _, reason = str(error).partition(": ")
            raise NotImplementedError if kind == "NotImplementedError" else Stopped(kind, reason) from None
        except Exception as error:
            raise Wrong(f"{name} returns something that can't be read ({type(error).__name__}). What is it?") from None
        return result

    def functions(self, stand_ins=()):
        """The five functions by name; for the stand-ins, the key's."""
        return SimpleNamespace(
            **{
                name: getattr(plain, name)
                if name in stand_ins
                else lambda *arguments, name=name: self.call(name, arguments, stand_ins)
                for name in POINTS
            }
        )


class Stopped(Exception):
    """What the student's function raised, under its own name."""

    def __init__(self, kind, reason):
        super().__init__(reason)
        self.__class__ = type(kind, (Stopped,), {})


def _descendants(pid):
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


# --------------------------------------------------------------------------------------------------------------- marks


def seeds(salt):
    """Where properties are tested: the students' own point, and others that follow from the salt."""
    digest = hashlib.sha256(salt.encode()).digest()
    return [0, *(int.from_bytes(digest[4 * i : 4 * i + 4], "big") for i in range(ROUNDS))]


def mark(functions, salt, level=LEVEL):
    """Mark one hand-in.

    A later task is judged with the key's functions in the place of those that have failed, and by the student's own:
    what earns more counts. So a mistake costs once, also one that is made throughout, such as W transposed.

    Parameters
    ----------
    functions : function (stand_ins) -> object
        The student's five functions by name, as `Student.functions`; for those in stand_ins, the key's.
    salt : str
    level : int

    Returns
    -------
    dict of str to dict of function to str
        For each task what failed, as `classroom.checks.examine` returns it.
    """
    given = [task for task in PROPERTIES if task not in LEVELS[level]]
    outcome, failed = {}, []
    for task in LEVELS[level]:
        outcome[task] = _examine(task, functions([*given, *failed]), salt)
        if outcome[task] and failed:
            own = _examine(task, functions(given), salt)
            if earned(task, own) > earned(task, outcome[task]):
                outcome[task] = own
        if earned(task, outcome[task]) < 1:
            failed.append(task)
    return outcome


def _examine(task, code, salt):
    found = {}
    for seed in seeds(salt):
        for holds, sentence in examine(task, code, seed).items():
            found.setdefault(holds, sentence)
    return {holds: found[holds] for holds in PROPERTIES[task] if holds in found}


def result(path, salt, level):
    """Gradescope's results for a hand-in: a score, and for each task its own and what the student is told."""
    try:
        with Student(handed_in(path)) as student:
            outcome = mark(student.functions, salt, level)
    except ValueError as error:
        return {"score": 0.0, "output": str(error), "tests": []}
    tests = []
    for task, full in points(level).items():
        share = earned(task, outcome[task])
        tests.append(
            {"name": task, "score": share * full, "max_score": full, "output": told(task, outcome[task], full)}
        )
    return {"score": sum(test["score"] for test in tests), "output": "", "tests": tests}


def _apart(path, arguments):
    """The result of a hand-in from a process of its own: whatever happens to it, the others are marked."""
    command = [sys.executable, "-m", "classroom.grade", "--one", str(path), "--salt", arguments.salt]
    try:
        done = subprocess.run([*command, "--level", str(arguments.level)], capture_output=True, timeout=300, text=True)
        return json.loads(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        return {"score": 0.0, "output": f"Marking was stopped ({type(error).__name__}): look at this one.", "tests": []}


def write_feedback(folder, name, made):
    """Write a student's feedback.txt and results.json."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    lines = [made["output"], *(test["output"] for test in made["tests"]), f"In all: {made['score']:g} points."]
    (folder / name / "feedback.txt").write_text("\n\n".join(filter(None, lines)) + "\n", encoding="utf-8", newline="\n")
    (folder / name / "results.json").write_text(json.dumps(made, indent=1), encoding="utf-8", newline="\n")


def main(arguments=None):
    """What the command does; returns an exit status, or a sentence that says what went wrong."""
    parser = argparse.ArgumentParser("python -m classroom.grade", description=__doc__.partition("\n")[0])
    parser.add_argument("submissions", type=Path, nargs="?", help="the folder of hand-ins, one for each student")
    parser.add_argument("--salt", default="", help="some words that students do not know; keep them for a later appeal")
    parser.add_argument(
        "--students", type=Path, metavar="CSV", help="teacher/students.csv, if each has a text of their own"
    )
    parser.add_argument("--level", type=int, default=LEVEL, choices=LEVELS)
    parser.add_argument("--out", type=Path, default=Path("build/class/marks"), help="default: %(default)s")
    parser.add_argument("--one", type=Path, metavar="PATH", help="mark this hand-in, and print Gradescope's results")
    arguments = parser.parse_args(arguments)
    if arguments.one:
        print(json.dumps(result(arguments.one, arguments.salt, arguments.level)))
        return 0
    if arguments.submissions is None or not arguments.submissions.is_dir():
        return f"There is no folder {arguments.submissions}: give that of the hand-ins, one for each student."
    paths = sorted(path for path in arguments.submissions.iterdir() if not path.name.startswith("."))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda path: _apart(path, arguments), paths))
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    own = {}
    if arguments.students:
        with open(arguments.students, encoding="utf-8", newline="") as students:
            own = {row["student"]: row["report says"] for row in csv.DictReader(students)}
    rows.writerow(["student", *points(arguments.level), "points", *(["own text"] if own else [])])
    for path, made in zip(paths, results, strict=True):
        name = path.name if path.is_dir() else path.stem
        write_feedback(arguments.out, name, made)
        scores = {test["name"]: test["score"] for test in made["tests"]}
        marks = [*(f"{scores.get(task, 0):g}" for task in points(arguments.level)), f"{made['score']:g}"]
        text = ("yes" if says(path, own[name]) else "not shown") if name in own else "not listed"
        rows.writerow([name, *marks, *([text] if own else [])])
    (arguments.out / "marks.csv").write_text(table.getvalue(), encoding="utf-8", newline="\n")
    print(table.getvalue() + f"The feedback is in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
