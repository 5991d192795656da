"""The parameters of the report: what the notebook's first cell of code states, and what they may be.

Readers may write any Python into that cell, and save it with any program. So it is read without slow imports, and run
here as far as it runs. What only a kernel understands is left to the notebook, which checks its parameters again.
"""

import ast
import contextlib
import io
import json
import numbers
import tokenize
from pathlib import Path
from typing import NamedTuple

from lab.sweep import RECIPES
from rnn_core import choose

SHIPPED = {
    "book": "the_drowned_bell.txt",
    "recipe": "AdaGrad 0.1, N(0, 0.01²)",
    "epochs": None,
    "steps": None,
    "hidden_size": None,
    "seed": 0,
}


class Stated(NamedTuple):
    """What a cell says about a parameter.

    Attributes
    ----------
    source : str
        Its value, as it is written there.
    about : str
        The comment behind it.
    """

    source: str
    about: str


def check_parameters(book, recipe, **others):
    """Make sure that the parameters are of the right kind.

    Parameters
    ----------
    book : str or path-like
    recipe : str
    **others : int
        The other parameters, as in `SHIPPED`; None leaves the choice to the recipe, but for `seed`.

    Raises
    ------
    ValueError
        A parameter is of the wrong kind; the message names it.
    """
    if not isinstance(book, str | Path):
        raise ValueError(f"book must be the path of a text file, not {book!r}.")
    choose("recipe", recipe, RECIPES)
    for name, number in others.items():
        least = 0 if name == "seed" else 1
        whole = isinstance(number, numbers.Integral) and not isinstance(number, bool) and number >= least
        if not (whole or (name != "seed" and number is None)):
            raise ValueError(f"{name} must be a whole number, {least} or more; it is {number!r}.")


def read_cells(path):
    """The cells of a notebook, of whatever version and as plain dicts.

    Raises
    ------
    ValueError
        The file is not JSON.
    """
    try:
        notebook = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path.name} is not a notebook, its text is not JSON: {error}.") from None
    return notebook.get("cells", []) if isinstance(notebook, dict) else []


def parameter_cells(cells):
    """The cells that state parameters: those tagged so or, if the tag was lost, the first that sets one of `SHIPPED`.

    Parameters
    ----------
    cells : list of dict

    Returns
    -------
    list of dict
    """
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    tagged = [cell for cell in code if "parameters" in cell["metadata"].get("tags", ())]
    setting = (cell for cell in code if SHIPPED.keys() & stated(cell).keys())
    return tagged or [*setting][:1]


def stated(cell):
    """What a cell states: the names that it sets, each with a `Stated`; none if it is not Python."""
    try:
        source = _without_magics("".join(cell["source"]))
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    lines = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {word.start[0]: word.string.strip("# ") for word in lines if word.type == tokenize.COMMENT}
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            value = Stated(ast.get_source_segment(source, node.value), comments.get(node.end_lineno, ""))
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            parts = (part for target in targets for part in ast.walk(target))
            found |= {part.id: value for part in parts if isinstance(part, ast.Name)}
    return found


def _without_magics(source):
    """Python for a cell, as IPython makes it where a line is not Python as it stands."""
    try:
        ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        return TransformerManager().transform_cell(source)
    return source


def values(cells, folder):
    """The values of the names that cells set, if they run outside of a kernel; else none.

    Parameters
    ----------
    cells : list of dict
    folder : path-like
        Where the notebook runs.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        A cell is not Python; the message shows where.
    """
    names = {"input": None}  # the report can't ask anybody
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        for cell in cells:
            try:
                code = compile(_without_magics("".join(cell["source"])), "first cell", "exec")
            except SyntaxError as error:
                where = f"{error.msg} (line {error.lineno}: {(error.text or '').strip()!r})"
                raise ValueError(f"The notebook's first cell of code is not Python: {where}.") from None
            try:
                exec(code, names)
            except (Exception, SystemExit):
                return {}
    return names
