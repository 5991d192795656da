"""What the tests need of the process that runs them, and of Hypothesis; `make mutants` makes do with few examples."""

import os
import signal
import threading

from hypothesis import Phase, settings
from tqdm import tqdm

# A shell lets its background jobs ignore Ctrl-C: there, too, the tests of interrupts must be interrupted
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("default", deadline=None)  # how long a test takes is the machine's affair
settings.load_profile("default")
settings.register_profile(
    "mutants", max_examples=20, derandomize=True, phases=[Phase.explicit, Phase.generate], deadline=None, database=None
)

if "MUTANT_UNDER_TEST" in os.environ:  # mutmut forks: a mutant that dies with tqdm's lock must not stop all after it
    tqdm.monitor_interval = 0
    tqdm.set_lock(threading.RLock())
