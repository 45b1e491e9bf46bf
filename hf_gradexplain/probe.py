"""What has to be seen of a model before it can be explained."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier import left_as_found
from hf_gradexplain.embedding import Lookup, find_lookups
from hf_gradexplain.encode import Encoder, collate, length_limit
from hf_gradexplain.errors import GradexplainError

_PROBE = "the one and two of three in four to five"
_LONGER_PROBE = _PROBE + " " + _PROBE


@dataclass(frozen=True)
class Profile:
    """What a model showed when it was probed.

    Attributes:
        lookups: Where it looks words up.
        pads: Whether padding was seen to leave its answers alone; if not, only texts of equal length share a batch.
        max_length: The most tokens that it reads, special tokens included; None for no limit.
    """

    lookups: tuple[Lookup, ...]
    pads: bool
    max_length: int | None


def probe(model: nn.Module, tokenizer: PreTrainedTokenizerBase) -> Profile:
    """Run a handful of very short texts through the model and see how it reads them.

    Raises:
        GradexplainError: If the model returns no logits or its word lookups cannot be found.
    """
    max_length = length_limit(tokenizer, getattr(model, "config", None))
    device = next(model.parameters()).device
    with left_as_found(model):
        inputs, ordinary = _ordinary_text(tokenizer, max_length, device)
        _check_head(model, inputs)
        spare = _ordinary_ids(tokenizer)
        changes = [(t, next(i for i in spare if i != inputs["input_ids"][0, t])) for t in ordinary]
        lookups = find_lookups(model, inputs, changes)
        return Profile(lookups, _pads(model, tokenizer, max_length, device), max_length)


def _check_head(model: nn.Module, inputs: dict[str, Tensor]) -> None:
    with torch.no_grad():
        output = model(**inputs)
    logits = getattr(output, "logits", None)
    if logits is None or logits.ndim != 2:
        raise GradexplainError(
            f"{type(model).__name__} has no sequence classification head: load the model with "
            "AutoModelForSequenceClassification, or give Explainer.from_pretrained its name"
        )


def _ordinary_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    special = set(tokenizer.all_special_ids)
    ids = [i for i in range(min(len(tokenizer), 1000)) if i not in special][-2:]
    if len(ids) < 2:
        raise GradexplainError("the tokenizer's vocabulary has fewer than two words: it was not trained on anything")
    return ids


def _ordinary_text(
    tokenizer: PreTrainedTokenizerBase, max_length: int | None, device: torch.device
) -> tuple[dict[str, Tensor], Sequence[int]]:
    """A short text of ordinary tokens between the tokenizer's special ones, and two positions to change."""
    document = Encoder(tokenizer, max_length, "token")([_PROBE])[0]
    inputs = {name: torch.tensor([ids], device=device) for name, ids in document.inputs.items()}
    ordinary = (torch.from_numpy(document.unit_of) >= 0).nonzero()[:, 0].tolist()
    spare = _ordinary_ids(tokenizer)
    if len(ordinary) < 4:
        ordinary = list(range(8))
        inputs = {name: torch.full((1, 8), int(name == "attention_mask"), device=device) for name in inputs}
    inputs["input_ids"][0, ordinary] = torch.tensor([spare[i % 2] for i in range(len(ordinary))], device=device)
    return inputs, (ordinary[0], ordinary[len(ordinary) // 2])


@torch.no_grad()
def _pads(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, max_length: int | None, device: torch.device
) -> bool:
    """Whether a text gets the same logits alone and beside a longer one."""
    if tokenizer.pad_token_id is None:
        return False
    short, long = Encoder(tokenizer, max_length, "token")([_PROBE, _LONGER_PROBE])
    alone = model(**collate([short], [None], tokenizer, device).inputs).logits
    try:
        beside = model(**collate([short, long], [None, None], tokenizer, device).inputs).logits[:1]
    except (ValueError, RuntimeError, IndexError):
        return False
    tolerance = 100 * torch.finfo(alone.dtype).eps * alone.abs().max()
    return bool((alone - beside).abs().max() <= tolerance)
