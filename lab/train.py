"""Train a network on a book, without a report:

    python -m lab.train path/to/book.txt --recipe "best in a minute" --out build/book.npz
    python -m lab.train path/to/book.txt --minutes 5 --hidden-size 320

It shows what the network writes on the way, and at the end how many bits it needs for each character of text that it
has never seen. Ctrl-C keeps what was learned, and the same command goes on from there.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from lab.checkpoint import Checkpoint, save_params
from lab.sweep import RECIPES, SHORTEST, held_out_length, plan, prepare
from lab.threads import few_threads
from lab.training import Reading, Samples, train
from rnn_core import Vocabulary, bits_per_character, forward, read_book

SHOWN = 20  # samples on the way; the best of these networks is kept


def bits_side_by_side(params, ids, pieces=32):
    """A quick estimate of the bits per character of a text: its pieces are read side by side, each from h = 0.

    Parameters
    ----------
    params : rnn_core.Params
    ids : int array (N,)
    pieces : int

    Returns
    -------
    float
    """
    pieces = min(pieces, len(ids) - 1)
    length = (len(ids) - 1) // pieces
    x, y = (ids[start : start + pieces * length].reshape(pieces, length).T for start in (0, 1))
    return forward(params, x, y, np.zeros((pieces, params.hidden_size))).loss / length / np.log(2)


def bits_after(params, before, ids):
    """Bits per character of a text, for a network that has read the end of the text before it."""
    x = before[-1001:]
    with few_threads(params.W.size):
        h = forward(params, x[:-1], x[1:], np.zeros(params.hidden_size)).h[-1]
        return bits_per_character(params, np.append(x[-1:], ids), h)


def best_sample(run, aside):
    """The sample on the way whose network reads a text set aside best: later ones may know their book by heart.

    Parameters
    ----------
    run : lab.training.Training
    aside : int array (N,)

    Returns
    -------
    lab.training.Sample
    """
    return min(run.samples, key=lambda sample: bits_side_by_side(sample.params, aside))


def best_in_a_minute(vocab, ids, aside, most_steps, prompt=None, seed=0):
    """Train with the recipe of that name, and return the network on the way that reads a text set aside best.

    It comes with 500 characters that it wrote after the prompt.

    Parameters
    ----------
    vocab : rnn_core.Vocabulary
    ids, aside : int array
        The text to train on, and that set aside.
    most_steps, seed : int
    prompt : str, optional

    Returns
    -------
    lab.training.Sample
    """
    way = plan("best in a minute", len(ids))
    way["steps"] = min(way["steps"], most_steps)
    params, options = prepare(way, vocab.size, way["hidden_size"], seed)
    samples = Samples(vocab, every=-(-way["steps"] // SHOWN), length=500, prompt=prompt, seed=seed)
    return best_sample(train(params, Reading(ids, seed=seed, **way["reading"]), samples=samples, **options), aside)


def steps_in(seconds, setting, params, reading):
    """How many update steps this machine makes in this time, from the time that a few take."""
    steps = 10
    while True:
        _, options = prepare(setting, params.vocab_size, params.hidden_size)
        run = train(params, reading, progress=False, **{**options, "steps": steps})
        if run.stopped == "interrupted":
            raise KeyboardInterrupt
        if run.seconds > 1:
            return max(1, int(seconds * run.done / run.seconds))
        steps *= 4


def learn(book, recipe, out, checkpoint, hidden_size=None, minutes=None, seed=0):
    """Train on a book, and save the network on the way that reads some text set aside best.

    Parameters
    ----------
    book, out, checkpoint : Path
        The text, and where the network and, until it is trained, the state of training go.
    recipe : str
    hidden_size : int, optional
    minutes : float, optional
        How long to train; if it is not given, the recipe says how many steps.
    seed : int

    Yields
    ------
    str
        What there is to say, sentence by sentence.

    Raises
    ------
    ValueError, OSError
        The book can't be read or is too short, the checkpoint was made with other settings, or a file can't be written.
    """
    text = read_book(book, SHORTEST)
    vocab = Vocabulary(text)
    n = held_out_length(len(text), vocab.size)
    ids = vocab.encode(text)
    ids, aside, held_out = ids[: -2 * n], ids[-2 * n : -n], ids[-n:]
    way = plan(recipe, len(ids), hidden_size=hidden_size)
    params, options = prepare(way, vocab.size, way["hidden_size"], seed)
    reading, saved = Reading(ids, seed=seed, **way["reading"]), Checkpoint(checkpoint, every=500)
    steps = saved.planned() or (steps_in(60 * minutes, way, params, reading) if minutes else way["steps"])
    yield f"{book.name} has {len(text):,} characters, {vocab.size} different ones; m = {params.hidden_size}, {recipe}."
    samples = Samples(vocab, every=-(-steps // SHOWN), seed=seed)
    run = train(params, reading, samples=samples, checkpoint=saved, **{**options, "steps": steps})

    kept = best_sample(run, aside)
    learned, unknown = bits_after(kept.params, ids[-2 * n : -n], ids[-n:]), bits_after(kept.params, aside, held_out)
    about = (
        f"Trained on {book.name} ({recipe}, m = {params.hidden_size}, {kept.step:,} update steps), it needs "
        f"{unknown:.3f} bits per character on text that it has never seen, and {learned:.3f} on text that it has read."
    )
    save_params(out, kept.params, vocab, about)
    if kept.step < run.done:
        yield f"After step {kept.step:,} it grew worse on text that it has not read, so that one is kept."
    yield about
    yield f'Let it write: python -m lab.write {out} --prompt "{vocab.opening}"'
    if run.stopped:
        yield f"It stopped at step {run.done:,} of {steps:,}; the same command goes on from there."
    else:
        checkpoint.unlink(missing_ok=True)


def main(arguments=None):
    """What the command does; returns an exit status, or a sentence that says what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m lab.train", description="Train a network on a book.")
    parser.add_argument("book", type=Path, help="a text file in UTF-8")
    parser.add_argument("--recipe", default="best in a minute", help=f"one of {', '.join(map(repr, RECIPES))}")
    parser.add_argument("--hidden-size", type=int, metavar="M", help="default: that of the recipe")
    parser.add_argument("--minutes", type=float, help="how long to train; default: as the recipe says")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and of every draw (0)")
    parser.add_argument("--out", type=Path, help="where the network goes (build/BOOK.npz)")
    parser.add_argument("--checkpoint", type=Path, help="where training goes on from (OUT with .checkpoint at its end)")
    options = vars(parser.parse_args(arguments))
    if options["minutes"] is not None and not 0 < options["minutes"] < np.inf:
        parser.error(f"argument --minutes: it must be above 0, not {options['minutes']}")
    if options["seed"] < 0:
        parser.error(f"argument --seed: it must be 0 or more, not {options['seed']}")
    out = options["out"] = options["out"] or Path("build", options["book"].stem + ".npz")
    options["checkpoint"] = options["checkpoint"] or out.with_name(out.name + ".checkpoint")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for sentence in learn(**options):
            print(sentence, flush=True)
    except (ValueError, OSError, RuntimeError) as error:
        return str(error)
    except KeyboardInterrupt:
        return "Interrupted before or after training: the checkpoint, if there is one, is as it was."
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal can show every character
    sys.exit(main())
