"""How two gradients compare, as a table: in text, and in HTML with a map of where the error sits.

References
----------
.. [2] Stanford CS231n, course notes, "Neural Networks Part 3: Learning and Evaluation", section "Gradient Checks".
"""

from html import escape
from typing import NamedTuple

import numpy as np

from .diagnosis import diagnose

HEADS = "difference", "relative", "worst entry", "yours", "numerical", ""


class GradientRow(NamedTuple):
    """How the two gradients of one parameter compare at one point.

    Attributes
    ----------
    point : str
        Its name.
    name : str
        That of the parameter, such as W, U, V, b or c.
    difference : float
        ||a - n||, the Euclidean norm over the entries compared; a is the gradient checked, n the numerical one.
    relative_error : float
        ||a - n|| / max(||a||, ||n||, 1e-4): the relative error of [2]_, which does not depend on how large the gradient
        happens to be; there for single entries, here for a whole parameter. The floor is an addition: it keeps the
        rounding of a gradient that should be zero, some 1e-16, from being taken for an error.
    analytic, numerical : float
        The two values of the entry that differs most.
    worst : tuple of int
        The index of that entry.
    passed : bool
        The relative error is below the tolerance, or the difference is no more than rounding.
    """

    point: str
    name: str
    difference: float
    relative_error: float
    analytic: float
    numerical: float
    worst: tuple
    passed: bool

    @property
    def cells(self):
        """What a table shows of it, as text, in the order of HEADS."""
        numbers = f"{self.difference:.1e}", f"{self.relative_error:.1e}"
        values = f"{self.analytic:.6g}", f"{self.numerical:.6g}"
        return *numbers, str(list(self.worst)), *values, "passed" if self.passed else "WRONG"


def _deviation(comparison, name):
    """|a - n|, -inf where it was not computed, and inf where a is not finite."""
    a, n = comparison.analytic[name], comparison.numerical[name]
    compared = ~np.isnan(n) | ~np.isfinite(a)
    with np.errstate(invalid="ignore"):
        return np.where(compared, np.nan_to_num(np.abs(a - n), nan=np.inf), -np.inf)


def _row(comparison, name):
    a, n = comparison.analytic[name], comparison.numerical[name]
    worst = np.unravel_index(_deviation(comparison, name).argmax(), a.shape)
    values = float(a[worst]), float(n[worst])
    return GradientRow(
        comparison.point, name, *comparison.errors(a, n), *values, tuple(map(int, worst)), comparison.agree(a, n)
    )


class GradientCheck(list):
    """The rows of a check, a `GradientRow` for each point and parameter, and what they mean. It prints as a table.

    Parameters
    ----------
    comparisons : list of Comparison
    method : str
        How the numerical gradients were computed.
    recognise : sequence of functions (Comparison) -> network or None
        As for `check`.
    remarks : sequence of str
        Further remarks, such as how sharp the check was.

    Attributes
    ----------
    passed : bool
        Every row has passed.
    wrong : tuple of str
        The parameters that failed at some point, in the order W, U, V, b, c or as they were given.
    diagnosis : str
        What is wrong, and what would make it right.
    """

    def __init__(self, comparisons, method, recognise=(), remarks=()):
        super().__init__(_row(comparison, name) for comparison in comparisons for name in comparison.params)
        self.comparisons, self.method = comparisons, method
        self.recognise, self.remarks = recognise, tuple(remarks)

    @property
    def passed(self):
        return all(row.passed for row in self)

    @property
    def wrong(self):
        wrong = {row.name for row in self if not row.passed}
        return tuple(name for name in self.comparisons[0].params if name in wrong)

    @property
    def diagnosis(self):
        return diagnose(self.comparisons, self.recognise)

    def _words(self):
        method = "Complex step" if self.method == "complex-step" else "Central differences"
        passes = f"{method}: a relative error below {self.comparisons[0].tolerance:.0e} passes."
        return [passes, self.diagnosis, *self.remarks]

    def __repr__(self):
        names = max(len(row.name) for row in self)
        lines = [f"{'':{names}}  {'{:>10} {:>9}  {:12} {:>13} {:>13}  {}'.format(*HEADS)}".rstrip()]
        for row in self:
            if len(self.comparisons) > 1 and row.name == self[0].name:
                lines.append(row.point)
            lines.append(f"{row.name:{names}}  {'{:>10} {:>9}  {:12} {:>13} {:>13}  {}'.format(*row.cells)}")
        return "\n".join(lines + self._words())

    def _repr_html_(self):
        heads = "".join(f"<th>{head}</th>" for head in ("", *HEADS, "where"))
        lines, rows = [], iter(self)
        for comparison in self.comparisons:
            if len(self.comparisons) > 1:
                lines.append(f"<tr><th colspan='8' style='text-align: left'>{escape(comparison.point)}</th></tr>")
            for name, row in zip(comparison.params, rows, strict=False):
                cells = "".join(f"<td>{escape(cell)}</td>" for cell in row.cells)
                where = "" if row.passed else _map(_deviation(comparison, name))
                look = "" if row.passed else " style='background: #fdd; color: #000'"
                lines.append(f"<tr{look}><th>{escape(name)}</th>{cells}<td>{where}</td></tr>")
        words = "".join(f"<p>{escape(sentence)}</p>" for sentence in self._words())
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>{words}"


def _map(deviation, most=24, size=5):
    """Where the error sits, as a picture of rows and columns: the darker, the larger; grey was not compared."""
    grid = np.atleast_2d(deviation.T).T if deviation.ndim < 2 else deviation.reshape(len(deviation), -1)
    for axis in (0, 1):  # of neighbours that share a square, the largest
        starts = np.unique(np.linspace(0, grid.shape[axis], min(most, grid.shape[axis]), endpoint=False).astype(int))
        grid = np.maximum.reduceat(grid, starts, axis=axis)
    largest = grid[np.isfinite(grid)].max(initial=0) or 1
    squares = []
    for (i, j), value in np.ndenumerate(grid):
        share = min(value / largest, 1) if value > 0 else 0
        color = (
            "#bbb"
            if value == -np.inf
            else f"rgb({255 - 105 * share:.0f},{255 * (1 - share):.0f},{255 * (1 - share):.0f})"
        )
        squares.append(f"<rect x='{size * j}' y='{size * i}' width='{size}' height='{size}' fill='{color}'/>")
    height, width = (size * count for count in grid.shape)
    title = "<title>The size of the error by row and column</title>"
    return f"<svg width='{width}' height='{height}' role='img'>{title}{''.join(squares)}</svg>"
