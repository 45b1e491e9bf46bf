"""Which tests run which lines of the package: recorded once, so that the right tests run first on each mutant."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from coverage import CoverageData

from tests.mutants.sample import PACKAGE, Mutant, numbered

OF_DEFAULTS = frozenset({"tests/test_defaults.py"})
"""The tests that read the defaults of all functions and classes, without running any line."""


@dataclass(frozen=True)
class TestsByLine:
    """The tests that run each line.

    Attributes:
        table: One row for each line that was run: `path` below the root, `occurrence` (how many equal lines stand
            before it), `line` without its indentation, and `tests`, the node ids of the tests that run it.
    """

    __test__ = False
    table: pd.DataFrame

    @cached_property
    def tests(self) -> frozenset[str]:
        """The node ids of all tests that run any line. Other tests may be newer, or run the package elsewhere."""
        return frozenset(self.table["tests"].explode().dropna())

    @cached_property
    def _of_line(self) -> dict[tuple[str, int, str], frozenset[str]]:
        rows = zip(self.table["path"], self.table["occurrence"], self.table["line"], self.table["tests"], strict=True)
        return {(path, occurrence, line): frozenset(tests) for path, occurrence, line, tests in rows}

    def of(self, mutant: Mutant, source: str) -> frozenset[str]:
        """Return the node ids of the tests that run a mutant's line.

        A line on which Python reports nothing, such as one in the middle of a call, counts as run where its statement
        begins. For a default, which is computed when the module is imported, these are the tests that run the function,
        and those of `OF_DEFAULTS`; for a constant, the tests that run a line that names it, in its own module or, if
        there is none, in others.

        Args:
            mutant: The mutant.
            source: The source of its file, without the mutation.
        """
        line = mutant.mutation.line
        statement = _statement(source, line)
        if isinstance(statement, ast.FunctionDef):
            return OF_DEFAULTS | self._of_lines(mutant.path.as_posix(), source, _uses(statement, source))
        for numbers in ([line], [statement.lineno], _uses(statement, source)):
            if found := self._of_lines(mutant.path.as_posix(), source, numbers):
                return found
        used = _naming(statement)
        return frozenset().union(*(tests for (_, _, text), tests in self._of_line.items() if used.search(text)))

    def _of_lines(self, path: str, source: str, numbers: Iterable[int]) -> frozenset[str]:
        lines = numbered(source)
        return frozenset().union(*(self._of_line.get((path, *lines[n - 1]), frozenset()) for n in numbers))


def _statement(source: str, line: int) -> ast.stmt:
    """Return the innermost statement that holds a line."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    holding = [node for node in nodes if node.lineno <= line <= (node.end_lineno or node.lineno)]
    return max(holding, key=lambda node: node.lineno)


def _uses(statement: ast.stmt, source: str) -> list[int]:
    """Return the lines of a function, for a default, or those that name a constant."""
    if isinstance(statement, ast.FunctionDef):
        return list(range(statement.body[0].lineno, (statement.end_lineno or 0) + 1))
    used = _naming(statement)
    return [n for n, text in enumerate(source.splitlines(), 1) if used.search(text)]


def _naming(statement: ast.stmt) -> re.Pattern[str]:
    """Return a pattern that finds the names that a statement assigns; nothing if it assigns none."""
    names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return re.compile(rf"\b({'|'.join(names)})\b" if names else "(?!)")


def record(copy: Path, file: Path) -> int:
    """Run all tests once in a copy of the checkout, and write the lines that each of them runs.

    Args:
        copy: The copy.
        file: The Parquet file.

    Returns:
        The exit status of the tests.
    """
    data = copy / "lines.coverage"
    environment = os.environ | {"COVERAGE_FILE": str(data), "COVERAGE_CORE": "ctrace", "PYTHONPATH": str(copy)}
    options = [f"--cov={PACKAGE}", "--cov-context=test", "--cov-report=", "-q", "-p", "no:cacheprovider", "-n", "auto"]
    status = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=copy, env=environment).returncode
    pd.DataFrame(_rows(data, copy), columns=["path", "occurrence", "line", "tests"]).to_parquet(file)
    return status


def _rows(data: Path, copy: Path) -> Iterator[tuple[str, int, str, list[str]]]:
    """Yield the rows of the table from the database of coverage.py."""
    coverage = CoverageData(str(data))
    coverage.read()
    for measured in sorted(coverage.measured_files()):
        path = Path(measured).relative_to(copy.resolve())
        lines = numbered((copy / path).read_text(encoding="utf-8"))
        for number, contexts in coverage.contexts_by_lineno(measured).items():
            tests = {context.rpartition("|")[0] for context in contexts} - {""}  # "" is the import of the module
            if 0 < number <= len(lines):  # Python reports line 1 of an empty file, too
                yield path.as_posix(), *lines[number - 1], sorted(tests)
