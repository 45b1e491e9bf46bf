"""inseq: a tool for models that generate text, tried on classifiers nevertheless."""

from typing import Any

import inseq
from torch import Tensor

from benchmarks.peers.peer import Output, Peer
from benchmarks.peers.truth import Truth


def _alone(model: Any, tokenizer: Any, text: str) -> Output:
    loaded = inseq.load_model(model, "input_x_gradient", tokenizer=tokenizer)
    output = loaded.attribute(text, f"{text} {text.split()[0]}", show_progress=False)
    scores: Tensor = output.sequence_attributions[0].target_attributions.sum(-1)[:, -1]
    return Output(scores, dict(tokenizer(text, return_tensors="pt")))


PEER = Peer(
    call='`load_model(model, "input_x_gradient", tokenizer=tokenizer).attribute(text, continuation)`',
    scores="gradient times input of the next token",
    truth=Truth.gradient_times_input,
    alone=_alone,
)
