"""A check as a table."""

import numpy as np

from lab.gradcheck import check
from lab.gradcheck.table import GradientCheck
from lab.gradients import check_gradients, check_points

TABLE = """\
   difference  relative  worst entry          yours     numerical
w     3.7e+00   5.0e-01  [0, 2]                   3             6  WRONG
b     0.0e+00   0.0e+00  []                       1             1  passed
Complex step: a relative error below 1e-10 passes.
w is wrong: 0.5 times what is right."""


def test_a_check_prints_as_a_table_with_a_diagnosis():
    w = np.array([[1.0, 2.0, 3.0]])
    result = check(lambda p: (p["w"] ** 2).sum() + p["b"], {"w": w, "b": 0.5}, {"w": w, "b": 1.0}, progress=False)
    assert repr(result) == TABLE
    lines = str(check_gradients(progress=False)).splitlines()
    assert lines[1:-2:6] == [point.name for point in check_points()]
    assert lines[-2] == "Complex step: a relative error below 1e-10 passes."
    two = GradientCheck(check_gradients(progress=False).comparisons[:2], "central")
    lines = str(two).splitlines()
    assert [line for line in lines if line.startswith("with")] == [point.name for point in check_points()[:2]]
    assert lines[-2] == "Central differences: a relative error below 1e-10 passes."
