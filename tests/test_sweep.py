"""Several seeds side by side: the same outcomes wherever the runs are made."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from functools import partial

import joblib
import numpy as np
import psutil
import pytest
from small import IDS, VOCAB, busy_bar, interrupting, train

import rnn_core as rnn
from lab import training
from lab.sweep import (
    BEST,
    FEW_STEPS,
    MANY_EPOCHS,
    RECIPES,
    SHORTEST,
    for_steps,
    held_out_length,
    plan,
    prepare,
    run,
    sweep,
)
from lab.training import Reading, Samples

SETTINGS = {
    "AdaGrad": {"steps": 250, "scheme": "normal", "optimizer": rnn.AdaGrad},
    "Adam": {"steps": 30, "scheme": "orthogonal", "optimizer": partial(rnn.Adam, 0.01), "reading": {"batch_size": 2}},
}
SEEDS = range(2)
DATA = VOCAB, IDS[:700], IDS[700:]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_short_book_is_read_more_often_than_a_novel_but_not_until_it_is_known_by_heart(recipe):
    batch = RECIPES[recipe].get("reading", {}).get("batch_size", 1)
    lengths = [20_001, 200_001, 1_100_001, 10_000_001]
    epochs = [round(plan(recipe, length)["steps"] * 25 * batch / length, 1) for length in lengths]
    assert epochs == sorted(epochs, reverse=True) and epochs[0] > 4 * epochs[-1] and epochs[0] <= MANY_EPOCHS
    if "steps" not in RECIPES[recipe]:
        assert plan(recipe, 1_100_000)["steps"] >= FEW_STEPS


@pytest.mark.parametrize(
    ("recipe", "length", "steps", "chunks"),
    [
        ("AdaGrad 0.1, N(0, 0.01²)", 20_001, 40 * 800, None),  # as often as is not by heart
        ("AdaGrad 0.1, N(0, 0.01²)", 20_000, 40 * 799, None),
        ("AdaGrad 0.1, N(0, 0.01²)", 20_025, 40 * 800, None),
        ("AdaGrad 0.1, N(0, 0.01²)", 200_001, 40_000, None),
        ("AdaGrad 0.1, N(0, 0.01²)", 1_000_001, 3 * 40_000, None),  # a novel: three times
        ("Adam 0.008, cosine, orthogonal, B = 16", 4_000_001, 40_000, None),
        ("best in a minute", 20_001, 8 * 25, 32),  # a chunk for each sequence, at least
        ("best in a minute", 100_001, 8 * 125, 100),  # of a thousand characters
        ("best in a minute", 1_000_001, 6_800, 320),
    ],
)
def test_a_plan_has_the_steps_and_chunks_that_fit_the_book(recipe, length, steps, chunks):
    way = plan(recipe, length)
    assert (way["steps"], way["reading"].get("chunks")) == (steps, chunks)
    assert way["hidden_size"] == (320 if recipe == "best in a minute" else 100)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("length", [1_890, 35_000, 2_000_000])
def test_a_recipe_can_read_any_book(recipe, length):
    way = plan(recipe, length)
    assert Reading(np.zeros(length, int), **way["reading"]).steps_per_epoch >= 1


def test_what_is_asked_for_replaces_what_the_recipe_has():
    assert plan("best in a minute", 10**6, steps=7, hidden_size=5) | {"steps": 7, "hidden_size": 5} == plan(
        "best in a minute", 10**6, steps=7, hidden_size=5
    )
    assert plan("AdaGrad 0.1, N(0, 0.01²)", 2501, epochs=2)["steps"] == 200
    with pytest.raises(ValueError, match="There is no recipe 'best': choose one of 'AdaGrad"):
        plan("best", 1000)


@pytest.mark.parametrize(
    ("way", "bits"),
    [
        (RECIPES["AdaGrad 0.1, G from 10"], 4.5016),
        (RECIPES["Adam 0.001, scaled"], 4.5743),
        (RECIPES["Adam 0.002, cosine, orthogonal"], 4.4380),
        (RECIPES["Adam 0.008, cosine, orthogonal, B = 16"], 3.3837),
        (RECIPES["best in a minute"], 2.7424),
        (BEST, 2.8376),
    ],
)
def test_a_recipe_trains_as_it_did_when_its_results_were_measured(way, bits):
    made = run({**way, "steps": 30}, 1, VOCAB, np.tile(IDS, 40), IDS, hidden_size=20)
    assert made.bits == pytest.approx(bits, abs=1e-3)


def test_the_first_recipe_is_that_of_the_assignment():
    params, options = prepare(RECIPES["AdaGrad 0.1, N(0, 0.01²)"], VOCAB.size, 5)
    optimizer = options.pop("optimizer")
    assert (optimizer.eta, optimizer.g2, options) == (0.1, 1e-8, {})
    np.testing.assert_array_equal(params.flat, rnn.init_params(VOCAB.size, 5, dtype=np.float32).flat)


def test_a_twentieth_of_a_book_is_held_out_and_less_of_a_very_long_one():
    assert [held_out_length(length) for length in (SHORTEST, 1_169_699, 10**8)] == [105, 58_485, 100_000]


def test_with_a_large_alphabet_less_is_held_out_but_enough_to_measure():
    sizes = [(400_000, 500), (400_000, 3000), (400_000, 63_456), (5_000, 4_000)]
    assert [held_out_length(*of) for of in sizes] == [20_000, 16_666, 1000, 250]


def agree(a, b):
    """Make sure that two outcomes are the same but for the time that they took."""
    np.testing.assert_array_equal(a.params.flat, b.params.flat)
    np.testing.assert_array_equal(a.smooth_losses, b.smooth_losses)
    assert (a.lowest, a.bits) == (b.lowest, b.bits)


@pytest.fixture(scope="module")
def outcomes():
    return sweep(SETTINGS, SEEDS, *DATA, hidden_size=8)


def test_a_sweep_makes_every_setting_from_every_seed(outcomes):
    assert list(outcomes) == list(SETTINGS)
    for name, setting in SETTINGS.items():
        for seed, outcome in zip(SEEDS, outcomes[name], strict=True):
            agree(outcome, run(setting, seed, *DATA, hidden_size=8))
    assert outcomes["AdaGrad"][0].lowest != outcomes["AdaGrad"][1].lowest


def test_a_setting_can_be_run_from_fewer_seeds():
    made = sweep({**SETTINGS, "Adam": {**SETTINGS["Adam"], "seeds": [1]}}, SEEDS, *DATA, hidden_size=8)
    assert [len(of_seeds) for of_seeds in made.values()] == [2, 1]
    agree(made["Adam"][0], run(SETTINGS["Adam"], 1, *DATA, hidden_size=8))


def test_an_outcome_holds_the_samples_on_the_way_which_change_nothing(outcomes):
    watched = {**SETTINGS["AdaGrad"], "samples": Samples(VOCAB, every=(10, 100), length=1)}
    made = run(watched, 0, *DATA, hidden_size=8)
    agree(made, outcomes["AdaGrad"][0])
    assert [sample.step for sample in made.samples] == [10, 100, 250]
    for sample in made.samples:
        shorter = run(for_steps(SETTINGS, sample.step)["AdaGrad"], 0, *DATA, hidden_size=8)
        np.testing.assert_array_equal(sample.params.flat, shorter.params.flat)
        np.testing.assert_array_equal(sample.h, shorter.h)


def test_an_outcome_is_that_of_the_training_run_it_names(outcomes):
    params = rnn.init_params(VOCAB.size, 8, seed=1, dtype=np.float32)
    result = train(DATA[1], params, steps=250, seed=1)
    outcome = outcomes["AdaGrad"][1]
    np.testing.assert_array_equal(outcome.smooth_losses, result.smooth_losses[::100])
    assert outcome.lowest == result.smooth_losses.min()
    assert outcome.bits == rnn.bits_per_character(result.params, DATA[2], result.h)


def test_the_text_held_out_continues_the_last_sequence_of_a_batch(outcomes):
    params, options = prepare(SETTINGS["Adam"], VOCAB.size, 8, seed=1)
    made = training.train(params, Reading(DATA[1], seed=1, batch_size=2), progress=False, **options)
    outcome = outcomes["Adam"][1]
    np.testing.assert_array_equal(outcome.h, made.h[1])
    assert outcome.bits == rnn.bits_per_character(made.params, DATA[2], made.h[1])


def test_two_processes_come_to_the_same_outcomes(outcomes):
    with joblib.parallel_config(n_jobs=2):
        elsewhere = sweep(SETTINGS, SEEDS, *DATA, hidden_size=8)
    for name in SETTINGS:
        for a, b in zip(outcomes[name], elsewhere[name], strict=True):
            agree(a, b)


def test_a_dask_cluster_of_two_workers_comes_to_the_same_outcomes(outcomes):
    distributed = pytest.importorskip("distributed", reason="needs the extra [cluster]: pip install -e .[cluster]")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):
        elsewhere = sweep(SETTINGS, SEEDS, *DATA, hidden_size=8)
        places = set(joblib.Parallel()(joblib.delayed(os.getpid)() for _ in range(20)))
        assert places <= set(client.run(os.getpid).values())
    for name in SETTINGS:
        for a, b in zip(outcomes[name], elsewhere[name], strict=True):
            agree(a, b)


def test_an_interrupt_ends_the_sweep_in_place_of_an_outcome():
    setting = {"steps": 9, "scheme": "normal", "optimizer": interrupting(rnn.AdaGrad, 5)}
    with pytest.raises(KeyboardInterrupt):
        run(setting, 0, *DATA, hidden_size=8)


def workers():
    """The processes that joblib runs jobs in."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has just ended
            found += [child] if any("popen_loky" in word for word in child.cmdline()) else []
    return found


def spent():
    return sum(worker.cpu_times().user for worker in workers())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("whom", ["the kernel", "the workers, too"])  # Ctrl-C, and Jupyter's Interrupt, reach all
def test_an_interrupt_ends_all_runs_at_once_and_leaves_no_worker(whom):
    before, at, over = spent(), [], threading.Event()

    def interrupt():
        while spent() < before + 1:
            if over.wait(0.05):
                return
        at.append(time.perf_counter())
        for worker in workers() if whom == "the workers, too" else []:
            worker.send_signal(signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    endless = {"endless": {**SETTINGS["AdaGrad"], "steps": 10_000_000}}
    with pytest.raises(KeyboardInterrupt), joblib.parallel_config(n_jobs=2):
        threading.Thread(target=interrupt, daemon=True).start()
        try:
            sweep(endless, range(4), *DATA, hidden_size=8)
        finally:
            over.set()
    assert time.perf_counter() - at[0] < 2
    _, alive = psutil.wait_procs(workers(), timeout=2)
    assert not alive
    with joblib.parallel_config(n_jobs=2):  # and the next sweep runs
        assert len(sweep({"Adam": SETTINGS["Adam"]}, SEEDS, *DATA, hidden_size=8)["Adam"]) == 2


def test_the_bar_of_a_sweep_counts_its_runs_and_estimates_how_long_the_others_take(capsys):
    sweep(SETTINGS, SEEDS, *DATA, hidden_size=8)
    shown = capsys.readouterr().out
    assert "| 0/4 [" in shown and "?run/s]" in shown and shown.endswith("\r")


def test_a_run_shows_no_bar_of_its_own_and_has_a_hundred_units_if_nothing_else_is_asked_for(monkeypatch, capsys):
    monkeypatch.setattr("lab.training.bar", busy_bar)
    outcome = run({**SETTINGS["AdaGrad"], "steps": 2}, 0, *DATA)
    assert capsys.readouterr().out == "" and outcome.h.shape == (100,)
    params, _ = prepare(SETTINGS["AdaGrad"], VOCAB.size)
    np.testing.assert_array_equal(params.flat, rnn.init_params(VOCAB.size, 100, dtype=np.float32).flat)
    assert params.flat.dtype == np.float32


def test_the_first_parameters_can_be_changed_and_the_steps_given():
    def double(params):
        params.U *= 2

    ways = for_steps({"as drawn": SETTINGS["AdaGrad"], "doubled": {**SETTINGS["AdaGrad"], "first": double}}, 7)
    (drawn, options), (doubled, others) = (prepare(way, VOCAB.size, 5) for way in ways.values())
    np.testing.assert_array_equal(doubled.U, 2 * drawn.U)
    np.testing.assert_array_equal(doubled.W, drawn.W)
    assert options["steps"] == others["steps"] == 7 and options.keys() == others.keys() == {"steps", "optimizer"}
