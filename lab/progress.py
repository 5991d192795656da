"""Progress bars."""

import sys

from tqdm import tqdm


def bar(items, shown=True, **options):
    """A progress bar that is gone when it is done. TQDM_DISABLE=1 hides those that are shown, too.

    Parameters
    ----------
    items : iterable or None
        What to go through; None if the bar is moved on by hand.
    shown : bool
    **options
        Those of `tqdm`.
    """
    # On stdout, because in a notebook what is gone from stderr leaves an empty red strip behind.
    return tqdm(items, leave=False, file=sys.stdout, **options, **({} if shown else {"disable": True}))
