"""transformers-interpret: `SequenceClassificationExplainer`, whose one method is integrated gradients."""

from typing import Any

import torch
from transformers_interpret import SequenceClassificationExplainer

from benchmarks.peers.peer import TARGET, Output, Peer, Speed
from benchmarks.peers.truth import Truth


def _alone(model: Any, tokenizer: Any, text: str) -> Output:
    explainer = SequenceClassificationExplainer(model, tokenizer)
    scores = [score for _, score in explainer(text, index=TARGET)]
    inputs = {"input_ids": explainer.input_ids, "attention_mask": explainer.attention_mask}
    if explainer.accepts_token_type_ids:
        inputs["token_type_ids"] = explainer.token_type_ids
    if explainer.accepts_position_ids:
        inputs["position_ids"] = explainer.position_ids
    return Output(torch.tensor(scores, dtype=torch.float64), inputs)


PEER = Peer(
    call="`SequenceClassificationExplainer(model, tokenizer)(text, index)`",
    scores="integrated gradients of the probability in 50 steps, divided by their norm",
    truth=Truth.integrated_gradients,
    alone=_alone,
    scaled=True,
)


def _one(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    explainer = SequenceClassificationExplainer(model, tokenizer)
    return [explainer(text, index=TARGET, internal_batch_size=size) for text in texts]


SPEED = Speed(
    methods=("SequenceClassificationExplainer, 50 passes",),
    one=_one,
    several=None,
    sizes=(4, 16, 50),
)
