"""How two gradients compare, as a table.

References
----------
.. [2] Stanford CS231n, course notes, "Neural Networks Part 3: Learning and Evaluation", section "Gradient Checks".
"""

from typing import NamedTuple

import numpy as np

from .diagnosis import diagnose


class GradientRow(NamedTuple):
    """How the two gradients of one parameter compare at one point.

    Attributes
    ----------
    point : str
        Where.
    name : str
        Of the parameter, such as W, U, V, b or c.
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


def _row(comparison, name):
    a, n = comparison.analytic[name], comparison.numerical[name]
    compared = ~np.isnan(n) | ~np.isfinite(a)
    with np.errstate(invalid="ignore"):
        deviation = np.nan_to_num(np.abs(a - n), nan=np.inf)
    worst = np.unravel_index(np.where(compared, deviation, -np.inf).argmax(), a.shape)
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
    recognise : function (Comparison) -> network or None, optional
        As for `check`.

    Attributes
    ----------
    passed : bool
        Every row has passed.
    wrong : tuple of str
        The parameters that failed at some point, in the order W, U, V, b, c or as they were given.
    diagnosis : str
        What is wrong, and what would make it right.
    """

    def __init__(self, comparisons, method, recognise=None):
        super().__init__(_row(comparison, name) for comparison in comparisons for name in comparison.params)
        self.comparisons, self.method, self.recognise = comparisons, method, recognise

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

    def __repr__(self):
        names = max(len(row.name) for row in self)
        heads = "difference", "relative", "worst entry", "yours", "numerical", ""
        lines = [f"{'':{names}}  {'{:>10} {:>9}  {:12} {:>13} {:>13}  {}'.format(*heads)}".rstrip()]
        for row in self:
            if len(self.comparisons) > 1 and row.name == self[0].name:
                lines.append(row.point)
            lines.append(
                f"{row.name:{names}}  {row.difference:10.1e} {row.relative_error:9.1e}  {list(row.worst)!s:12} "
                f"{row.analytic:13.6g} {row.numerical:13.6g}  {'passed' if row.passed else 'WRONG'}"
            )
        method = "Complex step" if self.method == "complex-step" else "Central differences"
        tolerance = self.comparisons[0].tolerance
        return "\n".join([*lines, f"{method}: a relative error below {tolerance:.0e} passes.", self.diagnosis])
