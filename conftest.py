"""What `pytest --nbval lab4.ipynb` needs: stored outputs have no bars, and the network of the last report stays."""

import os


def pytest_configure(config):
    if config.getoption("nbval", False):
        os.environ |= {"TQDM_DISABLE": "1", "LAB4_BUILD": "build/nbval"}  # for the kernel
