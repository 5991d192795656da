"""What a check says of wrong gradients, whatever the loss is: the cause, and no other."""

import numpy as np
import pytest

from lab.gradcheck import check


def said(loss, params, gradients, **kwargs):
    return check(loss, params, gradients, progress=False, **kwargs).diagnosis


def said_of_squares(change, shape=(4, 5), **kwargs):
    """Of the gradient of a sum of squares that was changed."""
    w = np.random.default_rng(0).normal(size=shape)
    return said(lambda p: (p["w"] ** 2).sum(), {"w": w}, {"w": change(2 * w)}, **kwargs)


@pytest.mark.parametrize(
    ("change", "shape", "words"),
    [
        (np.zeros_like, (4, 5), "zero"),
        (lambda g: g * np.nan, (4, 5), "not finite"),
        (lambda g: 2 * g, (4, 5), "2 times what is right"),
        (lambda g: -g, (4, 5), "-1 times what is right"),
        (lambda g: g / 2, (4, 5), "0.5 times what is right"),
        (lambda g: 1.75 * g, (4, 5), "1.75 times what is right"),
        (lambda g: 25 * g, (4, 5), "25 times what is right, as with a sum over 25 in place of the mean"),
        (lambda g: g / 25, (4, 5), "1/25 of what is right, as with a mean over 25 in place of the sum"),
        (lambda g: g.clip(-1, 1), (4, 5), "what is right, clipped to [-1, 1]; clip after the check"),
        (lambda g: g.clip(-1.3, 1.3), (4, 5), "what is right, clipped to [-1.3, 1.3]; clip after the check"),
        (lambda g: g.T, (4, 4), "the transpose of what is right"),
        (lambda g: np.roll(g, 1, axis=0), (4, 5), "what is right, with its rows shifted by one"),
        (lambda g: np.roll(g, -1, axis=1), (4, 5), "what is right, with its columns shifted by one"),
        (lambda g: np.r_[g[1:], 0 * g[:1]], (5, 1), "what is right, with its entries shifted by one"),
        (lambda g: np.r_[0, g[:-1]], (5,), "what is right, with its entries shifted by one"),
        (lambda g: np.roll(g, 1, axis=2), (2, 3, 4), "what is right, with its axis 2 shifted by one"),
        (lambda g: g + 1, (4, 5), "no simple change makes it right; begin at the entry that differs most"),
        (lambda g: 3 * g, (1, 1), "no simple change makes it right; begin at the entry that differs most"),
    ],
)
def test_what_would_make_a_gradient_right_is_named(change, shape, words):
    for entries in (None, 6):
        assert said_of_squares(change, shape, entries=entries) == f"w is wrong: {words}."


def test_causes_are_named_with_central_differences_as_well():
    w = np.random.default_rng(0).normal(size=(4, 4))
    for change, words in ((lambda g: 25 * g, "a sum over 25"), (np.transpose, "the transpose of what is right")):
        assert words in said(lambda p: float((p["w"] ** 2).sum()), {"w": w}, {"w": change(2 * w)})


def test_gradients_that_share_a_cause_share_a_sentence():
    a, b = {name: np.random.default_rng(0).normal(size=3) for name in "uvwx"}, {"u": 2, "v": 4, "w": 4, "x": 4}
    words = said(lambda p: sum((p[name] ** 2).sum() for name in p), a, {name: b[name] * a[name] for name in a})
    assert words == "v, w and x are wrong: 2 times what is right."
    words = said(
        lambda p: sum((p[name] ** 2).sum() for name in p),
        a,
        {name: b[name] * a[name] for name in a} | {"v": 0 * a["v"]},
    )
    assert words == "v is wrong: zero. w and x are wrong: 2 times what is right."


def test_a_loss_that_does_not_use_its_params_is_suspected():
    w = {"w": np.ones(3)}
    words = said(lambda p: (w["w"] ** 2).sum(), w, {"w": 2 * w["w"]})
    assert words.startswith(
        "w is wrong: not zero, although the loss does not depend on it (it must be computed from the params"
    )


def test_nothing_is_read_into_the_rounding_of_a_gradient_that_is_zero():
    A, target = np.random.default_rng(0).normal(size=(9, 3)), np.arange(9.0)
    best = np.linalg.lstsq(A, target, rcond=None)[0]
    words = said(lambda w: ((A @ w - target) ** 2).sum(), best, np.ones(3))
    assert words == "params is wrong: no simple change makes it right; begin at the entry that differs most."
