"""Run the notebook for `python -m report`, and export it: what takes seconds to import is imported here."""

import contextlib
import logging
import os
import re
import signal
import sys
import warnings
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbclient.util import run_sync
from nbformat.validator import normalize

from lab.progress import bar
from report.paper.exporter import LabReportExporter, export
from report.parameters import parameter_cells

KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


class Failed(Exception):
    """The report can't be made; the message is a sentence that says why."""


def make_report(notebook, folder, author="", **parameters):
    """Run a notebook with these parameters, and leave it, its PDF and its network in a folder.

    Parameters
    ----------
    notebook : Path
        It runs in its own folder.
    folder : Path
    author : str
        For the title block; the names in the notebook's metadata if it is empty.
    **parameters
        New values for those of the notebook's first cell of code.

    Raises
    ------
    Failed
        The notebook can't be read, its kernel does not start, or a cell fails.
    nbconvert.utils.exceptions.ConversionException
        The PDF could not be made.
    """
    made = read_notebook(notebook)
    state(made, parameters)
    # The kernel inherits these: no bars in stored outputs, and the network beside the PDF
    with patch.dict(os.environ, TQDM_DISABLE="1", LAB4_BUILD=str(folder)):
        run(made, notebook.parent)
    nbformat.write(made, folder / "lab4.ipynb")
    with _warnings_shown():
        (folder / "lab4.pdf").write_bytes(export(made, notebook.parent, author))


def read_notebook(path):
    """A notebook as the newest Jupyter writes it, for the kernel of this environment, whatever program has saved it.

    Parameters
    ----------
    path : Path

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    Failed
        It is not a notebook.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of cells without an id: they get one
            notebook = nbformat.read(path, as_version=4)
            notebook.nbformat_minor = 5
            _, notebook = normalize(notebook)
        nbformat.validate(notebook)
    except (AttributeError, nbformat.ValidationError, nbformat.reader.NotJSONError) as error:
        raise Failed(f"{path.name} is not a notebook: {str(error).splitlines()[0]}") from None
    notebook.metadata.kernelspec = KERNEL
    notebook.metadata.setdefault("language_info", {"name": "python"})
    return notebook


def state(notebook, parameters):
    """After each cell that states parameters, put one that states these.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    parameters : dict

    Raises
    ------
    Failed
        No cell states any.
    """
    lines = [f"{name} = {value!r}" for name, value in parameters.items()]
    stating = [id(cell) for cell in parameter_cells(notebook.cells)]
    hidden = {"tags": ["injected-parameters", "remove-input"], "jupyter": {"source_hidden": True}}
    for index in reversed(range(len(notebook.cells) if lines else 0)):
        if id(notebook.cells[index]) in stating:
            notebook.cells.insert(index + 1, nbformat.v4.new_code_cell("\n".join(lines), metadata=hidden))
    if lines and not stating:
        names = ", ".join(parameters)
        raise Failed(f"No cell of the notebook sets its parameters, so {names} can't be set: restore its first cell.")


def run(notebook, folder):
    """Run a notebook in a folder, with a bar over its cells in a terminal.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        It gets the outputs.
    folder : Path

    Raises
    ------
    Failed
        The kernel does not start, or a cell fails.
    """
    client = NotebookClient(
        notebook,
        resources={"metadata": {"path": str(folder)}},
        config=LabReportExporter().config,
        kernel_name="python3",
    )
    with contextlib.ExitStack() as kernel:
        try:
            kernel.enter_context(client.setup_kernel())
        except (RuntimeError, OSError) as error:
            raise Failed(f"Jupyter could not start a kernel: {error}.") from error
        # First of all at the end: a kernel that is asked to end waits for joblib's resource trackers, which outlive it
        kernel.callback(run_sync(client.km.signal_kernel), signal.SIGTERM)
        try:
            progress = bar(notebook.cells, shown=sys.stdout.isatty(), unit="cell", delay=0)
            for index, cell in enumerate(progress):
                if heading := re.match("#+ (.*)", cell.source if cell.cell_type == "markdown" else ""):
                    progress.set_description(heading[1])
                client.execute_cell(cell, index)
        except CellExecutionError as error:
            raise Failed(f"{_named(cell, notebook)} failed. {error.ename}: {error.evalue}") from None
        except DeadKernelError:
            raise Failed(f"{_named(cell, notebook)} ended the kernel: perhaps the memory was too small.") from None
        except KeyboardInterrupt:
            client.shutdown_kernel = "immediate"  # else the kernel tries to end its cell in order, and complains
            raise


def _named(cell, notebook):
    """How a reader finds a cell: by its number among those of code, and its first line."""
    own = (
        one
        for one in notebook.cells
        if one.cell_type == "code" and "injected-parameters" not in one.metadata.get("tags", [])
    )
    number = [one is cell for one in own].index(True) + 1
    return f"Code cell {number} of the notebook ({cell.source.strip().splitlines()[0]!r})"


@contextlib.contextmanager
def _warnings_shown():
    """Show the exporter's warnings: outside of Jupyter's applications, traitlets drops them."""
    shown, log = logging.StreamHandler(), logging.getLogger("traitlets")
    shown.setFormatter(logging.Formatter("Warning: %(message)s"))
    log.addHandler(shown)
    try:
        yield
    finally:
        log.removeHandler(shown)
