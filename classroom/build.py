"""Both editions of the assignment, from the project itself.

The bodies of the functions to be written are cut from `lab/plain.py`; what else the students get is copied, whole or
in part. Nothing depends on the day, the machine or the folder, so the same project gives the same files.
"""

import ast
import re
import shutil
import zipfile
from pathlib import Path

import nbformat

from classroom.tasks import LEVELS, points
from report.run import run

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent
PARTS = {  # of the students' edition: where it comes from, and which functions and classes, if not all
    "book.py": ("rnn_core.py", ["read_book", "Vocabulary"]),
    "checks.py": ("classroom/checks.py", None),
    "tasks.py": ("classroom/tasks.py", None),
    "gradcheck": ("lab/gradcheck", None),
    "report/__init__.py": ("report/__init__.py", None),
    "report/say.py": ("report/say.py", ["say"]),
    "report/show.py": ("report/show.py", None),
    "report/figures.py": ("report/figures.py", ["smooth_loss"]),
    "report/tables.py": ("report/tables.py", ["gradients", "samples"]),
    "report/paper": ("report/paper", None),
    "data/the_drowned_bell.txt": ("data/the_drowned_bell.txt", None),
    "requirements.lock": ("requirements.lock", None),
    "LICENSE": ("LICENSE", None),
    "Makefile": ("classroom/student/Makefile", None),
    "make.bat": ("classroom/student/make.bat", None),
    "README.md": ("classroom/student/README.md", None),
}
MOVED = {"classroom.tasks": "tasks", "classroom.checks": "checks", "lab.gradcheck": "gradcheck"}


# -------------------------------------------------------------------------------------------------------------- source


def lines_of(source, node):
    """The lines of a statement, with its decorators and without the comments around it."""
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    return source.splitlines()[first - 1 : node.end_lineno]


def cut(source, names):
    """The source of a module, with the bodies of these functions cut after their docstrings.

    Parameters
    ----------
    source : str
    names : collection of str

    Returns
    -------
    str
    """
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.FunctionDef) and node.name in names:
            documented = ast.get_docstring(node) is not None
            last = node.body[0].end_lineno if documented else node.body[0].lineno - 1
            lines[last : node.end_lineno] = ["    raise NotImplementedError"]
    return "\n".join(lines) + "\n"


def excerpt(source, names):
    """The part of a module that some of its functions and classes need: these, what they use, and its imports.

    Parameters
    ----------
    source : str
    names : collection of str

    Returns
    -------
    str
    """
    body = ast.parse(source).body
    defined = {name: node for node in body for name in _defined(node)}
    wanted, found = set(names), set()
    while wanted:
        found |= wanted
        used = {each.id for name in wanted for each in ast.walk(defined[name]) if isinstance(each, ast.Name)}
        wanted = (used & defined.keys()) - found
    needed, kept = [], []
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [alias for alias in node.names if (alias.asname or alias.name).partition(".")[0] in found]
            needed += [ast.unparse(node)] if node.names else []
        elif found & set(_defined(node)):
            kept.append("\n".join(lines_of(source, node)))
    return "\n\n\n".join(["\n".join(needed), *kept]) + "\n"


def _defined(node):
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return [each.id for target in targets if target for each in ast.walk(target) if isinstance(each, ast.Name)]


def for_students(source, level):
    """Source as the students have it: modules under their own names, the level that was asked for."""
    for ours, theirs in MOVED.items():
        source = source.replace(ours, theirs)
    return re.sub(r"(?m)^LEVEL = \d+.*$", f"LEVEL = {level}", source)


# ------------------------------------------------------------------------------------------------------------ editions


def key(level=None):
    """The source of rnn.py: of a level, with what is to be written left out; without one, the key."""
    source = (ROOT / "lab" / "plain.py").read_text(encoding="utf-8")
    about = '"""The network as the equations stand: one sequence, a loop over t.'
    rest = source.split('"""', 2)[2]
    conventions = "A column vector is an array (m,) or (K,); h[t] is h_t, p[t] is p_t."
    source = f'{about}\n\n{conventions}\n"""{rest}'
    return source if level is None else cut(source, LEVELS[level])


def write_text(path, text):
    """Write text, the same on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def contents(folder):
    """The bytes of all files of an edition, by their paths in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def write_archive(path, files):
    """Write a zip of files, given as bytes by their paths in it; they may be run, and have no dates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)


def copy_parts(folder, level, wanted=PARTS):
    """Write the files of an edition but rnn.py and the notebook: all of `PARTS`, or those that are wanted."""
    for to in wanted:
        origin, names = PARTS[to]
        origin = ROOT / origin
        for path in [origin] if origin.is_file() else sorted(origin.rglob("*")):
            place = folder / to / path.relative_to(origin)
            if path.is_file() and path.suffix in (".py", ""):
                source = path.read_text(encoding="utf-8")
                write_text(place, for_students(excerpt(source, names) if names else source, level))
            elif path.is_file() and path.suffix != ".pyc":
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)


def notebook(level):
    """The students' notebook, without outputs."""
    made = nbformat.read(HERE / "lab4.ipynb", as_version=4)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    asked = ", ".join(f"`{task}` {full:g}" for task, full in points(level).items())
    for cell in made.cells:
        cell.source = cell.source.replace("{points}", asked)
    return made


def student(folder, level):
    """Write the students' edition into a folder that is not there yet."""
    copy_parts(folder, level)
    write_text(folder / "rnn.py", key(level))
    write_text(folder / "lab4.ipynb", nbformat.writes(notebook(level)) + "\n")


def teacher(folder, level, steps=None):
    """Write the teacher's edition into a folder that is not there yet: the key, run, and what one marks with.

    Parameters
    ----------
    folder : Path
    level : int
    steps : int, optional
        How long the key trains, if not three epochs.
    """
    copy_parts(folder / "key", level)
    write_text(folder / "key" / "rnn.py", key())
    made = notebook(level)
    for cell in made.cells:
        if cell.id == "parameters" and steps is not None:
            cell.source = cell.source.replace("steps = None", f"steps = {steps}")
    run(made, folder / "key")
    for cell in made.cells:
        cell.metadata.pop("execution", None)  # at what time
    made.metadata.language_info = {"name": "python"}
    write_text(folder / "key" / "lab4.ipynb", nbformat.writes(made) + "\n")
    shutil.rmtree(folder / "key" / "__pycache__", ignore_errors=True)
    for name in ("TEACHING.md", "rubric.md"):
        write_text(folder / name, (HERE / name).read_text(encoding="utf-8"))


def build(folder, level, steps=None):
    """Write student/ and teacher/ in a folder, in place of those that are there."""
    for name, make in (("student", student), ("teacher", teacher)):
        new = folder / f".{name}"
        shutil.rmtree(new, ignore_errors=True)
        make(new, level, **({"steps": steps} if name == "teacher" else {}))
        shutil.rmtree(folder / name, ignore_errors=True)
        new.rename(folder / name)
