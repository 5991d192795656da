"""A check as a table."""

import numpy as np
from bs4 import BeautifulSoup

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


def test_a_check_shows_in_html_where_the_error_sits():
    w = np.ones((30, 3))
    wrong = 2 * w
    wrong[17, 2] = np.inf
    result = check(lambda p: (p["<w>"] ** 2).sum(), {"<w>": w, "b": w}, {"<w>": wrong, "b": 0 * w}, progress=False)
    soup = BeautifulSoup(result._repr_html_(), "html.parser")
    row, other = soup.tbody.find_all("tr")
    assert row.th.text == "<w>" and row.find_all("td")[5].text == "WRONG" and not other.svg
    squares = [square["fill"] for square in row.svg.find_all("rect")]
    assert len(squares) == 24 * 3 and squares.count("rgb(150,0,0)") == 1 and squares.count("rgb(255,255,255)") == 71
    assert soup.find_all("p")[1].text == "<w> is wrong: not finite."
