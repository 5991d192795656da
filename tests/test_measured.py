"""What was measured and stored: the report finds all that it shows."""

import numpy as np
import pytest
from test_project import ROOT

import rnn_core as rnn
from lab import measured
from lab.training import Reading


def test_the_runs_of_full_length_have_an_entry_for_each_seed():
    runs = measured.full_length()
    assert len(runs) > 1
    for run in runs.values():
        seeds = {len(run[name]) for name in ("lowest", "last", "bits")}
        assert len(seeds) == 1 and min(seeds) >= 5 and run["characters"] % (25 * run["steps"]) == 0
        assert all(low <= last for low, last in zip(run["lowest"], run["last"], strict=True))


def test_the_state_of_the_best_network_is_that_at_the_end_of_the_training_text():
    book = rnn.read_book(ROOT / "data" / "the_drowned_bell.txt")
    vocab = rnn.Vocabulary(book)
    ids = vocab.encode(book[:20_000])
    ((params, then, h),) = measured.best_reader(vocab, ids[:10_000], ids[10_000:]).values()
    assert then is not None and rnn.bits_per_character(params, then, h) < 3
    assert measured.best_reader(rnn.Vocabulary("abc"), ids, ids) == {}
    assert len(measured.best_text()) == 1000 and set(measured.best_text()) <= set(vocab.chars)


def test_lengths_sizes_and_counts_are_numbers():
    assert {1, 25, 100} <= set(measured.long_lengths())
    parameters, bits = zip(*measured.long_sizes(), strict=True)
    assert list(parameters) == sorted(parameters) and all(0 < b < 8 for of_seeds in bits for b in of_seeds)
    every, pruned = measured.long_counts("every"), measured.long_counts("pruned")
    assert [model["order"] for model in every] == [1, 2, 3, 4, 5, 6, 7]
    for models in (every, pruned):
        assert [model["n-grams"] for model in models] == sorted(model["n-grams"] for model in models)
    assert min(model["bits"] for model in pruned) > measured.ppmd() > 1


def test_numbers_for_the_same_bits_are_interpolated_between_the_models():
    models = [{"n-grams": 10, "weights": 0, "bits": 4.0}, {"n-grams": 1000, "weights": 500, "bits": 2.0}]
    networks = [(50, [3.0, 3.0]), (5, [2.0]), (5, [1.0])]
    assert measured.times_as_many(networks, models, "n-grams") == pytest.approx([np.sqrt(10 * 1000) / 50, 200])
    assert measured.times_as_many(networks, models, "n-grams", "weights")[1] == pytest.approx(300)


def test_pairs_sizes_and_wrong_gradients_have_five_seeds_each():
    compared = [
        *(of for pair in measured.pairs().values() for of in pair),
        *(of for of_sizes in measured.first_sizes().values() for of in of_sizes.values()),
        *(of for of_starts in measured.wrong_gradients().values() for of in of_starts.values()),
    ]
    assert len(compared) == 12 + 18 + 6 and {len(of_seeds) for of_seeds in compared} == {5}
    assert list(measured.wrong_gradients()["right"]) == ["G from 1e-8", "G from 10"]
    assert 1.0 in measured.first_sizes()["Adam 0.001, scaled"]
    trained, kept = measured.pairs()["AdaGrad"]
    assert np.mean(trained) < np.mean(kept)


def test_an_epoch_has_the_steps_that_reading_the_book_takes():
    ids = np.zeros(int(0.95 * len(rnn.read_book(ROOT / "data" / "the_drowned_bell.txt"))), np.uint8)
    assert measured.STEPS_PER_EPOCH == Reading(ids).steps_per_epoch


def test_ratios_are_the_medians_of_one_alphabet_and_type():
    turns = [
        {"K": 79, "dtype": "float32", "B": 1, "ratio": {"PyTorch": [5.0, 6.0, 7.0]}},
        {"K": 79, "dtype": "float64", "B": 1, "ratio": {"PyTorch": [9.0, 9.0, 9.0]}},
    ]
    assert measured.ratios({"turns": turns}) == {("PyTorch", 1): 6.0}


def test_what_the_report_says_of_speed_was_measured():
    ratios = measured.ratios(measured.speed())
    assert ratios["rnn_core", 1] == 1 and ratios["PyTorch, eager", 64] > 0 and measured.speed()["autograd"] < 1e-12


def test_what_is_older_than_the_rest_is_named_with_its_day_and_machine():
    days = {"JAX, one scan": "2026-11-28, a CPU", "PyTorch": "2026-11-27, a CPU", "JAX": "2026-11-28, a CPU"}
    assert measured.older({"older": days}) == "JAX, one scan; JAX (2026-11-28, a CPU); PyTorch (2026-11-27, a CPU)"
    assert measured.older({"older": {}}) == ""
