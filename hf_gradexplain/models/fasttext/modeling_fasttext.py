"""The FastText classifier."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_fasttext import FastTextConfig


class FastTextForSequenceClassification(PreTrainedModel):
    """Classifies a text by the mean of its word embeddings.

    With the embeddings `e_t` of the `n` real tokens: `logits = W (1/n sum_t e_t) + b`.
    A text without real tokens has the mean zero and the logits `b`. Padding on either side has no effect.

    Source: Joulin et al., "Bag of Tricks for Efficient Text Classification" (EACL 2017), words only.
    """

    config: FastTextConfig
    _input_embed_layer = "embedding"

    def __init__(self, config: FastTextConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.word_dropout = nn.Dropout1d(config.word_dropout)
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)  # type: ignore[arg-type]
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
        """Return the mean of the embeddings `(B, T, D)` of the real tokens `(B, T)`: `(B, D)`."""
        total = embeddings.masked_fill(~real.unsqueeze(-1), 0).sum(dim=1)
        return total / real.sum(dim=1, keepdim=True).clamp(min=1)

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


__all__ = ["FastTextForSequenceClassification"]
