"""The table of the assignment."""

import pytest

from classroom.checks import PROPERTIES
from classroom.tasks import LEVEL, LEVELS, POINTS, points


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_asked_for_is_worth_all_points_of_the_machine(level):
    assert list(points(level)) == LEVELS[level] and sum(points(level).values()) == pytest.approx(28)


def test_each_task_of_the_table_has_properties():
    assert list(POINTS) == list(PROPERTIES) and LEVEL in LEVELS
