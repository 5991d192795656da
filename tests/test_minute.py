"""The benchmark of a minute's training: what it stores, and what the README makes of it."""

import json
import os
from unittest.mock import patch

import numpy as np
import pytest

import rnn_core as rnn
from lab import measured

with patch.dict(os.environ):  # it tells libraries that are not loaded yet how to behave
    import minute
    import readme


def contestant(bits):
    """One that needs so many bits, and one more for each seed."""

    def make(vocab, ids, seed):
        return (lambda steps: (steps, 0.001)), (lambda made, then: {"parameters": 9, "bits": bits + seed})

    return make


def missing(*_):
    raise ImportError("there is no such library")


def run(bits):
    return {"steps": 60, "seconds": 0.0, "parameters": 9, "bits": bits}


@pytest.fixture
def stored(tmp_path, monkeypatch):
    monkeypatch.setattr("minute.MINUTE", tmp_path / "minute.json")
    monkeypatch.setattr("minute.CONTESTANTS", {"a": contestant(2.0), "b": contestant(1.0), "c": missing})
    monkeypatch.setattr("os.sched_setaffinity", lambda *_: None, raising=False)
    monkeypatch.setattr("minute.interleave", lambda runs, *_: {name: np.full(3, 1e6) for name in runs})
    monkeypatch.setattr("minute.SEEDS", {"a": 2, "b": 1})
    return tmp_path / "minute.json"


def test_each_makes_as_many_steps_as_fit_into_a_minute_and_what_was_measured_is_kept(stored, capsys):
    minute.main("0")
    first = json.loads(stored.read_text(encoding="utf-8"))
    minute.main("1")
    result = json.loads(stored.read_text(encoding="utf-8"))
    assert first["runs"] == {"a": {"0": run(2.0)}, "b": {"0": run(1.0)}}
    assert result["runs"] == {"a": {"0": run(2.0), "1": run(3.0)}, "b": {"0": run(1.0)}}
    assert "c: skipped, there is no such library" in capsys.readouterr().out
    assert readme.minute_rows(result) == [
        ("b", "1.000", "1.000", "9", "1,000,000", "60"),
        ("a", "2.500", "2.000 3.000", "9", "1,000,000", "60"),
    ]


def test_what_is_stored_is_what_a_minute_means():
    """Else run `make bench`."""
    result = measured.minute()
    for name in minute.CONTESTANTS:
        of_seeds = result["runs"][name]
        assert list(of_seeds) == [str(seed) for seed in range(minute.SEEDS.get(name, 3))]
        assert all(run["steps"] == 60_000_000 // result["us"][name] for run in of_seeds.values())


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_the_networks_of_pytorch_learn(kind):
    pytest.importorskip("torch", reason="needs the extra [torch]")
    vocab = rnn.Vocabulary("abcd " * 2000)
    ids = vocab.encode("abcd " * 2000)
    train, read = minute.by_torch(kind, 16, 0.02, vocab, ids[:-500], seed=0)
    assert read(train(100)[0], ids[-500:])["bits"] < 1 < read(train(1)[0], ids[-500:])["bits"]
