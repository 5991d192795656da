"""A bar shows how far the work is; where it can't be shown, the work goes on."""

import io
import os
import re
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbformat import v4
from small import VOCAB, busy_bar, same, train

from lab import progress
from lab.progress import View, bar, bar_html
from lab.training import Samples


class Full(io.StringIO):
    """A file that takes so many pieces of text and refuses the next one."""

    def __init__(self, room, error):
        super().__init__()
        self.room, self.error = room, error

    def write(self, text):
        self.room -= 1
        if self.room < 0:
            raise self.error
        return super().write(text)

    def flush(self):
        if self.room <= 0:
            raise self.error


def closed():
    file = io.StringIO()
    file.close()
    return file


def broken_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w", buffering=1)


BROKEN = {
    "closed": closed,
    "a broken pipe": broken_pipe,
    "full from the start": lambda: Full(0, OSError(28, "No space left on device")),
    "full after a while": lambda: Full(3, OSError(28, "No space left on device")),
    "broken in another way": lambda: Full(1, RuntimeError("the kernel is gone")),
    "none": lambda: None,
}


class Kernel:
    """A kernel that keeps what a notebook would show: by its number, in order; and the front end that it talks to."""

    def __init__(self):
        self.shown, self.history = {}, []
        self.session, self.kernel, self.display_pub = SimpleNamespace(message_count=7), self, self
        self.events = SimpleNamespace(register=lambda event, function: self.__dict__.update({event: function}))

    def publish(self, data, transient, update):
        self.session.message_count += 1
        name = transient["display_id"]
        assert update == (name in self.shown)
        self.shown[name] = data
        self.history.append(data)

    def clear_output(self):
        self.session.message_count += 1
        self.shown.clear()

    def print(self, text):
        self.session.message_count += 1
        self.shown[f"text {self.session.message_count}"] = text


@pytest.fixture
def kernel(monkeypatch):
    """A cell begins to run."""
    kernel = Kernel()
    monkeypatch.setattr(progress, "CELL", progress.Cell(kernel))
    kernel.pre_run_cell(None)
    return kernel


def test_a_bar_is_wiped_out_when_it_is_done_and_not_shown_at_all_if_it_should_not_be(capsys):
    assert list(bar(range(3), desc="working", delay=0)) == [0, 1, 2]
    shown = capsys.readouterr().out
    assert "working: 0%" in shown.replace("   ", " ") and shown.endswith("\r")
    assert list(bar(range(3), shown=False, delay=0)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_work_that_takes_no_time_shows_no_bar(capsys, kernel):
    assert list(bar(range(3))) == [0, 1, 2]
    assert capsys.readouterr() == ("", "") and kernel.history == []


def test_the_words_before_the_bar_are_asked_for_each_time_that_it_is_drawn(capsys):
    done = []
    for item in busy_bar("abc", view=lambda: View(f"after {''.join(done)}", np.ones(1), "")):
        done.append(item)
    assert re.findall(r"after (\w*): +(\d+)%", capsys.readouterr().out) == [
        ("", "0"), ("a", "33"), ("ab", "67"), ("abc", "100"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_stdout_that_breaks_does_not_end_what_the_bar_counts(name, monkeypatch):
    samples = Samples(VOCAB, every=10, length=9)  # which the bar prints
    whole = train(steps=30, samples=samples)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", BROKEN[name]())
        assert list(busy_bar(range(3))) == [0, 1, 2]
        patch.setattr("lab.training.bar", busy_bar)
        result = train(steps=30, progress=True, samples=samples)
    same(result, whole)
    assert result.stopped == ""


def test_a_notebook_whose_front_end_is_gone_does_not_end_what_the_bar_counts(kernel):
    kernel.display_pub = None
    assert list(busy_bar(range(3))) == [0, 1, 2]


def test_without_tqdm_the_work_is_done_without_a_bar(monkeypatch, capsys):
    whole = train(steps=30)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert list(bar(range(3), desc="working", delay=0)) == [0, 1, 2]
    same(train(steps=30, progress=True), whole)
    assert capsys.readouterr() == ("", "")


def test_in_a_notebook_each_drawing_replaces_the_one_before_and_in_the_end_nothing_is_left(kernel, capsys):
    for item in busy_bar(range(3), desc="<working>"):
        (shown,) = kernel.shown.values()
        assert f"{item}/3" in shown["text/plain"] and "&lt;working&gt;" in shown["text/html"]
    assert len(kernel.history) > 3 and kernel.shown == {}
    assert capsys.readouterr() == ("", "")


def test_bars_in_turn_and_one_in_the_other_leave_nothing_in_a_notebook(kernel):
    for _ in range(2):
        for _ in busy_bar(range(9)):
            assert list(busy_bar(range(2))) == [0, 1]
            assert len([data for data in kernel.shown.values() if data]) == 1
        assert kernel.shown == {}


def test_other_outputs_of_a_cell_stay(kernel):
    kernel.print("before")
    for item in busy_bar(range(2)):
        kernel.print(item)
    kernel.print("after")
    assert list(busy_bar(range(3))) == [0, 1, 2]
    assert [data for data in kernel.shown.values() if data != {}] == ["before", 0, 1, "after"]


def test_a_cell_is_not_cleared_if_it_ran_before_the_bars_were_there(kernel, monkeypatch):
    kernel.print("before")
    monkeypatch.setattr(progress, "CELL", progress.Cell(kernel))
    assert list(busy_bar(range(3))) == [0, 1, 2]
    assert list(kernel.shown.values()) == ["before", {}]


def test_a_kernel_that_does_not_count_its_messages_shows_bars_too(kernel):
    kernel.kernel = None
    kernel.pre_run_cell(None)
    kernel.publish = lambda data, transient, update: kernel.history.append(data)
    assert list(busy_bar(range(3))) == [0, 1, 2]
    assert "3/3" in (last := kernel.history[-2]["text/plain"]) and "█" in last and kernel.history[-1] == {}


def test_a_bar_that_an_error_or_an_interrupt_ends_is_gone_at_once(kernel):
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error) as caught:
            for _ in busy_bar(range(3)):
                raise error
        assert kernel.shown == {} and caught.tb  # though the traceback is kept


def test_the_html_shows_text_as_it_is_and_draws_the_known_part_of_the_curve():
    hostile = "</pre><script>alert(1)</script> $x$ & <b>"
    curve = np.r_[np.linspace(3, 1, 500), np.full(500, np.nan)]
    html = bar_html("50% <done>", View("", curve, hostile))
    assert "<script>" not in html and "<b>" not in html and "50% &lt;done&gt;" in html
    (points,) = re.findall(r'points="(.*?)"', html)
    x, y = np.array([point.split(",") for point in points.split()], float).T
    page = BeautifulSoup(html, "html.parser")
    assert [element.name for element in page.find_all(True)] == ["pre", "svg", "polyline", "pre"]
    assert page.get_text() == "50% <done>" + hostile
    assert all("white-space: pre-wrap" in block["style"] for block in page.find_all("pre"))  # a sample has lines
    assert len(x) <= 200 and (x[0], y[0]) == (0, 0) and 0.48 < x[-1] / progress.WIDTH < 0.5
    assert (np.diff(y) >= 0).all() and y[-1] == pytest.approx(progress.HEIGHT, abs=0.5)


def test_a_curve_is_drawn_to_its_last_value():
    (points,) = re.findall(r'points="(.*?)"', bar_html("", View("", np.r_[np.ones(999), 0], "")))
    assert [float(point.split(",")[1]) for point in points.split()] == [0] * 199 + [progress.HEIGHT]


@pytest.mark.parametrize("curve", [np.full(3, np.nan), np.full(3, 2.0), np.ones(1)], ids=["unknown", "flat", "short"])
def test_a_curve_may_be_unknown_or_flat_or_short(curve):
    html = bar_html("", View("", curve, ""))
    assert "nan" not in html and "inf" not in html


def test_training_shows_its_latest_sample_and_learns_exactly_the_same(kernel, monkeypatch):
    whole = train(steps=40, samples=Samples(VOCAB, every=10, length=9))
    monkeypatch.setattr("lab.training.bar", busy_bar)
    result = train(steps=40, progress=True, samples=Samples(VOCAB, every=10, length=9))
    same(result, whole)
    pages = [data["text/html"] for data in kernel.history if data]
    for sample, at in zip(whole.samples[:-1], (5, 15, 25, 35), strict=True):  # the last is written when the bar is gone
        assert f"Step {sample.step}:\n{sample.text.replace('<', '&lt;')}</pre>" in pages[at]
    assert "epoch 2, smooth loss" in pages[-1] and kernel.shown == {}


def test_an_interrupt_while_it_is_drawn_ends_training_between_two_steps(kernel, monkeypatch):
    show = kernel.publish

    def publish(*args, **options):
        show(*args, **options)
        if len(kernel.history) == 9:
            signal.raise_signal(signal.SIGINT)

    kernel.publish = publish
    monkeypatch.setattr("lab.training.bar", busy_bar)
    result = train(steps=30, progress=True)
    assert result.stopped == "interrupted" and 0 < result.done < 30 and kernel.shown == {}
    same(result, train(steps=result.done))


def test_a_real_kernel_knows_when_its_cell_may_be_cleared():
    code = [
        "from lab.progress import bar\nnow = {'mininterval': 0, 'delay': 0}",
        "for _ in bar(range(3), **now): assert list(bar(range(3), **now))",
        "print('before')\nfor _ in bar(range(3), **now): print('between')\n'after'",
    ]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in code])
    NotebookClient(notebook, kernel_name="python3").execute()
    imported, only_bars, more = [cell.outputs for cell in notebook.cells]
    assert imported == only_bars == []
    printed = "".join(output.get("text", "") for output in more)
    assert printed == "before\n" + 3 * "between\n" and more[-1]["data"]["text/plain"] == "'after'"
    assert [output["data"] for output in more if output.output_type == "display_data"] == [{}]
