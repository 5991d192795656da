"""Nothing that was learned is lost: parameters, checkpoints, interrupts, kills and full disks."""

import itertools
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import small
from small import IDS, VOCAB, Breaker, busy_bar, interrupting, same

import rnn_core as rnn
from lab import checkpoint, training
from lab.checkpoint import Checkpoint, keep, load_params, read_about, save_params
from lab.training import Samples

SETTINGS = {"steps": 60, "schedule": "cosine", "samples": Samples(VOCAB, 25, 20)}


def train(path=None, every=20, optimizer=rnn.Adam, **kwargs):
    """A short run with samples, a schedule and an optimiser that remembers, and a checkpoint at a path."""
    checkpoint = None if path is None else Checkpoint(path, every)
    return small.train(optimizer=optimizer, checkpoint=checkpoint, **{**SETTINGS, **kwargs})


# ----------------------------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saved_parameters_come_back_bit_for_bit(tmp_path, dtype):
    vocab = rnn.Vocabulary("\x00\n aé漢😀\ud800")
    params = rnn.init_params(vocab.size, 5, dtype=dtype)
    save_params(tmp_path / "params.npz", params, vocab)
    back, known = load_params(tmp_path / "params.npz")
    assert known.chars == vocab.chars
    assert back.flat.dtype == dtype and (back.hidden_size, back.vocab_size) == (5, vocab.size)
    np.testing.assert_array_equal(back.flat, params.flat)
    assert [path.name for path in tmp_path.iterdir()] == ["params.npz"] and read_about(tmp_path / "params.npz") == ""


def test_a_damaged_parameter_file_is_refused_wherever_it_is_cut_or_flipped(tmp_path):
    path = tmp_path / "params.npz"
    params = rnn.init_params(VOCAB.size, 5)
    save_params(path, params, VOCAB)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for cut in rng.integers(0, len(whole), 40):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="does not hold saved parameters, or it is damaged"):
            load_params(path)
    for place in rng.integers(0, len(whole), 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            np.testing.assert_array_equal(load_params(path)[0].flat, params.flat)  # a byte that means nothing
        except ValueError as error:
            assert "params.npz" in str(error)
    path.write_bytes(b"not parameters at all")
    with pytest.raises(ValueError, match="does not hold saved parameters"):
        load_params(path)


def test_a_parameter_file_with_the_wrong_contents_is_refused(tmp_path):
    path, codes = tmp_path / "params.npz", np.array([ord(c) for c in VOCAB.chars], np.uint32)
    for contents, complaint in (
        ({"flat": np.zeros(3)}, "chars is not a file"),
        ({"flat": np.zeros(3), "hidden_size": 4, "chars": codes}, "parameters for m = 4 and K"),
    ):
        np.savez(path, **contents)
        with pytest.raises(ValueError, match=f"does not hold saved parameters, or it is damaged: .*{complaint}"):
            load_params(path)


def test_loading_never_unpickles(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "it went off",)

    path = tmp_path / "params.npz"
    np.savez(path, flat=np.array([Bomb()], object), hidden_size=4, chars=np.array([97], np.uint32))
    with pytest.raises(ValueError, match="does not hold saved parameters"):
        load_params(path)
    assert list(tmp_path.iterdir()) == [path]


def test_missing_parameters_are_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file with saved parameters"):
        load_params(tmp_path / "none.npz")


def test_a_failed_save_leaves_the_previous_file_intact(tmp_path, monkeypatch):
    path, first = tmp_path / "params.npz", rnn.init_params(VOCAB.size, 5)
    save_params(path, first, VOCAB)

    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_params(path, rnn.init_params(VOCAB.size, 5, seed=9), VOCAB)
    np.testing.assert_array_equal(load_params(path)[0].flat, first.flat)
    assert [p.name for p in tmp_path.iterdir()] == ["params.npz"]


def test_a_report_leaves_its_network_in_the_folder_of_its_pdf(tmp_path, monkeypatch):
    params = rnn.init_params(VOCAB.size, 5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB4_BUILD", raising=False)
    keep(params, VOCAB)
    monkeypatch.setenv("LAB4_BUILD", str(tmp_path / "another"))
    keep(params, VOCAB)
    for folder in ("build", "another"):
        np.testing.assert_array_equal(load_params(tmp_path / folder / "lab4.npz")[0].flat, params.flat)


@pytest.mark.not_for_mutants
def test_a_network_that_cannot_be_saved_is_no_reason_to_lose_the_report(tmp_path, monkeypatch):
    monkeypatch.setenv("LAB4_BUILD", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    with pytest.warns(RuntimeWarning, match="^The network could not be saved: .*file.*") as caught:
        keep(rnn.init_params(VOCAB.size, 5), VOCAB)
    assert caught[0].filename == __file__


# ---------------------------------------------------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("kwargs", [{}, {"order": "random", "batch_size": 3}, {"order": "chunks", "chunks": 5}])
@pytest.mark.parametrize("kind", [rnn.Adam, rnn.AdaGrad])
def test_a_run_that_was_interrupted_goes_on_to_the_same_numbers(tmp_path, kwargs, kind):
    path = tmp_path / "run.npz"
    whole = train(optimizer=kind, **kwargs)
    part = train(path, optimizer=interrupting(kind, 33), **kwargs)
    assert part.stopped == "interrupted" and len(part.losses) == 33
    with np.load(path) as file:
        assert len(file["losses"]) == 33
    resumed = train(path, optimizer=kind, **kwargs)
    same(resumed, whole)
    assert resumed.stopped == ""


@pytest.mark.parametrize("eta", [0.1, np.float64(0.1), np.float32(0.1)])
def test_a_learning_rate_keeps_its_type_in_the_file(tmp_path, eta):
    for dtype in (np.float32, np.float64):
        path = tmp_path / f"{np.dtype(dtype)}.npz"
        settings = {"params": rnn.init_params(VOCAB.size, 12, dtype=dtype), "samples": None}
        whole = train(optimizer=lambda: rnn.AdaGrad(eta), **settings)
        part = train(path, optimizer=lambda: interrupting(rnn.AdaGrad, 17)(eta), **settings)
        assert part.done == 17
        same(train(path, optimizer=lambda: rnn.AdaGrad(eta), **settings), whole)


@pytest.mark.parametrize(("place", "name", "last"), [(training, "synthesize", 4), (Checkpoint, "save", 3)])
def test_an_interrupt_of_the_last_sample_or_save_costs_nothing(tmp_path, monkeypatch, place, name, last):
    whole, work, calls = train(), getattr(place, name), itertools.count(1)

    def interrupted(*args, **kwargs):
        if next(calls) == last:
            signal.raise_signal(signal.SIGINT)
        return work(*args, **kwargs)

    monkeypatch.setattr(place, name, interrupted)
    same(train(tmp_path / "run.npz"), whole)
    assert next(calls) == last + 1
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_an_optimiser_that_a_file_cannot_hold_is_named_and_the_run_goes_on(tmp_path):
    class Odd(rnn.Adam):
        def __init__(self, eta=1e-3):
            super().__init__(eta)
            self.note, self.remark = None, object()

    complaint = "could not be saved: optimizer.note, optimizer.remark can't be saved: only numbers"
    with pytest.warns(RuntimeWarning, match=complaint):
        result = train(tmp_path / "run.npz", optimizer=Odd)
    same(result, train())
    assert not list(tmp_path.iterdir())


def test_the_bar_of_a_run_that_goes_on_begins_where_it_was_interrupted(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("lab.training.bar", busy_bar)
    train(tmp_path / "run.npz", optimizer=interrupting(rnn.Adam, 33))
    train(tmp_path / "run.npz", progress=True)
    assert " 33/60 " in capsys.readouterr().out


def test_a_finished_run_is_not_run_again(tmp_path):
    path = tmp_path / "run.npz"
    first = train(path)
    again = train(path, optimizer=Forbidden)
    same(again, first)


@pytest.mark.parametrize(("every", "saved"), [(20, [20, 40, 60]), (25, [25, 50, 60]), (0, [60])])
def test_checkpoints_are_saved_every_so_many_steps_and_at_the_end(tmp_path, every, saved):
    class Noting(Checkpoint):
        def save(self, run, optimizer):
            steps.append(run.done)
            super().save(run, optimizer)

    steps = []
    small.train(**SETTINGS, checkpoint=Noting(tmp_path / "run.npz", every))
    assert steps == saved


def test_a_checkpoint_states_every_setting_and_those_not_given_are_the_courses(tmp_path):
    path = tmp_path / "run.npz"
    small.train(samples=Samples(VOCAB), checkpoint=Checkpoint(path))
    with np.load(path) as file:
        stated = json.loads(str(file["settings"]))
    assert {len(stated.pop(name)) for name in ("book", "first parameters")} == {16}
    assert stated == {
        "hidden_size": 12, "dtype": "float64", "steps": (len(IDS) - 1) // 25, "seq_length": 25, "batch_size": 1,
        "order": "book", "chunks": 100, "schedule": "constant", "clip": 5.0, "seed": 0, "optimizer": "AdaGrad",
        "eta": 0.1, "g2": 1e-8, "kind of samples": [VOCAB.chars, 10_000, 200, None, 0], "backward": "backward",
    }  # fmt: skip


def test_an_optimiser_need_not_keep_what_it_was_made_with(tmp_path):
    class Doubled(rnn.Adam):
        def __init__(self, factor=2):
            super().__init__(1e-3 * factor)

    path = tmp_path / "run.npz"
    same(train(path, optimizer=Doubled), train(optimizer=lambda: rnn.Adam(2e-3)))
    with pytest.raises(ValueError, match="made with another eta:"):
        train(path, optimizer=lambda: Doubled(50))


def test_a_checkpoint_is_not_for_an_optimiser_that_has_trained_already(tmp_path):
    used = rnn.AdaGrad()
    train(tmp_path / "run.npz", optimizer=lambda: used)
    with pytest.raises(ValueError, match="made with another g2:"):
        train(tmp_path / "run.npz", optimizer=lambda: used)


def test_the_time_of_a_run_counts_its_steps_and_not_its_samples_however_often_it_is_resumed(tmp_path, monkeypatch):
    clock, synthesize = [0.0], training.synthesize

    def slow(*args, **kwargs):
        clock[0] += 100
        return synthesize(*args, **kwargs)

    class Second(rnn.Adam):
        def step(self, *args):
            clock[0] += 1
            super().step(*args)

    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(training, "synthesize", slow)
    path, interrupter = tmp_path / "run.npz", interrupting(Second, 33)
    assert train(path, optimizer=interrupter).seconds == 33
    clock[0] += 10_000
    assert train(path, optimizer=interrupter).seconds == 60


class Forbidden(rnn.Adam):
    """An optimiser that must not be asked for a step."""

    def step(self, *args):
        raise AssertionError("there was nothing left to do")


Forbidden.__name__ = "Adam"

CHILD = """
import sys
sys.path.insert(0, sys.argv[2])
from test_checkpoint import train
import numpy as np
result = train(sys.argv[1], every=5, steps=400)
np.savez(sys.argv[3], params=result.params.flat, losses=result.losses, best=result.best_params.flat)
"""


@pytest.mark.not_for_mutants
def test_a_run_that_is_killed_twenty_times_ends_with_the_same_numbers(tmp_path):
    path, end = tmp_path / "run.npz", tmp_path / "end.npz"
    command = [sys.executable, "-c", CHILD, str(path), str(Path(__file__).parent), str(end)]
    rng, kills = np.random.default_rng(0), 0
    while kills < 20:
        child = subprocess.Popen(command)
        before = path.stat().st_mtime_ns if path.exists() else 0
        while child.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
            time.sleep(0.001)  # until it has saved once more: so each life makes some way
        time.sleep(rng.uniform(0, 0.02))
        child.kill()
        if child.wait() == 0:  # it was done before the kill
            end.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        kills += 1
    subprocess.run(command, check=True)
    whole = train(steps=400)
    with np.load(end) as file:
        np.testing.assert_array_equal(file["params"], whole.params.flat)
        np.testing.assert_array_equal(file["losses"], whole.losses)
        np.testing.assert_array_equal(file["best"], whole.best_params.flat)


@pytest.mark.parametrize("failing", ["open", "savez", "replace"])
def test_a_full_disk_costs_neither_the_run_nor_the_last_checkpoint(tmp_path, monkeypatch, failing):
    path, interrupter = tmp_path / "run.npz", interrupting(rnn.Adam, 33)
    train(path, optimizer=interrupter)
    kept = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    place = {"open": checkpoint, "savez": checkpoint.np, "replace": checkpoint.os}[failing]
    monkeypatch.setattr(place, failing, full, raising=False)
    with pytest.warns(RuntimeWarning, match=r"run.npz' could not be saved: .*No space left .* goes on"):
        result = train(path, optimizer=interrupter)
    same(result, train(optimizer=rnn.Adam))
    assert path.read_bytes() == kept
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_a_folder_that_is_not_there_is_reported_before_training():
    with pytest.raises(FileNotFoundError, match="no folder 'nowhere' for a checkpoint: make it first"):
        Checkpoint("nowhere/run.npz")


def test_a_folder_that_goes_away_is_reported_and_the_run_goes_on(tmp_path):
    place = Checkpoint(tmp_path / "run.npz")
    tmp_path.rmdir()
    with pytest.warns(RuntimeWarning, match="could not be saved: .*No such file"):
        result = small.train(optimizer=rnn.Adam, checkpoint=place, **SETTINGS)
    same(result, train())


def test_a_checkpoint_that_is_cut_or_altered_anywhere_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    train(path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 30):
        path.write_bytes(whole[:place])
        with pytest.raises(ValueError, match=r"run.npz does not hold a checkpoint, or it is damaged"):
            train(path)
    result = train()
    for place in rng.integers(0, len(whole), 30):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            same(train(path), result)  # a byte that means nothing, such as a date
        except ValueError as error:
            assert "run.npz" in str(error)


def test_parameters_are_not_taken_for_a_checkpoint(tmp_path):
    path = tmp_path / "params.npz"
    save_params(path, rnn.init_params(VOCAB.size, 12), VOCAB)
    with pytest.raises(ValueError, match=r"params.npz does not hold a checkpoint"):
        train(path)


def test_numbers_from_numpy_are_the_same_settings(tmp_path):
    path = tmp_path / "run.npz"
    first = train(path)
    same(train(path, steps=np.int64(60), clip=np.float64(5)), first)


def test_a_checkpoint_that_lacks_a_part_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    train(path)
    with np.load(path) as file:
        parts = dict(file)
    broken = [{key: parts[key] for key in parts if key != name} for name in parts if "optimizer." not in name]
    broken += [{**parts, name: parts[name][:-1]} for name in ("sample_params", "sample_h")]
    for part in broken:
        np.savez(path, **part)
        with pytest.raises(ValueError, match=r"run.npz does not hold a checkpoint, or it is damaged"):
            train(path)


@pytest.mark.parametrize("longer", [{"steps": 90}, {"steps": None, "epochs": 3}])
@pytest.mark.parametrize("end", [33, None])
def test_a_run_of_a_constant_learning_rate_is_carried_on_with_more_steps_or_epochs(tmp_path, longer, end):
    path, constant = tmp_path / "run.npz", {"schedule": "constant", "order": "chunks", "chunks": 5}
    first = train(path, optimizer=interrupting(rnn.Adam, end) if end else rnn.Adam, **constant)
    assert (first.done, first.stopped) == ((33, "interrupted") if end else (60, ""))
    same(train(path, **constant, **longer), train(**constant, **longer))


def test_a_run_along_a_cosine_cannot_be_made_longer_and_the_error_says_why(tmp_path):
    path = tmp_path / "run.npz"
    train(path)
    with pytest.raises(
        ValueError,
        match=r"another steps: train with .* choose another file; only a run with a constant learning rate can be made",
    ):
        train(path, steps=70)


def test_a_checkpoint_that_has_made_more_steps_than_asked_for_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    train(path, schedule="constant")
    with pytest.raises(
        ValueError, match=r"run.npz has made 60 steps already, more than the 50 asked for: ask for more"
    ):
        train(path, steps=50, schedule="constant")


def test_the_files_of_a_run_that_was_interrupted_and_of_one_that_has_ended_are_told_apart(tmp_path):
    for name, optimizer, done in (("part", interrupting(rnn.Adam, 33), 33), ("whole", rnn.Adam, 60)):
        train(tmp_path / name, optimizer=optimizer)
        with np.load(tmp_path / name) as file:
            assert (len(file["losses"]), json.loads(str(file["settings"]))["steps"]) == (done, 60)
    assert not train(tmp_path / "whole", optimizer=interrupting(rnn.Adam, 1)).stopped
    assert train(tmp_path / "part", optimizer=interrupting(rnn.Adam, 1)).stopped == "interrupted"


@pytest.mark.parametrize(
    ("kwargs", "differs"),
    [
        ({"steps": 70}, "another steps:"),
        ({"params": rnn.init_params(VOCAB.size, 12, seed=2)}, "another first parameters:"),
        ({"seed": 2}, "another seed:"),
        ({"samples": Samples(VOCAB, 25, 21)}, "another kind of samples:"),
        ({"ids": IDS[1:]}, "another book:"),
        ({"seq_length": 10, "clip": 1.0}, "another seq_length, another clip:"),
        ({"optimizer": rnn.AdaGrad}, "another optimizer, another eta, another g2, another beta1, .* another t:"),
        ({"optimizer": lambda: rnn.Adam(0.1)}, "another eta:"),
        ({"backward": lambda *arguments: rnn.backward(*arguments)}, "another backward:"),
    ],
)
def test_a_checkpoint_for_other_settings_names_what_differs(tmp_path, kwargs, differs):
    path = tmp_path / "run.npz"
    train(path)
    with pytest.raises(ValueError, match=f"was made with {differs}"):
        train(path, **kwargs)


def test_a_checkpoint_knows_a_backward_by_its_name_or_that_of_its_type(tmp_path):
    def other(*arguments):
        return rnn.backward(*arguments)

    path = tmp_path / "run.npz"
    train(path, backward=rnn.backward)
    with pytest.raises(ValueError, match="made with another backward:"):
        train(path, backward=other)
    path.unlink()
    train(path, backward=partial(other))  # an object without a name: at another place in each process
    train(path, backward=partial(other))
    with np.load(path) as file:
        assert json.loads(str(file["settings"]))["backward"] == "partial"


def test_a_checkpoint_of_finite_numbers_is_not_replaced_by_one_of_others(tmp_path):
    path = tmp_path / "run.npz"
    for every in (2, 1):  # the second goes on from the file of the first, and finds nothing better
        with pytest.warns(RuntimeWarning, match="stopped at step 5: W"):
            train(path, every, optimizer=Breaker)
        with np.load(path) as file:
            assert len(file["losses"]) == 4 and np.isfinite(file["params"]).all()


def test_an_interrupt_does_not_hide_numbers_that_are_not_finite(tmp_path):
    with pytest.warns(RuntimeWarning, match="stopped at step 5: W, U, V, b, c not finite"):
        result = train(tmp_path / "run.npz", optimizer=interrupting(Breaker, 5))
    np.testing.assert_array_equal(result.params.flat, result.best_params.flat)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_saved_every_5000_steps_if_nothing_else_is_said(tmp_path):
    checkpoint = Checkpoint(tmp_path / "run.npz")
    assert [step for step in range(1, 10_001) if checkpoint.due(step)] == [5000, 10_000]
