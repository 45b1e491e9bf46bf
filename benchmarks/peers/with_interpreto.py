"""interpreto: `Saliency` with gradient times input, which takes the mean of the dimensions' absolute values."""

from typing import Any

import torch
from interpreto import Granularity, KernelShap, Lime, Occlusion, Saliency, SmoothGrad, SquareGrad, VarGrad
from torch import Tensor

from benchmarks.peers.peer import TARGET, Output, Peer, Speed, Work
from benchmarks.peers.truth import Truth


def _scores(model: Any, tokenizer: Any, texts: str | list[str]) -> list[Tensor]:
    explainer = Saliency(model, tokenizer, granularity=Granularity.ALL_TOKENS, input_x_gradient=True)
    targets = torch.full([1 if isinstance(texts, str) else len(texts)], TARGET)
    return [output.attributions.flatten() for output in explainer.explain(texts, targets=targets)]


def _alone(model: Any, tokenizer: Any, text: str) -> Output:
    return Output(_scores(model, tokenizer, text)[0], dict(tokenizer(text, return_tensors="pt")))


PEER = Peer(
    call="`Saliency(model, tokenizer, granularity=Granularity.ALL_TOKENS, input_x_gradient=True)`, four texts a batch",
    scores="mean absolute gradient times input",
    truth=Truth.mean_absolute_gradient_times_input,
    alone=_alone,
    together=_scores,
)


def _explain(explainer: Any, texts: list[str]) -> object:
    return explainer.explain(texts, targets=torch.full([len(texts)], TARGET))


def _new(kind: Any, model: Any, tokenizer: Any, size: int) -> Any:
    return kind(model, tokenizer, batch_size=size, granularity=Granularity.ALL_TOKENS)


def _by_length(tokenizer: Any, texts: list[str]) -> list[str]:
    """Return the texts sorted by length, which need little padding in batches."""
    return sorted(texts, key=lambda text: len(tokenizer(text)["input_ids"]))


def _one(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    return _explain(_new(Saliency, model, tokenizer, size), _by_length(tokenizer, texts))


def _several(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    plain = Saliency(model, tokenizer, size, Granularity.ALL_TOKENS, input_x_gradient=False)
    others = [_new(kind, model, tokenizer, size) for kind in (Saliency, SmoothGrad, SquareGrad, VarGrad)]
    texts = _by_length(tokenizer, texts)
    return [_explain(explainer, texts) for explainer in (plain, *others)]


def _occlusion(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    return _explain(_new(Occlusion, model, tokenizer, size), texts)


SPEED = Speed(
    methods=(
        "Saliency, input_x_gradient",
        "Saliency",
        "SmoothGrad, 10 passes",
        "SquareGrad, 10 passes",
        "VarGrad, 10 passes",
    ),
    one=_one,
    several=_several,
    sizes=(1, 4, 8, 16, 32),
    occlusion=_occlusion,
    copies=(1, 4, 8, 16, 32),
)


def _perturbed(kind: Any) -> Work:
    def explain(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
        explainer = kind(model, tokenizer, batch_size=16, granularity=Granularity.WORD)
        return [_explain(explainer, [text]) for text in texts]

    return explain


COSTS = {
    "Saliency, input_x_gradient": lambda model, tokenizer, texts, size: _one(model, tokenizer, texts, 16),
    "Occlusion, words": _perturbed(Occlusion),
    "KernelShap, words": _perturbed(KernelShap),
    "Lime, words": _perturbed(Lime),
}
