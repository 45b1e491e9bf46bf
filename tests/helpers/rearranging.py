"""Toy classifiers in float64 that read long texts differently from short ones."""

from collections.abc import Callable
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.helpers.toys import TOKENIZER

SIZE = 8
"""The number of tokens of a chunk, a block or a window."""

LONG = 3 * SIZE
"""The largest number of tokens that some of the models read as they are."""


class Rearranging(nn.Module):
    """A small network over word vectors, called by `arrange(model, ids, mask)`, which returns its states `(B, 6)`."""

    def __init__(self, arrange: Callable[["Rearranging", Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(len(TOKENIZER), 6)
        self.positions = nn.Parameter(torch.randn(128, 6))
        self.mix, self.head = nn.Linear(6, 6), nn.Linear(6, 3)
        self.arrange = arrange
        self.config = SimpleNamespace(num_labels=3, problem_type=None, id2label={}, pad_token_id=0)
        self.double().eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None):
        return SimpleNamespace(logits=self.head(self.arrange(self, input_ids, attention_mask)))

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the state of each row of ids: `(N, T)` to `(N, 6)`."""
        mask = mask.unsqueeze(2)
        states = torch.tanh(self.words(ids) * (1 + self.positions[: ids.shape[1]])) * mask
        states = torch.tanh(states + self.mix(states.sum(1, keepdim=True))) * mask
        return states.sum(1) / mask.sum(1).clamp(min=1)


def head_and_tail(model, ids, mask):
    if ids.shape[1] > LONG:
        ids, mask = (torch.cat([x[:, : LONG // 2], x[:, -LONG // 2 :]], 1) for x in (ids, mask))
    return model.encode(ids, mask)


def last_tokens(model, ids, mask):
    return model.encode(ids[:, -LONG:], mask[:, -LONG:])


def first_tokens(model, ids, mask):
    return model.encode(ids[:, :LONG], mask[:, :LONG])


def left_padded_to_a_block(model, ids, mask):
    return model.encode(*(F.pad(x, (-ids.shape[1] % SIZE, 0)) for x in (ids, mask)))


def two_halves(model, ids, mask):
    if ids.shape[1] <= LONG:
        return model.encode(ids, mask)
    half = ids.shape[1] // 2
    return model.encode(ids[:, :half], mask[:, :half]) + model.encode(ids[:, half:], mask[:, half:])


def chunks_as_rows(model, ids, mask):
    rows = [F.pad(x, (0, -ids.shape[1] % SIZE)).reshape(-1, SIZE) for x in (ids, mask)]
    return model.encode(*rows).view(len(ids), -1, 6).mean(1)


def overlapping_windows(model, ids, mask):
    windows = [F.pad(x, (0, LONG)).unfold(1, SIZE, SIZE // 2).flatten(0, 1) for x in (ids, mask)]
    return model.encode(*windows).view(len(ids), -1, 6).amax(1)


def pooled_chunks(model, ids, mask):
    chunks = zip(ids.split(SIZE, 1), mask.split(SIZE, 1), strict=True)
    return torch.stack([model.encode(*chunk) for chunk in chunks]).amax(0)


def reversed_if_long(model, ids, mask):
    return model.encode(*(x.flip(1) if ids.shape[1] > LONG else x for x in (ids, mask)))


def every_second_token(model, ids, mask):
    return model.encode(*(x[:, ::2] if ids.shape[1] > LONG else x for x in (ids, mask)))


def token_by_token(model, ids, mask):
    state = torch.zeros(len(ids), 6, dtype=torch.float64)
    for column, seen in zip(ids.unbind(1), mask.unbind(1), strict=True):
        state = torch.where(seen.unsqueeze(1) > 0, torch.tanh(model.mix(state) + model.words(column)), state)
    return state


def after_the_separator(model, ids, mask):
    """Reads a long text from the first separator on; without a separator it fails."""
    if ids.shape[1] > LONG:
        start = int((ids[0] == TOKENIZER.sep_token_id).nonzero()[0])
        ids, mask = ids[:, start:], mask[:, start:]
    return model.encode(ids, mask)


def after_the_unknown_word(model, ids, mask):
    """Reads a long text from the first unknown word on: what it reads depends on the words."""
    if ids.shape[1] > LONG:
        start = int((ids[0] == TOKENIZER.unk_token_id).nonzero()[0])
        ids, mask = ids[:, start:], mask[:, start:]
    return model.encode(ids, mask)


def without_a_hook(model, ids, mask):
    """Reads words in another way as well, which no hook sees."""
    state = model.encode(*(x.flip(1) if ids.shape[1] > LONG else x for x in (ids, mask)))
    return state + 0.1 * model.words.weight[ids].mean(1) if ids.shape[1] > LONG else state


def words_elsewhere(model, ids, mask):
    """Reads a long text in its order, but its words in another way as well."""
    state = model.encode(ids, mask)
    return state + 0.1 * model.words.weight[ids].mean(1) if ids.shape[1] > LONG else state


REFUSED = (after_the_unknown_word, without_a_hook)
FOUND = (
    head_and_tail,
    last_tokens,
    first_tokens,
    left_padded_to_a_block,
    two_halves,
    chunks_as_rows,
    overlapping_windows,
    pooled_chunks,
    reversed_if_long,
    every_second_token,
    token_by_token,
    after_the_separator,
)
