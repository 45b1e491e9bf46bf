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
    """Classifies a text by the states of an LSTM that reads it in both directions.

    The embeddings of the `n` real tokens are read in order, padding on either side removed. With the states
    `h_1 ... h_n` (forward) and `g_1 ... g_n` (backward) of the last layer, `logits = W pooled + b`, where `pooled`
    is `[h_n, g_1]` (`"last"`), or the component-wise maximum or mean of `[h_t, g_t]` over the real tokens.
    A text without real tokens is read as one zero vector.

    Source: Graves & Schmidhuber, "Framewise phoneme classification with bidirectional LSTM" (2005), for the LSTM.
    """

    config: BiLSTMConfig
    _input_embed_layer = "embedding"

    def __init__(self, config: BiLSTMConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.word_dropout = nn.Dropout1d(config.word_dropout)
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        self.lstm = nn.LSTM(
            config.hidden_size, config.lstm_size, config.num_hidden_layers, batch_first=True, bidirectional=True
        )
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(2 * config.lstm_size, config.num_labels)  # type: ignore[arg-type]
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if module is self.classifier:
            init.xavier_uniform_(module.weight)

    def real_tokens(self, input_ids: Tensor | None, attention_mask: Tensor | None, embeddings: Tensor) -> Tensor:
        """Tell words from padding: bool `(B, T)`, by the mask or, without one, by the padding id."""
        if attention_mask is not None:
            return attention_mask != 0
        if input_ids is None or self.config.pad_token_id is None:
            return torch.ones(embeddings.shape[:2], dtype=torch.bool, device=embeddings.device)
        return input_ids != self.config.pad_token_id

    def align_left(self, embeddings: Tensor, real: Tensor) -> Tensor:
        """Move the real tokens to the left, in order, and zero the rest: `(B, T, D)`."""
        order = (~real).long().argsort(dim=1, stable=True).unsqueeze(-1)
        return embeddings.masked_fill(~real.unsqueeze(-1), 0).take_along_dim(order, dim=1)

    def pool(self, embeddings: Tensor, real: Tensor) -> Tensor:
        """Run the LSTM over the real tokens and pool its states: `(B, 2H)`."""
        missing = max(1 - embeddings.shape[1], 0)
        aligned = F.pad(self.align_left(embeddings, real), (0, 0, 0, missing))
        lengths = real.sum(dim=1).clamp(min=1)
        packed = pack_padded_sequence(aligned, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, (final, _) = self.lstm(packed)
        if self.config.pooling == "last":
            return final[-2:].transpose(0, 1).flatten(start_dim=1)
        if self.config.pooling == "max":
            return pad_packed_sequence(states, batch_first=True, padding_value=-torch.inf)[0].amax(dim=1)
        return pad_packed_sequence(states, batch_first=True)[0].sum(dim=1) / lengths.unsqueeze(-1)

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
            attention_mask: 1 for real tokens, 0 for padding, `(B, T)`; without it, every token but the
                padding id is real.
            inputs_embeds: Embeddings `(B, T, D)` in place of `input_ids`.
            labels: Class ids `(B,)`, or floats `(B, C)` for regression and multi-label classification.

        Raises:
            ValueError: Unless exactly one of `input_ids` and `inputs_embeds` is given.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Expected either input_ids or inputs_embeds, got both or neither; pass one of them.")
        embeddings = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        real = self.real_tokens(input_ids, attention_mask, embeddings)
        pooled = self.pool(self.embedding_dropout(self.word_dropout(embeddings)), real)
        logits = self.classifier(self.dropout(pooled))
        loss = None if labels is None else self.loss_function(labels, logits, self.config)
        return SequenceClassifierOutput(loss=loss, logits=logits)


__all__ = ["BiLSTMForSequenceClassification"]
