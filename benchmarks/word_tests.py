"""Measure how often the test of `hf-gradexplain words` finds planted words, and how often it is wrong.

    hf-gradexplain evaluate --model_name_or_path MODEL --dataset_name fancyzhx/ag_news --output_dir RUN
    python -m benchmarks.word_tests RUN

The scores of each document of the run are permuted among its words, so that every word gets its scores by chance, and
the words are tested again. This is repeated many times, and a quarter as often with planted words. In the row *chance*,
every word that is called real is wrong. Since the false discovery rate is controlled at 5 %, at most 5 % of the
repetitions should have any such word. In the other rows, some pairs of a class and a word are planted: in each document
of the class with the word, the word gets a random one of the highest 50, 25 or 10 % of the scores.

- *found*: the share of planted pairs that are called real.
- *false*: the mean share of wrong pairs among those that are called real, with its standard error.
- *p <= x*: the share of p-values up to `x` among words that are not planted; in the row *chance*, it should be `x`.

Results are appended to `--output`, a line per repetition. The same command resumes a stopped benchmark.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.stats import false_discovery_control

from hf_gradexplain.audit.read_words import Vocabulary, methods_of, read_words
from hf_gradexplain.audit.words.sums import Groups, WordRows, count_words, shares
from hf_gradexplain.audit.words.word_tests import TILTS, document_cumulants, upper_tail
from hf_gradexplain.audit.words.words import FALSE_DISCOVERY_RATE
from hf_gradexplain.options.words import MIN_DOCUMENTS
from hf_gradexplain.run.finished_run import open_run

STRENGTHS = {"chance": None, "top 50 %": 0.5, "top 25 %": 0.25, "top 10 %": 0.1}
"""Among which share of the highest scores of a document that of a planted word is drawn."""

PLANTED = 20
"""The number of planted pairs of a class and a word."""

LEVELS = (0.05, 0.01, 0.001, 0.0001)


@dataclass(frozen=True, eq=False)
class Run:
    """The words of a run, in memory: `W` pairs of a document and a word, `R` rows that are tested.

    Attributes:
        share: `(W,)` their shares, less the mean of their document.
        document: `(W,)` their documents, from 0, none without words.
        row: `(W,)` the row of each, -1 for none.
        cumulants: `(R, 3, G)` what the test needs of the documents of each row; permutations do not change it.
    """

    share: np.ndarray
    document: np.ndarray
    row: np.ndarray
    cumulants: np.ndarray


def load(folder: Path, method: str | None, min_documents: int) -> Run:
    """Read the words of a finished run."""
    paths = open_run(folder).documents
    method = method or methods_of(paths)[0]
    vocabulary, groups = Vocabulary(), Groups("target", paths)
    counts = count_words(paths, vocabulary, groups, method)
    group, word = (counts.words >= min_documents).nonzero()
    order = np.lexsort((word, group))
    rows = WordRows(group[order], word[order])
    share, document, row, n = [], [], [], 0
    for block in read_words(paths, vocabulary, [method]):
        present, place = np.unique(block.document, return_inverse=True)
        share.append(shares(block, method))
        document.append(place + n)
        row.append(rows.find(groups.codes(block)[block.document], block.word))
        n += len(present)
    share, document, row = (np.concatenate(part) for part in (share, document, row))
    starts = np.unique(document, return_index=True)[1]
    cumulants = document_cumulants(share, starts).reshape(n, -1)
    kept = row >= 0
    occurs = csr_array((np.ones(kept.sum()), (row[kept], document[kept])), (len(order), n))
    mean = np.bincount(document, share) / np.bincount(document)
    return Run(share - mean[document], document, row, (occurs @ cumulants).reshape(-1, 3, len(TILTS)))


def permuted(run: Run, planted: np.ndarray, strength: float | None, rng: np.random.Generator) -> np.ndarray:
    """Return the shares `(W,)`, permuted within documents; a planted word gets one of the highest of its document."""
    order = np.lexsort((rng.random(len(run.share)), run.document))
    share = run.share[order]
    for place in np.flatnonzero(np.isin(run.row, planted)) if strength else ():
        start, end = np.searchsorted(run.document, [run.document[place], run.document[place] + 1])
        highest = start + np.argsort(-share[start:end])[: max(1, round(strength * (end - start)))]
        other = rng.choice(highest)
        share[[place, other]] = share[[other, place]]
    return share


def repetition(run: Run, name: str, seed: int) -> dict[str, Any]:
    """Permute the scores once, test all words, and return what was called real."""
    rng, strength = np.random.default_rng((seed, list(STRENGTHS).index(name))), STRENGTHS[name]
    size = len(run.cumulants)
    planted = rng.choice(size, PLANTED if strength else 0, replace=False)
    kept = run.row >= 0
    excess = np.bincount(run.row[kept], permuted(run, planted, strength, rng)[kept], size)
    p = upper_tail(excess, run.cumulants)
    real = false_discovery_control(p) <= FALSE_DISCOVERY_RATE
    others = np.setdiff1d(np.arange(size), planted)
    return {
        "setting": name,
        "seed": seed,
        "found": float(real[planted].mean()) if strength else None,
        "false": float(real[others].sum() / max(real.sum(), 1)),
        **{f"p <= {level:g}": float((p[others] <= level).mean()) for level in LEVELS},
    }


def main() -> None:
    """Repeat, and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="RUN", help="The folder of a finished evaluation.")
    parser.add_argument("--method", help="Whose scores; by default the first method of the run.")
    parser.add_argument("--min_documents", type=int, default=MIN_DOCUMENTS)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--output", type=Path, default=Path("outputs/word_tests.jsonl"))
    arguments = parser.parse_args()
    run = load(arguments.folder, arguments.method, arguments.min_documents)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    done = pd.read_json(arguments.output, lines=True) if arguments.output.exists() else pd.DataFrame()
    finished = set(zip(done["setting"], done["seed"], strict=True)) if len(done) else set()
    with arguments.output.open("a") as file:
        for seed in range(arguments.repetitions):
            for name in STRENGTHS if seed < arguments.repetitions // 4 else ["chance"]:
                if (name, seed) not in finished:
                    file.write(json.dumps(repetition(run, name, seed)) + "\n")
                    file.flush()
    done = pd.read_json(arguments.output, lines=True)
    table = done.drop(columns="seed").groupby("setting", sort=False).mean()
    table.insert(2, "error", done.groupby("setting", sort=False)["false"].sem())
    print(f"{len(run.cumulants):,} words of a class, {arguments.repetitions} repetitions")
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()
