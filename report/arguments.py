"""The command line of `python -m report`: an option for each parameter of the notebook, and the author."""

import argparse
import ast
import os
import re
from pathlib import Path

from lab.sweep import SHORTEST
from report.parameters import SHIPPED, check_parameters, parameter_cells, read_cells, stated, values
from rnn_core import choose, read_book

WHERE = "clone the project or unpack its ZIP file, and run the command in its folder."
ABOUT = f"""HIDDEN_SIZE=200 says the same as --hidden-size 200. The report is the notebook lab4.ipynb, whose first
cell of code states the parameters. The installed package does not contain it: {WHERE}"""


def in_utf8(argument):
    """The argument as text that a notebook can store, or argparse's error: the name of a file need not be UTF-8."""
    try:
        argument.encode()
    except UnicodeEncodeError:  # surrogates: Python could not decode it
        try:
            return os.fsencode(argument).decode()
        except UnicodeError:
            reason = f"{argument!r} is not UTF-8: a notebook can't store it; rename it."
            raise argparse.ArgumentTypeError(reason) from None
    return argument


def read_arguments(arguments, notebook):
    """The author and the parameters that a command line states, checked as the notebook checks them.

    Parameters
    ----------
    arguments : list of str
        `--hidden-size 200`, `--hidden-size=200` or `HIDDEN_SIZE=200`; an empty value does not count.
    notebook : Path

    Returns
    -------
    author : str
    parameters : dict

    Raises
    ------
    ValueError, OSError
        There is no such notebook or parameter, its value makes no sense, or the book can't be read.
    """
    missing = not notebook.is_file()
    cells = [] if missing else parameter_cells(read_cells(notebook))
    given = _parse(arguments, {name: said for cell in cells for name, said in stated(cell).items()})
    if missing:  # and help was not asked for
        raise FileNotFoundError(f"There is no {notebook.name} in {str(notebook.parent)!r}: {WHERE}")
    known = values(cells, notebook.parent)
    author = given.pop("author", "")
    defaults = {name: known[name] for name in SHIPPED if name in known}
    parameters = {}
    for name, text in given.items():
        if name == "book":  # the kernel runs in another folder
            parameters[name] = os.path.abspath(os.path.expanduser(text))
        else:
            parameters[name] = text if isinstance(SHIPPED.get(name, known.get(name)), str) else _value(text)
    own = defaults | parameters
    check_parameters(**SHIPPED | {name: own[name] for name in SHIPPED if name in own})
    if "book" in own:
        read_book(notebook.parent / Path(own["book"]).expanduser(), SHORTEST)
    return author, parameters


def _parse(arguments, own):
    """What the command line says, as text: a dict by name. `own` is what the notebook states."""
    names = {}  # by their options: of two that differ in case alone, the first
    for name in ["author", *SHIPPED, *own]:
        names.setdefault(_option(name), name)
    names.pop("--help", None)
    parser = argparse.ArgumentParser(
        "python -m report", description="Make build/lab4.pdf.", epilog=ABOUT, allow_abbrev=False
    )
    for option, name in names.items():
        about = f"{own[name].about} (default: {own[name].source})" if name in own else None
        about = "for the title block" if name == "author" else about
        parser.add_argument(option, dest=name, type=in_utf8, metavar="...", help=about and about.replace("%", "%%"))
    given, others = parser.parse_known_args(arguments)
    others = [re.sub(r"^\w+(?==)", lambda name: _option(name[0]), word) for word in others]
    given, others = parser.parse_known_args(others, given)
    for word in others:
        choose("parameter", word.partition("=")[0].strip("-").replace("-", "_"), dict.fromkeys(names.values()))
    return {name: text for name, text in vars(given).items() if text}


def _value(text):
    """The number, or other literal of Python, that a text is; else the text itself."""
    for read in (int, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            pass
    return text


def _option(name):
    return "--" + name.lower().replace("_", "-")
