"""The gallery of bugs: each is wrong, and if the right code is rewritten it stays wrong or says that it is lost."""

import numpy as np
import pytest

import rnn_core as rnn
from lab.bugs import BUGS, Bug
from lab.gradients import check_gradients, check_points


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_classic_bug_is_caught(bug):
    for seed in range(20):
        checks = [check_gradients(*point[1:], backward=bug.backward, progress=False) for point in check_points(seed)]
        assert not all(check.passed for check in checks)


def test_the_bugs_differ_from_each_other():
    point = check_points()[-1][1:]
    fwd = rnn.forward(*point)
    gradients = [backward(*point[:3], fwd).flat for backward in (rnn.backward, *(bug.backward for bug in BUGS))]
    for i, one in enumerate(gradients):
        for other in gradients[:i]:
            assert np.linalg.norm(one - other) > 1e-3 * np.linalg.norm(one)


@pytest.mark.parametrize("right", ["no such line", "delta"])
def test_a_bug_whose_line_is_gone_or_not_alone_is_named(right):
    bug = Bug("an old bug", right, "pass")
    with pytest.raises(LookupError, match="'an old bug' do not occur exactly once in backward"):
        _ = bug.backward
