"""The page of the benchmarks: it is made of what was measured, and nothing in it is written by hand."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def test_the_page_is_what_its_template_makes_of_the_measurements():
    code = "import json, page; print(page.page(json.load(open('speed.json'))), end='')"
    command = [sys.executable, "-X", "utf8", "-c", code]
    made = subprocess.run(command, cwd=BENCHMARKS, check=True, capture_output=True, encoding="utf-8").stdout
    assert made == (BENCHMARKS / "README.md").read_text(encoding="utf-8")
