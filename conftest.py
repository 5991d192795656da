"""What `pytest --nbval lab4.ipynb` needs: it compares outputs, and those that are stored have no progress bars."""

import os


def pytest_configure(config):
    if config.getoption("nbval", False):
        os.environ["TQDM_DISABLE"] = "1"  # for the kernel
