"""captum: the gradient of a layer times its activation, on the layer that the model names as its word embeddings."""

from collections.abc import Iterator
from typing import Any

from captum.attr import (
    Deconvolution,
    FeatureAblation,
    GuidedBackprop,
    InputXGradient,
    LayerGradientXActivation,
    LayerIntegratedGradients,
    Saliency,
)
from torch import Tensor, nn

from benchmarks.peers.peer import TARGET, Output, Peer, Speed
from benchmarks.peers.truth import Truth


def _scores(model: Any, inputs: dict[str, Tensor]) -> Tensor:
    def forward(ids: Tensor, mask: Tensor | None) -> Tensor:
        given = {} if mask is None else {"attention_mask": mask}
        return model(input_ids=ids, **given).logits

    attribution = LayerGradientXActivation(forward, model.get_input_embeddings())
    ids, rest = inputs["input_ids"], (inputs.get("attention_mask"),)
    scores = attribution.attribute(ids, additional_forward_args=rest, target=TARGET).sum(-1)
    scores = scores if len(scores) == len(ids) else scores.T  # xlnet puts time first
    return scores[:, : ids.shape[1]]  # longformer pads its inputs


def _alone(model: Any, tokenizer: Any, text: str) -> Output:
    inputs = dict(tokenizer(text, return_tensors="pt", return_token_type_ids=False))
    return Output(_scores(model, inputs).flatten(), inputs)


def _together(model: Any, tokenizer: Any, texts: list[str]) -> list[Tensor]:
    inputs = dict(tokenizer(texts, return_tensors="pt", return_token_type_ids=False, padding=True))
    lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
    return _without_padding(_scores(model, inputs), lengths, tokenizer.padding_side)


def _without_padding(scores: Tensor, lengths: list[int], side: str) -> list[Tensor]:
    """Return the scores of each text without its padding, from `(B, T)`."""
    rows = zip(scores, lengths, strict=True)
    return [row[:n] if side == "right" else row[len(row) - n :] for row, n in rows]


PEER = Peer(
    call="`LayerGradientXActivation(forward, model.get_input_embeddings())`, summed over the dimensions",
    scores="gradient times input",
    truth=Truth.gradient_times_input,
    alone=_alone,
    together=_together,
)


class _FromVectors(nn.Module):
    """The logits as a function of the word vectors, for methods that do not attribute to a layer."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return self.model(inputs_embeds=vectors, attention_mask=mask).logits


OTHERS = {
    "InputXGradient": InputXGradient,
    "Saliency": Saliency,
    "GuidedBackprop": GuidedBackprop,
    "Deconvolution": Deconvolution,
}


def _batches(tokenizer: Any, texts: list[str], tokens: int) -> Iterator[dict[str, Tensor]]:
    """Yield the texts sorted by length and padded, in batches of at most `tokens` tokens."""
    encoded = tokenizer(texts, truncation=True, return_token_type_ids=False)["input_ids"]
    batch: list[list[int]] = []
    for ids in sorted(encoded, key=len):
        if batch and len(ids) * (len(batch) + 1) > tokens:
            yield dict(tokenizer.pad({"input_ids": batch}, return_tensors="pt"))
            batch = []
        batch.append(ids)
    yield dict(tokenizer.pad({"input_ids": batch}, return_tensors="pt"))


def _one(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    return [_scores(model, inputs) for inputs in _batches(tokenizer, texts, size)]


def _several(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    scores, from_vectors = [_one(model, tokenizer, texts, size)], _FromVectors(model).eval()
    for method in OTHERS.values():
        attribution = method(from_vectors)
        for inputs in _batches(tokenizer, texts, size):
            vectors = model.get_input_embeddings()(inputs["input_ids"]).detach()
            given = {"target": TARGET, "additional_forward_args": (inputs["attention_mask"],)}
            scores.append(attribution.attribute(vectors, **given).sum(-1))
    return scores


def _occlusion(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    def forward(ids: Tensor) -> Tensor:
        return model(input_ids=ids).logits

    return [
        FeatureAblation(forward).attribute(
            tokenizer(text, truncation=True, return_tensors="pt")["input_ids"],
            baselines=tokenizer.mask_token_id,
            target=TARGET,
            perturbations_per_eval=size,
        )
        for text in texts
    ]


SPEED = Speed(
    methods=("LayerGradientXActivation", *OTHERS),
    one=_one,
    several=_several,
    sizes=(512, 1024, 2048),
    occlusion=_occlusion,
    copies=(1, 4, 8, 16, 32),
)


def _integrated_gradients(model: Any, tokenizer: Any, texts: list[str], size: int) -> object:
    def forward(ids: Tensor, mask: Tensor) -> Tensor:
        return model(input_ids=ids, attention_mask=mask).logits

    attribution, scores = LayerIntegratedGradients(forward, model.get_input_embeddings()), []
    for text in texts:
        inputs = tokenizer(text, truncation=True, return_tensors="pt").to(model.device)
        mask, baselines = (inputs["attention_mask"],), inputs["input_ids"] * 0 + tokenizer.pad_token_id
        given = {"baselines": baselines, "additional_forward_args": mask, "target": TARGET, "internal_batch_size": 16}
        scores.append(attribution.attribute(inputs["input_ids"], **given).sum(-1))
    return scores


COSTS = {
    "LayerGradientXActivation": _one,
    "LayerIntegratedGradients, 50 steps": _integrated_gradients,
    "FeatureAblation": lambda model, tokenizer, texts, size: _occlusion(model, tokenizer, texts, 16),
}
