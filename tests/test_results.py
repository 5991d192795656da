"""What `make long` left: the runs that the report shows are all there."""

import numpy as np
import pytest

import rnn_core as rnn
from lab import results


def test_the_runs_of_full_length_have_an_entry_for_each_seed():
    runs = results.full_length()
    assert len(runs) > 1
    for measured in runs.values():
        seeds = {len(measured[name]) for name in ("lowest", "last", "bits")}
        assert len(seeds) == 1 and min(seeds) >= 5 and measured["characters"] % (25 * measured["steps"]) == 0
        assert all(low <= last for low, last in zip(measured["lowest"], measured["last"], strict=True))


def test_the_state_of_the_best_network_is_that_at_the_end_of_the_training_text():
    book = rnn.read_book(results.LONG_RUNS.parent.parent / "data" / "the_drowned_bell.txt")
    vocab = rnn.Vocabulary(book)
    ids = vocab.encode(book[:20_000])
    ((params, then, h),) = results.best_reader(vocab, ids[:10_000], ids[10_000:]).values()
    assert then is not None and rnn.bits_per_character(params, then, h) < 3
    assert results.best_reader(rnn.Vocabulary("abc"), ids, ids) == {}
    assert len(results.best_text()) == 1000 and set(results.best_text()) <= set(vocab.chars)


def test_lengths_sizes_and_counts_are_numbers():
    assert {1, 25, 100} <= set(results.long_lengths())
    parameters, bits = zip(*results.long_sizes(), strict=True)
    assert list(parameters) == sorted(parameters) and all(0 < b < 8 for of_seeds in bits for b in of_seeds)
    counts, bits = zip(*results.long_counts(), strict=True)
    assert list(counts) == sorted(counts) and list(bits) == sorted(bits, reverse=True)


def test_counts_for_the_same_bits_are_interpolated_between_the_orders():
    counts = [(10, 4.0), (1000, 2.0)]
    factors = results.counts_for_the_same_bits([(50, [3.0, 3.0]), (5, [2.0]), (5, [1.0])], counts)
    assert factors == pytest.approx([np.sqrt(10 * 1000) / 50, 200])
