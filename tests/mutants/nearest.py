"""Order the test files by how near they are to a module, so that most mutants are killed within seconds."""

import ast
from collections.abc import Iterator
from functools import cache
from math import inf
from pathlib import Path

from tests.mutants.sample import PACKAGE

NOT_RUN = ("mutants", "gpu", "test_style.py")
"""Tests of the code's text, and those that need a GPU."""

STAGES = (1, 8)
"""Number of files in the first stages; the last one has all others. Each stage is a process of its own."""


def stages(path: Path, root: Path) -> list[list[Path]]:
    """Return the test files for a module, nearest first, in stages.

    The examples in the module itself and the file that mirrors it come first, then files that import it, then those of
    the mirrored folder. The others follow by the number of imports that lie between them and the module, and with equal
    numbers, those that import little come first. Files that reach the module by no import come last: they may start it
    in another process.

    Args:
        path: The module, below the root of the checkout.
        root: The root of the checkout.
    """
    inside = path.relative_to(PACKAGE)
    mirrored = root / "tests" / inside.parent / f"test_{inside.name}"
    folder = next(place for place in mirrored.parents if place.exists())

    def nearness(test: Path) -> tuple[bool, bool, bool, float, int]:
        steps = _steps(test, root)
        away = steps.get(root / path, inf)
        return test != mirrored, away > 1, test.parent != folder, away, len(steps)

    tests = sorted((test for test in (root / "tests").rglob("test_*.py") if _is_run(test, root)), key=nearness)
    first, second = STAGES
    parts = [[root / path, *tests[:first]], tests[first : first + second], tests[first + second :]]
    return [[file.relative_to(root) for file in part] for part in parts if part]


def _is_run(test: Path, root: Path) -> bool:
    return test.relative_to(root / "tests").parts[0] not in NOT_RUN


@cache
def _steps(test: Path, root: Path) -> dict[Path, int]:
    """Return every file that a test file imports, with the number of imports that lie between them."""
    steps, waiting = {test: 0}, [test]
    for file in waiting:
        for imported in _imports(file, root):
            if imported not in steps:
                steps[imported] = steps[file] + 1
                waiting.append(imported)
    return steps


@cache
def _imports(file: Path, root: Path) -> tuple[Path, ...]:
    return tuple(_find_imports(file, root))


def _find_imports(file: Path, root: Path) -> Iterator[Path]:
    """Yield the files of the checkout that a file imports; for a package with a stub, those that the stub names."""
    trees = [ast.parse(file.read_text(encoding="utf-8"))]
    if file.with_suffix(".pyi").exists():
        trees.append(ast.parse(file.with_suffix(".pyi").read_text(encoding="utf-8")))
    for node in (node for tree in trees for node in ast.walk(tree)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(file.relative_to(root).parts[: -node.level]) + "." if node.level else ""
            source = f"{package}{node.module or ''}".rstrip(".")
            names = [source, *(f"{source}.{alias.name}" for alias in node.names)]
        for name in names:
            place = root.joinpath(*name.split("."))
            yield from (x for x in (place.with_suffix(".py"), place / "__init__.py") if x.is_file())
