"""The ladder from the equations as they stand to rnn_core: the same mathematics on every rung."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import IDS, VOCAB

import rnn_core as rnn
from lab import speed
from lab.training import Reading, train

RUNGS = speed.rungs(VOCAB, IDS, hidden_size=12, seq_length=7)


@given(
    text=st.text(min_size=9, max_size=60),
    hidden_size=st.integers(1, 12),
    seq_length=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_one_step_agrees_on_every_rung_whatever_the_book(text, hidden_size, seq_length, seed):
    vocab = rnn.Vocabulary(text)
    rows = speed.agreement(vocab, vocab.encode(text), hidden_size, seq_length, seed)
    assert [row.dtype for row in rows] == ["float64", "float32"] * len(speed.GRADIENTS)
    assert all(row.holds for row in rows)


@pytest.mark.parametrize("spoil", ["loss", "gradient"])
def test_a_rung_that_computes_something_else_does_not_agree(monkeypatch, spoil):
    def wrong(params, x, y, h0):
        loss, h, grads = speed.by_rnn_core(params, x, y, h0)
        return loss + (1e-9 if spoil == "loss" else 0), h, [g + (1e-10 if spoil == "gradient" else 0) for g in grads]

    monkeypatch.setitem(speed.GRADIENTS, "wrong", wrong)
    double, *_ = (row for row in speed.agreement(VOCAB, IDS, 12, 7) if row.rung == "wrong")
    assert not double.holds


@pytest.mark.parametrize("name", RUNGS)
def test_every_rung_trains_with_adagrad_and_clipping(name):
    losses, seconds = RUNGS[name](8)
    expected = train(rnn.init_params(VOCAB.size, 12), Reading(IDS, 7), steps=8, progress=False).losses
    np.testing.assert_allclose(losses, expected, rtol=1e-4)  # rounding grows from step to step
    assert len(losses) == 8 and seconds > 0


def test_turns_are_taken_round_by_round():
    order = []

    def run(name, steps):
        order.append(name)
        return np.zeros(steps), 1e-6 * steps * len(order)

    turns = speed.interleave({name: lambda steps, name=name: run(name, steps) for name in "ab"}, 5, 0.0)
    assert "".join(order) == "ab" + "ab" * 3  # a round that is not counted, and three that are
    assert turns["a"].tolist() == pytest.approx([3, 5, 7]) and turns["b"].tolist() == pytest.approx([4, 6, 8])


def test_ratios_are_the_medians_of_one_alphabet_and_type():
    turns = [
        {"K": 79, "dtype": "float32", "B": 1, "ratio": {"PyTorch": [5.0, 6.0, 7.0]}},
        {"K": 79, "dtype": "float64", "B": 1, "ratio": {"PyTorch": [9.0, 9.0, 9.0]}},
    ]
    assert speed.ratios({"turns": turns}) == {("PyTorch", 1): 6.0}


def test_what_the_report_says_of_speed_was_measured():
    ratios = speed.ratios(speed.measured())
    assert ratios["rnn_core", 1] == 1 and ratios["PyTorch, eager", 64] > 0 and speed.measured()["autograd"] < 1e-12
