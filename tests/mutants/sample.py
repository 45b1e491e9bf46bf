"""A sample of mutants: lines drawn uniformly, each with one of its mutations."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.operators import Mutation, mutations

ROOT = Path(__file__).parents[2]
PACKAGE = "hf_gradexplain"


@dataclass(frozen=True)
class Mutant:
    """A mutation of a file.

    Attributes:
        path: The file, below the root of the checkout.
        mutation: What changes.
        occurrence: How many equal lines stand before it in the file.
        before: The line before the mutation, without its indentation.
        after: The line after it.
    """

    path: Path
    mutation: Mutation
    occurrence: int
    before: str
    after: str

    @property
    def name(self) -> str:
        """What identifies it, also after other lines of the package have changed."""
        return "\t".join((self.path.as_posix(), str(self.occurrence), self.before, self.after))

    @property
    def equivalent(self) -> bool:
        """Whether it changes nothing that anyone could observe."""
        return (self.path.as_posix(), self.before, self.after) in EQUIVALENT

    def __str__(self) -> str:
        return f"{self.path}:{self.mutation.line} ({self.mutation.operator})\n    - {self.before}\n    + {self.after}"


def all_mutants(root: Path = ROOT, folders: Sequence[str] = ()) -> dict[tuple[Path, int], list[Mutant]]:
    """Return all mutants by file and line.

    Args:
        root: The root of the checkout.
        folders: Folders and files below the package that are mutated, without `.py`; none for all.
    """
    chosen = [root / PACKAGE / folder for folder in folders] or [root / PACKAGE]
    lines: dict[tuple[Path, int], list[Mutant]] = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        if any(place in (path.with_suffix(""), *path.parents) for place in chosen):
            for mutant in _of_source(path.relative_to(root), path.read_text(encoding="utf-8")):
                lines.setdefault((mutant.path, mutant.mutation.line), []).append(mutant)
    return lines


@cache
def _of_source(path: Path, source: str) -> list[Mutant]:
    lines = numbered(source)
    mutants = []
    for mutation in mutations(source):
        after = mutation.apply(source).splitlines()[mutation.line - 1].strip()
        mutants.append(Mutant(path, mutation, *lines[mutation.line - 1], after))
    return mutants


@cache
def numbered(source: str) -> list[tuple[int, str]]:
    """Return each line without its indentation, after the number of equal lines before it."""
    seen: Counter[str] = Counter()
    lines = []
    for line in map(str.strip, source.splitlines()):
        lines.append((seen[line], line))
        seen[line] += 1
    return lines


def draw(number: int, seed: int, root: Path = ROOT, folders: Sequence[str] = ()) -> list[Mutant]:
    """Draw mutants, with lines drawn uniformly and without repetition.

    Each line has a random number, made from the seed and its text; the lines with the smallest ones are drawn. A sample
    therefore stays the same where the package does.
    """

    def random_number(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{seed} {mutant.name}".encode()).digest()

    def of_line(mutants: Sequence[Mutant]) -> bytes:
        first = mutants[0]
        return hashlib.sha256(f"{seed} {first.path.as_posix()} {first.occurrence} {first.before}".encode()).digest()

    lines = sorted(all_mutants(root, folders).values(), key=of_line)[:number]
    return [min(mutants, key=random_number) for mutants in lines]
