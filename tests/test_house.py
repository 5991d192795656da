"""The layers: imports run downward only, report -> lab -> rnn_core, and what one file uses of another is public."""

import ast
from itertools import chain
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
# What is on floor 0 stands by itself
FLOORS = {"rnn_core": 0, "lab.gradcheck": 0, "report.paper": 0, "lab": 1, "report": 2, "classroom": 3}


def read(*patterns):
    """The syntax trees of files, by their dotted names; a package has that of its folder."""
    trees = {}
    for path in chain(*(ROOT.glob(pattern) for pattern in patterns)):
        name = path.relative_to(ROOT).with_suffix("").parts
        tree = trees[".".join(name).removesuffix(".__init__")] = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:  # a relative import, by its full name
                node.module = ".".join([*name[: -node.level], *filter(None, [node.module])])
    return trees


def room(module):
    """The layer that a module is in; if layers are nested, the inner one."""
    return max((name for name in FLOORS if f"{module}.".startswith(f"{name}.")), key=len)


CELLS = nbformat.read(ROOT / "lab4.ipynb", as_version=4).cells
HOUSE = read("rnn_core.py", "lab/**/*.py", "report/**/*.py", "classroom/**/*.py")
OUTSIDE = read("tests/**/*.py", "benchmarks/*.py")
OUTSIDE["lab4"] = ast.parse("\n".join(cell.source for cell in CELLS if cell.cell_type == "code"))


def imports(tree):
    """What a file imports from the house: the module, the name in it or None, and what the file calls it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [(alias.name, None, alias.asname or alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [(node.module, alias.name, alias.asname or alias.name) for alias in node.names]
        else:
            continue
        for module, name, called in found:
            if f"{module}.{name}" in HOUSE:
                yield f"{module}.{name}", None, called
            elif module in HOUSE:
                yield module, name, called


def used(tree):
    """The module and the name of what a file uses of the others."""
    modules = {called: module for module, name, called in imports(tree) if name is None}
    for module, name, _ in imports(tree):
        if name is not None:
            yield module, name
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in modules:
            yield modules[ast.unparse(node.value)], node.attr


def private(tree):
    """The private names that a file defines, and those that it uses, in whatever way."""
    own, names = set(), {name for _, name in used(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute):
            (own if isinstance(node.ctx, ast.Store) else names).add(getattr(node, "attr", None) or node.id)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("getattr", "setattr")):
            names |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    return ({name for name in found if str(name).startswith("_") and not name.endswith("_")} for found in (own, names))


PRIVATE = set().union(*(next(private(tree)) for tree in HOUSE.values()))


@pytest.mark.parametrize("name", HOUSE)
def test_imports_run_downward_only(name):
    others = {module for module, _, _ in imports(HOUSE[name]) if room(module) != room(name)}
    not_below = {module for module in others if FLOORS[room(module)] >= FLOORS[room(name)]}
    assert not not_below, f"{name} imports {not_below}, but imports run from report to lab, and from lab to rnn_core"


def test_no_two_files_import_each_other():
    left = {name: {module for module, _, _ in imports(tree)} for name, tree in HOUSE.items()}
    while leaves := [name for name in left if not left[name] & left.keys()]:
        for name in leaves:
            del left[name]
    assert not left


PACKAGES = {"lab", "lab.gradcheck", "report", "report.paper", "classroom"}  # which have nothing of their own


@pytest.mark.parametrize("name", HOUSE.keys() - PACKAGES - {"classroom.__main__"})
def test_every_module_has_a_file_of_tests(name):
    folder, _, module = name.removeprefix("report.").removeprefix("lab.").rpartition(".")
    assert ".".join(filter(None, ["tests", folder, f"test_{module.strip('_')}"])) in OUTSIDE


@pytest.mark.parametrize("name", HOUSE | OUTSIDE)
def test_no_file_uses_a_private_name_of_another(name):
    own, names = private((HOUSE | OUTSIDE)[name])
    assert not (names - own) & PRIVATE


@pytest.mark.parametrize("name", HOUSE | OUTSIDE)
def test_what_a_file_uses_of_another_has_a_docstring(name):
    for module, what in used((HOUSE | OUTSIDE)[name]):
        for node in HOUSE[module].body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == what:
                assert ast.get_docstring(node), f"{module}.{what}, which {name} uses, has no docstring"


def without_encoding(tree):
    """Where a file reads or writes text in the encoding of the machine: ruff sees this only where it sees the path."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in ("read_text", "write_text"):
            if "encoding" not in {keyword.arg for keyword in node.keywords}:
                yield ast.unparse(node)


@pytest.mark.parametrize("name", HOUSE | OUTSIDE)
def test_text_is_read_and_written_in_the_same_encoding_on_every_machine(name):
    assert not list(without_encoding((HOUSE | OUTSIDE)[name]))


def test_the_rules_see_what_they_are_for():
    wrong = ast.parse(
        "from lab.training import train, _a\nimport rnn_core as rnn\nrnn._b(h)\nh._c = setattr(h, '_d', 3)"
    )
    own, names = private(wrong)
    assert own == {"_c"} and names == {"_a", "_b", "_d"}
    assert list(without_encoding(ast.parse("a.write_text(b)\na.read_text(encoding=c)"))) == ["a.write_text(b)"]
    assert {("lab.training", "train"), ("lab.training", "_a"), ("rnn_core", "_b")} == set(used(wrong))
    assert room("report.paper.tree") == "report.paper" != room("report.papers") == "report"
