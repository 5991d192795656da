"""Build the assignment: build/class/student and build/class/teacher.

    python -m classroom --level 1 --format otter

`make class LEVEL=1 FORMAT=otter` does the same.
"""

import argparse
import re
import sys
from pathlib import Path

from classroom.build import ROOT, build
from classroom.formats import FORMATS
from classroom.tasks import LEVEL, LEVELS
from classroom.texts import read_list, write_students


def main(arguments=None):
    """What the command does; returns an exit status, or a sentence that says what went wrong."""
    words = sys.argv[1:] if arguments is None else arguments
    words = [re.sub(r"^([A-Z]+)=", lambda name: f"--{name[1].lower()}=", word) for word in words]
    parser = argparse.ArgumentParser("python -m classroom", description=__doc__.partition("\n")[0])
    parser.add_argument("--level", type=int, default=LEVEL, choices=LEVELS, help="1: backward alone; 2: all five")
    parser.add_argument("--format", choices=FORMATS, help="also write what this grader wants, in teacher/")
    parser.add_argument("--salt", default="", help="for these two: some words that students do not know")
    parser.add_argument("--students", type=Path, metavar="LIST", help="also write an edition for each student of a csv")
    parser.add_argument("--steps", type=int, help="how long the key trains, if not three epochs")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "class", help="default: build/class")
    given = parser.parse_args(words)
    try:
        students = read_list(given.students) if given.students else {}
    except (OSError, ValueError) as error:
        return str(error)
    build(given.out, given.level, given.steps)
    if students:
        write_students(given.out, students, given.salt)
    if given.format:
        FORMATS[given.format](given.out / "teacher" / given.format, given.level, given.salt)
    print(f"{given.out / 'student'} is for the students, {given.out / 'teacher'} for you: read TEACHING.md there")
    return 0
