"""The tasks for other graders: sources for otter-grader and nbgrader, and an autograder for Gradescope.

otter-grader and nbgrader mark notebooks, so the functions stand in cells there; they run the checks in the student's
own kernel, where a hand-in can change them. `classroom.grade` does not, and on Gradescope it is what marks.
"""

import ast
import shlex

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from classroom.build import ROOT, copy_parts, key, lines_of, write_archive, write_text
from classroom.tasks import LEVELS, POINTS, points

FILES = ["checks.py", "tasks.py", "gradcheck"]  # that the notebook needs beside it
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
MARKING = [  # what `classroom.grade` needs
    "classroom/__init__.py",
    "classroom/tasks.py",
    "classroom/checks.py",
    "classroom/worker.py",
    "classroom/grade.py",
    "lab/__init__.py",
    "lab/plain.py",
    "lab/gradcheck/*.py",
    "requirements.lock",
]
SETUP = """\
#!/usr/bin/env bash
set -e
apt-get update
apt-get install -y python3-venv
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: choose Ubuntu 24.04.")'
python3 -m venv /autograder/venv
/autograder/venv/bin/pip install --require-hashes --requirement /autograder/source/requirements.lock
"""
RUN = """\
#!/usr/bin/env bash
cd /autograder/source
/autograder/venv/bin/python -m classroom.grade --one /autograder/submission --level {level} --salt {salt} \\
    > /autograder/results/results.json
"""


def functions():
    """The key's functions by name, each as its head, docstring included, and its body."""
    source, found = key(), {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            lines, head = lines_of(source, node), node.body[0].end_lineno - node.lineno + 1
            found[node.name] = "\n".join(lines[:head]), "\n".join(lines[head:])
    return found


def setup():
    """The first cell of code: what the functions need."""
    return new_code_cell(
        "import numpy as np\n\nfrom checks import score, tell\n\n\n" + "\n".join(functions()["softmax"])
    )


def otter(folder, level, _):
    """Write master.ipynb for `otter assign`, with the files that it names.

    Parameters
    ----------
    folder : Path
    level : int
    """
    made = [
        new_raw_cell(
            "# ASSIGNMENT CONFIG\nname: lab4\ninit_cell: true\nexport_cell: false\ncheck_all_cell: false\n"
            "solutions_pdf: false\ngenerate:\n  pdf: false\nrequirements:\n  - numpy\nfiles:\n"
            + "".join(f"  - {name}\n" for name in FILES)
        ),
        setup(),
    ]
    for task, full in POINTS.items():
        head, body = functions()[task]
        if task not in LEVELS[level]:
            made.append(new_code_cell(f"{head}\n{body}"))
            continue
        full = points(level)[task]
        made += [
            new_raw_cell(f"# BEGIN QUESTION\nname: {task}\npoints: {full:g}\n"),
            new_markdown_cell(f"Write `{task}`: {full:g} points."),
            new_raw_cell("# BEGIN SOLUTION"),
            new_code_cell(f"{head}\n    # BEGIN SOLUTION\n{body}\n    # END SOLUTION"),
            new_raw_cell("# END SOLUTION"),
            new_raw_cell("# BEGIN TESTS"),
            *(
                new_code_cell(
                    f'""" # BEGIN TEST CONFIG\npoints: {full / 2:g}\n""" # END TEST CONFIG\n'
                    f'tell("{task}", globals(), {least})'
                )
                for least in (0.5, 1.0)
            ),
            new_raw_cell("# END TESTS"),
            new_raw_cell("# END QUESTION"),
        ]
    _write(folder, "master.ipynb", made, level)


def nbgrader(folder, level, _):
    """Write a course folder with source/lab4/ for `nbgrader generate_assignment lab4`.

    Parameters
    ----------
    folder : Path
    level : int
    """

    def tagged(cell, name, grade=False, solution=False, full=None):
        given = {"grade_id": name, "grade": grade, "solution": solution, "locked": not solution, "task": False}
        given |= {"schema_version": 3, "cell_type": cell.cell_type} | ({} if full is None else {"points": full})
        cell.metadata["nbgrader"] = given
        return cell

    made = [tagged(setup(), "setup")]
    for task in POINTS:
        head, body = functions()[task]
        if task not in LEVELS[level]:
            made.append(tagged(new_code_cell(f"{head}\n{body}"), task))
            continue
        answer = f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"
        marks = new_code_cell(f'score("{task}", globals())')  # a cell that ends in a number earns so many points
        made += [
            tagged(new_code_cell(answer), task, solution=True),
            tagged(marks, f"{task}-points", grade=True, full=points(level)[task]),
        ]
    write_text(folder / "nbgrader_config.py", 'c = get_config()\nc.CourseDirectory.course_id = "lab4"\n')
    _write(folder / "source" / "lab4", "lab4.ipynb", made, level)


def _write(folder, name, made, level):
    for number, cell in enumerate(made):
        cell.id = f"cell-{number}"
    copy_parts(folder, level, FILES)
    write_text(folder / name, nbformat.writes(new_notebook(cells=made, metadata=KERNEL)) + "\n")


def gradescope(folder, level, salt):
    """Write autograder.zip, which a teacher uploads to Gradescope as it is.

    Parameters
    ----------
    folder : Path
    level : int
    salt : str
        As for `classroom.grade`.
    """
    files = {"setup.sh": SETUP.encode(), "run_autograder": RUN.format(level=level, salt=shlex.quote(salt)).encode()}
    for path in (path for name in MARKING for path in sorted(ROOT.glob(name))):
        files[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    write_archive(folder / "autograder.zip", files)


FORMATS = {"otter": otter, "nbgrader": nbgrader, "gradescope": gradescope}
