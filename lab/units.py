"""What does a unit of the hidden state know? The unit that tells best where in a text a character is, and a control.

References
----------
.. [1] A. Karpathy, J. Johnson, L. Fei-Fei, "Visualizing and understanding recurrent networks", ICLR workshop 2016.
"""

import re
from typing import NamedTuple

import numpy as np

from lab.words import WORD


class Detector(NamedTuple):
    """A unit that answers a question about a character, from the state after it.

    Attributes
    ----------
    question : str
        Is it ...?
    unit : int
        It says yes where sign * h_unit is above sign * threshold.
    threshold : float
    sign : {1, -1}
    accuracy : float
        The mean of the shares of right answers where the answer is yes and where it is no, 0.5 by chance, on text that
        was not used to find the unit.
    control : float
        The same for a guess from the character alone.
    """

    question: str
    unit: int
    threshold: float
    sign: int
    accuracy: float
    control: float


def positions(text):
    """Where is each character of a text? Questions that a memory helps to answer.

    Parameters
    ----------
    text : str

    Returns
    -------
    dict of str to bool ndarray (len(text),)
        "in quotes": an odd number of straight quotation marks in its line so far. "deep in a word": the fifth letter of
        its word or a later one. "early in a word": the first letter or the second. "in a capitalised word": after its
        first letter. "early in a line": one of the first 25 characters after a line feed.
    """
    at = {name: np.zeros(len(text), bool) for name in ("deep in a word", "early in a word", "in a capitalised word")}
    quotes, line = [], []
    for row in re.split(r"(?<=\n)", text):
        quotes += list(np.cumsum([char == '"' for char in row]) % 2 == 1)
        line += [place < 25 for place in range(len(row))]
    for match in WORD.finditer(text):
        start, end = match.span()
        at["deep in a word"][start + 4 : end] = True
        at["early in a word"][start : start + 2] = True
        at["in a capitalised word"][start + 1 : end] = match[0][0].isupper()
    return {"in quotes": np.array(quotes, bool), **at, "early in a line": np.array(line, bool)}


def detectors(h, ids, text):
    """For each question of `positions` the unit that answers it best.

    It is found on the first half of a text, and tested on the second [1]_.

    Parameters
    ----------
    h : ndarray (N, m)
        The hidden state after each character.
    ids : int array (N,)
    text : str
        Those characters.

    Returns
    -------
    list of Detector
        Without the questions that have only one answer in one of the halves.
    """
    half, found = len(h) // 2, []
    for question, label in positions(text).items():
        first, second = label[:half], label[half:]
        if 0 < first.sum() < len(first) and 0 < second.sum() < len(second):
            unit, threshold, sign = best_unit(h[:half], first)
            alone = _share_of_each(ids[:half], first, ids.max() + 1) > 0
            accuracy = _balanced(sign * h[half:, unit] > sign * threshold, second)
            found.append(Detector(question, unit, threshold, sign, accuracy, _balanced(alone[ids[half:]], second)))
    return found


def _share_of_each(ids, label, K):
    """For each character, its share of the true minus its share of the false."""
    return np.bincount(ids, np.where(label, 1 / label.sum(), -1 / (~label).sum()), minlength=K)


def _balanced(said, label):
    return float((said[label].mean() + (~said)[~label].mean()) / 2)


def best_unit(h, label):
    """The unit and the threshold that tell best whether a label is true.

    Parameters
    ----------
    h : ndarray (N, m)
    label : bool ndarray (N,)
        Neither all true nor all false.

    Returns
    -------
    unit : int
    threshold : float
    sign : {1, -1}
        The label is true where sign * h_unit is above sign * threshold.
    """
    best, found = -1.0, None
    for unit, values in enumerate(h.T):
        order = np.argsort(values)
        values = values[order]
        # The shares of true and of false labels up to each value are furthest apart at the best threshold
        apart = np.cumsum(np.where(label[order], 1 / label.sum(), -1 / (~label).sum()))[:-1]
        apart[values[1:] == values[:-1]] = 0  # no threshold lies between equal values
        at = np.abs(apart).argmax()
        if abs(apart[at]) > best:
            threshold = float((values[at] + values[at + 1]) / 2)
            best, found = abs(apart[at]), (unit, threshold, -1 if apart[at] > 0 else 1)
    return found
