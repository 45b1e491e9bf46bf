"""Measure the units of a tokenizer: where they are, and their scores on a small model, compared with plain code."""

from dataclasses import dataclass
from functools import cache
from itertools import chain
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from hf_gradexplain.explainer import Explainer
from hf_gradexplain.text.data import NO_UNIT, Document
from hf_gradexplain.text.encode import Encoder
from tests.helpers.tokenizer_classes import SENTENCES, UNUSUAL, build

PAIRS = [("the film is so good", sentence) for sentence in SENTENCES.values()]
SPACES = {"blanks": "  the  film\tis\n\nso \u00a0good  "}
TEXTS = {
    **SENTENCES,
    **UNUSUAL,
    **SPACES,
    **{f"pair with {name}": pair for name, pair in zip(SENTENCES, PAIRS, strict=True)},
}
TOLERANCE = 1e-9


class Reader(nn.Module):
    """A classifier whose logits are far from linear in its word vectors."""

    def __init__(self, size: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(size, 6)
        self.positions = nn.Parameter(torch.randn(1024, 6))
        self.head = nn.Linear(6, 3)
        self.config = SimpleNamespace(num_labels=3, problem_type=None, id2label={}, pad_token_id=0)
        self.double().eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Tensor) -> SimpleNamespace:
        vectors = self.words(input_ids)
        states = torch.tanh(vectors + self.positions[: vectors.shape[1]])
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return SimpleNamespace(logits=self.head((states * mask.unsqueeze(2)).sum(1)))


@dataclass(frozen=True)
class Measured:
    """What is true of all texts, by the names of those of which it is not.

    Attributes:
        read_back: The units and the text between them give the text, and hold all of its letters and digits.
        one_unit: Each token that the tokenizer did not add belongs to one unit.
        no_blank: No unit holds white space.
        in_place: The tokens of a word between blanks are those of its units, where words tokenized alone give the
            tokens of the text.
        by_hand: The scores of leave-one-out equal those with word vectors set to zero by plain code.
        units: Numbers of units of the sentence in each script.
    """

    read_back: list[str]
    one_unit: list[str]
    no_blank: list[str]
    in_place: list[str]
    by_hand: list[str]
    units: dict[str, int]


@cache
def measure(name: str) -> Measured:
    """Measure a tokenizer class."""
    tokenizer = build(name)
    documents = dict(zip(TEXTS, Encoder(tokenizer, None, "word")(list(TEXTS.values())), strict=True))
    scores = by_hand(tokenizer, documents)

    def wrong(holds) -> list[str]:
        return [name for name, document in documents.items() if not holds(document)]

    return Measured(
        wrong(reads_back),
        wrong(lambda document: has_one_unit_per_token(document, tokenizer)),
        wrong(lambda document: not any(any(map(str.isspace, unit.text)) for unit in document.units)),
        [key for key, document in documents.items() if not is_in_place(document, TEXTS[key], tokenizer)],
        [key for key, error in scores.items() if not error <= TOLERANCE],
        {script: len(documents[script].units) for script in SENTENCES},
    )


def reads_back(document: Document) -> bool:
    end, missed, joined = 0, "", ""
    for unit in document.units:
        ((a, b),) = unit.spans
        if not end <= a <= b:
            return False
        missed += document.text[end:a]
        joined += document.text[end:a] + document.text[a:b]
        end = b
    missed += document.text[end:]
    return joined + document.text[end:] == document.text and not any(map(str.isalnum, missed))


def has_one_unit_per_token(document: Document, tokenizer: PreTrainedTokenizerBase) -> bool:
    parts = document.text.split("\n", 1) if document.pair_start else [document.text]
    special = tokenizer(*parts, return_special_tokens_mask=True)["special_tokens_mask"]
    units = sorted(set(document.unit_of.tolist()) - {NO_UNIT})
    return ((document.unit_of == NO_UNIT) == (np.array(special) == 1)).all() and units == list(
        range(len(document.units))
    )


def is_in_place(document: Document, text: str | tuple[str, str], tokenizer: PreTrainedTokenizerBase) -> bool:
    words = " ".join(text).split() if isinstance(text, tuple) else text.split()
    alone = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
    ids = np.array(document.inputs["input_ids"])
    if list(chain(*alone)) != ids[document.unit_of != NO_UNIT].tolist():
        return True
    start = 0
    for word, part in zip(words, alone, strict=True):
        a = document.text.index(word, start)
        start = a + len(word)
        inside = [u for u, unit in enumerate(document.units) if a <= unit.spans[0][0] and unit.spans[0][1] <= start]
        if ids[np.isin(document.unit_of, inside)].tolist() != part:
            return False
    return True


def by_hand(tokenizer: PreTrainedTokenizerBase, documents: dict[str, Document]) -> dict[str, float]:
    """Return the largest difference between the scores of leave-one-out and those of plain code, of each text."""
    model = Reader(max(min(len(tokenizer), 1000), *(max(d.inputs["input_ids"]) + 1 for d in documents.values())))
    explanations = Explainer(model, tokenizer)(list(TEXTS.values()), methods="loo", labels=[0] * len(TEXTS))
    words, positions, head, bias = (
        x.detach().numpy() for x in (model.words.weight, model.positions, *model.head.parameters())
    )

    def loss(vectors: np.ndarray) -> float:
        logits = np.tanh(vectors + positions[: len(vectors)]).sum(0) @ head.T + bias
        return float(np.log(np.exp(logits).sum()) - logits[0])

    errors = {}
    for (name, document), explanation in zip(documents.items(), explanations, strict=True):
        vectors = words[list(document.inputs["input_ids"])]
        differences = []
        for u, score in enumerate(explanation.scores["loo"]):
            masked = vectors.copy()
            masked[document.unit_of == u] = 0
            differences.append(abs(loss(masked) - loss(vectors) - score))
        errors[name] = max(differences, default=np.nan)
    return errors
