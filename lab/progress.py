"""Progress bars that vanish when the work is done, with a text; in a notebook they also show a curve."""

import math
import sys
import uuid
from contextlib import suppress
from html import escape
from typing import NamedTuple

import numpy as np

POINTS, WIDTH, HEIGHT = 200, 400, 50  # of the curve


class View(NamedTuple):
    """What a bar shows of the work.

    Attributes
    ----------
    words : str
        Text before the bar.
    curve : ndarray (N,)
        In a notebook it is drawn below the bar; NaN where it is not known yet.
    text : str
        In a notebook it stands below the curve; elsewhere each new text is printed above the bar, and stays.
    """

    words: str
    curve: np.ndarray
    text: str


def bar(items, shown=True, view=None, **options):
    """A progress bar that is gone when it is done. TQDM_DISABLE=1 hides those that are shown, too.

    Without tqdm the items come back as they are: enough for the gradient check, which needs NumPy alone.

    Parameters
    ----------
    items : iterable or None
        What to go through; None if the caller moves the bar.
    shown : bool
    view : function () -> View, optional
        What else to show; called each time that the bar is drawn.
    **options
        Those of `tqdm`.
    """
    try:
        from tqdm import tqdm
    except ImportError:
        return items

    class Bar(tqdm):
        @property
        def format_dict(self):
            return super().format_dict | ({"prefix": view().words} if view else {})

        written = ""

        def display(self, *args, **kwargs):
            if view and not CELL and (text := view().text) != self.written:
                self.written = text  # first, because writing draws the bar again
                self.write(text + "\n", file=self.fp)
            return super().display(*args, **kwargs)

    if CELL:
        look = {"file": _Notebook(CELL, view), "position": 0, "mininterval": 0.5}
    else:
        look = {"file": _Terminal(sys.stdout), "dynamic_ncols": True}
    hidden = {} if shown else {"disable": True}
    return Bar(items, leave=False, **{"delay": 0.5} | look | hidden | options)  # what takes no time needs no bar


class _Terminal:
    """A file that may break at any time: what can't be written is not shown, and the work goes on."""

    def __init__(self, file):
        self.file = file

    def write(self, text):
        with suppress(Exception):
            self.file.write(text)

    def flush(self):
        with suppress(Exception):
            self.file.flush()

    def __getattr__(self, name):  # how wide it is, and what it can show
        return getattr(self.file, name)


class _Notebook:
    """The same below a cell: each line takes the place of the one before, and a blank one removes the output."""

    encoding = "utf-8"

    def __init__(self, cell, view):
        self.cell, self.view, self.name = cell, view, uuid.uuid4().hex

    def write(self, text):
        with suppress(Exception):
            line = text.strip()
            shown = {"text/html": bar_html(line, self.view and self.view()), "text/plain": line}
            self.cell.show(self.name, shown if line else {})

    def flush(self):
        pass


class Cell:
    """The output of the cell that runs.

    Jupyter can't take one output of a cell away: it can only make it empty, or clear the whole cell. So the cell is
    cleared if nothing else is in it; the kernel's count of the messages that it has sent shows whether that is so.

    Parameters
    ----------
    shell : InteractiveShell
        IPython's, in a kernel.
    """

    def __init__(self, shell):
        self.shell, self.sent, self.open = shell, math.nan, set()
        shell.events.register("pre_run_cell", self.begin)

    def begin(self, *_):
        """A new cell begins: remember how many messages the kernel has sent so far."""
        self.sent, self.open = self.count(), set()

    def count(self):
        """How many messages the kernel has sent; NaN, which equals nothing, if it does not tell."""
        return getattr(getattr(self.shell.kernel, "session", None), "message_count", math.nan)

    def show(self, name, data):
        """Show something in place of what has the same name in this cell; if it is empty, nothing is left.

        Parameters
        ----------
        name : str
            One that no other output of the notebook has.
        data : dict
            What to show, by its MIME type.
        """
        known = name in self.open
        if not (known or data):
            return
        (self.open.add if data else self.open.discard)(name)
        self.shell.display_pub.publish(data, transient={"display_id": name}, update=known)
        self.sent += 1
        if not self.open and self.sent == self.count():
            self.shell.display_pub.clear_output()
            self.sent += 1


def bar_html(line, view=None):
    """A bar and the view of the work as HTML, in the colours of the notebook.

    Parameters
    ----------
    line : str
    view : View, optional

    Returns
    -------
    str
    """
    style = 'style="margin: 0; white-space: pre-wrap; max-height: 15em; overflow: hidden"'
    parts = [f"<pre {style}>{escape(line)}</pre>"]
    if view:
        values = view.curve[np.linspace(0, len(view.curve) - 1, POINTS).astype(int)]
        known = np.isfinite(values)
        low, high = (values[known].min(), values[known].max()) if known.any() else (0, 1)
        x, y = np.arange(POINTS) * WIDTH / POINTS, HEIGHT * (high - values) / ((high - low) or 1)
        points = " ".join(f"{x:.0f},{y:.1f}" for x, y in zip(x[known], y[known], strict=True))
        parts += [
            f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="0 -1 {WIDTH} {HEIGHT + 2}" style="margin: 0.5em 0">'
            f'<polyline points="{points}" fill="none" stroke="currentColor"/></svg>',
            f"<pre {style}>{escape(view.text)}</pre>",
        ]
    return "".join(parts)


def _cell():
    """The cell that runs, if this is a kernel that may show something."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return Cell(shell) if hasattr(shell, "kernel") else None


CELL = _cell()
