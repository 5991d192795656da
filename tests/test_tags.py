"""The tags of cells whose outputs differ between processors: what each lets pass, and what it does not."""

import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from tags import NUMBERS, OUTPUT, needed
from test_project import ROOT


def cell(*pieces, **data):
    """A cell of code that has come to some text, and to an output of each kind."""
    outputs = [new_output("stream", text=piece) for piece in pieces]
    outputs += [new_output("display_data", {kind.replace("_", "/"): content}) for kind, content in data.items()]
    return new_code_cell(outputs=outputs)


@pytest.mark.parametrize(
    ("one", "other", "tag"),
    [
        (cell("2.5 bits"), cell("2.5 ", "bits"), None),
        (cell(image_png="a"), cell(image_png="b"), None),
        (cell("It falls from 1,234 to 1e-05."), cell("It falls from 9 to −3.5%."), NUMBERS),
        (cell("saturated   5%"), cell("saturated  10%"), NUMBERS),
        (cell("It falls."), cell("It rises."), OUTPUT),
        (cell(text_markdown="3"), cell(), OUTPUT),
        (cell(text_html="<td>1<td>2"), cell(text_html="<td>1"), OUTPUT),
    ],
)
def test_a_cell_needs_the_tag_that_lets_no_more_pass_than_differs(one, other, tag):
    assert needed([one, one, other]) == tag


def test_nbval_compares_all_but_numbers_where_only_they_may_differ(tmp_path):
    cases = [(NUMBERS, "1.5 b"), (NUMBERS, "1.5 a"), ("another", "1.5 b"), (OUTPUT, "a")]
    cells = [cell(f"{seen}\n") for _, seen in cases]
    for one, (tag, _) in zip(cells, cases, strict=True):
        one |= {"source": "print('2 b')", "execution_count": 1, "metadata": {"tags": [tag]}}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / "a.ipynb")
    for file in ("conftest.py", "tests/tags.py"):
        shutil.copy(ROOT / file, tmp_path)
    words = [sys.executable, "-m", "pytest", "-q", "-rA", "--nbval", "a.ipynb"]
    told = subprocess.run(words, cwd=tmp_path, capture_output=True, encoding="utf-8").stdout
    assert sorted(re.findall(r"^(PASSED|FAILED) a\.ipynb::(Cell \d)", told, re.MULTILINE)) == [
        ("FAILED", "Cell 1"),
        ("FAILED", "Cell 2"),
        ("PASSED", "Cell 0"),
        ("PASSED", "Cell 3"),
    ]
