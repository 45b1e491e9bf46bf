"""ferret: `GradientExplainer` within its `Benchmark`, one text at a time."""

from typing import Any

import torch
from ferret import Benchmark, GradientExplainer

from benchmarks.peers.peer import TARGET, Answer, Peer
from benchmarks.peers.truth import Truth


def _alone(model: Any, tokenizer: Any, text: str) -> Answer:
    explainer = GradientExplainer(model, tokenizer, multiply_by_inputs=True)
    bench = Benchmark(model, tokenizer, explainers=[explainer])
    (explanation,) = bench.explain(text, target=TARGET, show_progress=False, normalize_scores=False)
    inputs = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
    return Answer(torch.from_numpy(explanation.scores), dict(inputs))


PEER = Peer(
    call="`Benchmark(model, tokenizer, explainers=[GradientExplainer(model, tokenizer, multiply_by_inputs=True)])"
    ".explain(text, target, normalize_scores=False)`",
    scores="gradient times input",
    truth=Truth.gradient_times_input,
    alone=_alone,
)
