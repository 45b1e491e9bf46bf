"""Measure how long each method takes; the methods run one after the other, in several rounds."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from hf_gradexplain.corpus import load_texts
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.options import Options
from recipes.leaderboard.candidates import IG_STEPS

REFERENCE = "signed_gi"
"""Times are given relative to the time of this method, which takes one forward and one backward pass."""


def measure_times(model: str, dataset: str, methods: Sequence[str], texts: int, rounds: int, path: Path) -> None:
    """Explain texts by each method in turn, several times, and write the processor times to a file.

    Other work on the machine changes the processor time less than the elapsed time.

    Args:
        model: Folder of the model.
        dataset: Folder or hub name of the dataset.
        methods: The methods.
        texts: Number of texts.
        rounds: Number of rounds; in each, all methods run one after the other.
        path: The file: for each method, the seconds of each round for all texts.
    """
    engine = AttributionEngine.from_pretrained(model)
    rows = load_texts(dataset, split="test", max_samples=texts)
    seconds: dict[str, list[float]] = {name: [] for name in methods}

    def explain(name: str, number: int) -> float:
        options = Options((name,), "word_type", "label", steps=IG_STEPS)
        started = time.process_time()
        engine.explanations(rows["text"][:number], options, rows["label"][:number])
        return time.process_time() - started

    for name in methods:
        explain(name, 1)
    for _ in range(rounds):
        for name in methods:
            seconds[name].append(explain(name, texts))
    atomic_write_text(path, json.dumps({"texts": len(rows), "seconds": seconds}, indent=1) + "\n")
