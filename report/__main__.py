"""Make the report of a book: run the notebook, export it as a PDF, and take the pictures for the README.

    python -m report --book path/to/book.txt --author "Your name" --recipe "Adam 0.001, scaled"

writes build/lab4.ipynb, build/lab4.pdf, build/page1.png and build/loss.svg. Each run works in a folder of its own and
moves its files to their place when all are made, so what is there is never half a report or a mixture of two.
"""

import argparse
import logging
import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import papermill
from nbconvert.utils.exceptions import ConversionException
from traitlets.config import Config

from report.exporter import LabReportExporter
from report.pictures import figure_picture, page_picture

ROOT = Path(__file__).parent.parent


def make_report(folder, author="", **parameters):
    """Run the notebook with these parameters, and make its PDF and pictures in a folder.

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
    # The kernel of this environment, whatever name another program has left in the notebook
    options = {"kernel_name": "python3", "language": "python", "cwd": ROOT, "progress_bar": False}
    made = papermill.execute_notebook(ROOT / "lab4.ipynb", folder / "lab4.ipynb", parameters, **options)
    exporter = LabReportExporter(config=Config({"LabReportExporter": {"author": author}}))
    pdf, _ = exporter.from_notebook_node(made, {"metadata": {"path": str(ROOT)}})
    (folder / "lab4.pdf").write_bytes(pdf)
    (folder / "page1.png").write_bytes(page_picture(pdf, 1, ppi=110))
    (folder / "loss.svg").write_bytes(figure_picture(made, "The smooth loss"))


def in_utf8(argument):
    """The argument, which the notebook will store, or argparse's error: the name of a file need not be UTF-8."""
    try:
        argument.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{argument!r} is not UTF-8: a notebook can't store it; rename it.") from None
    return argument


def main(arguments=None):
    """What the command does; returns an exit status, or a sentence that says what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m report", description="Make build/lab4.pdf.")
    parser.add_argument(
        "--book", type=in_utf8, help="a text file in UTF-8; default: the book that ships with the report"
    )
    parser.add_argument("--author", type=in_utf8, default="", help="for the title block")
    parser.add_argument("--recipe", type=in_utf8, help="how to train: a name from RECIPES in lab/sweep.py")
    given = vars(parser.parse_args(arguments))
    author = given.pop("author")
    parameters = {name: value for name, value in given.items() if value}
    os.environ["TQDM_DISABLE"] = "1"  # progress bars are for people who watch, not for stored outputs
    logging.getLogger("papermill").setLevel(logging.WARNING)
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build, prefix="report-") as folder:
        try:
            make_report(Path(folder), author, **parameters)
        except papermill.PapermillExecutionError as error:
            return f"Cell {error.exec_count} of the notebook failed. {error.ename}: {error.evalue}"
        except ConversionException as error:
            return str(error)
        # Two runs that end together move their files one after the other: SQLite has a lock that works on every system
        with closing(sqlite3.connect(build / ".moving", timeout=600, isolation_level=None)) as turn:
            turn.execute("BEGIN EXCLUSIVE")
            for file in Path(folder).iterdir():
                file.replace(build / file.name)
    print("The report is build/lab4.pdf")
    return 0


if __name__ == "__main__":
    sys.exit(main())
