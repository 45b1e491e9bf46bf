"""ferret: `GradientExplainer` within its `Benchmark`, one text at a time."""

from typing import Any

import torch
from ferret import Benchmark, GradientExplainer, IntegratedGradientExplainer, TauLOO_Evaluation

from benchmarks.peers.peer import TARGET, Output, Peer, Speed
from benchmarks.peers.truth import Truth


def _alone(model: Any, tokenizer: Any, text: str) -> Output:
    explainer = GradientExplainer(model, tokenizer, multiply_by_inputs=True)
    bench = Benchmark(model, tokenizer, explainers=[explainer])
    (explanation,) = bench.explain(text, target=TARGET, show_progress=False, normalize_scores=False)
    inputs = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
    return Output(torch.from_numpy(explanation.scores), dict(inputs))


PEER = Peer(
    call="`Benchmark(model, tokenizer, explainers=[GradientExplainer(model, tokenizer, multiply_by_inputs=True)])"
    ".explain(text, target, normalize_scores=False)`",
    scores="gradient times input",
    truth=Truth.gradient_times_input,
    alone=_alone,
)


def _explain(model: Any, tokenizer: Any, texts: list[str], explainers: list[Any]) -> object:
    bench = Benchmark(model, tokenizer, explainers=explainers)
    return [bench.explain(text, target=TARGET, show_progress=False) for text in texts]


def _one(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    return _explain(model, tokenizer, texts, [GradientExplainer(model, tokenizer, multiply_by_inputs=True)])


def _several(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    kinds = [kind(model, tokenizer, multiply_by_inputs=x) for kind in KINDS for x in (True, False)]
    return _explain(model, tokenizer, texts, kinds)


def _occlusion(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    return [TauLOO_Evaluation(model, tokenizer).compute_leave_one_out_occlusion(text, TARGET) for text in texts]


KINDS = (GradientExplainer, IntegratedGradientExplainer)

SPEED = Speed(
    methods=(
        "GradientExplainer, multiply_by_inputs",
        "GradientExplainer",
        "IntegratedGradientExplainer, multiply_by_inputs, 50 passes",
        "IntegratedGradientExplainer, 50 passes",
    ),
    one=_one,
    several=_several,
    sizes=(1,),
    occlusion=_occlusion,
    copies=(8,),
)
