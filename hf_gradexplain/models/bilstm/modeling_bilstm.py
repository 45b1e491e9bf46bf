"""The BiLSTM classifier."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_bilstm import BiLSTMConfig


class BiLSTMForSequenceClassification(PreTrainedModel):
    """Classifies a text by the states of an LSTM in both directions.

    The input is the embeddings of the `n` real tokens in order; padding on both sides is removed. With the states
    `h_1 ... h_n` (forward) and `g_1 ... g_n` (backward) of the last layer, `logits = W pooled + b`, where `pooled`
    is `[h_n, g_1]` (`"last"`), or the component-wise maximum (`"max"`) or mean (`"mean"`) of `[h_t, g_t]` over the real
    tokens.
    A text without real tokens has one zero vector as its input.

    Source: Graves & Schmidhuber, "Framewise phoneme classification with bidirectional LSTM" (2005), for the LSTM.
    """

    config: BiLSTMConfig
    _input_embed_layer = "embedding"

    def __init__(self, config: BiLSTMConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.word_dropout = nn.Dropout1d(config.word_dropout)
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        self.lstm = nn.LSTM(config.hidden_size, config.lstm_size, config.num_hidden_layers, bidirectional=True)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(2 * config.lstm_size, config.num_labels)  # type: ignore[arg-type]
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if module is self.classifier:
            init.xavier_uniform_(module.weight)

    def real_tokens(self, input_ids: Tensor | None, attention_mask: Tensor | None, embeddings: Tensor) -> Tensor:
        """Return which tokens are not padding, `(B, T)` bool, from the mask or, without a mask, from the padding id."""
        if attention_mask is not None:
            return attention_mask != 0
        if input_ids is None or self.config.pad_token_id is None:
            return torch.ones(embeddings.shape[:2], dtype=torch.bool, device=embeddings.device)
        return input_ids != self.config.pad_token_id

    def pool(self, embeddings: Tensor, real: Tensor) -> Tensor:
        """Run the LSTM over the real tokens and pool its states: `(B, 2H)`."""
        lengths = real.sum(dim=1).clamp(min=1)
        both = self.lstm_states(left_aligned(embeddings, real), lengths)
        if self.config.pooling == "last":
            return torch.cat([states[lengths - 1, torch.arange(len(real), device=real.device)] for states in both], 1)
        positions = torch.arange(len(both[0]), device=real.device).unsqueeze(1)
        outside = (positions >= lengths).unsqueeze(2)
        if self.config.pooling == "max":
            return torch.cat([states.masked_fill(outside, -torch.inf).amax(dim=0) for states in both], 1)
        return torch.cat([states.masked_fill(outside, 0).sum(dim=0) for states in both], 1) / lengths.unsqueeze(1)

    def lstm_states(self, words: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Run the LSTM over the first `lengths` of the words `(T, B, D)`.

        With cuDNN, packed sequences are used. Without cuDNN, their gradient would take time quadratic in `T`. The two
        directions then run separately, one from the first word and one from the last word, each with the padding at the
        end.

        Returns:
            The states `(T, B, H)` of the last layer after each step, in the forward direction, and in the backward
            direction from the last word on. States past the length of a text have no meaning.
        """
        if torch.backends.cudnn.is_acceptable(words):
            packed = pack_padded_sequence(words, lengths.cpu(), enforce_sorted=False)
            h, g = pad_packed_sequence(self.lstm(packed)[0], total_length=len(words))[0].chunk(2, dim=2)
            return h, reverse(g, lengths)
        weights = self.lstm.all_weights
        h, g = run_direction(words, weights[0])[0], run_direction(reverse(words, lengths), weights[1])[0]
        for forward, backward in zip(weights[2::2], weights[3::2], strict=True):
            states = torch.cat([h, reverse(g, lengths)], dim=2)
            h, g = run_direction(states, forward)[0], run_direction(reverse(states, lengths), backward)[0]
        return h, g

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Compute the logits `(B, C)` and, given labels, the loss of `config.problem_type`.

        Args:
            input_ids: Token ids `(B, T)`; `T` may be 0.
            attention_mask: `(B, T)`, 1 for real tokens and 0 for padding. Without it, all tokens but those with the
                padding id are real.
            inputs_embeds: Embeddings `(B, T, D)` in place of `input_ids`.
            labels: Class ids `(B,)`, or floats `(B, C)` for regression and multi-label classification.

        Raises:
            ValueError: Both or neither of `input_ids` and `inputs_embeds` are given.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Expected either input_ids or inputs_embeds, got both or neither; pass one of them.")
        embeddings = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        real = self.real_tokens(input_ids, attention_mask, embeddings)
        pooled = self.pool(self.embedding_dropout(self.word_dropout(embeddings)), real)
        logits = self.classifier(self.dropout(pooled))
        loss = None if labels is None else self.loss_function(labels, logits, self.config)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def left_aligned(embeddings: Tensor, real: Tensor) -> Tensor:
    """Return the vectors of the real tokens followed by zeros, time first: `(B, T, D)` to `(max(T, 1), B, D)`."""
    vectors = torch.cat([embeddings.flatten(0, 1), embeddings.new_zeros(1, embeddings.shape[2])])
    zero = len(vectors) - 1
    row = torch.arange(zero, device=real.device).view(real.shape).masked_fill(~real, zero)
    row = F.pad(row.sort(dim=1)[0], (0, max(0, 1 - row.shape[1])), value=zero).T
    return vectors.index_select(0, row.flatten()).unflatten(0, row.shape)


def reverse(words: Tensor, lengths: Tensor) -> Tensor:
    """Return each text from its last word to its first, `(T, B, D)`; values past its length have no meaning."""
    steps, texts = words.shape[:2]
    position = (lengths - 1 - torch.arange(steps, device=lengths.device).unsqueeze(1)).clamp(min=0)
    row = position * texts + torch.arange(texts, device=lengths.device)
    return words.flatten(0, 1).index_select(0, row.flatten()).unflatten(0, row.shape)


def run_direction(
    inputs: Tensor, weights: list[nn.Parameter] | list[Tensor], start: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Run one direction of one LSTM layer from the first word to the last.

    Args:
        inputs: The words `(T, B, D)`.
        weights: The input weight, the recurrent weight, and both biases.
        start: `h` and `c` before the first word, each `(1, B, H)`; zero by default.

    Returns:
        The states `h` `(T, B, H)` after each word, and `h` and `c` after the last word.
    """
    zero = inputs.new_zeros(1, inputs.shape[1], weights[1].shape[1])
    return torch.lstm(
        inputs,
        start or (zero, zero),
        tuple(weights),
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=False,
        bidirectional=False,
        batch_first=False,
    )


__all__ = ["BiLSTMForSequenceClassification"]
