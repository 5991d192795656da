"""What the tests need of the process that runs them, and of Hypothesis; `make mutants` makes do with few examples."""

import os
import signal
import threading

import numpy as np
import pytest
from hypothesis import Phase, settings
from small import IDS, VOCAB
from tqdm import tqdm

import rnn_core as rnn

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


@pytest.fixture(scope="session")
def course():
    """The point of the course's check: m = 10, the first 25 characters, h0 = 0."""
    return rnn.init_params(VOCAB.size, hidden_size=10), IDS[:25], IDS[1:26], np.zeros(10)


@pytest.fixture(autouse=True)
def unexpected_warnings(recwarn):
    """Fail on warnings that a test does not expect: training warns and goes on where an error would be lost."""
    yield
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]
