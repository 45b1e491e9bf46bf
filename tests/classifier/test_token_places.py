"""Tests of models that read long texts differently from short ones: every score is compared with the model itself."""

import re
from copy import deepcopy

import pytest
import torch
from torch import nn

from hf_gradexplain.classifier.token_places import Places, Vocabulary, find_places
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explainer import Explainer
from tests.helpers.rearranging import FOUND, LONG, REFUSED, Rearranging, after_the_separator, head_and_tail
from tests.helpers.toys import TOKENIZER

WORDS = [
    "the",
    "film",
    "is",
    "thoughtful",
    ":",
    "actor",
    "plays",
    "it",
    "well",
    "of",
    "and",
    "worst",
    "money",
    "wonder",
    "zzz",
]
METHODS = ("loo", "signed_gi", "sa_l1")


def text_of(n: int, start: int = 0) -> str:
    """Return a text of `n` tokens, special tokens included, with repeated and unknown words and a separator."""
    words = [WORDS[(start + 7 * i) % len(WORDS)] for i in range(n - 2)]
    words[n // 3] = "[SEP]"
    return " ".join(words)


class ByHand:
    """A copy of a model in which every token of a text has its own row in the table of words."""

    def __init__(self, model: Rearranging, text: str) -> None:
        encoded = TOKENIZER(text)
        ids, self.model = encoded["input_ids"], deepcopy(model)
        self.rows = [len(TOKENIZER) + t for t in range(1, len(ids) - 1)]
        table = torch.cat([model.words.weight, model.words.weight[ids]]).detach()
        self.model.words = nn.Embedding(*table.shape, _weight=table)
        special = [t for t, i in enumerate(ids) if i in (TOKENIZER.sep_token_id, TOKENIZER.cls_token_id)]
        own = [i if t in special else len(TOKENIZER) + t for t, i in enumerate(ids)]
        self.inputs = {"input_ids": torch.tensor([own]), "attention_mask": torch.tensor([encoded["attention_mask"]])}
        self.words = [t for t in range(1, len(ids) - 1) if t not in special]

    def loss(self) -> torch.Tensor:
        return -self.model(**self.inputs).logits.log_softmax(-1)[0, 1]

    def leave_one_out(self) -> list[float]:
        plain, rises, table = self.loss().item(), [], self.model.words.weight
        for t in self.words:
            before = table.detach().clone()
            with torch.no_grad():
                table[len(TOKENIZER) + t] = 0
                rises.append(self.loss().item() - plain)
                table.copy_(before)
        return rises

    def gradients(self) -> tuple[list[float], list[float]]:
        """Return signed gradient times input, and the L1 norm of the gradient, of each word."""
        table = self.model.words.weight
        (grad,) = torch.autograd.grad(self.loss(), table)
        rows = [len(TOKENIZER) + t for t in self.words]
        return (-(grad * table).sum(1))[rows].tolist(), grad.abs().sum(1)[rows].tolist()


def words_only(explanation, method):
    scores = explanation.scores[method].tolist()
    return [score for unit, score in zip(explanation.units, scores, strict=True) if unit.text != "[SEP]"]


@pytest.mark.parametrize("arrange", FOUND, ids=lambda f: f.__name__)
def test_scores_are_those_of_the_model_at_every_length(arrange):
    model = Rearranging(arrange)
    explain = Explainer(model, TOKENIZER)
    for n in (7, 12, LONG, LONG + 1, 37, 50):
        by_hand, explanation = ByHand(model, text_of(n)), explain(text_of(n), METHODS, "token", labels=1)
        assert words_only(explanation, "loo") == pytest.approx(by_hand.leave_one_out(), rel=1e-9, abs=1e-12)
        signed, l1 = by_hand.gradients()
        assert words_only(explanation, "signed_gi") == pytest.approx(signed, rel=1e-9, abs=1e-12)
        assert words_only(explanation, "sa_l1") == pytest.approx(l1, rel=1e-9, abs=1e-12)


@pytest.mark.filterwarnings("ignore:the scores of .* should add up to the rise")
@pytest.mark.parametrize("arrange", FOUND, ids=lambda f: f.__name__)
def test_a_text_gets_the_same_scores_in_a_batch(arrange):
    explain = Explainer(Rearranging(arrange), TOKENIZER)
    texts = [text_of(n, start) for n, start in ((33, 0), (33, 3), (26, 0), (7, 1))]
    methods = ("loo", "signed_gi", "integrated_gradients", "smoothgrad", "attn_lrp", "cp_lrp")
    if arrange is after_the_separator:
        texts = texts[:1]
    for text, together in zip(texts, explain(texts, methods, labels=[1] * len(texts), steps=2), strict=True):
        alone = explain(text, methods, labels=1, steps=2)
        for method in methods:
            assert together.scores[method] == pytest.approx(alone.scores[method], rel=1e-7, abs=1e-10), method


@pytest.mark.parametrize("arrange", REFUSED, ids=lambda f: f.__name__)
def test_words_that_are_not_found_are_refused_in_a_sentence_that_names_the_length(arrange):
    explain = Explainer(Rearranging(arrange), TOKENIZER)
    explain(text_of(LONG), ("loo", "signed_gi"))
    message = (
        "Rearranging reads texts of 37 tokens differently from short ones, and the places of their words cannot be "
        "found: set tokenizer.model_max_length to a length at which it reads texts unchanged"
    )
    for method in ("loo", "signed_gi", "integrated_gradients"):
        with pytest.raises(GradexplainError, match=f"^{re.escape(message)}$"):
            explain(text_of(37), method)


@pytest.mark.parametrize(("n", "digits"), [(2, 1), (3, 1), (4, 2), (9, 2), (10, 3), (27, 3), (28, 4)])
def test_the_number_of_forward_passes_grows_with_the_logarithm_of_the_number_of_tokens(n, digits):
    """With three ids: a pass per digit of a token's number, the plain one, another code, and a check of the places."""
    model, passes = Rearranging(head_and_tail), []
    model.register_forward_hook(lambda *_: passes.append(1))
    inputs = {"input_ids": torch.arange(n)[None] % len(TOKENIZER), "attention_mask": torch.ones(1, n)}
    (places,) = find_places(model, inputs, Vocabulary((5, 6, 8), frozenset()))
    assert len(passes) == 1 + digits + 1 + 1
    kept = [t for t in range(n) if n <= LONG or t < LONG // 2 or t >= n - LONG // 2]
    assert places.tokens.tolist() == kept


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ([[9, 6, 5]], True),
        ([[9, 6], [5, 9]], True),
        ([[9, 5, 6]], False),  # in another order
        ([[9, 6]], False),  # the last place is missing
        ([[]], False),
        (None, False),
    ],
)
def test_the_ids_have_to_be_at_their_places(given, held):
    places = Places("words", 0, 0, 1, places=torch.tensor([1, 2]), tokens=torch.tensor([1, 0]))
    ids = torch.tensor([[5, 6]])
    assert places.holds(None if given is None else torch.tensor(given), ids) is held


def test_without_places_any_ids_will_do():
    nowhere = torch.zeros(0, dtype=torch.long)
    assert Places("words", 0, 0, 1, nowhere, nowhere).holds(torch.zeros(1, 0), torch.tensor([[5, 6]]))
