"""Sentences of the report: each stands in the notebook, on one source line, with the numbers and the proof it needs.

A sentence that is always true is an f-string in `say`. One that depends on how training went is a `claim` there: it
says what must hold, and is left out where it does not. In the report that ships with the project every claim must hold.
"""

from pathlib import Path

from IPython.display import Markdown, display

from report.show import inline

__all__ = ["SHIPPED", "claim", "listed", "place", "say", "settings"]

SHIPPED = {
    "book": "the_drowned_bell.txt",
    "recipe": "AdaGrad 0.1, N(0, 0.01²)",
    "epochs": 3,
    "steps": None,
    "hidden_size": 100,
    "seed": 0,
}

_strict = False


def settings(book, **others):
    """Tell `claim` what the report is made of.

    Parameters
    ----------
    book : str or path-like
    **others
        The other parameters of the notebook, as in `SHIPPED`.

    Returns
    -------
    bool
        Whether these are the book and the settings that the report ships with. Then every claim must hold.
    """
    global _strict
    _strict = {"book": Path(book).name, **others} == SHIPPED
    return _strict


def claim(holds, sentence, otherwise=""):
    """A sentence for `say` that is shown only where it is true.

    Parameters
    ----------
    holds : bool
        Whether it is.
    sentence : str
        Markdown.
    otherwise : str, optional
        What is said in its place where it is not.

    Returns
    -------
    str

    Raises
    ------
    AssertionError
        It does not hold, although the book and the settings are those that the report ships with.
    """
    if _strict and not holds:
        raise AssertionError(f"This claim of the report does not hold: {sentence!r}")
    return sentence if holds else otherwise


def say(*sentences, at=None):
    """Show a paragraph.

    Parameters
    ----------
    *sentences : str
        Markdown; empty ones are left out. Text from a book goes through `report.show.inline` first.
    at : DisplayHandle, optional
        A `place` further up on the page, which gets the paragraph.
    """
    paragraph = Markdown(" ".join(filter(None, sentences)))
    at.update(paragraph) if at else display(paragraph)


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
