"""What the steps of a forward pass tell of the mistakes in its gradients, in three ways to write the same network."""

import idioms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.gradcheck import check
from lab.gradients import check as check_network

NAMED_BY_THE_GALLERY = "exactly what the bug"


def said(idiom, gradients, check=check, **point):
    forward, _ = idioms.IDIOMS[idiom]
    net, *args = idioms.point(idiom, **point)
    return check(idioms.loss_of(forward), net, gradients, *args, forward=forward, progress=False)


@pytest.mark.parametrize(("idiom", "right", "wrong", "words"), idioms.BUGS)
def test_a_bug_is_caught_at_the_usual_point_and_named_from_the_forward_pass(idiom, right, wrong, words):
    result = said(idiom, idioms.broken(idioms.IDIOMS[idiom][1], right, wrong), sigma=0.01, zero=True)
    assert not result.passed
    if words:
        assert words in result.diagnosis and NAMED_BY_THE_GALLERY not in result.diagnosis


@pytest.mark.parametrize(("idiom", "right", "wrong"), [bug[:3] for bug in idioms.BUGS if bug[3] == ""])
def test_the_gallery_names_what_the_steps_do_not(idiom, right, wrong):
    result = said(idiom, idioms.broken(idioms.IDIOMS[idiom][1], right, wrong), check_network)
    assert NAMED_BY_THE_GALLERY in result.diagnosis


@pytest.mark.parametrize("idiom", idioms.IDIOMS)
def test_a_loss_that_returns_the_last_step_alone_is_suspected(idiom):
    forward, gradients = idioms.IDIOMS[idiom]
    net, *args = idioms.point(idiom)

    def last(net, x, y, h0):
        loss, h = 0, h0
        for t in range(x.shape[-1]):
            loss, h = forward(net, x[..., t : t + 1], y[..., t : t + 1], h)
        return loss, h

    def summed(*point):
        found = gradients(*point)
        return {name: it * x.shape[1] for name, it in found.items()} if idiom == "dict" else found

    x = args[0]
    result = check(idioms.loss_of(last), net, summed, *args, forward=last, progress=False)
    assert "loss returns the last step's alone" in result.diagnosis


@pytest.mark.slow
@settings(max_examples=2000)
@given(st.data())
def test_no_bug_gets_the_name_of_another(data):
    no_bug_gets_the_name_of_another(data)


@settings(max_examples=60)
@given(st.data())
def test_no_bug_gets_the_name_of_another_at_a_few_points(data):
    no_bug_gets_the_name_of_another(data)


def no_bug_gets_the_name_of_another(data):
    """Wrong in a way that no usual mistake is: whatever the point, no name is given."""
    idiom = data.draw(st.sampled_from(sorted(idioms.IDIOMS)))
    sizes = {letter: data.draw(st.integers(2, 6)) for letter in "mKT"}
    point = {**sizes, "sigma": data.draw(st.floats(0.01, 1)), "seed": data.draw(st.integers(0, 2**32))}
    rng = np.random.default_rng(point["seed"])
    forward, right = idioms.IDIOMS[idiom]
    net, *args = idioms.point(idiom, **point)
    place = data.draw(st.integers(0, 4))
    found = right(net, *args)
    arrays = list(found.values()) if idiom == "dict" else list(found[1:6] if idiom == "class" else found)
    arrays[place] = arrays[place] + rng.normal(size=arrays[place].shape) * np.linalg.norm(arrays[place])
    wrong = dict(zip(found, arrays, strict=True)) if idiom == "dict" else arrays
    result = check(idioms.loss_of(forward), net, wrong, *args, forward=forward, progress=False)
    assert len(result.wrong) == 1
    assert any(words in result.diagnosis for words in ("no simple change", "so the error is in"))
