"""PyTorch's autograd comes to the same gradient, where PyTorch is installed."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from small import VOCAB, problems

import rnn_core as rnn
from lab.gradients import check_gradients

pytest.importorskip("torch")

import lab.autograd
from lab.autograd import autograd


@pytest.mark.parametrize("scheme", ["normal", "scaled"])
def test_the_gradient_is_that_of_autograd_to_twelve_digits(scheme):
    """As the editions of 2025 and 2026 ask: m = 10, T = 25, float64."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        params = rnn.init_params(VOCAB.size, hidden_size=10, seed=seed, scheme=scheme)
        point = params, *rng.integers(0, VOCAB.size, (2, 25)), rng.uniform(-1, 1, 10)
        result = check_gradients(*point, numerical=autograd(*point), tolerance=1e-12)
        assert result.passed, result


@given(problems())
def test_autograd_agrees_everywhere(problem):
    result = check_gradients(*problem, numerical=autograd(*problem), tolerance=1e-12)
    assert result.passed, result


def test_float32_stays_float32():
    params = rnn.init_params(5, 4, dtype=np.float32)
    x = np.arange(5)
    assert autograd(params, x, x, np.zeros(4, np.float32)).flat.dtype == np.float32


def test_the_example_in_the_docstring_comes_out_as_shown():
    results = doctest.testmod(lab.autograd)
    assert results.attempted and not results.failed
