"""What stands in for a word that is taken away."""

from typing import Literal, get_args

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.classifier import Classifier
from hf_gradexplain.data import NOBODY
from hf_gradexplain.encode import collate, vocabulary_size
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.state import device_of
from hf_gradexplain.trials import document_of, ordinary_ids

BaselineName = Literal["zero", "pad", "mask", "unk", "mean"]

_CHUNK = 64


def baseline_vectors(
    classifier: Classifier, tokenizer: PreTrainedTokenizerBase, name: BaselineName
) -> tuple[Tensor, ...] | None:
    """The vectors that `signed_gi` measures from and that masking puts in a word's place, one `(D,)` per table.

    Args:
        classifier: The classifier, within `left_as_found`.
        tokenizer: Its tokenizer.
        name: `zero` for the paper's; `pad`, `mask` or `unk` for the vector of that token; `mean` for the mean of the
            vocabulary's vectors, special tokens left out.

    Returns:
        None for zero.

    Raises:
        GradexplainError: If there is no such baseline, no such token, or no vector of the model for it.
    """
    choose("baseline", name, get_args(BaselineName))
    if name == "zero":
        return None
    if name == "mean":
        ids = _vocabulary(classifier, tokenizer)
        sums = [_sums(classifier, tokenizer, ids[at : at + _CHUNK]) for at in range(0, len(ids), _CHUNK)]
        return tuple(torch.stack(parts).sum(0) / len(ids) for parts in zip(*sums, strict=True))
    token = getattr(tokenizer, f"{name}_token_id")
    if token is None:
        raise GradexplainError(f"baseline={name!r}: the tokenizer has no {name} token; baseline='mean' needs none")
    size = vocabulary_size(classifier.model)
    if size is not None and token >= size:
        raise GradexplainError(
            f"baseline={name!r}: the model has no vector for the tokenizer's {name} token: "
            "call model.resize_token_embeddings(len(tokenizer)), or choose baseline='mean'"
        )
    return _sums(classifier, tokenizer, [token])


def _vocabulary(classifier: Classifier, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    size = getattr(getattr(classifier.model, "config", None), "vocab_size", None) or len(tokenizer)
    special = {NOBODY, *tokenizer.all_special_ids}
    return [i for i in range(min(size, len(tokenizer))) if i not in special]


def _sums(classifier: Classifier, tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> tuple[Tensor, ...]:
    """The summed vectors of these ids, per table; a token on either side, since a table may not hold the outermost."""
    beside = ordinary_ids(tokenizer)[:1]
    document = document_of(tokenizer, [*beside, *ids, *beside])
    batch = collate([document], [0], tokenizer, device_of(classifier.model))
    rows = [batch.units.sum_rows(vectors)[0] for vectors in classifier.word_vectors(batch.inputs)]
    return tuple(vectors[1:-1].sum(0) for vectors in rows)
