"""The oracle: naive versions of the definitions, one text and one number at a time, without hooks or the package.

In a copy of the model, every token of the text gets its own row in the embedding table. The effect of a word is then
measured by changing its rows: by their gradient, by a small step, or by setting them to zero.
"""

import math
import re
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast


class NaiveReader:
    """One text and a copy of a model in which every ordinary token of the text has its own row.

    `tokens` are the positions of the ordinary tokens, `rows` the numbers of their rows in the table.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, text: str) -> None:
        encoded = tokenizer(text, return_special_tokens_mask=True, return_offsets_mapping=True)
        special = encoded.pop("special_tokens_mask")
        self.text, self.offsets = text, encoded.pop("offset_mapping")
        self.ids = encoded["input_ids"]
        self.tokens = [t for t, is_special in enumerate(special) if not is_special]
        self.unknown = tokenizer.unk_token_id
        self.model = deepcopy(model)
        self.table, self.rows = self._one_row_per_token()
        self.inputs = {name: torch.tensor([values]) for name, values in encoded.items()}
        for t, row in self.rows.items():
            self.inputs["input_ids"][0, t] = row

    def _one_row_per_token(self) -> tuple[nn.Parameter, dict[int, int]]:
        old = self.model.get_input_embeddings().weight
        new = nn.Parameter(torch.cat([old, old[[self.ids[t] for t in self.tokens]]]).detach())
        for module in self.model.modules():
            if isinstance(module, nn.Embedding) and module.weight is old:
                module.weight = new
        return new, {t: len(old) + i for i, t in enumerate(self.tokens)}

    def logits(self) -> Tensor:
        return self.model(**self.inputs).logits[0]

    def vector(self, token: int) -> list[float]:
        return self.table[self.rows[token]].tolist()

    def gradients(self, loss: Callable[[Tensor], Tensor]) -> dict[int, list[float]]:
        (grad,) = torch.autograd.grad(loss(self.logits()), self.table)
        return {t: grad[row].tolist() for t, row in self.rows.items()}

    @torch.no_grad()
    def slope(self, loss: Callable[[Tensor], Tensor], token: int, dim: int, step: float = 1e-5) -> float:
        """Return the derivative by central differences."""
        values, entry = [], self.table[self.rows[token], dim].item()
        for moved in (entry + step, entry - step):
            self.table[self.rows[token], dim] = moved
            values.append(loss(self.logits()).item())
        self.table[self.rows[token], dim] = entry
        return (values[0] - values[1]) / (2 * step)

    @torch.no_grad()
    def logits_without(self, tokens: list[int]) -> Tensor:
        before = self.table.clone()
        for t in tokens:
            self.table[self.rows[t]] = 0
        logits = self.logits()
        self.table.copy_(before)
        return logits

    def units(self, unit: str) -> list[list[int]]:
        """Return the tokens of each unit, in the order of first occurrence.

        A word is a run of letters and digits, or one other character; spaces before it are part of its tokens.
        """
        if unit == "token":
            return [[t] for t in self.tokens]
        words: list[tuple[tuple[int, int], list[int]]] = []
        end = 0
        for match in re.finditer(r"\w+|[^\w\s]", self.text):
            words.append((match.span(), [t for t in self.tokens if end < self.offsets[t][1] <= match.end()]))
            end = match.end()
        if unit == "word":
            return [tokens for _, tokens in words]
        types: dict[object, list[int]] = {}
        for span, tokens in words:
            ids = tuple(self.ids[t] for t in tokens)
            types.setdefault((ids, self.text[slice(*span)] if self.unknown in ids else ""), []).extend(tokens)
        return list(types.values())


def loss_of(name: str, problem_type: str, target: int) -> Callable[[Tensor], Tensor]:
    """Return the objective of one text as a function of its logits `(C,)`."""

    def loss(logits: Tensor) -> Tensor:
        logit = logits[target]
        if problem_type == "regression" or name == "logit":
            return -logit
        if problem_type == "multi_label_classification":
            p = 1 / (1 + torch.exp(-logit))
        else:
            p = torch.exp(logit) / sum(torch.exp(other) for other in logits)
        return -p if name == "prob" else -torch.log(p)

    return loss


def gradient_score(
    method: str, tokens: list[int], ids: list[int], grad: dict[int, list[float]], vector: dict[int, list[float]]
) -> float:
    """Return the score of the unit with these tokens."""
    if method == "sa_raw":
        return sum(g for t in tokens for g in grad[t])
    if method == "signed_gi":
        return -sum(g * e for t in tokens for g, e in zip(grad[t], vector[t], strict=True))
    rows: dict[int, list[float]] = {}
    for t in tokens:
        before = rows.get(ids[t], [0.0] * len(grad[t]))
        rows[ids[t]] = [a + b for a, b in zip(before, grad[t], strict=True)]
    entries = [abs(g) for row in rows.values() for g in row]
    if method == "sa_l1":
        return sum(entries)
    if method == "sa_l2":
        return math.sqrt(sum(g * g for g in entries))
    return max(entries)
