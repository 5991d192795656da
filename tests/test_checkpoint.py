"""Training never loses work: checkpoints, interrupts, kills, full disks, and numbers that are not finite."""

import itertools
import json
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from small import IDS, VOCAB, interrupting

import rnn_core as rnn

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # those that a test does not wait for


def train(steps=60, optimizer=rnn.Adam, seed=1, vocab=VOCAB, ids=IDS, **kwargs):
    params = rnn.init_params(vocab.size, hidden_size=12, seed=seed)
    settings = {"sample_every": 25, "sample_length": 20, "progress": False, "checkpoint_every": 20, **kwargs}
    return rnn.train(params, vocab, ids, steps=steps, optimizer=optimizer(), schedule="cosine", **settings)


def same(a, b):
    """Two runs came to the same bits."""
    for name in ("params", "best_params"):
        np.testing.assert_array_equal(getattr(a, name).flat, getattr(b, name).flat)
    for name in ("h", "best_h", "best_step", "losses", "smooth_losses"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert [sample[:3] for sample in a.samples] == [sample[:3] for sample in b.samples]
    for one, other in zip(a.samples, b.samples, strict=True):
        np.testing.assert_array_equal(one.params.flat, other.params.flat)
        np.testing.assert_array_equal(one.h, other.h)


@pytest.mark.parametrize("kwargs", [{}, {"order": "random", "batch_size": 3}, {"order": "chunks", "chunks": 5}])
@pytest.mark.parametrize("kind", [rnn.Adam, rnn.AdaGrad])
def test_a_run_that_was_interrupted_goes_on_to_the_same_bits(tmp_path, kwargs, kind):
    path = tmp_path / "run.npz"
    whole = train(optimizer=kind, **kwargs)
    part = train(optimizer=interrupting(kind, 33), checkpoint=path, **kwargs)
    assert part.stopped == "interrupted" and len(part.losses) == 33
    with np.load(path) as file:
        assert len(file["losses"]) == 33
    resumed = train(optimizer=kind, checkpoint=path, **kwargs)
    same(resumed, whole)
    assert resumed.stopped == ""


@pytest.mark.parametrize("every", [1, 3])
def test_a_network_that_can_no_longer_write_ends_training_with_what_was_learned(every):
    """At these learning rates the parameters are finite and the outputs are not, for a step or two."""
    params, stopped = rnn.init_params(VOCAB.size, 12, dtype=np.float32), 0
    for eta in 10 ** np.linspace(36.8, 37.8, 21):
        with warnings.catch_warnings(action="ignore"):
            settings = {"steps": 8, "sample_every": every, "progress": False}
            result = rnn.train(params, VOCAB, IDS, optimizer=rnn.AdaGrad(float(eta)), **settings)
        stopped += bool(result.stopped)
        assert len(result.samples[0].text) == 200 and not result.best_params.not_finite()
    assert stopped > 3


@pytest.mark.parametrize("eta", [0.1, np.float64(0.1), np.float32(0.1)])
def test_a_learning_rate_keeps_its_type_in_the_file(tmp_path, eta):
    settings = {"sample_every": 0, "progress": False, "schedule": "cosine", "steps": 40}
    for dtype in (np.float32, np.float64):
        params, path = rnn.init_params(VOCAB.size, 12, dtype=dtype), tmp_path / f"{np.dtype(dtype)}.npz"
        whole = rnn.train(params, VOCAB, IDS, **settings, optimizer=rnn.AdaGrad(eta))
        rnn.train(params, VOCAB, IDS, **settings, optimizer=interrupting(rnn.AdaGrad, 17)(eta), checkpoint=path)
        same(rnn.train(params, VOCAB, IDS, **settings, optimizer=rnn.AdaGrad(eta), checkpoint=path), whole)


@pytest.mark.parametrize(("name", "last"), [("synthesize", 4), ("_save_checkpoint", 3)])
def test_an_interrupt_of_the_last_sample_or_save_costs_nothing(tmp_path, monkeypatch, name, last):
    whole, work, calls = train(), getattr(rnn, name), itertools.count(1)

    def interrupted(*args, **kwargs):
        if next(calls) == last:
            signal.raise_signal(signal.SIGINT)
        return work(*args, **kwargs)

    monkeypatch.setattr(rnn, name, interrupted)
    same(train(checkpoint=tmp_path / "run.npz"), whole)
    assert next(calls) == last + 1
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_a_signal_that_is_to_be_ignored_does_not_stop_training():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = train(optimizer=interrupting(rnn.Adam, 33))
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.stopped == "" and len(result.losses) == 60


def test_an_optimiser_that_a_file_cannot_hold_is_named_and_the_run_goes_on(tmp_path):
    class Odd(rnn.Adam):
        def __init__(self, eta=1e-3):
            super().__init__(eta)
            self.note = None

    with pytest.warns(RuntimeWarning, match="could not be saved: optimizer.note can't be saved: only numbers"):
        result = train(optimizer=Odd, checkpoint=tmp_path / "run.npz")
    same(result, train())
    assert not list(tmp_path.iterdir())


def test_a_finished_run_is_not_run_again(tmp_path):
    path = tmp_path / "run.npz"
    first = train(checkpoint=path)
    again = train(checkpoint=path, optimizer=lambda: Forbidden())
    same(again, first)


@pytest.mark.parametrize(("every", "saved"), [(20, [20, 40, 60]), (25, [25, 50, 60]), (0, [60])])
def test_checkpoints_are_saved_every_so_many_steps_and_at_the_end(tmp_path, monkeypatch, every, saved):
    steps, save = [], rnn._save_checkpoint

    def noting(path, settings, run, optimizer, done):
        steps.append(done)
        save(path, settings, run, optimizer, done)

    monkeypatch.setattr(rnn, "_save_checkpoint", noting)
    train(checkpoint=tmp_path / "run.npz", checkpoint_every=every)
    assert steps == saved


def test_a_checkpoint_states_every_setting_and_those_not_given_are_the_courses(tmp_path):
    path = tmp_path / "run.npz"
    rnn.train(rnn.init_params(VOCAB.size, 12), VOCAB, IDS, checkpoint=path, progress=False)
    with np.load(path) as file:
        stated = json.loads(str(file["settings"]))
    assert {len(stated.pop(name)) for name in ("book", "first parameters")} == {16}
    assert stated == {
        "vocabulary": VOCAB.chars, "hidden_size": 12, "dtype": "float64", "steps": (len(IDS) - 1) // 25,
        "seq_length": 25, "batch_size": 1, "order": "book", "chunks": 100, "schedule": "constant", "clip": 5.0,
        "seed": 0, "optimizer": "AdaGrad", "eta": 0.1, "g2": 1e-8, "sample_every": 10_000, "sample_length": 200,
        "prompt": ".", "backward": "NoneType",
    }  # fmt: skip


def test_an_optimiser_need_not_keep_what_it_was_made_with(tmp_path):
    class Doubled(rnn.Adam):
        def __init__(self, factor=2):
            super().__init__(1e-3 * factor)

    path = tmp_path / "run.npz"
    same(train(optimizer=Doubled, checkpoint=path), train(optimizer=lambda: rnn.Adam(2e-3)))
    with pytest.raises(ValueError, match="made with another eta:"):
        train(optimizer=lambda: Doubled(50), checkpoint=path)


def test_a_checkpoint_is_not_for_an_optimiser_that_has_trained_already(tmp_path):
    used = rnn.AdaGrad()
    train(optimizer=lambda: used, checkpoint=tmp_path / "run.npz")
    with pytest.raises(ValueError, match="made with another g2:"):
        train(optimizer=lambda: used, checkpoint=tmp_path / "run.npz")


def test_the_time_of_a_run_is_that_of_its_steps_without_its_samples_over_all_its_lives(tmp_path, monkeypatch):
    clock, synthesize = [0.0], rnn.synthesize

    def slow(*args, **kwargs):
        clock[0] += 100
        return synthesize(*args, **kwargs)

    class Second(rnn.Adam):
        def step(self, *args):
            clock[0] += 1
            super().step(*args)

    monkeypatch.setattr(rnn, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(rnn, "synthesize", slow)
    path, interrupter = tmp_path / "run.npz", interrupting(Second, 33)
    assert train(optimizer=interrupter, checkpoint=path).seconds == 33
    clock[0] += 10_000
    assert train(optimizer=interrupter, checkpoint=path).seconds == 60


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
result = train(steps=400, checkpoint=sys.argv[1], checkpoint_every=5)
np.savez(sys.argv[3], params=result.params.flat, losses=result.losses, best=result.best_params.flat)
"""


def test_a_run_that_is_killed_twenty_times_comes_to_the_same_bits(tmp_path):
    checkpoint, end = tmp_path / "run.npz", tmp_path / "end.npz"
    command = [sys.executable, "-c", CHILD, str(checkpoint), __file__.rpartition("/")[0], str(end)]
    rng, kills = np.random.default_rng(0), 0
    while kills < 20:
        child = subprocess.Popen(command)
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while child.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before):
            time.sleep(0.001)  # until it has saved once more: so each life makes some way
        time.sleep(rng.uniform(0, 0.02))
        child.kill()
        if child.wait() == 0:  # it was done before the kill
            end.unlink(missing_ok=True)
            checkpoint.unlink(missing_ok=True)
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
    train(optimizer=interrupter, checkpoint=path)
    kept = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    place = {"open": rnn, "savez": rnn.np, "replace": rnn.os}[failing]
    monkeypatch.setattr(place, failing, full, raising=False)
    with pytest.warns(RuntimeWarning, match=r"run.npz' could not be saved: .*No space left .* goes on"):
        result = train(optimizer=interrupter, checkpoint=path)
    same(result, train(optimizer=rnn.Adam))
    assert path.read_bytes() == kept
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_a_folder_that_is_not_there_is_reported_and_the_run_goes_on(tmp_path):
    with pytest.warns(RuntimeWarning, match="could not be saved: .*No such file"):
        result = train(checkpoint=tmp_path / "nowhere" / "run.npz")
    same(result, train())


def test_a_checkpoint_that_is_cut_or_altered_anywhere_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    train(checkpoint=path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 30):
        path.write_bytes(whole[:place])
        with pytest.raises(ValueError, match=r"run.npz does not hold a checkpoint, or it is damaged"):
            train(checkpoint=path)
    result = train()
    for place in rng.integers(0, len(whole), 30):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            same(train(checkpoint=path), result)  # a byte that means nothing, such as a date
        except ValueError as error:
            assert "run.npz" in str(error)


def test_parameters_are_not_taken_for_a_checkpoint(tmp_path):
    path = tmp_path / "params.npz"
    rnn.save_params(path, rnn.init_params(VOCAB.size, 12), VOCAB)
    with pytest.raises(ValueError, match=r"params.npz does not hold a checkpoint"):
        train(checkpoint=path)


def test_numbers_from_numpy_are_the_same_settings(tmp_path):
    path = tmp_path / "run.npz"
    first = train(checkpoint=path)
    same(train(steps=np.int64(60), clip=np.float64(5), checkpoint=path), first)


def test_a_checkpoint_that_lacks_a_part_is_refused(tmp_path):
    path = tmp_path / "run.npz"
    train(checkpoint=path)
    with np.load(path) as file:
        parts = dict(file)
    for name in ("settings", "params", "best_h", "losses", "samples", "best_step"):
        np.savez(path, **{key: value for key, value in parts.items() if key != name})
        with pytest.raises(ValueError, match=r"run.npz does not hold a checkpoint, or it is damaged"):
            train(checkpoint=path)


@pytest.mark.parametrize(
    ("kwargs", "differs"),
    [
        ({"steps": 70}, "another steps:"),
        ({"seed": 2}, "another first parameters:"),
        ({"ids": IDS[1:]}, "another book:"),
        ({"seq_length": 10, "clip": 1.0}, "another seq_length, another clip:"),
        ({"optimizer": rnn.AdaGrad}, "another optimizer, another eta, another g2, another beta1, .* another t:"),
        ({"optimizer": lambda: rnn.Adam(0.1)}, "another eta:"),
        ({"backward": lambda *arguments: rnn.backward(*arguments)}, "another backward:"),
    ],
)
def test_a_checkpoint_for_other_settings_names_what_differs(tmp_path, kwargs, differs):
    path = tmp_path / "run.npz"
    train(checkpoint=path)
    with pytest.raises(ValueError, match=f"was made with {differs}"):
        train(checkpoint=path, **kwargs)


def test_a_checkpoint_knows_a_backward_by_its_name_or_that_of_its_type(tmp_path):
    def other(*arguments):
        return rnn.backward(*arguments)

    path = tmp_path / "run.npz"
    train(backward=rnn.backward, checkpoint=path)
    with pytest.raises(ValueError, match="made with another backward:"):
        train(backward=other, checkpoint=path)
    path.unlink()
    train(backward=partial(other), checkpoint=path)  # an object without a name: at another place in each process
    train(backward=partial(other), checkpoint=path)
    with np.load(path) as file:
        assert json.loads(str(file["settings"]))["backward"] == "partial"


class Breaker(rnn.AdaGrad):
    """An optimiser that is given, or makes, numbers that are not finite in its fifth step."""

    steps = 0

    def step(self, params, grads, rate):
        self.steps += 1
        super().step(params, grads, np.inf if self.steps == 5 else rate)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("step", [7, 25])  # before step 25, but not before step 7, there is a sample
def test_a_gradient_that_is_not_finite_stops_training_and_keeps_the_parameters(step, value):
    def backward(params, x, y, fwd):
        grads = rnn.backward(params, x, y, fwd)
        calls.append(1)
        if len(calls) == step + 1:
            grads.V[0, 0] = grads.c[1] = value
        return grads

    calls = []
    with pytest.warns(
        RuntimeWarning, match=f"stopped at step {step}: the gradient of V, the gradient of c not finite;"
    ):
        result = train(optimizer=rnn.AdaGrad, backward=backward)
    assert len(result.losses) == step and result.best_step < step
    assert [sample.step for sample in result.samples] == [0, step]
    good = train(optimizer=interrupting(rnn.AdaGrad, step))
    assert [sample.text for sample in result.samples] == [sample.text for sample in good.samples]
    same(replace(result, samples=[]), replace(good, samples=[]))


def test_a_loss_that_is_not_finite_stops_training():
    params = rnn.init_params(VOCAB.size, 12)
    params.c[:2] = 1e308, -1e308
    with pytest.warns(RuntimeWarning, match="stopped at step 0: the loss not finite; what was learned"):
        result = rnn.train(params, VOCAB, IDS, steps=3, progress=False)
    assert len(result.losses) == result.best_step == 0 and not result.h.any() and not result.best_h.any()
    for kept in (result.params, result.best_params):
        np.testing.assert_array_equal(kept.flat, params.flat)


@pytest.mark.parametrize(
    ("optimizer", "steps", "complaint"),
    [
        (Breaker, 60, "step 5: W, U, V, b, c, the loss, the gradient of W, .* not finite"),
        (Breaker, 5, "step 5: W, U, V, b, c not finite"),  # in the last step: there is no loss and no gradient after it
        (lambda: rnn.AdaGrad(1e308), 60, "step 1: .*c, the loss, .* not finite"),
    ],
)
def test_parameters_that_are_not_finite_stop_training_and_the_best_ones_are_returned(optimizer, steps, complaint):
    with pytest.warns(RuntimeWarning, match=f"stopped at {complaint};"):
        result = train(steps, optimizer, sample_every=5)  # a sample is due where the parameters are broken
    assert np.isfinite(result.params.flat).all() and np.isfinite(result.losses).all()
    assert all(np.isfinite(sample.params.flat).all() for sample in result.samples)
    assert result.best_step == result.smooth_losses.argmin()


def test_a_checkpoint_of_finite_numbers_is_not_replaced_by_one_of_others(tmp_path):
    path = tmp_path / "run.npz"
    for every in (2, 1):  # the second goes on from the file of the first, and finds nothing better
        with pytest.warns(RuntimeWarning, match="stopped at step 5: W"):
            train(optimizer=Breaker, steps=60, checkpoint=path, checkpoint_every=every)
        with np.load(path) as file:
            assert len(file["losses"]) == 4 and np.isfinite(file["params"]).all()


def test_an_interrupt_does_not_hide_numbers_that_are_not_finite(tmp_path):
    with pytest.warns(RuntimeWarning, match="stopped at step 5: W, U, V, b, c not finite"):
        result = train(optimizer=interrupting(Breaker, 5), checkpoint=tmp_path / "run.npz")
    np.testing.assert_array_equal(result.params.flat, result.best_params.flat)
    assert not list(tmp_path.iterdir())


def test_a_parameter_that_is_infinite_stops_training_although_the_loss_is_finite():
    class Silent(rnn.AdaGrad):
        def step(self, params, grads, rate):
            super().step(params, grads, rate)
            params.b[3] = np.inf  # tanh makes 1 of it, and its derivative is 0

    with pytest.warns(RuntimeWarning, match="stopped at step 1: b not finite;"):
        result = train(optimizer=Silent)
    assert np.isfinite(result.params.flat).all() and np.isfinite(result.best_params.flat).all()


def test_training_does_not_start_from_parameters_that_are_not_finite():
    params = rnn.init_params(VOCAB.size, 12)
    params.b[3] = np.inf
    with pytest.raises(ValueError, match="b holds NaN or infinity"):
        rnn.train(params, VOCAB, IDS, steps=3, progress=False)


def test_warnings_name_the_line_that_called_train(tmp_path):
    with pytest.warns(RuntimeWarning) as warned:
        train(checkpoint=tmp_path / "nowhere" / "run.npz")
        train(optimizer=Breaker)
    assert len(warned) == 4 and {warning.filename for warning in warned} == {__file__}


@pytest.mark.parametrize(("text", "T", "m", "B"), [("a" * 60, 5, 3, 1), ("ab" * 40, 1, 1, 1), ("abc" * 40, 1, 2, 4)])
def test_the_smallest_networks_and_books_work(text, T, m, B):
    vocab = rnn.Vocabulary(text)
    params, ids = rnn.init_params(vocab.size, m), vocab.encode(text)
    result = rnn.train(params, vocab, ids, seq_length=T, batch_size=B, prompt="a", progress=False)
    assert np.isfinite(result.losses).all() and len(result.samples[-1].text) == 200
    assert result.best_step == result.smooth_losses.argmin()  # the first of those that are equally good


def test_huge_logits_do_not_overflow():
    params = rnn.init_params(VOCAB.size, 3, dtype=np.float32)
    params.c[:] = np.linspace(-1e30, 1e30, VOCAB.size)
    with np.errstate(all="raise", under="ignore"):
        fwd = rnn.forward(params, IDS[:5], IDS[1:6], np.zeros(3))
    assert np.isfinite(fwd.loss) and np.isfinite(fwd.p).all()
    with np.errstate(all="raise", under="ignore"):
        text = rnn.synthesize(params, VOCAB, 5)
    assert text == 5 * VOCAB.chars[-1]
