"""Make the report of a book: run the notebook, and export it as a PDF.

    python -m report --book path/to/book.txt --author "Your name" --recipe "Adam 0.001, scaled" --epochs 2

writes build/lab4.ipynb and build/lab4.pdf, and what the notebook keeps of its best network: build/lab4.npz, for
`python -m lab.write`, and build/lab4-live.html, a page in which it writes. The parameters are those of the notebook's
first cell of code; BOOK=path/to/book.txt says the same as --book path/to/book.txt. Each run works in a folder of its
own and moves its files to their place when all are made, so build/ never holds half a report, or parts of two.
"""

import contextlib
import logging
import shutil
import signal
import sqlite3
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "lab4.ipynb"
INTERRUPTED = "Interrupted: the last report is as it was."


def main(arguments=None):
    """What the command does; returns an exit status, or a sentence that says what went wrong."""
    try:
        from report.arguments import read_arguments  # here, so that Ctrl-C meets no import, which would show its stack

        author, parameters = read_arguments(sys.argv[1:] if arguments is None else arguments, NOTEBOOK)
    except (ValueError, OSError) as error:
        return str(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    try:
        return write_report(author, parameters)
    except (OSError, sqlite3.Error) as error:
        return f"The report could not be written: {error}."
    except KeyboardInterrupt:
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # else it logs the interrupted cell
        return INTERRUPTED


def write_report(author, parameters):
    """Make the report in a folder of its own, and move it to its place; returns what `main` returns."""
    from nbconvert.utils.exceptions import ConversionException

    from report.run import Failed, make_report

    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with own_folder(build) as folder:
        try:
            make_report(NOTEBOOK, folder, author, **parameters)
        except (Failed, ConversionException) as error:
            return str(error)
        made = [file for file in folder.iterdir() if file.suffix in (".pdf", ".ipynb", ".npz", ".html")]
        with locked(build / ".moving"):  # if two runs end together, the second waits
            # The PDF first: it is the likeliest to be open in a viewer, and Windows then refuses to replace it
            for file in sorted(made, key=lambda file: file.suffix != ".pdf"):
                try:
                    file.replace(build / file.name)
                except PermissionError:
                    return f"Close build/{file.name}, which another program has open, and make the report again."
    names = {file.name for file in made}
    network = ", and its network build/lab4.npz" if "lab4.npz" in names else ""
    page = "; it writes in build/lab4-live.html" if "lab4-live.html" in names else ""
    print(f"The report is build/lab4.pdf{network}{page}")
    return 0


@contextlib.contextmanager
def own_folder(build):
    """A folder for this run alone. Folders that killed runs have left are removed; those of living runs stay."""
    with contextlib.ExitStack() as run:
        with locked(build / ".moving"):  # no other run may look at the folder before it is locked
            for other in build.glob("report-*/"):
                with contextlib.suppress(sqlite3.OperationalError):  # it is locked
                    with locked(other / ".alive", patience=0):
                        pass
                    shutil.rmtree(other, ignore_errors=True)
            folder = Path(run.enter_context(tempfile.TemporaryDirectory(dir=build, prefix="report-")))
            run.enter_context(locked(folder / ".alive"))
        yield folder


@contextlib.contextmanager
def locked(file, patience=600):
    """Hold a lock, which ends with the process at the latest: SQLite has one that works on every system.

    Parameters
    ----------
    file : Path
    patience : float
        How many seconds to wait for whoever holds it.

    Raises
    ------
    sqlite3.OperationalError
        Another process holds it for longer.
    """
    with contextlib.closing(sqlite3.connect(file, timeout=patience, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal can show every character
    for name in ("SIGTERM", "SIGHUP"):  # a closed terminal, or a time limit: as Ctrl-C, which leaves nothing behind
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:  # as nohup wants
            signal.signal(getattr(signal, name), signal.default_int_handler)
    sys.exit(main())
