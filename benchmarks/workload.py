"""Parts that the benchmarks share: artificial texts of natural lengths, models of usual sizes, and timing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel, PreTrainedTokenizerFast

VOCABULARY = 20_000
LENGTHS = {"ag_news": (3.9, 0.25), "imdb": (5.35, 0.6)}
"""Logarithm of the median number of tokens, and its standard deviation."""

LONGEST = 510

Work = Callable[[], object]


def texts(kind: str, n: int) -> list[str]:
    """Return texts of artificial words, with the lengths of a dataset and the word frequencies of natural text."""
    rng = np.random.default_rng(0)
    center, spread = LENGTHS[kind]
    lengths = np.exp(rng.normal(center, spread, n)).astype(int).clip(8, LONGEST)
    return [" ".join(f"w{i % VOCABULARY}" for i in rng.zipf(1.3, length)) for length in lengths]


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that has all artificial words and adds `[CLS]` and `[SEP]`."""
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    names = [*special.values(), *(f"w{i}" for i in range(VOCABULARY))]
    backend = Tokenizer(models.WordPiece({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=LONGEST + 2, **special)


def bert(
    layers: int, dims: int, *, labels: int = 4, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> PreTrainedModel:
    """Return a BERT with random weights: the time does not depend on them."""
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": layers, "hidden_size": dims, "intermediate_size": 4 * dims}
    config = BertConfig(vocab_size=VOCABULARY + 4, num_attention_heads=dims // 32, num_labels=labels, **sizes)
    return BertForSequenceClassification(config).eval().to(device, dtype)


@dataclass(frozen=True)
class Seconds:
    """Wall-clock time, and processor time, which other work on the machine disturbs less."""

    wall: float
    processor: float


def seconds(work: Work, device: str = "cpu") -> Seconds:
    """Return the time of one run."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return Seconds(time.perf_counter() - wall, time.process_time() - processor)


def in_turns(works: Sequence[Work], repeats: int, device: str = "cpu") -> list[list[Seconds]]:
    """Run all works once per round, after one round to warm up; return `repeats` times for each."""
    for work in works:
        seconds(work, device)
    rounds = [[seconds(work, device) for work in works] for _ in range(repeats)]
    return [list(times) for times in zip(*rounds, strict=True)]


def wall(times: Sequence[Seconds]) -> float:
    """Return the median wall-clock time in seconds."""
    return median(each.wall for each in times)


def ratios(times: Sequence[Seconds], reference: Sequence[Seconds]) -> tuple[str, str]:
    """Return the median ratio over the rounds with its minimum and maximum, and the median ratio of processor time."""
    walls = [a.wall / b.wall for a, b in zip(times, reference, strict=True)]
    processor = median(a.processor / b.processor for a, b in zip(times, reference, strict=True))
    return f"**{median(walls):.3f}** ({min(walls):.3f} to {max(walls):.3f})", f"{processor:.3f}"
