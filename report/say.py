"""Sentences of the report: each stands in the notebook, on one source line, with the numbers and the proof it needs.

A sentence that is always true is an f-string in `say`. One that depends on how training went is a `claim` there: it
says what must hold, and is left out where it does not. In the report that ships with the project every claim must hold.
"""

import inspect
from pathlib import Path

from IPython.display import Markdown, display

from lab.sweep import SHORTEST
from report.parameters import SHIPPED, check_parameters
from report.show import inline

__all__ = ["SCHEDULE", "SCHEME", "SHIPPED", "SHORTEST", "claim", "listed", "place", "say", "settings"]

# What a recipe does, in words: its learning rate, and its first weights
SCHEDULE = {
    "constant": "",
    "cosine": "The learning rate falls to 0 along half a cosine (Loshchilov and Hutter 2017).",
    "warm-up, linear": "The learning rate rises to that in the first 3% of the steps, then it falls to 0 along a line.",
}
_ORTHOGONAL = "a random orthogonal matrix (Saxe, McClelland and Ganguli 2014), and $U$ and $V$ have the variances"
SCHEME = {
    "normal": "The first weights come from $N(0, 0.01^2)$.",
    "scaled": "The first weights have the variances $1/(2m)$, $1/(2K)$ and $1/m$ for $W$, $U$ and $V$.",
    "orthogonal": f"At first $W$ is {_ORTHOGONAL} $1/(2K)$ and $1/m$.",
    "large U": f"At first $W$ is half {_ORTHOGONAL} $1$ and $1/m$.",
}

_strict = False


def settings(book, recipe, **others):
    """Check the parameters of the notebook, and tell `claim` what the report is made of.

    Parameters
    ----------
    book, recipe, **others
        As for `report.parameters.check_parameters`.

    Returns
    -------
    bool
        Whether these are the book and the settings that the report ships with. Then every claim must hold.

    Raises
    ------
    ValueError
        A parameter is of the wrong kind; the message names it.
    """
    global _strict
    check_parameters(book, recipe, **others)
    _strict = {"book": Path(book).name, "recipe": recipe, **others} == SHIPPED
    return _strict


def claim(holds, sentence):
    """A sentence for `say` that is shown only where it is true.

    Parameters
    ----------
    holds : bool
        Whether it is.
    sentence : str, or function () -> str
        Markdown. A function is called only where it holds: for a sentence that cannot be built elsewhere.

    Returns
    -------
    str

    Raises
    ------
    AssertionError
        It does not hold, although the book and the settings are those that the report ships with.
    """
    if _strict and not holds:
        said = inspect.getsource(sentence).strip() if callable(sentence) else repr(sentence)
        raise AssertionError(f"This claim of the report does not hold: {said}")
    if not holds:
        return ""
    return sentence() if callable(sentence) else sentence


def say(*sentences, at=None):
    """Show a paragraph, unless it is empty.

    Parameters
    ----------
    *sentences : str
        Markdown; empty ones are left out. Text from a book goes through `report.show.inline` first.
    at : DisplayHandle, optional
        A `place` further up on the page, which gets the paragraph.
    """
    if paragraph := " ".join(filter(None, sentences)):
        (at.update if at else display)(Markdown(paragraph))


def place():
    """Keep a place on the page for a paragraph that a later cell says: ``say(..., at=abstract)``.

    Returns
    -------
    DisplayHandle
    """
    return display(Markdown("*The last cell writes this paragraph.*"), display_id=True)


def listed(texts):
    """Texts of a book one after the other, each with exactly its characters: Markdown for `say`."""
    return ", ".join(map(inline, texts))
