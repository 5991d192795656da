"""The ladder from the equations as they stand to rnn_core: the same mathematics on every rung."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import IDS, VOCAB

import rnn_core as rnn
from lab import speed


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
