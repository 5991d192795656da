"""Which cells of the notebook differ between processors: compares runs of it, cell by cell.

    python tests/tags.py build/matrix/Haswell.ipynb build/matrix/Prescott.ipynb [...]

For each cell of code whose tag is another than it needs, prints both. A cell whose outputs are the same everywhere
needs no tag. One in which only numbers differ needs `numbers-differ`, and nbval compares all else; one whose text,
picture or number of outputs differs needs `nbval-ignore-output`. PNG is not compared, as nbval does not.
"""

import re
import sys
from pathlib import Path

import nbformat

NUMBERS, OUTPUT = "numbers-differ", "nbval-ignore-output"
NUMBER = re.compile(r"[-+\N{MINUS SIGN}]?\d[\d,.]*(e[-+]?\d+)?%?")


def without_numbers(text):
    """A text with a sign in the place of each number, and no blanks for those that are longer."""
    return re.sub("  +", " ", NUMBER.sub("#", text)) if isinstance(text, str) else text


def shown(cell, change=str):
    """What nbval compares of a cell: its streams, and each kind of its outputs but PNG, in order, changed or not."""
    found = {}
    for output in cell.outputs:
        pieces = {output.name: output.text} if output.output_type == "stream" else output.get("data", {})
        for kind, content in pieces.items():
            if kind not in ("image/png", "image/jpeg"):
                found.setdefault(kind, []).append(change(content))
    return {kind: "".join(pieces) if kind in ("stdout", "stderr") else pieces for kind, pieces in found.items()}


def needed(cells):
    """The tag that a cell needs, given its outputs in several runs; None if they are the same."""
    first, *others = cells
    for tag, change in ((None, str), (NUMBERS, without_numbers)):
        if all(shown(other, change) == shown(first, change) for other in others):
            return tag
    return OUTPUT


def tagged(cell):
    """The tag of these two that a cell has, or None."""
    return next((tag for tag in (OUTPUT, NUMBERS) if tag in cell.metadata.get("tags", [])), None)


if __name__ == "__main__":
    runs = [nbformat.read(Path(path), as_version=4).cells for path in sys.argv[1:]]
    for cells in zip(*runs, strict=True):
        if cells[0].cell_type == "code" and (tag := needed(cells)) != (own := tagged(cells[0])):
            print(f"{cells[0].id}: needs {tag or 'no tag'}, has {own or 'none'}")
