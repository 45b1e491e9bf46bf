"""Find suspicious words, which decide a class, are concentrated in its documents, and flip texts of other classes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, false_discovery_control

from hf_gradexplain.audit.most_faithful import most_faithful
from hf_gradexplain.audit.read_words import methods_of
from hf_gradexplain.audit.suspicious.candidates import (
    WordFrequencies,
    count_frequencies,
    find_candidates,
    frequency_class,
)
from hf_gradexplain.audit.suspicious.insertion import excess_p_value, insert_words
from hf_gradexplain.audit.suspicious.insertion_places import Place, draw_places
from hf_gradexplain.audit.suspicious.result import SuspiciousWords
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.evaluation.bootstrap import CHANGE, Means, bootstrap_weights
from hf_gradexplain.evaluation.read_documents import read_tables
from hf_gradexplain.options import Options
from hf_gradexplain.options.words import InsertionTest

SAME_MODEL = 0.95
"""The smallest share of texts for which the model has to predict what is in the documents; rounding changes a few."""

MEASURED: tuple[str, ...] = ("flips", "flips_ci_low", "flips_ci_high", "control_flips", "p_flips")
MEASURED += ("rise", "rise_ci_low", "rise_ci_high", "n_texts")
"""The columns that say what happens to texts when the word is inserted."""


def find_suspicious_words(
    engine: AttributionEngine,
    paths: Sequence[Path],
    options: Options,
    method: str | None = None,
    test: InsertionTest | None = None,
    title: str = "",
) -> SuspiciousWords:
    """Find words that change predictions by themselves; see `hf_gradexplain.Explainer.suspicious_words`.

    Args:
        engine: The classifier.
        paths: The document files of a run of this classifier, with the unit `word` or `word_type`.
        options: How to read texts, and the seed.
        method: The method whose scores are used; None for the most faithful method of the run, by AOPC(10).
        test: The settings of the test.
        title: A title for the explanations: the model and the dataset.

    Raises:
        GradexplainError: The documents have no words or no classes, or are not those of this model.
    """
    test, method = test or InsertionTest(), _method(paths, method)
    _check_documents(paths)
    options = replace(options, methods=("random",), unit="word", target="predicted", self_check=False)
    key = str.lower if _ignores_case(engine) else None
    frequencies = count_frequencies(paths, method, key)
    candidates = find_candidates(paths, method, key, frequencies, test.min_documents, options.seed)
    tried = candidates.head(test.most)
    places = draw_places(paths, sorted(tried["target"].unique().tolist()), test.n_texts, options.seed)
    parts, passes = [], 0
    for target, of_target in places.items():
        if not of_target:
            continue
        rows = tried[tried["target"] == target]
        measured, n = _try_words(engine, of_target, rows, frequencies, test, options)
        parts.append(measured)
        passes += n
    table = pd.concat(parts) if parts else tried.iloc[:0]
    return SuspiciousWords(
        table=_verdicts(table.reindex(columns=[*tried.columns, *MEASURED]), engine.class_names, test.level),
        title=title,
        method=method,
        n_documents=int(frequencies.documents.sum()),
        n_candidates=len(candidates),
        level=test.level,
        margin=test.margin,
        passes=passes,
    )


def _method(paths: Sequence[Path], method: str | None) -> str:
    """Return the method, or the most faithful one of the run."""
    return most_faithful(paths) if method is None else choose("method", method, methods_of(paths))


def _check_documents(paths: Sequence[Path]) -> None:
    """Check that the units of the documents are words, and that the model has classes.

    Raises:
        GradexplainError: The units are no words, or the model has no classes.
    """
    for table in read_tables(paths, ["unit", "regression"], 1):
        (row,) = table.to_pylist()
        if row["unit"] not in ("word", "word_type"):
            raise GradexplainError(
                f"suspicious words need a run with unit='word' or 'word_type', but this one has unit={row['unit']!r}: "
                "evaluate again with one of these"
            )
        if row["regression"]:
            raise GradexplainError("suspicious words change the predicted class, but a regression model has none")
        return


def _ignores_case(engine: AttributionEngine) -> bool:
    """Return whether the tokenizer ignores case, that is, whether no token has an upper-case letter."""
    tokenizer = engine.tokenizer
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    return all(token == token.lower() for token in tokenizer.get_vocab() if token not in special)


def _try_words(
    engine: AttributionEngine,
    places: Sequence[Place],
    rows: pd.DataFrame,
    frequencies: WordFrequencies,
    test: InsertionTest,
    options: Options,
) -> tuple[pd.DataFrame, int]:
    """Insert words of one class and their control words into texts.

    Args:
        engine: The classifier.
        places: The places in the texts.
        rows: The words, of one class.
        frequencies: How frequent words are.
        test: The settings of the test.
        options: How to read texts, and the seed.

    Returns:
        The rows with what was measured; and the number of forward passes.
    """
    classes = frequency_class(frequencies.total[rows["code"].to_numpy()])
    controls = {
        c: frequencies.controls(c, test.min_documents, test.n_controls, options.seed) for c in np.unique(classes)
    }
    codes = np.unique(np.concatenate([rows["code"], *controls.values()])).astype(int)
    words = ["", *(frequencies.words[code] for code in codes)]
    predicted, probabilities = insert_words(engine, places, words, options)
    target = int(rows["target"].iloc[0])
    _check_model(predicted[0], places)
    flips = (predicted[1:] == target) & (predicted[0] != target)
    rises = probabilities[1:, :, target] - probabilities[0, :, target]
    row_of = np.searchsorted(codes, rows["code"].to_numpy())
    control_rows = {c: np.searchsorted(codes, chosen) for c, chosen in controls.items()}
    means = Means(len(row_of))
    means.add(rises[row_of].T, bootstrap_weights([place.id for place in places], options.seed))
    low, high = means.interval(CHANGE)
    counts = flips.sum(1)
    measured = [
        _of_flips(counts[i], counts[control_rows[c][control_rows[c] != i]], len(places), test.margin)
        for i, c in zip(row_of, classes, strict=True)
    ]
    table = pd.DataFrame(measured, index=rows.index)
    of_rises = {"rise": means.mean, "rise_ci_low": low, "rise_ci_high": high, "n_texts": len(places)}
    return rows.assign(**table, **of_rises), len(words) * len(places)


def _of_flips(k: int, controls: np.ndarray, n: int, margin: float) -> dict[str, Any]:
    """Return the columns of a word that flips `k` of `n` texts, from the numbers `(M,)` of its control words."""
    interval = binomtest(k, n).proportion_ci(method="wilson")
    ordinary = np.median(controls) / n if controls.size else np.nan
    return {
        "flips": k / n,
        "flips_ci_low": interval.low,
        "flips_ci_high": interval.high,
        "control_flips": ordinary,
        "p_flips": excess_p_value(k, controls, n, margin),
    }


def _check_model(predicted: np.ndarray, places: Sequence[Place]) -> None:
    """Check that the model predicts the classes that are in the documents.

    Raises:
        GradexplainError: The model predicts other classes.
    """
    same = int((predicted == [place.prediction for place in places]).sum())
    if same < SAME_MODEL * len(places):
        raise GradexplainError(
            f"the documents are not those of this model, which predicts another class for {len(places) - same} of "
            f"{len(places)} texts: use the model of the run, with the run's options for reading texts"
        )


def _verdicts(table: pd.DataFrame, names: Sequence[str], level: float) -> pd.DataFrame:
    """Return the table of `SuspiciousWords`: the suspicious words first, sorted by the share of flipped texts."""
    p = table["p_flips"].astype(float)
    table = table.assign(p_adjusted=false_discovery_control(p) if len(p) else p)
    table["suspicious"] = table["p_adjusted"] <= level
    table.insert(0, "class", [names[target] for target in table["target"]])
    order = ["suspicious", "flips", "rise"]
    return table.drop(columns=["target", "code"]).sort_values(order, ascending=False, kind="stable", ignore_index=True)
