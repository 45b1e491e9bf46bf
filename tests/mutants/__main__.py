"""Break the package in random places, one at a time, and count the errors that the tests notice.

python -m tests.mutants --number 20 --seed 0

A line is drawn uniformly among all lines that can be mutated, then one of its mutations. The tests of the mutated
module's own folder run first; a mutant that survives them meets all default tests. This happens in a copy of the
checkout.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.operators import Mutation, mutations

ROOT = Path(__file__).parents[2]
PACKAGE = "hf_gradexplain"

TIMEOUT = 1800
"""Seconds after which a mutant counts as killed: it does not end."""


@dataclass(frozen=True)
class Mutant:
    """A mutation of a file.

    Attributes:
        path: The file, below the root of the checkout.
        mutation: What changes.
    """

    path: Path
    mutation: Mutation

    @property
    def before(self) -> str:
        """The line before the mutation."""
        return (ROOT / self.path).read_text(encoding="utf-8").splitlines()[self.mutation.line - 1].strip()

    @property
    def after(self) -> str:
        """The line after it."""
        mutated = self.mutation.apply((ROOT / self.path).read_text(encoding="utf-8"))
        return mutated.splitlines()[self.mutation.line - 1].strip()

    def __str__(self) -> str:
        return f"{self.path}:{self.mutation.line} ({self.mutation.operator})\n    - {self.before}\n    + {self.after}"


def draw(number: int, seed: int, root: Path = ROOT) -> list[Mutant]:
    """Draw mutants, with lines drawn uniformly and without repetition."""
    lines: dict[tuple[Path, int], list[Mutant]] = defaultdict(list)
    for path in sorted((root / PACKAGE).rglob("*.py")):
        source, below = path.read_text(encoding="utf-8"), path.relative_to(root)
        text = source.splitlines()
        for mutation in mutations(source):
            if (str(below), text[mutation.line - 1].strip(), mutation.operator) not in EQUIVALENT:
                lines[below, mutation.line].append(Mutant(below, mutation))
    rng = random.Random(seed)
    return [rng.choice(lines[line]) for line in rng.sample(list(lines), min(number, len(lines)))]


def runs_for(path: Path, root: Path) -> Iterator[list[str]]:
    """Yield the arguments of pytest, the tests nearest to a module first."""
    inside = path.relative_to(PACKAGE).with_suffix("")
    folder, name = root / "tests" / inside.parent, inside.parts[-1]
    nearest = [folder / f"test_{name}.py"] if (folder / f"test_{name}.py").exists() else []
    if nearest:
        yield [str(x.relative_to(root)) for x in nearest]
    if inside.parent != Path() and folder.exists():
        yield [str(folder.relative_to(root)), "-n", "auto"]
    yield ["-n", "auto", "--dist", "worksteal"]


def is_killed(mutant: Mutant, copy: Path) -> bool:
    """Return whether a test fails on a mutant, in a copy of the checkout."""
    path = copy / mutant.path
    source = path.read_text(encoding="utf-8")
    path.write_text(mutant.mutation.apply(source), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    try:
        for chosen in runs_for(mutant.path, copy):
            command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *chosen]
            try:
                done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                return True
            if done.returncode not in (0, 5):  # 5: no test was collected
                return True
        return False
    finally:
        path.write_text(source, encoding="utf-8")


def main() -> int:
    """Run the mutants, print the survivors and the share that was killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=20, help="number of mutants (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default: 0)")
    parser.add_argument("--list", action="store_true", help="print the mutants, and run nothing")
    arguments = parser.parse_args()
    mutants, killed = draw(arguments.number, arguments.seed), 0
    if arguments.list:
        print(*mutants, sep="\n")
        return 0
    with TemporaryDirectory() as folder:
        copy = Path(folder, "checkout")
        files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in files.splitlines():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        for number, mutant in enumerate(mutants, 1):
            started, dead = time.monotonic(), is_killed(mutant, copy)
            killed += dead
            verdict = "killed" if dead else "SURVIVED"
            print(f"[{number}/{len(mutants)}] {verdict} in {time.monotonic() - started:.0f} s: {mutant}", flush=True)
    print(f"{killed} of {len(mutants)} killed ({killed / max(len(mutants), 1):.1%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
