"""The lab as an assignment: the students' edition, checks that know no answer, and marking.

`make class` builds both editions from the project itself: nothing that a student writes or reads is kept twice. The key
is `lab/plain.py`; the rest is here:

    tasks.py       the one table that a teacher edits: tasks, points, levels, limits
    checks.py      properties that right code has, whoever wrote it; the students have this file, too
    build.py       both editions
    texts.py       a text and a seed for each student
    formats.py     what otter-grader, nbgrader and Gradescope want
    worker.py      runs a student's functions in a process of their own
    grade.py       marks a folder of hand-ins
    lab4.ipynb     the students' notebook; student/ is what else they get, TEACHING.md and rubric.md are the teacher's
"""
