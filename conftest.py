"""What `pytest --nbval lab4.ipynb` needs: the outputs that are stored have no bars, and the last report's network stays."""

import os


def pytest_configure(config):
    if config.getoption("nbval", False):
        os.environ |= {"TQDM_DISABLE": "1", "LAB4_BUILD": "build/nbval"}  # for the kernel
