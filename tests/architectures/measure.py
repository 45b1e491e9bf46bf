"""Errors of the package's scores for one architecture, compared with the model itself, run without hooks."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from hf_gradexplain.classifier.hooked_classifier import ForwardPass, HookedClassifier
from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.perturb import generic, shared_prefix
from hf_gradexplain.probing.gradient_checks import forward_backward
from hf_gradexplain.propagation.graph import Graph, apply_rules
from hf_gradexplain.propagation.rules import RULE_SETS, RuleSet
from hf_gradexplain.text.collate import collate
from hf_gradexplain.text.data import Batch
from hf_gradexplain.text.encode import Encoder
from tests.architectures.zoo import VOCAB_SIZE, InFloat64, Rows, tiny_model, tiny_tokenizer, word_rows
from tests.helpers.recomputed import RECOMPUTED

TEXTS = (
    "w50 w51 w50 w53 w54 w55 w56 w57",
    "w40 w41 w42 w43 w44 w45 w46 w47 w48",
    "w33 w34 w35 w36 w37 w38 w39 w60 w61 w62 w32 w31",
    "w41 w45 w50 w45 w33 w31 w39 w58",
)
"""Two texts of equal length, one word that occurs twice, and no length that is a multiple of another."""

TOLERANCE = 1e-8

PAD = 21
"""A token that no text contains."""

METHODS = ("sa_l2", "sa_linf", "loo", "attn_lrp", "cp_lrp")


Nodes = set[tuple[str, str]]
"""The names and kinds of the nodes in the graph of the first text."""


@dataclass(frozen=True)
class Errors:
    """The largest relative errors for one architecture.

    Attributes:
        gradient: The gradient, compared with finite differences in the embedding table, along random directions.
        leave_one_out: Leave-one-out, compared with the model with the word's rows of the table set to zero.
        batch: The scores of texts in a batch, compared with those of each text alone.
        conservation: The relevances of words and constants under `cp_lrp`, compared with the logit that they sum to;
            infinite if relevance propagation refuses the model.
        recomputed: The gradient under rules that compute the ordinary derivative from what the nodes saved, compared
            with the ordinary gradient; infinite if a pass under other rules changes the gradient of the next one.
        shared_prefix: Leave-one-out by shared prefixes, for all texts together, compared with full copies; 0 if the
            probe refuses it.
    """

    gradient: float
    leave_one_out: float
    batch: float
    conservation: float
    recomputed: float
    shared_prefix: float


@dataclass(frozen=True)
class ArchitectureCase:
    """A tiny model, its tokenizer and an explainer of it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    explainer: Explainer

    @classmethod
    def of(cls, model_type: str, **settings: str) -> "ArchitectureCase":
        """Make the tiny model of an architecture; with `settings`, which go to the tokenizer, it gets a pad token."""
        model = tiny_model(model_type)
        if settings and getattr(model.config.get_text_config(), "pad_token_id", None) is None:
            model.config.pad_token_id = model.config.get_text_config().pad_token_id = PAD
        tokenizer = tiny_tokenizer(model, **settings)
        with InFloat64():
            return cls(model, tokenizer, Explainer(model, tokenizer))

    def errors(self) -> Errors:
        with InFloat64():
            return Errors(
                self.gradient_error(),
                self.leave_one_out_error(),
                self.batch_error(),
                self.conservation_error(),
                self.recomputed_error(),
                self.shared_prefix_error(),
            )

    def gradient_error(self) -> float:
        """Return the largest error along four directions: the word's own vector, and three random ones."""
        token, grad = 51, self.gradient(51)
        rows = [table[row].detach() for table, row in word_rows(self.model, token)]
        generator = torch.Generator().manual_seed(1)
        draws = [[torch.randn(len(row), generator=generator, dtype=row.dtype) for row in rows] for _ in range(3)]
        with frozen_eval_mode(self.model), torch.no_grad():
            return max(self.direction_error(token, grad, direction) for direction in (rows, *draws))

    def direction_error(self, token: int, grad: list[Tensor], direction: list[Tensor]) -> float:
        size = torch.cat(direction).norm()
        direction = [x / size for x in direction]
        expected = slope(lambda h: self.logit(token, [h * x for x in direction]), 2e-5)
        actual = sum((g @ x).item() for g, x in zip(grad, direction, strict=True))
        return abs(actual - expected) / max(torch.cat(grad).norm().item(), 1e-9)

    def gradient(self, token: int) -> list[Tensor]:
        """Return the package's gradient of the first logit with respect to the rows of a token.

        A lookup may scale its rows; the gradient with respect to a row is that factor times the gradient with respect
        to the vector.
        """
        batch, unscaled = self.first_batch(), []
        with frozen_eval_mode(self.model):
            check = forward_backward(self.classifier(), batch)
        position = batch.inputs["input_ids"][0].tolist().index(token)
        for (table, row), vectors, grad in zip(word_rows(self.model, token), check.vectors, check.grads, strict=True):
            vector, weights = vectors[0, position], table[row].detach()
            scale = (vector @ weights) / (weights @ weights)
            torch.testing.assert_close(vector, scale * weights, rtol=1e-12, atol=0)
            unscaled.append(scale * grad[0, position])
        return unscaled

    def classifier(self, *, for_propagation: bool = False) -> HookedClassifier:
        objective = Objective("logit", "identity")
        return self.explainer.profile.classifier(self.model, objective, 1024, for_propagation=for_propagation)

    def first_batch(self) -> Batch:
        return collate(Encoder(self.tokenizer, None, "token")(TEXTS[:1]), [0], self.tokenizer)

    def logit(self, token: int, moves: list[Tensor]) -> float:
        """Return the first logit of the first text, with `moves` added to the rows of a token."""
        rows = word_rows(self.model, token)
        return self.with_rows(rows, [table[row] + move for (table, row), move in zip(rows, moves, strict=True)])

    def with_rows(self, rows: Rows, values: list[Tensor]) -> float:
        """Return the first logit of the first text with other rows of the table, within `frozen_eval_mode`."""
        inputs = self.tokenizer(TEXTS[0], return_tensors="pt")
        before = [table[row].clone() for table, row in rows]
        torch.manual_seed(0)
        for (table, row), value in zip(rows, values, strict=True):
            table[row] = value
        try:
            return self.model(**inputs).logits[0, 0].item()
        finally:
            for (table, row), value in zip(rows, before, strict=True):
                table[row] = value

    def leave_one_out_error(self, baseline: Literal["zero", "mean"] = "zero") -> float:
        """Return the largest error over the words of the first text, one of which occurs twice."""
        explanation = self.explainer(TEXTS[0], "loo", "word_type", 0, objective="logit", baseline=baseline)
        mean = self.mean_rows() if baseline == "mean" else None
        with frozen_eval_mode(self.model), torch.no_grad():
            original, expected = self.with_rows([], []), []
            for unit in explanation.units:
                rows = word_rows(self.model, self.tokenizer.convert_tokens_to_ids(unit.text))
                without = self.with_rows(rows, mean or [torch.zeros_like(table[row]) for table, row in rows])
                expected.append(original - without)
        return relative(torch.from_numpy(explanation.scores["loo"]), torch.tensor(expected, dtype=torch.float64))

    def mean_rows(self) -> list[Tensor]:
        """Return, for every table, the mean of the rows that ordinary tokens use."""
        special = set(self.tokenizer.all_special_ids)
        tables = zip(*(word_rows(self.model, i) for i in range(VOCAB_SIZE) if i not in special), strict=True)
        return [torch.stack([table[row].detach() for table, row in rows]).mean(0) for rows in tables]

    def batch_error(self) -> float:
        together = self.explainer(list(TEXTS), METHODS, "word_type", objective="logit")
        alone = [self.explainer(text, METHODS, "word_type", objective="logit") for text in TEXTS]
        return max(
            relative(torch.from_numpy(x.scores[method]), torch.from_numpy(y.scores[method]))
            for x, y in zip(together, alone, strict=True)
            for method in METHODS
        )

    def conservation_error(self) -> float:
        """Return the error that the probe measured on a sample text."""
        propagation = self.explainer.profile.propagation
        return math.inf if propagation is None or propagation.refusal else propagation.conservation_error

    def recomputed_error(self) -> float:
        """Return the error of the recomputed gradient; infinite if the ordinary one does not stay bit for bit."""
        with frozen_eval_mode(self.model):
            expected = torch.cat(forward_backward(self.classifier(), self.first_batch()).grads, -1)
            classifier = replace(self.classifier(for_propagation=True), records_inputs=True)
            forward = classifier.forward(self.first_batch(), graph=True)
            recomputed, *others = (gradient(forward, rules) for rules in (RECOMPUTED, *RULE_SETS.values(), {}, None))
        stays = all(torch.equal(grad, expected) for grad in others[-2:])
        return relative(recomputed, expected) if stays else math.inf

    def shared_prefix_error(self) -> float:
        """Return the error of the logits without each word, in as many passes as there are words."""
        profile = self.explainer.profile
        if not profile.shares_prefixes:
            return 0.0
        together = [TEXTS] if profile.padding_safe else [(text,) for text in TEXTS]
        return max(map(self.shared_prefix_error_of, together))

    def shared_prefix_error_of(self, texts: Sequence[str]) -> float:
        documents = Encoder(self.tokenizer, None, "word_type")(texts)
        with frozen_eval_mode(self.model), torch.no_grad():
            classifier = replace(self.classifier(), batch_tokens=32)
            forward = classifier.forward(collate(documents, [0] * len(texts), self.tokenizer), graph=False)
            logits = shared_prefix.run_passes(forward, shared_prefix.plan_passes(forward.batch, 32, 0))
            return math.inf if logits is None else relative(logits, generic.leave_one_out(forward))

    def nodes(self) -> Nodes:
        with InFloat64(), frozen_eval_mode(self.model):
            forward = self.classifier(for_propagation=True).forward(self.first_batch(), graph=True)
        kinds = graph_of(forward).kinds.items()
        return {(node.name(), kind.name.lower().replace("_", " ")) for node, kind in kinds}


def graph_of(forward: ForwardPass) -> Graph:
    return Graph(forward.logits[0, 0], [words.delta for words in forward.words])


def gradient(forward: ForwardPass, rules: RuleSet | None) -> Tensor:
    """Return the gradient of the first logit under a rule set; without one, by a plain backward pass."""
    hooks = nullcontext() if rules is None else apply_rules(graph_of(forward), rules, forward.recorded)
    with hooks:
        deltas = [words.delta for words in forward.words]
        return torch.cat(torch.autograd.grad(forward.logits[0, 0], deltas, retain_graph=True), -1)


def slope(f: Callable[[float], float], h: float) -> float:
    """Return the derivative of `f` at 0 by central differences of fourth order."""
    return (8 * (f(h) - f(-h)) - f(2 * h) + f(-2 * h)) / (12 * h)


def relative(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max().clamp(min=1e-6)).item()
