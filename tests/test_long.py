"""`make long`: what is measured is kept, run by run, and says how it was made."""

import importlib
import json
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from small import BOOK as SMALL_BOOK

import rnn_core as rnn
from lab.checkpoint import load_params
from lab.measured import LONG_RUNS

BOOK = 2 * SMALL_BOOK
BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture
def training(monkeypatch, tmp_path):
    """The script, on a small book, with two parts of few steps, in one process."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    with patch.dict("os.environ"):  # `bench` tells libraries that are not loaded yet how to behave
        script = importlib.import_module("training")
    (tmp_path / "book.txt").write_text(BOOK, encoding="utf-8")
    few = {"optimizer": rnn.AdaGrad, "scheme": "normal", "steps": 30, "hidden_size": 5, "seeds": 1}
    parts = {
        "reset": {"reset": few, "no reset": {**few, "text": script.three_times, "seeds": 2}},
        "recipes": {"other": few, "best": {**few, "steps": 20, "reading": {"batch_size": 2}}},
    }
    for name, value in {
        "BOOK": tmp_path / "book.txt", "LONG_RUNS": tmp_path / "training.json", "BEST_PARAMS": tmp_path / "best.npz",
        "UNFINISHED": tmp_path / "build", "PARTS": parts,
        "STEPS_PER_EPOCH": 10, "BEST_RECIPE": "best",
    }.items():  # fmt: skip
        monkeypatch.setattr(script, name, value)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    return script


def test_each_run_is_in_the_file_with_its_setting_and_the_best_leaves_its_parameters(training):
    training.main()
    results = json.loads(training.LONG_RUNS.read_text(encoding="utf-8"))
    assert list(results) == ["ngrams", "PPMd", "reset", "recipes"]
    assert len(results["ngrams"]["every"]) == 7 and len(results["ngrams"]["pruned"]) > 7
    assert set(results["reset"]["machine"]) == {"processor", "system", "versions"}
    way = results["reset"]["ways"]["no reset"]
    assert way["setting"]["text"] == "three_times"
    assert list(way["seeds"]) == ["0", "1"]
    run = way["seeds"]["0"]
    assert {"bits", "lowest", "seconds", "zero fails", "curve"} <= set(run)
    assert run["characters"] == 30 * 25
    best = results["recipes"]["ways"]["best"]["seeds"]["0"]
    assert best["characters"] == 20 * 25 * 2  # of both sequences
    assert len(best["text"]) == 1000
    assert load_params(training.BEST_PARAMS)[0].flat.size == best["parameters"]


def test_a_part_can_be_measured_alone_and_what_is_there_is_kept(training, capsys):
    training.main("recipes")
    before = json.loads(training.LONG_RUNS.read_text(encoding="utf-8"))
    assert list(before) == ["ngrams", "PPMd", "recipes"]
    del before["recipes"]["ways"]["other"]["seeds"]["0"]
    before["recipes"]["ways"]["best"]["seeds"]["0"]["bits"] = "kept"
    training.LONG_RUNS.write_text(json.dumps(before), encoding="utf-8")
    capsys.readouterr()
    training.main("recipes")
    assert capsys.readouterr().out.startswith("recipes, other, seed 0:")
    after = json.loads(training.LONG_RUNS.read_text(encoding="utf-8"))["recipes"]["ways"]
    assert after["best"]["seeds"]["0"]["bits"] == "kept"
    assert after["other"]["seeds"]["0"]["bits"] > 0


def test_an_unknown_part_is_named(training):
    with pytest.raises(SystemExit, match="no part 'sizes': choose from reset, recipes"):
        training.main("recipes", "sizes")


def test_the_state_that_is_forgotten_is_zero_and_the_gradient_stays_right(training):
    params = rnn.init_params(3, 4, sigma=0.5)
    x, y = np.array([0, 1, 2]), np.array([1, 2, 0])
    fwd, same = (rnn.forward(params, x, y, np.zeros(4)) for _ in range(2))
    np.testing.assert_array_equal(training.forget(params, x, y, fwd).flat, rnn.backward(params, x, y, same).flat)
    assert not fwd.h[-1].any()


def test_a_setting_is_written_in_words_and_numbers(training):
    setting = {"optimizer": partial(rnn.AdaGrad, 0.1, g2=10.0), "text": training.beginning, "steps": 5}
    assert training.described(setting) == {"optimizer": "AdaGrad(0.1, g2=10.0)", "text": "beginning", "steps": 5}


def test_the_results_in_the_repository_are_those_of_the_settings_in_the_script(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    training = importlib.import_module("training")
    results = json.loads(LONG_RUNS.read_text(encoding="utf-8"))
    assert list(results) == ["ngrams", "PPMd", *training.PARTS]
    for kind, models in training.ngrams().items():
        stored = [list(model.values()) for model in results["ngrams"][kind]]
        np.testing.assert_allclose(stored, [list(model.values()) for model in models])
    for part, ways in training.PARTS.items():
        assert {name: way["setting"] for name, way in results[part]["ways"].items()} == {
            name: training.described(setting) for name, setting in ways.items()
        }
        for name, way in results[part]["ways"].items():
            assert list(way["seeds"]) == [str(seed) for seed in training.seeds(part, name)]
