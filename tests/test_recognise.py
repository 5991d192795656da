"""A check of wrong gradients of this lab's network names the cause, and no other."""

import handout
import numpy as np
import pytest
from small import IDS, VOCAB

import rnn_core as rnn
from lab import plain
from lab.bugs import BUGS, MORE
from lab.gradients import check, check_gradients


def said(loss, params, gradients, x, y, *h0, **kwargs):
    return check(loss, params, gradients, x, y, *h0, progress=False, **kwargs).diagnosis


LAYOUTS = ["columns", "rows", "unnamed", "numbers"]


def said_of_handout(grads, problem, mean=False, layout="columns", **kwargs):
    """A check of the handout's network, in columns, with its gradients in another layout."""
    network, X, Y, h0 = problem

    def loss(p):
        return handout.loss(p, X, Y, h0, mean)

    if layout == "rows":
        X_rows, Y_rows = (np.moveaxis(Z, 0, -1) for Z in (X, Y))
        point = X_rows, Y_rows, h0.T
        return said(lambda p: loss(handout.turned(p)), handout.turned(network), handout.turned(grads), *point, **kwargs)
    if layout == "unnamed":
        names = list(network)
        network, grads = ([arrays[name] for name in names] for arrays in (network, grads))
        return said(lambda p: loss(dict(zip(names, p, strict=True))), network, grads, X, Y, h0, **kwargs)
    if layout == "numbers":
        return said(loss, network, grads, X.argmax(axis=0).T, Y.argmax(axis=0).T, h0, **kwargs)
    return said(loss, network, grads, X, Y, h0, **kwargs)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mean", [False, True], ids=["sum", "mean"])
@pytest.mark.parametrize("bug", range(len(BUGS)), ids=lambda i: BUGS[i].name)
def test_every_classic_bug_is_named_in_code_as_the_handout_asks_for(bug, mean, layout):
    for B in (1, 3)[bug == 7 :]:
        problem = handout.make(m=5, K=5, T=6, B=B, seed=bug)
        words = said_of_handout(handout.gradients(*problem, mean, bug), problem, mean, layout, entries=4)
        assert f'wrong: exactly what the bug "{BUGS[bug].name}" gives.' in words


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sum_over_the_steps_in_place_of_a_mean_is_named(layout):
    problem = handout.make(T=6)
    summed, averaged = (handout.gradients(*problem, mean) for mean in (False, True))
    names = "array 0, array 1, array 2, array 3 and array 4" if layout == "unnamed" else "b, c, U, W and V"
    words = f"{names} are wrong: 6 times what is right, as with a sum over T = 6 in place of the mean."
    assert said_of_handout(summed, problem, True, layout).startswith(words)
    words = f"{names} are wrong: 1/6 of what is right, as with a mean over T = 6 in place of the sum."
    assert said_of_handout(averaged, problem, False, layout).startswith(words)


def test_a_sum_over_a_batch_of_two_is_named_by_its_letter():
    problem = handout.make(B=2)
    grads = handout.gradients(*problem)
    assert "1/2 of what is right, as with a mean over B = 2" in said_of_handout(
        {n: g / 2 for n, g in grads.items()}, problem
    )


@pytest.mark.parametrize("B", [1, 3])
@pytest.mark.parametrize("name", "bcUWV")
@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (slice(0, 1), "what the first step alone gives, as with = in place of +="),
        (slice(-1, None), "what the last step alone gives"),
        (slice(1, None), "what is right but for the first step, which is not counted"),
        (slice(0, -1), "what is right but for the last step, which is not counted"),
    ],
)
def test_steps_that_are_not_counted_are_named(steps, words, name, B):
    problem = handout.make(B=B, T=6)
    grads = handout.gradients(*problem)
    grads[name] = handout.gradients(*problem, steps=steps)[name]
    if steps.start == 1 and name in "Wb":
        bug = BUGS[{"W": 4, "b": 5}[name]]
        words = f'exactly what the bug "{bug.name}" gives'
    assert said_of_handout(grads, problem) == f"{name} is wrong: {words}."


def test_without_a_cause_the_pattern_of_what_is_wrong_says_where_to_look():
    problem = handout.make(m=4, K=3, T=3)
    for names, words in [
        ("bcUWV", "everything flows from g_t = dL/do_t, so the error may be there"),
        ("bUW", "V and c are right, so g_t = dL/do_t is, and the error is in the recurrence of delta_t = dL/da_t"),
        ("cV", "the error is in the sums of g_t = dL/do_t"),
        ("W", "so the error is in the sum of delta_t h_{t-1}^T: which h, from which step on"),
        ("U", "so the error is in the sum of delta_t x_t^T: which x, repeated characters"),
        ("V", "so the error is in the sum of g_t h_t^T: which h, from which step on"),
        ("b", "delta_t = dL/da_t is right, so the error is in its sum, which may lack a step"),
        ("c", "g_t = dL/do_t is right, so the error is in its sum, which may lack a step"),
        ("cW", "look at the first step that they share"),
    ]:
        grads = handout.gradients(*problem)
        for name in names:
            grads[name][0, 0] += 1
        for layout in ("columns", "rows", "unnamed"):
            assert said_of_handout(grads, problem, layout=layout).endswith(f"{words}.")


def test_a_network_that_is_not_recognised_is_reported():
    network, X, Y, h0 = problem = handout.make()
    grads = handout.gradients(*problem, bug=0)
    unknown = "the network is not recognised: only simple changes were looked for."
    for x, y, state in [
        (X[:, ::-1], Y, h0),  # another text
        (X, Y, h0[:-1]),  # another size
        (X.T[:3], Y.T, h0),  # another length
        (X.argmax(axis=0) + 3, Y, h0),  # characters beyond K
        (X + 0.5, Y, h0),  # no characters
        ("a text", Y, h0),
        (np.zeros((0, 7)), np.zeros((0, 7)), h0),  # nothing
        (np.ones((2, 2, 2), int), Y, h0),  # too much
    ]:
        assert said(lambda p: handout.loss(p, X, Y, h0), network, grads, x, y, state).endswith(unknown)
    assert said(lambda w: (w**2).sum(), np.ones(3), np.ones(3), X, Y).endswith(unknown)


def test_the_plain_code_of_the_lab_passes_and_its_bugs_are_named():
    params, x, y, h0 = rnn.init_params(VOCAB.size, 10, sigma=0.3), IDS[:9], IDS[1:10], np.full(10, 0.5)
    grads = plain.backward(params, x, y, *plain.forward(params, x, y, h0)[1:])

    def loss(p):
        return plain.forward(p, x, y, h0)[0]

    assert said(loss, tuple(params), grads, x, y, h0, entries=9) == "Every gradient agrees."
    wrong = BUGS[0].backward(params, x, y, rnn.forward(params, x, y, h0))
    words = said(loss, tuple(params), tuple(wrong), x, y, h0, entries=9)
    assert words == f'array 0, array 1 and array 3 are wrong: exactly what the bug "{BUGS[0].name}" gives.'


# ------------------------------------------------------------------------------------------------ at several points


def test_what_is_said_of_several_points_holds_at_all_of_them():
    def said_of(bug):
        return check_gradients(backward=BUGS[bug].backward, progress=False).diagnosis

    assert said_of(0) == f'W, U and b are wrong: exactly what the bug "{BUGS[0].name}" gives.'
    where = "with sigma = 0.5, h0 not 0 and with sigma = 0.5, h0 not 0, B = 3"
    assert said_of(4) == f'W is wrong: exactly what the bug "{BUGS[4].name}" gives. This shows only {where}.'
    calls = []

    def inconsistent(*point):
        """A factor that differs from point to point."""
        calls.append(point)
        grads = rnn.backward(*point)
        return grads.like(grads.flat * (len(calls) + 1))

    assert "wrong: everything flows from" in check_gradients(backward=inconsistent, progress=False).diagnosis


@pytest.mark.parametrize("bug", [*BUGS, *MORE], ids=lambda bug: bug.name)
def test_every_bug_of_the_gallery_is_named_at_the_better_points(bug):
    words = check_gradients(backward=bug.backward, progress=False).diagnosis
    assert f'exactly what the bug "{bug.name}" gives' in words


def test_with_one_step_nothing_is_wrong_with_a_recurrence_that_is_not_there():
    problem = handout.make(T=1)
    for bug in (0, 1, 2):
        assert said_of_handout(handout.gradients(*problem, bug=bug), problem) == "Every gradient agrees."
