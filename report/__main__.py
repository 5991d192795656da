"""Make the report of a book: run the notebook, and export it as a PDF.

    python -m report --book path/to/book.txt --author "Your name" --recipe "Adam 0.001, scaled" --epochs 2

writes build/lab4.ipynb and build/lab4.pdf, and build/lab4.npz, the best network, for `python -m lab.write`. The
parameters are those of the notebook's first cell of code; BOOK=path/to/book.txt says the same as --book
path/to/book.txt. Each run works in a folder of its own and moves its files to their place when all are made, so
build/ never holds half a report, or parts of two.
"""

import argparse
import ast
import logging
import os
import re
import signal
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import nbformat
import papermill
from nbconvert.utils.exceptions import ConversionException
from papermill.translators import PythonTranslator

from lab.progress import bar
from report.paper.exporter import LabReportExporter, export
from report.say import SHORTEST, settings
from rnn_core import choose, read_book

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "lab4.ipynb"


def make_report(folder, author="", **parameters):
    """Run the notebook with these parameters, and leave it, its PDF and its network in a folder.

    Parameters
    ----------
    folder : Path
    author : str
        For the title block; the names in the notebook's metadata if it is empty.
    **parameters
        Those of the notebook's first cell of code that are to be others.

    Raises
    ------
    papermill.PapermillExecutionError, nbconvert.utils.exceptions.ConversionException
        A cell failed, or the PDF could not be made.
    """
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    with bar(None, shown=sys.stdout.isatty(), total=len(cells), unit="cell", delay=0) as shown:

        def begin_cell(cell, cell_index):
            if heading := re.match("#+ (.*)", cell.source if cell.cell_type == "markdown" else ""):
                shown.set_description(heading[1])
            shown.update(cell_index - shown.n)

        # The kernel inherits these: no bars in stored outputs, and the network beside the PDF
        with patch.dict(os.environ, TQDM_DISABLE="1", LAB4_BUILD=str(folder)):
            made = papermill.execute_notebook(
                NOTEBOOK,
                folder / "lab4.ipynb",
                parameters,
                # The kernel of this environment, whatever name another program has left in the notebook
                kernel_name="python3",
                language="python",
                cwd=ROOT,
                config=LabReportExporter().config,
                progress_bar=False,
                on_cell_start=begin_cell,
            )
        (folder / "lab4.pdf").write_bytes(export(made, ROOT, author))


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


def read_arguments(arguments):
    """The author and the parameters that a command line states, checked as the notebook checks them.

    Parameters
    ----------
    arguments : list of str
        `--hidden-size 200`, `--hidden-size=200` or `HIDDEN_SIZE=200`; an empty value is none.

    Returns
    -------
    author : str
    parameters : dict

    Raises
    ------
    ValueError, OSError
        There is no such parameter, its value makes no sense, or the book can't be read.
    """
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (first,) = (cell for cell in cells if "parameters" in cell.metadata.get("tags", []))
    own = PythonTranslator.inspect(first)
    defaults = {parameter.name: ast.literal_eval(parameter.default) for parameter in own}
    parser = argparse.ArgumentParser("python -m report", description="Make build/lab4.pdf.", allow_abbrev=False)
    parser.add_argument("--author", type=in_utf8, metavar="NAME", help="for the title block")
    for parameter in own:
        option, about = _option(parameter.name), f"{parameter.help} (default: {parameter.default})"
        parser.add_argument(option, type=in_utf8, metavar="...", help=about.replace("%", "%%"))
    given, others = parser.parse_known_args(arguments)
    others = [re.sub(r"^\w+(?==)", lambda name: _option(name[0]), word) for word in others]
    given, others = parser.parse_known_args(others, given)
    for word in others:
        choose("parameter", word.partition("=")[0].strip("-").replace("-", "_"), dict(author="", **defaults))
    parameters = {name: text for name, text in vars(given).items() if text}
    author = parameters.pop("author", "")
    for name, text in parameters.items():
        if name == "book":  # the kernel runs in another folder
            parameters[name] = os.path.abspath(os.path.expanduser(text))
        elif not isinstance(defaults[name], str) and re.fullmatch(r"[+-]?[0-9]+", text):
            parameters[name] = int(text)
    settings(**defaults | parameters)
    read_book(ROOT / (defaults | parameters)["book"], SHORTEST)
    return author, parameters


def _option(name):
    return "--" + name.lower().replace("_", "-")


def main(arguments=None):
    """What the command does; returns an exit status, or a sentence that says what went wrong."""
    try:
        author, parameters = read_arguments(sys.argv[1:] if arguments is None else arguments)
    except (ValueError, OSError) as error:
        return str(error)
    logging.getLogger("papermill").setLevel(logging.WARNING)
    try:
        return write_report(author, parameters)
    except OSError as error:
        return f"The report could not be written: {error}."


def write_report(author, parameters):
    """Make the report in a folder of its own, and move it to its place; returns what `main` returns."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix="report-") as folder:
        try:
            make_report(Path(folder), author, **parameters)
        except papermill.PapermillExecutionError as error:
            return f"Cell {error.exec_count} of the notebook failed. {error.ename}: {error.evalue}"
        except ConversionException as error:
            return str(error)
        except KeyboardInterrupt:
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # else it logs the interrupted cell
            return "Interrupted: the last report is as it was."
        # Two runs that end together move their files one after the other: SQLite has a lock that works on every system
        with closing(sqlite3.connect(build / ".moving", timeout=600, isolation_level=None)) as turn:
            turn.execute("BEGIN EXCLUSIVE")
            # The PDF first: it is the likeliest to be open in a viewer, and Windows then refuses to replace it
            for file in sorted(Path(folder).iterdir(), key=lambda file: file.suffix != ".pdf"):
                try:
                    file.replace(build / file.name)
                except PermissionError:
                    return f"Close build/{file.name}, which another program has open, and make the report again."
    print("The report is build/lab4.pdf, and its network build/lab4.npz")
    return 0


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal can show every character
    for name in ("SIGTERM", "SIGHUP"):  # a closed terminal, or a time limit: as Ctrl-C, which leaves nothing behind
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    sys.exit(main())
