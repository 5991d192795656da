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


def main(arguments=None):
    """What the command does; returns an exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    words = [re.sub(r"^([A-Z]+)=", lambda name: f"--{name[1].lower()}=", word) for word in words]
    parser = argparse.ArgumentParser("python -m classroom", description=__doc__.partition("\n")[0])
    parser.add_argument("--level", type=int, default=LEVEL, choices=LEVELS, help="1: backward alone; 2: all five")
    parser.add_argument("--format", choices=FORMATS, help="also write what this grader wants, in teacher/")
    parser.add_argument("--salt", default="", help="for Gradescope: some words that students do not know")
    parser.add_argument("--steps", type=int, help="how long the key trains, if not three epochs")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "class", help="default: build/class")
    given = parser.parse_args(words)
    build(given.out, given.level, given.steps)
    if given.format:
        FORMATS[given.format](given.out / "teacher" / given.format, given.level, given.salt)
    print(f"{given.out / 'student'} is for the students, {given.out / 'teacher'} for you: read TEACHING.md there")
    return 0
