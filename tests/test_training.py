"""Training: the sequences, the loop, and what ends it. What was learned until then is never lost."""

import io
import itertools
import re
import signal
import sys
import threading
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import IDS, VOCAB, Breaker, busy_bar, interrupting, same, train

import rnn_core as rnn
from lab import training
from lab.checkpoint import Checkpoint, save_params
from lab.training import SCHEDULES, Reading, Samples, sequence_starts

SAMPLED = {"steps": 60, "schedule": "cosine", "samples": Samples(VOCAB, 25, 20)}


# --------------------------------------------------------------------------------------------------------- what is read


@given(st.integers(27, 400), st.integers(1, 5), st.integers(1, 4))
def test_every_stream_reads_its_part_once_in_the_order_of_the_book(length, T, B):
    starts, fresh = sequence_starts(length, T, B)
    np.testing.assert_array_equal(np.diff(starts, axis=0), T)
    np.testing.assert_array_equal(starts[0], length // B * np.arange(B))
    assert starts[-1, 0] + T + 1 <= length // B < starts[-1, 0] + 2 * T + 1
    assert fresh[0] and not fresh[1:].any()


@given(st.integers(2, 9), st.integers(1, 3), st.integers(0, 99))
def test_each_chunk_is_read_once_as_a_whole_in_another_order(chunks, B, seed):
    B = min(B, chunks)
    starts, fresh = sequence_starts(400, 3, B, "chunks", chunks, np.random.default_rng(seed))
    first, size = starts[fresh].ravel(), (400 - 2) // chunks
    shift = first.min() % size
    assert shift in (0, 1, 2)  # where the book is cut: somewhere else in another epoch
    assert len(set(first)) == len(first) == chunks // B * B
    assert set(first) <= set(shift + size * np.arange(chunks))
    assert (np.diff(starts, axis=0)[~fresh[1:]] == 3).all()
    assert ((starts - shift) // size == (starts - shift + 3) // size).all() and starts.max() + 3 + 1 <= 400


def test_every_epoch_cuts_the_book_into_chunks_at_another_place():
    rng = np.random.default_rng(0)
    assert {sequence_starts(400, 3, 1, "chunks", 5, rng)[0].min() for _ in range(30)} == {0, 1, 2}


def test_sequences_of_25_in_the_order_of_the_book_or_100_chunks_are_the_default():
    np.testing.assert_array_equal(sequence_starts(4000)[0], 25 * np.arange(3999 // 25)[:, None])
    assert sequence_starts(4000, order="chunks", rng=np.random.default_rng(0))[1].sum() == 100


def test_a_piece_must_hold_one_sequence_and_the_character_after_it():
    np.testing.assert_array_equal(sequence_starts(4 * 26, 25, 4)[0], [[0, 26, 52, 78]])
    with pytest.raises(ValueError, match="A book of 103 characters can't be cut into 4 pieces"):
        sequence_starts(4 * 26 - 1, 25, 4)
    with pytest.raises(ValueError, match="sequences of 0 at a time"):
        sequence_starts(100, 0)


def test_random_places_are_all_in_the_book_and_each_is_fresh():
    starts, fresh = sequence_starts(100, 10, 4, "random", rng=np.random.default_rng(0))
    assert fresh.dtype == bool and fresh.all() and starts.min() >= 0 and starts.max() + 10 + 1 <= 100
    assert len(np.unique(starts)) > 5
    rng = np.random.default_rng(0)
    assert {int(sequence_starts(12, 10, 1, "random", rng=rng)[0][0, 0]) for _ in range(20)} == {0, 1}
    assert len({sequence_starts(10**6, order="random")[0][0, 0] for _ in range(3)}) > 1


# ------------------------------------------------------------------------------------------------------------- the loop


def test_the_cosine_schedule_goes_from_the_full_rate_to_none():
    cosine = SCHEDULES["cosine"]
    assert cosine(0) == 1 and cosine(0.5) == pytest.approx(0.5) and cosine(1) == pytest.approx(0)


def test_the_schedule_with_a_warm_up_rises_in_the_first_steps_and_then_falls_straight_to_none():
    rate = SCHEDULES["warm-up, linear"]
    assert rate(0) == 0 and rate(0.01) == pytest.approx(0.3) and max(map(rate, np.linspace(0, 1, 300))) > 0.95
    assert rate(0.5) == 0.5 and rate(1) == 0
    assert SCHEDULES["constant"](0.7) == 1


@pytest.mark.parametrize("order", ["book", "chunks", "random"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_every_order_and_batch_size_learns(order, batch_size):
    result = train(steps=300, order=order, chunks=4, batch_size=batch_size, seq_length=10)
    assert result.smooth_losses[-1] < result.smooth_losses[0]
    assert result.h.shape == ((12,) if batch_size == 1 else (3, 12))


def test_training_with_another_backward_uses_it():
    stuck = train(steps=5, backward=lambda params, x, y, fwd: params.like(np.zeros_like(params.flat)))
    np.testing.assert_array_equal(stuck.params.flat, rnn.init_params(VOCAB.size, hidden_size=12, seed=1).flat)


def test_training_follows_the_book_carries_the_state_and_resets_it_at_each_epoch():
    params, optimizer, T = rnn.init_params(VOCAB.size, 12, seed=1), rnn.AdaGrad(), 10
    result = train(epochs=2, seq_length=T)
    assert result.done == 2 * Reading(IDS, T).steps_per_epoch == 2 * ((len(IDS) - 1) // T)
    losses = []
    for _ in range(2):
        h, e = np.zeros(12), 0
        while e + T + 1 <= len(IDS):
            x, y = IDS[e : e + T], IDS[e + 1 : e + T + 1]
            fwd = rnn.forward(params, x, y, h)
            grads = rnn.backward(params, x, y, fwd)
            grads.flat[:] = np.clip(grads.flat, -5, 5)
            optimizer.step(params, grads)
            losses.append(fwd.loss)
            h, e = fwd.h[-1], e + T
    np.testing.assert_array_equal(result.losses, losses)
    np.testing.assert_array_equal(result.params.flat, params.flat)
    np.testing.assert_array_equal(result.h, h)


@pytest.mark.parametrize("B", [1, 2])
@pytest.mark.parametrize("order", ["book", "chunks", "random"])
def test_training_reads_every_epoch_in_the_order_that_was_asked_for(order, B):
    kwargs = {"seq_length": 10, "batch_size": B, "order": order, "chunks": 4}
    result = train(epochs=2, schedule="cosine", seed=3, **kwargs)
    params, optimizer, losses = rnn.init_params(VOCAB.size, 12, seed=1), rnn.AdaGrad(), []
    for epoch in range(2):
        places = sequence_starts(len(IDS), **kwargs, rng=np.random.default_rng((3, 0, epoch)))
        for starts, fresh in zip(*places, strict=True):
            if fresh:
                h = np.zeros((B, 12))
            text = np.stack([IDS[e : e + 11] for e in starts], axis=1)
            fwd = rnn.forward(params, text[:-1], text[1:], h)
            grads = rnn.backward(params, text[:-1], text[1:], fwd)
            grads.flat[:] = np.clip(grads.flat, -5, 5)
            optimizer.step(params, grads, SCHEDULES["cosine"](len(losses) / len(result.losses)))
            losses.append(fwd.loss)
            h = fwd.h[-1]
    np.testing.assert_allclose(result.losses, losses, rtol=1e-9)


def test_the_smooth_loss_is_the_moving_average_of_the_loss():
    result = train(steps=50)
    smooth = result.losses[0]
    for loss, reported in zip(result.losses, result.smooth_losses, strict=True):
        smooth = 0.999 * smooth + 0.001 * loss
        assert reported == pytest.approx(smooth, rel=1e-12)


def test_the_best_parameters_are_those_at_the_lowest_smooth_loss():
    class Turning(rnn.AdaGrad):
        """It learns for 30 steps, and then unlearns."""

        steps = 0

        def step(self, params, grads, rate):
            self.steps += 1
            super().step(params, grads, rate if self.steps <= 30 else -rate)

    result = train(steps=60, seq_length=5, optimizer=Turning)
    assert 0 < result.best_step == result.smooth_losses.argmin() < 59
    e = result.best_step % Reading(IDS, 5).steps_per_epoch * 5
    fwd = rnn.forward(result.best_params, IDS[e : e + 5], IDS[e + 1 : e + 6], result.best_h)
    assert fwd.loss == result.losses[result.best_step]


def test_training_learns_a_repeated_sentence():
    result = train(steps=1500)
    assert result.losses[-1] < 0.2 * result.losses[0]
    assert "quick brown fox" in rnn.synthesize(result.params, VOCAB, 100, temperature=0, h0=result.h)


def test_training_clips_every_entry_of_the_gradient():
    class Recorder:
        largest = 0

        def step(self, params, grads, rate):
            self.largest = max(self.largest, np.abs(grads.flat).max())

    recorder = Recorder()
    train(steps=3, optimizer=lambda: recorder, clip=0.25)
    assert recorder.largest == 0.25


def test_samples_come_before_the_first_step_every_so_often_and_at_the_end():
    result = train(steps=25, samples=Samples(VOCAB, 10, 30))
    assert [sample.step for sample in result.samples] == [0, 10, 20, 25]
    assert [sample.smooth_loss for sample in result.samples] == result.smooth_losses[[0, 10, 20, 24]].tolist()
    assert not result.samples[0].h.any()
    assert all(len(sample.text) == 30 for sample in result.samples)
    np.testing.assert_array_equal(result.samples[0].params.flat, rnn.init_params(VOCAB.size, 12, seed=1).flat)
    np.testing.assert_array_equal(result.samples[-1].params.flat, result.params.flat)
    again = result.samples[2]
    assert again.text == rnn.synthesize(again.params, VOCAB, 30, seed=(0, 1, 20), h0=again.h)


def test_samples_do_not_change_what_is_learned():
    silent = train(steps=20)
    np.testing.assert_array_equal(train(steps=20, samples=Samples(VOCAB, 3)).params.flat, silent.params.flat)
    assert silent.samples == []


def test_training_takes_the_shortest_book_and_a_single_step():
    result = train(ids=IDS[:27], samples=Samples(VOCAB, 1))
    assert len(result.losses) == Reading(IDS[:27]).steps_per_epoch == 1
    assert len(train(steps=1).losses) == 1


def test_training_leaves_the_parameters_it_starts_from_alone():
    params = rnn.init_params(VOCAB.size, 12)
    before = params.flat.copy()
    train(params=params, steps=3, samples=Samples(VOCAB))
    np.testing.assert_array_equal(params.flat, before)


def test_training_keeps_the_type_of_the_parameters():
    params = rnn.init_params(VOCAB.size, 12, dtype=np.float32)
    result = train(params=params, steps=3, samples=Samples(VOCAB))
    assert result.params.flat.dtype == result.best_params.flat.dtype == result.h.dtype == np.float32


@pytest.mark.parametrize(("text", "T", "m", "B"), [("a" * 60, 5, 3, 1), ("ab" * 40, 1, 1, 1), ("abc" * 40, 1, 2, 4)])
def test_the_smallest_networks_and_books_work(text, T, m, B):
    vocab = rnn.Vocabulary(text)
    params, ids = rnn.init_params(vocab.size, m), vocab.encode(text)
    result = train(ids, params, seq_length=T, batch_size=B, samples=Samples(vocab, prompt="a"))
    assert np.isfinite(result.losses).all() and len(result.samples[-1].text) == 200
    assert result.best_step == result.smooth_losses.argmin()  # the first of those that are equally good


def test_training_works_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(train(steps=3)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(results[0].losses, train(steps=3).losses)


def test_training_shows_epoch_and_smooth_loss(capsys, monkeypatch):
    monkeypatch.setattr("lab.training.bar", busy_bar)
    training.train(rnn.init_params(VOCAB.size, 12), Reading(IDS), steps=3)
    bar = capsys.readouterr().out
    assert re.search(r"epoch 1, smooth loss \d\d\.\d\d: .* 3/3 .*step", bar) and bar.endswith("\r")  # it is wiped out
    train(steps=501, seq_length=5, progress=True)
    assert re.search(r"epoch 3, smooth loss \d\d\.\d\d: .* 501/501 ", capsys.readouterr().out)
    train(steps=3, progress=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kwargs", "complaint"),
    [
        ({"steps": 0}, "steps must be a whole number, 1 or more; it is 0"),
        ({"samples": Samples(VOCAB, 0)}, "every must be a whole number, 1 or more; it is 0"),
        ({"samples": Samples(VOCAB, np.nan)}, "every must be a whole number, 1 or more; it is nan"),
        ({"samples": Samples(VOCAB, (3, 0))}, "every must be a whole number, 1 or more; it is 0"),
        ({"clip": 0}, "clip must be above 0"),
        ({"clip": np.nan}, "clip must be above 0"),
        ({"epochs": 1.5}, "epochs must be a whole number, 1 or more; it is 1.5"),
        ({"seq_length": 0}, "seq_length must be a whole number, 1 or more; it is 0"),
        ({"seq_length": len(IDS) - 1}, f"has {len(IDS)} characters; sequences of .* need at least {len(IDS) + 1}"),
        ({"samples": Samples(VOCAB, prompt="#")}, "'#'"),
        ({"schedule": "linear"}, "no schedule 'linear': choose one of 'constant', 'cosine', 'warm-up, linear'"),
        ({"order": "backwards"}, "no order 'backwards': choose one of 'book', 'chunks', 'random'"),
        ({"batch_size": 0}, "batch_size must be a whole number, 1 or more; it is 0"),
        ({"batch_size": 100}, "can't be cut into 100 pieces for 100 sequences of 25 at a time"),
        ({"order": "chunks", "chunks": 2, "batch_size": 3}, "can't be cut into 2 pieces for 3"),
    ],
)
def test_training_says_what_is_wrong_with_its_input(kwargs, complaint):
    with pytest.raises(ValueError, match=complaint):
        train(**kwargs)


@pytest.mark.parametrize("optimizer", [rnn.Adam, 3])
def test_training_asks_for_an_optimiser_where_it_gets_something_else(optimizer):
    with pytest.raises(
        TypeError, match=r"optimizer must be an object with step\(params, grads, rate\), as AdaGrad\(\)"
    ):
        train(optimizer=lambda: optimizer)


def test_sizes_of_numpy_types_train_as_those_of_python():
    expected = train(steps=3, seq_length=200).losses
    np.testing.assert_array_equal(train(steps=np.uint8(3), seq_length=np.uint8(200)).losses, expected)


def test_training_writing_and_saving_refuse_a_vocabulary_for_other_parameters(tmp_path):
    params, larger = rnn.init_params(VOCAB.size, 4), rnn.Vocabulary(VOCAB.chars + "é")
    complaint = f"vocabulary has {VOCAB.size + 1} characters, but the parameters are for {VOCAB.size}"
    with pytest.raises(ValueError, match=complaint):
        train(params=params, samples=Samples(larger))
    with pytest.raises(ValueError, match=complaint):
        rnn.synthesize(params, larger)
    with pytest.raises(ValueError, match=complaint):
        save_params(tmp_path / "params.npz", params, larger)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ids", [IDS.reshape(20, -1), np.array(3)])
def test_training_refuses_a_book_that_is_not_one_row(ids):
    with pytest.raises(ValueError, match=r"sequences of 25 need at least 27, in one row"):
        Reading(ids)


def test_large_gradients_are_not_taken_for_infinite_ones():
    def backward(params, x, y, fwd):
        return params.like(np.full_like(params.flat, 1e20))

    params = rnn.init_params(VOCAB.size, 4, dtype=np.float32)
    result = train(params=params, steps=3, backward=backward, clip=np.inf)
    assert result.stopped == "" and len(result.losses) == 3


def test_training_refuses_characters_that_the_network_does_not_know():
    with pytest.raises(IndexError, match="the book: characters are integers from 0 to 2"):
        train(params=rnn.Params(4, 3))


# --------------------------------------------------------------------------------------------------------- what ends it


def test_an_interrupt_ends_training_between_two_steps_and_keeps_what_was_learned():
    handler = signal.getsignal(signal.SIGINT)
    result = train(steps=50, optimizer=interrupting(rnn.AdaGrad, 7), samples=Samples(VOCAB, 5))
    assert result.stopped == "interrupted" and len(result.losses) == 7
    np.testing.assert_array_equal(result.params.flat, train(steps=7).params.flat)
    assert [sample.step for sample in result.samples] == [0, 5, 7]
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_signal_that_is_to_be_ignored_does_not_stop_training():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = train(steps=60, optimizer=interrupting(rnn.Adam, 33))
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.stopped == "" and len(result.losses) == 60


@pytest.mark.parametrize("every", [1, 3])
def test_a_network_that_can_no_longer_write_ends_training_with_what_was_learned(every):
    """At these learning rates the parameters are finite and the outputs are not, for a step or two."""
    params, stopped = rnn.init_params(VOCAB.size, 12, dtype=np.float32), 0
    for eta in 10 ** np.linspace(36.8, 37.8, 21):
        with warnings.catch_warnings(action="ignore"):
            settings = {"params": params, "steps": 8, "samples": Samples(VOCAB, every)}
            result = train(**settings, optimizer=partial(rnn.AdaGrad, float(eta)))
        stopped += bool(result.stopped)
        assert len(result.samples[0].text) == 200 and not result.best_params.not_finite()
    assert stopped > 3


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
        result = train(**SAMPLED, backward=backward)
    assert len(result.losses) == step and result.best_step < step
    assert [sample.step for sample in result.samples] == [0, step]
    good = train(**SAMPLED, optimizer=interrupting(rnn.AdaGrad, step))
    assert [sample.text for sample in result.samples] == [sample.text for sample in good.samples]
    same(replace(result, samples=[]), replace(good, samples=[]))


def test_a_loss_that_is_not_finite_stops_training():
    params = rnn.init_params(VOCAB.size, 12)
    params.c[:2] = 1e308, -1e308
    with pytest.warns(RuntimeWarning, match="stopped at step 0: the loss not finite; what was learned"):
        result = train(params=params, steps=3, samples=Samples(VOCAB))
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
        # a sample is due where the parameters are broken
        result = train(steps=steps, schedule="cosine", optimizer=optimizer, samples=Samples(VOCAB, 5))
    assert np.isfinite(result.params.flat).all() and np.isfinite(result.losses).all()
    assert all(np.isfinite(sample.params.flat).all() for sample in result.samples)
    assert result.best_step == result.smooth_losses.argmin()


def test_a_parameter_that_is_infinite_stops_training_although_the_loss_is_finite():
    class Silent(rnn.AdaGrad):
        def step(self, params, grads, rate):
            super().step(params, grads, rate)
            params.b[3] = np.inf  # tanh makes 1 of it, and its derivative is 0

    with pytest.warns(RuntimeWarning, match="stopped at step 1: b not finite;"):
        result = train(**SAMPLED, optimizer=Silent)
    assert np.isfinite(result.params.flat).all() and np.isfinite(result.best_params.flat).all()


def test_training_does_not_start_from_parameters_that_are_not_finite():
    params = rnn.init_params(VOCAB.size, 12)
    params.b[3] = np.inf
    with pytest.raises(ValueError, match="b holds NaN or infinity"):
        train(params=params, steps=3)


def failing(step):
    """A `backward` and an optimiser that raise an error in that step, from 0 on."""
    steps = {"backward": itertools.count(), "optimizer": itertools.count()}

    def backward(*arguments):
        if next(steps["backward"]) == step:
            raise ZeroDivisionError("no way on")
        return rnn.backward(*arguments)

    class Failing(rnn.AdaGrad):
        def step(self, *arguments):
            if next(steps["optimizer"]) == step:
                raise ZeroDivisionError("no way on")
            super().step(*arguments)

    return {"backward": backward, "optimizer": Failing}


@pytest.mark.parametrize("part", ["backward", "optimizer"])
def test_an_error_in_a_later_step_ends_training_with_what_was_learned_and_names_the_cause(part, tmp_path):
    place = Checkpoint(tmp_path / "run.npz", every=20)
    with pytest.warns(RuntimeWarning, match=r"stopped at step 33: .*; what was learned until then is kept"):
        result = train(**{**SAMPLED, "checkpoint": place, part: failing(33)[part]})
    where = {"backward": "backward", "optimizer": "step"}[part]
    assert re.fullmatch(rf"step 33: ZeroDivisionError in line \d+ of {where}: no way on", result.stopped)
    good = train(**SAMPLED, optimizer=interrupting(rnn.AdaGrad, 33))
    assert result.done == 33
    assert [(sample.step, sample.text) for sample in result.samples] == [(s.step, s.text) for s in good.samples]
    np.testing.assert_array_equal(result.params.flat, good.params.flat)
    np.testing.assert_array_equal(result.h, good.h)
    np.testing.assert_array_equal(result.losses[:33], good.losses)
    assert result.best_step == result.smooth_losses.argmin()  # which may be the step whose update failed
    with np.load(tmp_path / "run.npz") as file:
        assert len(file["losses"]) == 20  # the last good one is kept


def test_an_error_without_a_message_is_named_by_its_kind():
    class Silent(rnn.AdaGrad):
        def step(self, params, grads, rate):
            if params.b.any():  # from the second step on
                raise StopIteration
            super().step(params, grads, rate)

    with pytest.warns(RuntimeWarning, match=r"stopped at step 1: StopIteration in line \d+ of step; what was learned"):
        train(optimizer=Silent)


@pytest.mark.parametrize("part", ["backward", "optimizer"])
def test_an_error_in_the_first_step_is_raised(part):
    with pytest.raises(ZeroDivisionError, match="no way on"):
        train(**{part: failing(0)[part]})


def test_an_interrupt_of_the_last_step_finds_a_run_that_has_ended():
    result = train(**SAMPLED, optimizer=interrupting(rnn.AdaGrad, 60))
    assert result.stopped == "" and result.done == 60
    same(result, train(**SAMPLED))


def test_where_warnings_are_errors_nothing_is_lost_and_the_causes_are_printed(tmp_path, capsys):
    place = Checkpoint(tmp_path / "run.npz", every=20)
    tmp_path.rmdir()
    with warnings.catch_warnings(action="error"):
        stopped = train(**SAMPLED, backward=failing(33)["backward"])
        unsaved = train(**SAMPLED, checkpoint=place)
    assert stopped.done == 33
    same(unsaved, train(**SAMPLED))
    assert unsaved.stopped == ""
    said = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in said[0] and len(said) == 1 + 3
    assert all("could not be saved" in line for line in said[1:])


@pytest.mark.parametrize("action", ["always", "error"])
def test_a_closed_stderr_does_not_cost_the_run(action, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: print(message, file=sys.stderr))
    sys.stderr.close()
    with warnings.catch_warnings(action=action):
        assert train(**SAMPLED, backward=failing(33)["backward"]).done == 33


@pytest.mark.not_for_mutants
def test_warnings_name_the_line_that_called_train(tmp_path):
    place = Checkpoint(tmp_path / "run.npz", every=20)
    tmp_path.rmdir()
    params, reading = rnn.init_params(VOCAB.size, 12), Reading(IDS)
    with pytest.warns(RuntimeWarning) as warned:
        training.train(params, reading, progress=False, checkpoint=place)
        training.train(params, reading, progress=False, optimizer=Breaker())
    assert len(warned) == 3 and {warning.filename for warning in warned} == {__file__}


def test_the_error_for_a_book_in_rows_says_how_many_and_how_long():
    with pytest.raises(ValueError) as refused:
        Reading(IDS.reshape(20, 45))
    assert str(refused.value) == "The book has 20 x 45 characters; sequences of 25 need at least 27, in one row."
