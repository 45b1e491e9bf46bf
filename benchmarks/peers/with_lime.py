"""lime: `LimeTextExplainer`, which deletes words from the text and runs the model on the result."""

from typing import Any

from lime.lime_text import LimeTextExplainer

from benchmarks.peers.peer import TARGET
from benchmarks.peers.text_function import probabilities_of


def _explain(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    probabilities, explainer = probabilities_of(model, tokenizer), LimeTextExplainer(random_state=0)
    return [explainer.explain_instance(text, probabilities, labels=[TARGET]) for text in texts]


COSTS = {"LimeTextExplainer, 5,000 copies, the default": _explain}
