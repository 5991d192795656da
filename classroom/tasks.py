"""The one table of the assignment that a teacher edits."""

POINTS = {  # of each function that students write, in the order in which they write them
    "forward": 6,
    "backward": 10,
    "adagrad": 4,
    "synthesize": 4,
    "train": 4,
}
LEVELS = {  # which of them are left to write; the others are given
    1: ["backward"],
    2: ["forward", "backward", "adagrad", "synthesize", "train"],
}
LEVEL = 2  # of these two; `make class LEVEL=1` builds the other one
ROUNDS = 2  # how often each property is tested again in marking, at sizes and seeds that follow from the teacher's salt
SECONDS = 5  # in marking, the longest that a call of a student's function may take; right code needs less than one
MEMORY = 2_000_000_000  # bytes that it may use


def points(level=LEVEL):
    """The points of what is left to write at a level: all that the machine gives, in the proportions of the table.

    Parameters
    ----------
    level : int
        One of `LEVELS`.

    Returns
    -------
    dict of str to float
    """
    asked = LEVELS[level]
    share = sum(POINTS.values()) / sum(POINTS[task] for task in asked)
    return {task: share * POINTS[task] for task in asked}
