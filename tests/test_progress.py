"""A bar shows how far the work is; where it can't be shown, the work goes on."""

import io
import os
import sys

import pytest
from small import same, train

from lab.progress import bar


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


def test_a_bar_is_wiped_out_when_it_is_done_and_not_shown_at_all_if_it_should_not_be(capsys):
    assert list(bar(range(3), desc="working")) == [0, 1, 2]
    shown = capsys.readouterr().out
    assert "working: 0%" in shown.replace("   ", " ") and shown.endswith("\r")
    assert list(bar(range(3), shown=False)) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", BROKEN)
def test_a_stdout_that_breaks_does_not_end_what_the_bar_counts(name, monkeypatch):
    whole = train(steps=30)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", BROKEN[name]())
        assert list(bar(range(3), mininterval=0)) == [0, 1, 2]
        result = train(steps=30, progress=True)
    same(result, whole)
    assert result.stopped == ""


def test_without_tqdm_the_work_is_done_without_a_bar(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert list(bar(range(3), desc="working")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")
