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


def load(name: str) -> Peer:
    """The tool of that name; it has to be installed."""
    return importlib.import_module(PEERS[name]).PEER
