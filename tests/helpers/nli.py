"""Tiny random models of natural language inference, each with the fast tokenizer of its kind."""

from functools import cache
from typing import Literal

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from hf_gradexplain.explainer.zero_shot import ZeroShotExplainer
from tests.helpers.tiny import POSITIONS, make

NliKind = Literal["bart", "deberta-v2", "xlm-r"]
NLI_KINDS: tuple[NliKind, ...] = ("bart", "deberta-v2", "xlm-r")

LABELS: dict[NliKind, tuple[str, ...]] = {
    "bart": ("contradiction", "neutral", "entailment"),
    "deberta-v2": ("ENTAILMENT", "neutral", "contradiction"),
    "xlm-r": ("contradiction", "entailment", "neutral"),
}
"""Their classes, in the orders in which published models have them."""

_PIECES = (
    *"abcdefghijklmnopqrstuvwxyz.,",
    *("▁", "▁a", "▁the", "▁film", "▁is", "▁good", "▁bad", "▁music", "▁not", "▁or", "▁about", "▁bor", "ing", "▁,"),
    "▁bad.",
)
"""Pieces of a sentencepiece tokenizer. The last one holds a word and the full stop of a template."""

_SIZES = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}


def sentencepiece_tokenizer(around: tuple[str, str], between: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer like those made of sentencepiece models.

    Args:
        around: What stands before and after a text, or a pair.
        between: What stands between the texts of a pair.
    """
    start, end = around
    special = [start, "<pad>", end, "<unk>"]
    scores = [(piece, 0.0) for piece in special] + [(piece, -2.0 - 0.01 * i) for i, piece in enumerate(_PIECES)]
    backend = Tokenizer(models.Unigram(scores, unk_id=3))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {between} $B:1 {end}:1",
        special_tokens=[(start, 0), (end, 2)],
    )
    names = {"cls_token": start, "sep_token": end, "pad_token": "<pad>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=POSITIONS - 2, **names)


def make_nli(kind: NliKind, seed: int = 0) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Return a new model in float64 and its tokenizer, which the test may change."""
    if kind == "bart":
        model, tokenizer = make("bart", seed=seed)
    else:
        is_deberta = kind == "deberta-v2"
        tokenizer = (
            sentencepiece_tokenizer(("[CLS]", "[SEP]"), "[SEP]")
            if is_deberta
            else sentencepiece_tokenizer(("<s>", "</s>"), "</s> </s>")
        )
        sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": POSITIONS, "pad_token_id": 1, "num_labels": 3}
        relative = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 2}
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = (
                DebertaV2ForSequenceClassification(DebertaV2Config(**_SIZES, **sizes, **relative))
                if is_deberta
                else XLMRobertaForSequenceClassification(XLMRobertaConfig(**_SIZES, **sizes))
            ).to(torch.float64)
            for name, parameter in model.named_parameters():
                if parameter.ndim == 2:
                    parameter.data.normal_(0, 0.5)
                if name.endswith("bias"):
                    parameter.data.normal_(0, 0.2)
    model.config.id2label = dict(enumerate(LABELS[kind]))
    model.config.label2id = {label: i for i, label in enumerate(LABELS[kind])}
    return model.eval(), tokenizer


@cache
def nli_explainer(kind: NliKind) -> ZeroShotExplainer:
    """Return an explainer of a tiny model; it is cached, so tests must not change it."""
    return ZeroShotExplainer(*make_nli(kind))
