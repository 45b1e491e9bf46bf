"""Errors of the package's scores for one architecture, compared with the model itself, run without hooks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from hf_gradexplain.classifier.objective import Objective
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explain import Explainer
from hf_gradexplain.probing.gradient_checks import forward_backward
from hf_gradexplain.text.encode import Encoder, collate
from tests.architectures.zoo import VOCAB_SIZE, InFloat64, Rows, tiny_model, tiny_tokenizer, word_rows

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

METHODS = ("sa_l2", "sa_linf", "loo")


@dataclass(frozen=True)
class Errors:
    """The largest relative errors for one architecture.

    Attributes:
        gradient: The gradient, compared with finite differences in the embedding table, along random directions.
        leave_one_out: Leave-one-out, compared with the model with the word's rows of the table set to zero.
        batch: The scores of texts in a batch, compared with those of each text alone.
    """

    gradient: float
    leave_one_out: float
    batch: float


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
            return Errors(self.gradient_error(), self.leave_one_out_error(), self.batch_error())

    def gradient_error(self) -> float:
        """Return the largest error along four directions: the word's own vector, and three random ones."""
        token, grad = 51, self.gradient(51)
        rows = [table[row].detach() for table, row in word_rows(self.model, token)]
        generator = torch.Generator().manual_seed(1)
        draws = [[torch.randn(len(row), generator=generator, dtype=row.dtype) for row in rows] for _ in range(3)]
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
        profile, unscaled = self.explainer.profile, []
        classifier = profile.classifier(self.model, Objective("logit", "identity"), 1024)
        batch = collate(Encoder(self.tokenizer, None, "token")(TEXTS[:1]), [0], self.tokenizer)
        with frozen_eval_mode(self.model):
            check = forward_backward(classifier, batch)
        position = batch.inputs["input_ids"][0].tolist().index(token)
        for (table, row), vectors, grad in zip(word_rows(self.model, token), check.vectors, check.grads, strict=True):
            vector, weights = vectors[0, position], table[row].detach()
            scale = (vector @ weights) / (weights @ weights)
            torch.testing.assert_close(vector, scale * weights, rtol=1e-12, atol=0)
            unscaled.append(scale * grad[0, position])
        return unscaled

    def logit(self, token: int, moves: list[Tensor]) -> float:
        """Return the first logit of the first text, with `moves` added to the rows of a token."""
        rows = word_rows(self.model, token)
        return self.with_rows(rows, [table[row] + move for (table, row), move in zip(rows, moves, strict=True)])

    def with_rows(self, rows: Rows, values: list[Tensor]) -> float:
        inputs = self.tokenizer(TEXTS[0], return_tensors="pt")
        before = [table[row].clone() for table, row in rows]
        with frozen_eval_mode(self.model), torch.no_grad():
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
        expected = []
        for unit in explanation.units:
            rows = word_rows(self.model, self.tokenizer.convert_tokens_to_ids(unit.text))
            original = self.with_rows(rows, [table[row] for table, row in rows])
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


def slope(f: Callable[[float], float], h: float) -> float:
    """Return the derivative of `f` at 0 by central differences of fourth order."""
    return (8 * (f(h) - f(-h)) - f(2 * h) + f(-2 * h)) / (12 * h)


def relative(actual: Tensor, expected: Tensor) -> float:
    return ((actual - expected).abs().max() / expected.abs().max().clamp(min=1e-6)).item()
