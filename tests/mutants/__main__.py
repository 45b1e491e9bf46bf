"""Break the package in random places, one at a time, and count the errors that the tests notice.

python -m tests.mutants --number 20 --seed 0 [--folders attribution engine]
python -m tests.mutants --record

A line is drawn uniformly among all lines that can be mutated, then one of its mutations. The tests run in a copy of the
checkout, up to the first failure: first those that run the mutated line, if this was recorded before, and those nearest
to the mutated module. Results are appended to a JSON lines file; mutants that are in it are not run again.
"""

import argparse
import json
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from math import inf
from pathlib import Path

import pandas as pd
from scipy.stats import binomtest

from tests.mutants.lines import TestsByLine, record
from tests.mutants.sample import ROOT, Mutant, draw
from tests.mutants.trial import Trial, copied_checkout, run_tests, try_mutant


def main() -> int:
    """Run the mutants that have not been run yet, and print the survivors and the share that was killed."""
    arguments = _arguments()
    lines = ROOT / "outputs" / "tests_by_line.parquet"
    if arguments.record:
        lines.parent.mkdir(exist_ok=True)
        with copied_checkout() as copy:
            return record(copy, lines)
    drawn = draw(arguments.number, arguments.seed, folders=arguments.folders)
    mutants = [mutant for mutant in drawn if not mutant.equivalent]
    if arguments.list:
        print(*mutants, sep="\n")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM: the same command goes on"))
    path = arguments.results or ROOT / "outputs" / f"mutants_{arguments.seed}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    trials = read_trials(path)
    recorded = TestsByLine(pd.read_parquet(lines)) if lines.exists() else None
    with copied_checkout() as copy:
        for number, mutant in enumerate(mutants, 1):
            trial = trials.get(mutant.name)
            if trial is None or (arguments.again and trial.verdict == "survived"):
                trial = trials[mutant.name] = try_mutant(mutant, copy, arguments.seconds, recorded)
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(trial), ensure_ascii=False) + "\n")
                told = f"{trial.verdict} in {trial.seconds:.0f} s ({trial.test})"
                print(f"[{number}/{len(mutants)}] {told}: {mutant}", flush=True)
        failed = {trials[mutant.name].test.partition("[")[0] for mutant in mutants}
        verdict, test = run_tests(sorted(test for test in failed if "::" in test), copy, inf)
    print(*summary(mutants, trials, len(drawn) - len(mutants)), sep="\n")
    if verdict != "survived":
        print(f"These numbers are wrong: without any mutant, {test} fails, too")
    return verdict != "survived"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=20, help="number of mutants (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default: 0)")
    parser.add_argument(
        "--folders", nargs="*", default=(), help="folders and modules of the package to mutate (default: all)"
    )
    parser.add_argument(
        "--seconds", type=float, default=300, help="start no further test on a mutant after this time (default: 300)"
    )
    parser.add_argument("--results", type=Path, help="JSON lines file (default: outputs/mutants_SEED.jsonl)")
    parser.add_argument("--again", action="store_true", help="run the survivors in the file again")
    parser.add_argument(
        "--record",
        action="store_true",
        help="run all tests once, record which lines they run, and stop: later trials are faster",
    )
    parser.add_argument("--list", action="store_true", help="print the mutants, and run nothing")
    return parser.parse_args()


def read_trials(path: Path) -> dict[str, Trial]:
    """Read the last trial of each mutant, by its name."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {trial.mutant: trial for trial in (Trial(**json.loads(line)) for line in lines)}


def summary(mutants: Sequence[Mutant], trials: dict[str, Trial], equivalent: int) -> list[str]:
    """Return the survivors and time-outs, the folders covered, and the share of killed mutants with its interval."""
    verdicts = Counter(trials[mutant.name].verdict for mutant in mutants)
    folders = Counter(mutant.path.parts[1].removesuffix(".py") for mutant in mutants)
    told = [(t.verdict, t.test, m) for m in mutants if (t := trials[m.name]).verdict != "killed"]
    killed, n = len(mutants) - verdicts["survived"], len(mutants)
    interval = binomtest(killed, n).proportion_ci(method="wilson") if n else (0, 1)
    share = f"{killed / max(n, 1):.1%}, 95 % interval {interval[0]:.1%} to {interval[1]:.1%}"
    return [
        *(f"{verdict.upper()} ({test}): {mutant}" for verdict, test, mutant in told),
        "mutants by folder: " + ", ".join(f"{folder} {count}" for folder, count in folders.most_common()),
        f"{killed} of {n} killed ({share}); {verdicts['time-out']} by time-out; {equivalent} equivalent ones left out",
    ]


if __name__ == "__main__":
    sys.exit(main())
