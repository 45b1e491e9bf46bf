"""interpreto: `Saliency` with gradient times input, which takes the mean of the dimensions' absolute values."""

from typing import Any

import torch
from interpreto import Granularity, Saliency
from torch import Tensor

from benchmarks.peers.peer import TARGET, Answer, Peer
from benchmarks.peers.truth import Truth


def _scores(model: Any, tokenizer: Any, texts: str | list[str]) -> list[Tensor]:
    explainer = Saliency(model, tokenizer, granularity=Granularity.ALL_TOKENS, input_x_gradient=True)
    targets = torch.full([1 if isinstance(texts, str) else len(texts)], TARGET)
    return [output.attributions.flatten() for output in explainer.explain(texts, targets=targets)]


def _alone(model: Any, tokenizer: Any, text: str) -> Answer:
    return Answer(_scores(model, tokenizer, text)[0], dict(tokenizer(text, return_tensors="pt")))


PEER = Peer(
    call="`Saliency(model, tokenizer, granularity=Granularity.ALL_TOKENS, input_x_gradient=True)`, four texts a batch",
    scores="mean absolute gradient times input",
    truth=Truth.mean_absolute_gradient_times_input,
    alone=_alone,
    together=_scores,
)
