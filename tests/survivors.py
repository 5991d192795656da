"""The end of `make mutants`: the changes that no test noticed, and the share of all that one did.

Reads what `mutmut results` prints, and under mutants/ every function beside its mutants. Those that live:

- give another name: to a progress bar's unit, to a file that is there only while another is written;
- write the same in another way: "UTF-32-LE" for "utf-32-le", reshape(-2) for reshape(-1), / for // where nothing is
  left over, * for / with a factor of 1 or -1, an argument that is the default anyway;
- drop a strict=True between sequences that are equally long;
- take longer or more room: another layout or bound where two ways lead to one result, a copy in place of `out`;
- change a number of which only the size, or that it is finite, is asked;
- name another line in a warning: mutmut's functions stand between the lines, so the test of that must be left out.

mutmut leaves alone what is decorated (the properties of GradientCheck, the context managers) or outside functions.
"""

import ast
import difflib
import re
import sys
import tomllib
from pathlib import Path

GOAL = 0.95


def functions(path):
    """The lines of every function that mutmut made in a file, and of the right ones, by their names there."""
    source = Path("mutants", path).read_text(encoding="utf-8")
    module, lines = path.removesuffix(".py").replace("/", "."), source.splitlines()
    return {
        f"{module}.{node.name}": [line.replace(node.name, "") for line in lines[node.lineno - 1 : node.end_lineno]]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name
    }


if __name__ == "__main__":
    paths = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]["only_mutate"]
    mutants = {name: lines for path in paths for name, lines in functions(path).items()}
    left = re.findall(r"^\s*(\S+__mutmut_\d+): (.+)", sys.stdin.read(), re.MULTILINE)
    for name, status in left:
        print(f"\n{name}: {status}")
        for line in difflib.ndiff(mutants[re.sub(r"\d+$", "orig", name)], mutants[name]):
            if line[0] in "+-":
                print(line[0], line[2:].strip())
    total = sum(not name.endswith("_orig") for name in mutants)
    timeouts = sum(status == "timeout" for _, status in left)
    share = 1 - (len(left) - timeouts) / total
    print(f"\n{total} mutants, {len(left) - timeouts} of them alive, {timeouts} that never ended: {share:.1%} killed.")
    sys.exit(share < GOAL)
