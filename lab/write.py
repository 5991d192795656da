"""Let a saved network continue a prompt, and print each character as soon as it is drawn:

    python -m lab.write build/lab4.npz --length 1000 --temperature 0.6 --top-p 0.9 --seed 3
    python -m lab.write build/lab4.npz --about

With --prompt it goes on from any text that uses only characters of its book.

In Python: ``params, vocab = load_params(path)``, then ``synthesize(params, vocab, ...)``, which returns what follows
the prompt.
"""

import argparse
import os
import sys
from contextlib import suppress

from lab.checkpoint import load_params, read_about
from lab.threads import few_threads
from rnn_core import characters


def main(arguments=None):
    """What the command does; returns an exit status, or a sentence that says what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m lab.write", description="Let a saved network write.")
    parser.add_argument("network", help="a file that a report or lab.checkpoint.save_params has left")
    parser.add_argument("--about", action="store_true", help="say what the network is and how good, and write nothing")
    parser.add_argument("--prompt", help="what the network reads first, and writes on from; a full stop if not given")
    parser.add_argument("--length", type=int, default=1000, help="how many characters to write (1000)")
    parser.add_argument("--temperature", type=float, default=1.0, help="below 1 more cautious, above 1 more daring (1)")
    parser.add_argument("--top-p", type=float, default=1.0, help="draw from the likeliest only (1: from all)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed writes the same text (0)")
    options = vars(parser.parse_args(arguments))
    if options["seed"] < 0:
        parser.error(f"argument --seed: it must be 0 or more, not {options['seed']}")
    network, about = options.pop("network"), options.pop("about")
    try:
        params, vocab = load_params(network)
        if about:
            print(read_about(network) or f"{network} does not say what it was trained on.")
            return 0
    except (OSError, ValueError, RuntimeError) as error:  # the last: there is no such home folder
        return str(error)
    with few_threads(params.W.size):
        return print_text(params, vocab, **options)


def print_text(params, vocab, prompt, **options):
    """Print the prompt and what the network writes after it; returns what `main` returns."""
    prompt = vocab.opening if prompt is None else prompt
    try:
        written = characters(params, vocab, prompt=prompt, h0=None, **options)
        first = next(written, "")  # wrong options raise here, before anything is printed
        sys.stdout.reconfigure(encoding="utf-8")  # a pipe on Windows, or any without a locale, knows fewer characters
        print(prompt, end=first, flush=True)
        for character in written:
            print(end=character, flush=True)
        print(flush=True)
    except (ValueError, FloatingPointError) as error:
        return str(error)
    except OSError as error:  # the pipe is closed, or the disk full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # when Python ends, it writes what is left
        return f"The rest of the text could not be written: {error.strerror}."
    except KeyboardInterrupt:
        with suppress(OSError):
            print(flush=True)
        return 130  # the status of a program that Ctrl-C has ended
    return 0


if __name__ == "__main__":
    sys.exit(main())
