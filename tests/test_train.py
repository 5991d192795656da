"""`python -m lab.train`: a network for a book without a report, and nothing that was learned is lost."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small import BOOK

import rnn_core as rnn
from lab.checkpoint import load_params, read_about
from lab.sweep import RECIPES, held_out_length
from lab.train import best_in_a_minute, bits_after, bits_side_by_side, main

TEXT = BOOK * 4
FAST = ["--hidden-size=8", "--recipe=Adam 0.008, cosine, orthogonal, B = 16", "--minutes=0.01"]


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "fox.txt"
    path.write_text(TEXT, encoding="utf-8", newline="\n")
    return path


def test_it_leaves_a_network_that_knows_what_it_needs_on_text_that_it_has_never_seen(book, tmp_path, capsys):
    out = tmp_path / "folder" / "fox.npz"
    assert main([str(book), f"--out={out}", *FAST]) == 0
    params, vocab = load_params(out)
    n, ids = held_out_length(len(TEXT)), vocab.encode(TEXT)
    needed = bits_after(params, ids[:-n], ids[-n:])
    assert needed < np.log2(vocab.size) - 1
    assert f"it needs {needed:.3f} bits per character on text that it has never seen" in read_about(out)
    assert read_about(out) in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["fox.npz"]  # the checkpoint of a run that has ended is gone


def test_the_network_on_the_way_that_reads_the_text_set_aside_best_is_kept(book, tmp_path, monkeypatch, capsys):
    seen = []
    monkeypatch.setattr("lab.train.bits_side_by_side", lambda params, ids: seen.append(params) or abs(len(seen) - 3))
    main([str(book), f"--out={tmp_path / 'fox.npz'}", *FAST])
    np.testing.assert_array_equal(load_params(tmp_path / "fox.npz")[0].flat, seen[2].flat)
    assert "so that one is kept" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to the whole console")
def test_ctrl_c_keeps_what_was_learned_and_the_same_command_goes_on_from_there(book, tmp_path):
    out, root = tmp_path / "fox.npz", Path(__file__).parent.parent
    command = [sys.executable, "-m", "lab.train", book, f"--out={out}", *FAST[:2], "--minutes=0.05"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert any(b"Step " in line for line in process.stdout)  # the first text that it writes on the way
        process.send_signal(signal.SIGINT)
        said, wrong = process.communicate()
    assert (process.returncode, wrong) == (0, b"") and b"the same command goes on from there" in said
    assert read_about(out) and out.with_name("fox.npz.checkpoint").exists()
    done = subprocess.run(command, cwd=root, capture_output=True)
    assert done.returncode == 0 and b"goes on from there" not in done.stdout
    assert read_about(out) and not out.with_name("fox.npz.checkpoint").exists()


def test_wrong_input_is_answered_in_one_sentence(book, tmp_path, capsys):
    (tmp_path / "tiny.txt").write_text("short", encoding="utf-8")
    for arguments, sentence in (
        ([str(tmp_path / "none.txt")], "There is no book at "),
        ([str(tmp_path / "tiny.txt")], "tiny.txt has 5 characters, too few"),
        ([str(book), "--recipe=magic"], "There is no recipe 'magic': choose one of 'AdaGrad"),
        ([str(book), "--hidden-size=0"], "hidden_size and vocab_size must be at least 1, not 0"),
    ):
        assert main([*arguments, f"--out={tmp_path / 'out.npz'}"]).startswith(sentence)
    for option in ("--minutes=0", "--minutes=nan", "--seed=-1"):
        with pytest.raises(SystemExit):
            main([str(book), option])
        assert f"argument {option.partition('=')[0]}: it must be" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_bits_side_by_side_are_those_of_the_pieces_one_by_one():
    vocab = rnn.Vocabulary(BOOK)
    params, ids = rnn.init_params(vocab.size, 6, sigma=0.5), vocab.encode(BOOK)[:201]
    pieces = [rnn.bits_per_character(params, ids[start : start + 51]) for start in range(0, 200, 50)]
    assert bits_side_by_side(params, ids, pieces=4) == pytest.approx(np.mean(pieces))
    assert bits_after(params, ids[:100], ids[100:]) == pytest.approx(
        (200 * rnn.bits_per_character(params, ids) - 99 * rnn.bits_per_character(params, ids[:100])) / 101
    )


def test_best_in_a_minute_is_the_recipe_and_writes_after_the_prompt():
    vocab = rnn.Vocabulary(TEXT)
    ids = vocab.encode(TEXT)
    made = best_in_a_minute(vocab, ids[:-500], ids[-500:], most_steps=20, prompt=vocab.opening, seed=3)
    assert made.params.hidden_size == RECIPES["best in a minute"]["hidden_size"] and 0 <= made.step <= 20
    assert made.text == rnn.synthesize(made.params, vocab, 500, vocab.opening, seed=(3, 1, made.step), h0=made.h)
