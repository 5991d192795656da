"""A network in a page: one HTML file in which it writes, and which needs nothing else.

    python -m report.live build/lab4.npz --out page.html

The notebook leaves such a page of its best network, build/lab4-live.html, with all that it knows: the network as it was
on the way, text held out, and what other models need for that. The template is `live.html`; it can be read as it is.
"""

import argparse
import base64
import hashlib
import json
import math
import os
import re
import sys
from pathlib import Path

import numpy as np

from lab import memory
from lab.checkpoint import load_params, read_about
from lab.training import warn
from lab.units import detectors

TEMPLATE = Path(__file__).with_name("live.html")
ROOM = 1_900_000  # characters for the networks in base64, so that the page stays under 2 MB
PASSAGE = 600  # characters of the text held out that the page shows
POINTS = 600  # of the curve of the smooth loss


def page(params, vocab, h=None, *, about="", held_out="", yardsticks=None, run=None, run_about="", in_bits=1.0):
    """The page of a network, with as much as is known of it.

    Parameters
    ----------
    params : rnn_core.Params
    vocab : rnn_core.Vocabulary
    h : array (m,), optional
        The hidden state from which it reads and writes; zeros if it is not given.
    about : str
        What it is and how good: plain text.
    held_out : str
        Text of the book that it has not read: the page shows its beginning, what the network needs for all of it, and
        the units that know where in it they are.
    yardsticks : dict of str to float, optional
        What other models need for the text held out, in bits per character.
    run : lab.training.Training, optional
        A run with samples: the page shows what its network wrote on the way, as far as there is room.
    run_about : str
        How that network was trained, as part of a sentence; `params` may come from another run.
    in_bits : float
        The factor that turns a loss of the run into bits per character.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ValueError
        A parameter is not finite, the vocabulary has another size, or the text held out has other characters.
    """
    params.check(vocab)
    first = held_out.find("\n", 0, min(2000, len(held_out) // 2)) + 1  # where a line begins
    passage = held_out[first : first + PASSAGE]
    bits, units = _known(params, vocab.encode(held_out), h, held_out)
    best = _network("The best network", params, h, bits)
    samples = [sample for sample in run.samples if math.isfinite(sample.smooth_loss)] if run else []
    on_the_way = _fitting(samples, ROOM - len(best["flat"]), in_bits)
    data = {
        "about": about,
        "run_about": run_about,
        "chars": vocab.chars,
        "prompt": _prompt(passage, vocab),
        "networks": [*on_the_way, best],
        "left_out": len(samples) - len(on_the_way),
        "smooth": _curve(run.smooth_losses * in_bits) if on_the_way else [],
        "passage": passage,
        "held_out": len(held_out),
        "yardsticks": {name: bits for name, bits in (yardsticks or {}).items() if math.isfinite(bits)},
        "units": units,
    }
    return _filled(TEMPLATE.read_text(encoding="utf-8"), data)


def _known(params, ids, h, text):
    """The bits per character of a text, and the units that tell the place in it; None and [] if it is short."""
    if len(ids) < 2:
        return None, []
    made = memory.read(params, ids, h)
    return float(made.bits.mean()), [found._asdict() for found in detectors(made.h, ids[:-1], text[:-1])]


def _network(name, params, h, bits, step=None, dtype=np.float32):
    """A network as the page stores it, in float16 if float32 would be too large."""
    if params.flat.size * 16 / 3 > ROOM:
        dtype = np.float16
    h = np.zeros(params.hidden_size) if h is None else h
    return {
        "name": name,
        "step": step,
        "bits": bits,
        "m": params.hidden_size,
        "float": 8 * np.dtype(dtype).itemsize,
        "flat": _base64(params.flat, dtype),
        "h": _base64(h, np.float32),
    }


def _base64(numbers, dtype):
    kind = np.dtype(dtype).newbyteorder("<")
    limit = np.finfo(dtype).max
    return base64.b64encode(np.clip(numbers, -limit, limit).astype(kind).tobytes()).decode("ascii")


def _fitting(samples, room, in_bits):
    """The networks of as many samples as there is room for, spread evenly from the first to the last."""
    if not samples:
        return []
    size = samples[0].params.flat.size * 8 / 3
    count = min(int(room // size), len(samples))
    chosen = np.unique(np.linspace(0, len(samples) - 1, count).round().astype(int)) if count > 1 else []
    named = []
    for sample in (samples[i] for i in chosen):
        name = f"After {sample.step:,} update steps" if sample.step else "Before the first update step"
        bits = float(sample.smooth_loss * in_bits)
        named.append(_network(name, sample.params, sample.h, bits, sample.step, np.float16))
    return named


def _curve(bits):
    """Some points of a curve: the update step and the bits."""
    steps = np.unique(np.linspace(0, len(bits) - 1, POINTS).astype(int))
    return [[step, round(float(bits[step]), 4)] for step in steps.tolist()]


def _prompt(passage, vocab):
    """How the page begins to write: with the first words of a passage."""
    if words := re.match(r"\s*\S.{,30}(?!\S)", passage):
        return words[0]
    return passage[:10] or vocab.opening


def _filled(template, data):
    """The template with its data, in which no character ends the element or the line that it stands in."""
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", template, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")
        template = template.replace(f"{tag}-src 'unsafe-inline'", f"{tag}-src 'sha256-{digest}'", 1)
    source = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    source = re.sub("[<\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", source)
    before, after = template.split('type="application/json">{}<')
    return f'{before}type="application/json">{source}<{after}'


def keep(*network, **facts):
    """Leave the page of a report's network beside its PDF: build/lab4-live.html.

    The environment variable LAB4_BUILD names another folder. If nothing can be saved there, a warning says so, and the
    report goes on.

    Parameters
    ----------
    *network, **facts
        As for `page`.
    """
    path = Path(os.environ.get("LAB4_BUILD", "build")) / "lab4-live.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(*network, **facts), encoding="utf-8", newline="\n")
    except OSError as error:
        warn(f"The page of the network could not be saved: {error}.", stacklevel=3)


def main(arguments=None):
    """What the command does; returns an exit status, or a sentence that says what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m report.live", description="Put a saved network into a page.")
    parser.add_argument("network", help="a file that a report or lab.checkpoint.save_params has left")
    parser.add_argument("--out", help="the page; beside the network, with the ending -live.html, if not given")
    given = parser.parse_args(arguments)
    file = Path(given.network)
    out = Path(given.out) if given.out else file.with_name(f"{file.stem}-live.html")
    try:
        params, vocab = load_params(file)
        out.write_text(page(params, vocab, about=read_about(file)), encoding="utf-8", newline="\n")
    except (OSError, ValueError, RuntimeError) as error:  # the last: there is no such home folder
        return str(error)
    print(f"The network writes in {out}")
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal can show every character
    sys.exit(main())
