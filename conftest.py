"""What `pytest --nbval lab4.ipynb` needs: no bars in the outputs, and the last report's network unharmed."""

import os


def pytest_configure(config):
    if config.getoption("nbval", False):
        os.environ |= {"TQDM_DISABLE": "1", "LAB4_BUILD": "build/nbval"}  # for the kernel
