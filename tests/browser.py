"""A real browser, for the tests that need one: whoever imports this file is skipped where there is none."""

from contextlib import contextmanager

import pytest

from report.pictures import installed_browser

playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install --editable '.[browser]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe: pip install --editable '.[browser]'")

BROWSER = installed_browser()
if not BROWSER:
    pytest.skip("no browser: neither Chromium nor Chrome is on the PATH", allow_module_level=True)


@contextmanager
def launched():
    """Chromium or Chrome, without a window."""
    with playwright.sync_playwright() as play, play.chromium.launch(executable_path=BROWSER) as browser:
        yield browser
