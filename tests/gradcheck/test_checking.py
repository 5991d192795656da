"""The check of anybody's code."""

import doctest
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import handout
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.gradcheck import check, checking

ROOT = Path(__file__).parent.parent.parent


def checked(loss, params, gradients, *args, **kwargs):
    return check(loss, params, gradients, *args, progress=False, **kwargs)


@st.composite
def handouts(draw):
    """A network as in the handout, of any small shape, and whether its loss is a mean over the steps."""
    m, K, T, B = (draw(st.integers(1, n)) for n in (6, 6, 7, 3))
    return *handout.make(m, K, T, B, draw(st.floats(0.01, 1)), draw(st.integers(0, 2**32))), draw(st.booleans())


class Record:
    """Arrays as attributes, and something else."""

    def __init__(self, arrays):
        vars(self).update(arrays)
        self.eta, self.words = 0.1, ["a", "b"]


Columns = namedtuple("Columns", "b c U W V")
CONTAINERS = {  # of the handout's dict, and back
    "dict": (dict, dict),
    "list": (lambda rnn: list(rnn.values()), lambda arrays: dict(zip("bcUWV", arrays, strict=True))),
    "tuple": (lambda rnn: tuple(rnn.values()), lambda arrays: dict(zip("bcUWV", arrays, strict=True))),
    "namedtuple": (lambda rnn: Columns(**rnn), lambda arrays: arrays._asdict()),
    "object": (Record, vars),
    "namespace": (lambda rnn: SimpleNamespace(**rnn), vars),
}


@settings(max_examples=200)
@given(handouts(), st.sampled_from(sorted(CONTAINERS)), st.sampled_from([1, 3, None]))
def test_right_code_is_never_accused(problem, container, entries):
    network, X, Y, h0, mean = problem
    pack, unpack = CONTAINERS[container]
    params, gradients = pack(network), pack(handout.gradients(*problem))
    result = checked(lambda p: handout.loss(unpack(p), X, Y, h0, mean), params, gradients, X, Y, entries=entries)
    assert len(result) == 5 and result.method == "complex-step"
    assert result.passed and result.wrong == () and result.diagnosis == "Every gradient agrees."


@settings(max_examples=100)
@given(handouts())
def test_right_code_that_is_not_fit_for_complex_numbers_is_not_accused_either(problem):
    network, *rest = problem
    result = checked(lambda p: float(handout.loss(p, *rest)), network, handout.gradients(*problem), entries=5)
    assert result.method == "extrapolated" and result.passed
    assert "Central differences" in repr(result)


def test_a_loss_without_a_network_is_checked_as_well():
    rng = np.random.default_rng(0)
    A, target, w = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), {"w": rng.normal(size=(4, 2)), "shift": 0.5}

    def loss(p):
        return ((A @ p["w"] + p["shift"] - target) ** 2).sum()

    residual = 2 * (A @ w["w"] + w["shift"] - target)
    assert checked(loss, w, {"shift": residual.sum(), "w": A.T @ residual}).passed
    assert checked(loss, w, {"shift": residual.sum(), "w": A.T @ residual / 2}).wrong == ("w",)
    best = {"w": np.linalg.lstsq(A, target, rcond=None)[0], "shift": 0.0}  # where the gradient of w is rounding
    residual = 2 * (A @ best["w"] - target)
    assert checked(loss, best, {"shift": residual.sum(), "w": A.T @ residual}).passed


@pytest.mark.parametrize(("factor", "computed"), [(2, 200), (3, 600)])
def test_200_entries_of_a_large_array_are_computed_and_all_if_it_is_wrong(factor, computed):
    w = np.random.default_rng(0).normal(size=(30, 20))
    (comparison,) = checked(lambda w: (w**2).sum(), w, factor * w).comparisons
    assert np.isfinite(comparison.numerical["params"]).sum() == computed


def test_every_entry_counts_even_where_few_are_drawn():
    w = np.random.default_rng(0).normal(size=(50, 40))
    gradient = 2 * w
    gradient[17, 3] += 1e-3
    result = checked(lambda w: (w**2).sum(), w, gradient, entries=10)
    assert not result.passed and result[0].worst == (17, 3)


def test_a_check_leaves_params_as_they_are_and_comes_out_the_same_every_time():
    network, X, Y, h0 = handout.make()
    before = {name: values.copy() for name, values in network.items()}
    results = [checked(lambda p: handout.loss(p, X, Y, h0), network, before, entries=3) for _ in range(2)]
    assert results[0] == results[1] and not results[0].passed
    for name, values in network.items():
        np.testing.assert_array_equal(values, before[name])


def test_a_tolerance_that_is_given_is_the_tolerance():
    w = np.ones(3)
    assert checked(lambda w: (w**2).sum(), w, 2.01 * w, tolerance=0.01).passed
    assert not checked(lambda w: (w**2).sum(), w, 2.01 * w, tolerance=0.001).passed
    assert not checked(lambda w: float((w**3).sum()), w, 3 * w**2, tolerance=0).passed


@pytest.mark.parametrize("loss", [0.5, 3.0, 1e6])
def test_the_error_that_rounding_explains_grows_with_the_loss(loss):
    w = np.zeros(3)
    for function, unit in ((lambda w: loss + w.sum(), 1e-16), (lambda w: float(loss + w.sum()), 3e-11)):
        (comparison,) = checked(function, w, np.ones(3)).comparisons
        assert comparison.rounding == pytest.approx(unit * max(1, loss)) and not comparison.wrong


def test_a_small_gradient_of_a_large_loss_passes_although_its_differences_are_rounded():
    result = checked(lambda w: float(1e6 + 1e-3 * w.sum()), np.zeros(3), np.full(3, 1e-3))
    assert result.method == "extrapolated" and result.passed


def squares(p):
    return (p["w"] ** 2).sum()


def writes(p):
    p["w"] *= 2
    return (p["w"] ** 2).sum()


def removes(p):
    return (p.pop("w") ** 2).sum()


KINK = (
    "Central differences with steps of 1e-5 and 2e-5 disagree: the loss has a kink or a jump near this point, such as "
    "a ReLU at 0 (move the weights), changes too fast here (choose smaller weights), or is computed in float32."
)


@pytest.mark.parametrize(
    ("loss", "complaint"),
    [
        (writes, "loss changes w: it must leave its params as they are."),
        (removes, "loss changes w: it must leave its params as they are."),
        (lambda p: None, "loss returns None: let it return the loss."),
        (
            lambda p: p["w"] ** 2,
            "loss returns an array of shape (2,): let it return one number, perhaps its .sum().",
        ),
        (lambda p: "1.5", "loss returns a number of type <U3, the check needs float64: compute it in float64."),
        (
            lambda p: p["w"].sum() + 0j,
            "loss returns a number of type complex128, the check needs float64: compute it in float64.",
        ),
        (
            lambda p: np.float32((p["w"] ** 2).sum()),
            "loss returns a number of type float32, the check needs float64: compute it in float64.",
        ),
        (lambda p: (p["w"] ** 2).sum() * np.inf, "loss returns inf: choose another point."),
        (lambda p: 1e300 * p["w"].sum(), "loss returns 2e+300, too large to compare: choose smaller weights."),
        (lambda p: (p["w"], 1.5), "loss returns a tuple: return the loss alone, perhaps with [1]."),
        (lambda p: float(np.float32((p["w"] ** 2).sum())), KINK),
        (lambda p: float(abs(p["w"] - 1 - 1e-6).sum()), KINK),
        (lambda p: float(np.sin(50_000 * (p["w"] - 1)).sum()), KINK),
    ],
)
def test_a_loss_that_cannot_be_checked_is_told_why(loss, complaint):
    with pytest.raises(ValueError) as refused:
        checked(loss, {"w": np.ones(2), "b": np.ones(1)}, {"w": 2 * np.ones(2), "b": np.zeros(1)})
    assert str(refused.value) == complaint


ENTRIES = "entries must be a whole number, 1 or more, or None for all: it is "
TOLERANCE = "tolerance must be a number, 0 or more, or None for the usual one: it is "


def test_the_arguments_of_a_check_are_checked():
    w = np.ones(2)
    for loss, kwargs, complaint in (
        *((squares, {"entries": it}, f"{ENTRIES}{it!r}.") for it in (0, 1.5, "all")),
        *((squares, {"tolerance": it}, f"{TOLERANCE}{it!r}.") for it in (-1, np.nan, np.inf, "1e-5")),
        (3.5, {}, "loss must be a function of params that returns the loss, not of type float."),
    ):
        with pytest.raises(ValueError) as refused:
            checked(loss, {"w": w}, {"w": w}, **kwargs)
        assert str(refused.value) == complaint


def test_an_error_inside_the_loss_comes_out_as_it_is():
    with pytest.raises(KeyError, match="'v'"):
        checked(lambda p: p["v"], {"w": np.ones(2)}, {"w": np.ones(2)})


def test_the_examples_in_the_docstrings_come_out_as_shown():
    results = doctest.testmod(checking)
    assert results.attempted and not results.failed


@pytest.mark.not_for_mutants
def test_the_five_lines_in_the_readme_check_code_as_the_handout_asks_for(capsys, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "lab")  # as if the folder lay beside the code
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Check your own gradient")[2].partition("\n## ")[0]
    code = section.partition("```python\n")[2].partition("```")[0]
    rnn, X, Y, h0 = handout.make()

    def compute_loss(X, Y, h0, rnn):
        return handout.loss(rnn, X, Y, h0, mean=True)

    def compute_gradients(X, Y, h0, rnn):
        averaged, summed = (handout.gradients(rnn, X, Y, h0, mean) for mean in (True, False))
        return averaged | {"b": summed["b"], "W": summed["W"]}

    exec(code, {name: value for name, value in locals().items() if name not in ("code", "monkeypatch")})
    says = capsys.readouterr().out.splitlines()[-1]
    assert says == "b and W are wrong: 25 times what is right, as with a sum over 25 in place of the mean."
    assert says in section


def test_the_folder_stands_by_itself_where_it_is_copied_beside_other_code(tmp_path):
    """With nothing but NumPy: nothing else of the project, and no other package, can be imported."""
    shutil.copytree(ROOT / "lab" / "gradcheck", tmp_path / "gradcheck", ignore=shutil.ignore_patterns("__pycache__"))
    code = """
import sys
for name in ("rnn_core", "lab", "report", "tqdm", "joblib", "matplotlib", "torch"):
    sys.modules[name] = None
import numpy as np
from gradcheck import check
w = np.ones(3)
print(check(lambda w: (w**2).sum(), w, 2 * w).passed, check(lambda w: (w**2).sum(), w, w).diagnosis)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("True params is wrong: 0.5 times what is right.\n", "")


def test_the_folder_holds_no_pass_of_the_network():
    """Which are the answers to the assignment: it could not hold them without computing tanh."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "lab" / "gradcheck").glob("*.py"))
    assert not {"tanh(", "softmax(", "def forward", "def backward"} & set(re.findall(r"\w+\(|def \w+", source))
