"""Tiny random classifiers and their tokenizers, made in milliseconds without files or network.

Their weights are large: the models are far from linear, and no score is near zero.
"""

from functools import cache
from typing import Literal

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BartConfig,
    BartForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.models import (
    BiLSTMConfig,
    BiLSTMForSequenceClassification,
    FastTextConfig,
    FastTextForSequenceClassification,
    TextCNNConfig,
    TextCNNForSequenceClassification,
    train_word_tokenizer,
)

Kind = Literal["fasttext", "textcnn", "bilstm", "bert", "gpt2", "bart"]
ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]

OURS: tuple[Kind, ...] = ("fasttext", "textcnn", "bilstm")
KINDS: tuple[Kind, ...] = (*OURS, "bert", "gpt2", "bart")
PROBLEM_TYPES: tuple[ProblemType, ...] = (
    "single_label_classification",
    "multi_label_classification",
    "regression",
)
POSITIONS = 64
"""Number of position embeddings of the transformers."""

OF_ONE_PASS = tuple(
    name for name, method in METHODS.items() if method.source.passes(2) <= 1 and not method.source.sampled
)
"""All methods but averages over many passes or copies, which take longest. What they average does not depend on the
unit."""

MOST = tuple(name for name, method in METHODS.items() if name == "shapley" or not method.source.sampled)
"""All methods, but of the sampled ones, which take longest, one; `tests/attribution/masking/` has tests of each."""

FEW = {"steps": 2, "max_evals": 30}
"""Options with which all methods are quick. Integrated gradients may warn that their scores do not add up."""

CORPUS = (
    "the film is good and the end is not bad",
    "a bad film with a good actor",
    "the actor is good , the music is bad",
    "not one good word about the music of this film",
    "this end is the worst of all : a bad , bad film",
)

TEXTS = (
    "the good film is not bad , the actor is good",
    "bad",
    "a word about zzz and qqq : zzz is the worst film of all , the music is good and the end is bad",
    "the music of this film",
    "",
    "zzz qqq",
)
"""Texts with repeated words, words of several pieces, unknown words, one word, no word, and different lengths."""


WORD_PIECES = (
    ", : a b c d e f g h i l m n o r s t u w ##i ##t ##h ##a ##d ##n ##e ##o ##r ##s ##l ##m ##c ##u ##b ##f th the ba "
    "is bad fi go ##od"
)
"""The pieces of BERT's tokenizer, written out: the trainer breaks ties at random."""


def trained(tokenizer: Tokenizer, trainer: trainers.Trainer) -> Tokenizer:
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def word_tokenizer() -> PreTrainedTokenizerFast:
    return train_word_tokenizer(CORPUS, vocab_size=100)


def piece_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer like BERT's: word pieces, `[CLS] a [SEP] b [SEP]`, unknown characters."""
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    vocabulary = {piece: i for i, piece in enumerate([*special.values(), *WORD_PIECES.split()])}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=POSITIONS, **special)


def byte_tokenizer(*, around: bool) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer; `around` adds `<s>` and `</s>`, otherwise it has no special tokens."""
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>"} if around else {}
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=list(special.values()), initial_alphabet=alphabet, show_progress=False
    )
    trained(backend, trainer)
    if around:
        backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=POSITIONS,
        model_input_names=["input_ids", "attention_mask"],
        **special,
    )


TOKENIZERS = {
    "fasttext": word_tokenizer,
    "textcnn": word_tokenizer,
    "bilstm": word_tokenizer,
    "bert": piece_tokenizer,
    "gpt2": lambda: byte_tokenizer(around=False),
    "bart": lambda: byte_tokenizer(around=True),
}
MODELS = {
    "fasttext": FastTextForSequenceClassification,
    "textcnn": TextCNNForSequenceClassification,
    "bilstm": BiLSTMForSequenceClassification,
    "bert": BertForSequenceClassification,
    "gpt2": GPT2ForSequenceClassification,
    "bart": BartForSequenceClassification,
}


def config_of(kind: Kind, vocab_size: int, problem_type: ProblemType) -> PreTrainedConfig:
    head = {"num_labels": 1 if problem_type == "regression" else 3, "problem_type": problem_type}
    if kind == "fasttext":
        return FastTextConfig(vocab_size=vocab_size, hidden_size=6, initializer_range=1.0, **head)
    if kind == "textcnn":
        widths = {"filter_widths": (2, 3), "num_filters": 4}
        return TextCNNConfig(vocab_size=vocab_size, hidden_size=6, initializer_range=1.0, **widths, **head)
    if kind == "bilstm":
        return BiLSTMConfig(vocab_size=vocab_size, hidden_size=6, lstm_size=4, initializer_range=1.0, **head)
    if kind == "bert":
        sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
        return BertConfig(vocab_size=vocab_size, max_position_embeddings=POSITIONS, **sizes, **head)
    if kind == "gpt2":
        ids = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
        sizes = {"n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS}
        return GPT2Config(vocab_size=vocab_size, **sizes, **ids, **head)
    ids = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
    sizes = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    widths = {"encoder_ffn_dim": 12, "decoder_ffn_dim": 12, "max_position_embeddings": POSITIONS}
    return BartConfig(vocab_size=vocab_size, **sizes, **heads, **widths, **ids, **head)


def make(
    kind: Kind,
    problem_type: ProblemType = "single_label_classification",
    *,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Return a new classifier in eval mode and its tokenizer, which the test may change."""
    tokenizer = TOKENIZERS[kind]()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = MODELS[kind](config_of(kind, len(tokenizer), problem_type)).to(torch.float64)
        for name, parameter in model.named_parameters():
            if kind not in OURS and parameter.ndim == 2:
                parameter.data.normal_(0, 0.5)
            if name.endswith("bias"):
                parameter.data.normal_(0, 0.2)
    return model.eval().to(dtype), tokenizer


def roberta(**options) -> RobertaForSequenceClassification:
    """A RoBERTa, whose positions are counted from the row after the padding row."""
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    return RobertaForSequenceClassification(RobertaConfig(**sizes, **options))


@cache
def explainer(
    kind: Kind,
    problem_type: ProblemType = "single_label_classification",
    dtype: torch.dtype = torch.float64,
) -> Explainer:
    """Return an explainer of a tiny classifier; it is cached, so tests must not change it."""
    return Explainer(*make(kind, problem_type, dtype=dtype))
