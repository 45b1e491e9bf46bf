"""What every tool that is measured beside this package has to offer."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from benchmarks.peers.truth import Truth

PEERS = {
    "captum": "benchmarks.peers.with_captum",
    "interpreto": "benchmarks.peers.with_interpreto",
    "ferret-xai": "benchmarks.peers.with_ferret",
    "transformers-interpret": "benchmarks.peers.with_transformers_interpret",
    "inseq": "benchmarks.peers.with_inseq",
}
"""The tools by the names of their distributions, and the modules that hold their `PEER`."""

TIMED = {"hf_gradexplain": "benchmarks.peers.with_hf_gradexplain"} | {x: PEERS[x] for x in PEERS if x != "inseq"}
"""The tools that explain classifiers, this package first, and the modules that hold their `SPEED`."""

TARGET = 0
"""The class that is explained."""


@dataclass(frozen=True)
class Answer:
    """What a tool said of one text.

    Attributes:
        scores: `(T,)` one number per token, special tokens included.
        inputs: What the tool gave the model to read, each `(1, T)`.
    """

    scores: Tensor
    inputs: Mapping[str, Tensor]


@dataclass(frozen=True)
class Peer:
    """A tool, called as its own documentation recommends.

    Attributes:
        call: The call, for the reader of the tables.
        scores: What its scores are, in a few words.
        truth: The same from this package.
        alone: `(model, tokenizer, text) -> Answer`.
        together: `(model, tokenizer, texts) -> [(T,)]`, or None if the tool takes one text at a time.
        scaled: Whether the tool divides the scores of a text by their norm.
    """

    call: str
    scores: str
    truth: Callable[[Truth, Mapping[str, Tensor]], Tensor]
    alone: Callable[[Any, Any, str], Answer]
    together: Callable[[Any, Any, list[str]], list[Tensor]] | None = None
    scaled: bool = False


Work = Callable[[Any, Any, list[str], int], object]
"""`(model, tokenizer, texts, size)`: explain texts, so many tokens or texts at a time, as the tool counts them."""


@dataclass(frozen=True)
class Speed:
    """What a tool can be timed at, called as its own documentation recommends.

    Attributes:
        methods: The gradient methods, the first alone and up to five together, with their passes where more than one.
        one: Explain texts with the first of them.
        several: Explain texts with all of them.
        sizes: The batch sizes to choose the fastest from.
        occlusion: Take every token away in turn, or None if the tool does not.
        copies: The batch sizes to choose the fastest from there.
    """

    methods: tuple[str, ...]
    one: Work
    several: Work | None
    sizes: tuple[int, ...]
    occlusion: Work | None = None
    copies: tuple[int, ...] = ()


def load(name: str) -> Peer:
    """The tool of that name; it has to be installed."""
    return importlib.import_module(PEERS[name]).PEER


def load_speed(name: str) -> Speed:
    """What the tool of that name can be timed at; it has to be installed."""
    return importlib.import_module(TIMED[name]).SPEED
