"""What `make mutants` needs: few examples, the same for every mutant, and progress bars that survive being forked."""

import os
import threading

from hypothesis import Phase, settings
from tqdm import tqdm

settings.register_profile(
    "mutants", max_examples=20, derandomize=True, phases=[Phase.explicit, Phase.generate], deadline=None, database=None
)

if "MUTANT_UNDER_TEST" in os.environ:  # mutmut forks: a mutant that dies with tqdm's lock must not stop all after it
    tqdm.monitor_interval = 0
    tqdm.set_lock(threading.RLock())
