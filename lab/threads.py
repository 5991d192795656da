"""One BLAS thread for small products: a second one gains little there, and on a busy machine it costs several times as
much as it can ever gain, because each product then waits for a thread that has no core.

Measured on two cores, in microseconds per update step with one thread and with two: idle, m = 100 and B = 16 take 919
and 915, m = 800 and B = 64 109,474 and 66,584; with one other process at work, the first takes 980 and 3,391.
"""

import threading
import warnings
from contextlib import contextmanager, suppress
from functools import cache

SMALL = 1 << 24  # multiplications in one product: m = 800 and B = 64 have 41 million, m = 400 and B = 16 have 2.6

_lock, _inside, _before = threading.Lock(), 0, None  # how many blocks run, and the number before the first


@contextmanager
def few_threads(multiplications):
    """Run what is inside with one BLAS thread, if its products are small; else leave the number of threads alone.

    The number belongs to the whole process, so blocks are counted: it is one while any of them runs, in whatever
    thread, and after the last it is what it was before the first. The rule depends on the size alone. It does not
    measure, since the process that slows two threads down may start later.

    Parameters
    ----------
    multiplications : int
        In the product that is made most often: B m^2 for W h_{t-1}.

    Warns
    -----
    RuntimeWarning
        threadpoolctl is not installed, so the number stays as it is; only the first time.

    Examples
    --------
    >>> import numpy as np
    >>> with few_threads(multiplications=16 * 100**2):
    ...     product = np.ones((16, 100)) @ np.ones((100, 100))
    """
    global _inside, _before
    libraries = blas() if multiplications < SMALL else None
    if libraries is None:
        yield
        return
    with _lock:
        if not _inside:
            _before = libraries.limit(limits=1)
            _release()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _before.restore_original_limits()
                _release()


def _release():
    """Let any thread set the number next: since threadpoolctl 3.8 only the last to set it may, but that may be gone."""
    from threadpoolctl import OpenBLASController

    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread()


@cache
def blas():
    """What limits the threads of the BLAS libraries that NumPy has loaded; None without threadpoolctl."""
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        message = (
            "threadpoolctl is not installed: on a machine that does something else, too, training is several times "
            "faster with OPENBLAS_NUM_THREADS=1 in the environment."
        )
        with suppress(RuntimeWarning):  # where warnings are errors, this is none
            warnings.warn(message, RuntimeWarning, stacklevel=4)
        return None
    return ThreadpoolController().select(user_api="blas")
