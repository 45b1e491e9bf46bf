"""Integrated gradients of documents in windows under `pool="max"`: how far the scores are from adding up.

    python -m benchmarks.kinks

Tiny BERT, GPT-2 and BART models in float64 read two texts in 3 to 10 windows. The scores should add up to the rise of
the pooled loss when all words are removed, which is computed by running the model on each window by itself. Once, the
path is cut where another window takes over, and once it is not.
"""

import argparse
import warnings
from unittest.mock import patch

from hf_gradexplain.attribution import averaged_gradients
from tests.explainer.test_windows import KINDS, OPTIONS, TEXT, Naive, spans_of
from tests.helpers.tiny import explainer

STEPS = (20, 40, 80, 160, None)


def gaps(kind: str, text: str, *, cut: bool) -> list[float]:
    """Return the gap at each number of steps, relative to the rise of the pooled loss."""
    explain, found = explainer(kind), []
    uncut = patch.object(averaged_gradients, "kinks", return_value={})
    for steps in STEPS:
        options = {**OPTIONS, "labels": 1, "pool": "max", "steps": steps, "self_check": False}
        if cut:
            explanation = explain(text, "integrated_gradients", **options)
        else:
            with uncut:
                explanation = explain(text, "integrated_gradients", **options)
        naive = Naive(explain, "max", text)
        full, empty = (-naive.run(removed)[0].log_softmax(-1)[1].item() for removed in ((), spans_of(explanation)))
        rise = empty - full
        found.append(abs(explanation["integrated_gradients"].sum() - rise) / abs(rise))
    return found


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    warnings.simplefilter("ignore")  # large gaps are what is measured
    print("| model | words | cut |", " | ".join("default" if n is None else f"{n} steps" for n in STEPS), "|")
    print("|---|---:|---|" + "---:|" * len(STEPS))
    for kind in KINDS:
        for text in (TEXT, f"{TEXT} {TEXT}"):
            for cut in (False, True):
                cells = [f"{100 * gap:.2g} %" for gap in gaps(kind, text, cut=cut)]
                print(
                    f"| {kind} | {len(text.split())} | {'yes' if cut else 'no'} |", " | ".join(cells), "|", flush=True
                )


if __name__ == "__main__":
    main()
