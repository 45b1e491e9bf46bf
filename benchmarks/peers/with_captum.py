"""captum: the gradient of a layer times its activation, on the layer that the model names as its word embeddings."""

from typing import Any

from captum.attr import LayerGradientXActivation
from torch import Tensor

from benchmarks.peers.peer import TARGET, Answer, Peer
from benchmarks.peers.truth import Truth


def _scores(model: Any, inputs: dict[str, Tensor]) -> Tensor:
    def forward(ids: Tensor, mask: Tensor | None) -> Tensor:
        given = {} if mask is None else {"attention_mask": mask}
        return model(input_ids=ids, **given).logits

    attribution = LayerGradientXActivation(forward, model.get_input_embeddings())
    ids, rest = inputs["input_ids"], (inputs.get("attention_mask"),)
    scores = attribution.attribute(ids, additional_forward_args=rest, target=TARGET).sum(-1)
    scores = scores if len(scores) == len(ids) else scores.T  # xlnet puts time first
    return scores[:, : ids.shape[1]]  # longformer pads what it reads


def _alone(model: Any, tokenizer: Any, text: str) -> Answer:
    inputs = dict(tokenizer(text, return_tensors="pt", return_token_type_ids=False))
    return Answer(_scores(model, inputs).flatten(), inputs)


def _together(model: Any, tokenizer: Any, texts: list[str]) -> list[Tensor]:
    inputs = dict(tokenizer(texts, return_tensors="pt", return_token_type_ids=False, padding=True))
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    return _own(_scores(model, inputs), lengths, tokenizer.padding_side)


def _own(scores: Tensor, lengths: list[int], side: str) -> list[Tensor]:
    """Every text's own tokens, without its padding: from `(B, T)`."""
    rows = zip(scores, lengths, strict=True)
    return [row[:n] if side == "right" else row[len(row) - n :] for row, n in rows]


PEER = Peer(
    call="`LayerGradientXActivation(forward, model.get_input_embeddings())`, summed over the dimensions",
    scores="gradient times input",
    truth=Truth.gradient_times_input,
    alone=_alone,
    together=_together,
)
