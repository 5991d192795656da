"""Progress bars."""

import sys
from contextlib import suppress


def bar(items, shown=True, **options):
    """A progress bar that is gone when it is done. TQDM_DISABLE=1 hides those that are shown, too.

    Without tqdm the items come back as they are: enough for the gradient check, which needs NumPy alone.

    Parameters
    ----------
    items : iterable or None
        What to go through; None if the bar is moved on by hand.
    shown : bool
    **options
        Those of `tqdm`.
    """
    try:
        from tqdm import tqdm
    except ImportError:  # the gradient check needs NumPy alone
        return items
    # On stdout, because in a notebook what is gone from stderr leaves an empty red strip behind.
    options |= {} if shown else {"disable": True}
    return tqdm(items, leave=False, file=_Screen(sys.stdout), dynamic_ncols=True, **options)


class _Screen:
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
