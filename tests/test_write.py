"""`python -m lab.write`: a saved network writes on, and one sentence says what goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small import VOCAB

import rnn_core as rnn
from lab.checkpoint import load_params, save_params
from lab.write import main


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "lab4.npz"
    save_params(path, rnn.init_params(VOCAB.size, 5, sigma=0.5), VOCAB)
    return str(path)


def test_it_writes_the_prompt_and_what_synthesize_writes_after_it(network, capsys):
    options = "--prompt=fox --length=300 --temperature=0.6 --top-p=0.9 --seed=3".split()
    assert main([network, *options]) == 0
    expected = rnn.synthesize(*load_params(network), 300, "fox", temperature=0.6, top_p=0.9, seed=3)
    assert capsys.readouterr().out == f"fox{expected}\n"


def test_about_says_what_the_network_is_and_writes_nothing(network, tmp_path, capsys):
    save_params(tmp_path / "told.npz", *load_params(network), about="It has read a 漢 book.")
    assert main([str(tmp_path / "told.npz"), "--about"]) == 0
    assert main([network, "--about"]) == 0
    said = capsys.readouterr().out
    assert said == f"It has read a 漢 book.\n{network} does not say what it was trained on.\n"


def test_each_character_is_written_before_the_next_is_drawn(network, monkeypatch):
    happened = []
    monkeypatch.setattr("rnn_core.draw", lambda *args: happened.append("drawn") or 0)
    monkeypatch.setattr("builtins.print", lambda *args, flush, **options: happened.append(flush))
    main([network, "--length=3"])
    assert happened == ["drawn", True, "drawn", True, "drawn", True, True]


@pytest.mark.parametrize(("text", "prompt"), [("to be. or not", "."), ("\nwithout one", "\n")])
def test_the_default_prompt_is_a_full_stop_where_the_book_has_one(tmp_path, capsys, text, prompt):
    vocab = rnn.Vocabulary(text)
    save_params(tmp_path / "lab4.npz", rnn.init_params(vocab.size, 5), vocab)
    assert main([str(tmp_path / "lab4.npz"), "--length=0"]) == 0
    assert capsys.readouterr().out == f"{prompt}\n"


WRONG = {
    "--prompt=Ü": "The character 'Ü' (U+00DC) is not in the book, so the network has no number for it.",
    "--prompt=": "The prompt is empty: give the network at least one character to read first.",
    "--length=-1": "length must be a whole number, 0 or more; it is -1.",
    "--temperature=-1": "temperature must be 0 (the most probable character) or more, not -1.0.",
    "--top-p=0": "top_p must be above 0 and at most 1 (all characters), not 0.0.",
}


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_option_is_named_in_one_sentence_before_anything_is_written(network, capsys, option):
    assert main([network, option]) == WRONG[option]
    assert capsys.readouterr().out == ""


def test_a_negative_seed_is_refused(network, capsys):
    with pytest.raises(SystemExit):
        main([network, "--seed=-1"])
    assert "argument --seed: it must be 0 or more, not -1" in capsys.readouterr().err


def test_a_file_that_holds_no_network_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no network", encoding="utf-8")
    assert main([str(tmp_path / "notes.txt")]).startswith("notes.txt does not hold saved parameters")
    assert main([str(tmp_path / "none.npz")]).startswith("There is no file with saved parameters at ")
    assert "could not be written" not in main([str(tmp_path / ("long" * 100))])
    assert main(["~nobody-of-that-name/lab4.npz"])


def test_outputs_that_overflow_are_reported(tmp_path):
    params = rnn.init_params(VOCAB.size, 5)
    params.c[:] = np.finfo(float).max
    params.V[:] = np.finfo(float).max
    params.b[:] = 1
    save_params(tmp_path / "lab4.npz", params, VOCAB)
    with np.errstate(over="ignore"):
        assert main([str(tmp_path / "lab4.npz")]).startswith("The network can't write: its outputs overflow")


def run(network, *options, **how):
    command = [sys.executable, "-m", "lab.write", network, *options]
    return subprocess.Popen(command, cwd=Path(__file__).parent.parent, stderr=subprocess.PIPE, **how)


def test_a_pipe_that_closes_ends_it_with_one_sentence(network):
    with run(network, "--length=1000000000000", stdout=subprocess.PIPE) as process:
        assert process.stdout.read(100)
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 1
    assert said.startswith("The rest of the text could not be written: ") and said.count("\n") == 1


def test_the_text_is_utf8_whatever_the_locale(tmp_path):
    vocab = rnn.Vocabulary("漢字。")
    save_params(tmp_path / "lab4.npz", rnn.init_params(vocab.size, 5), vocab)
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with run(str(tmp_path / "lab4.npz"), "--length=50", stdout=subprocess.PIPE, env=os.environ | plain) as process:
        written = process.stdout.read().decode("utf-8").strip()
    assert process.returncode == 0 and len(written) == 51 and set(written) == set(vocab.chars)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
def test_ctrl_c_ends_the_text_with_its_line(network):
    with run(network, "--length=1000000000000", stdout=subprocess.PIPE) as process:
        assert process.stdout.read(100)
        process.send_signal(2)
        rest, said = process.communicate()
    assert (process.returncode, said) == (130, b"") and rest.endswith(b"\n")
