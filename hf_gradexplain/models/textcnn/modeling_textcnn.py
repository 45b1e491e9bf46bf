"""The TextCNN classifier."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_textcnn import TextCNNConfig


class TextCNNForSequenceClassification(PreTrainedModel):
    """Classifies a text by the maximum response of each filter over its windows.

    The input is the embeddings `e_1 ... e_n` of the real tokens in order; padding on both sides is removed. A filter
    `f` of width `w` is applied to the windows inside the text, `s = 1 ... n - w + 1`:

        feature_f = max_s relu(b_f + sum_{j < w} W_fj . e_{s+j}),    logits = W feature + b

    A text with fewer than `w` tokens is padded on the right with zero vectors and has one window. A text without real
    tokens has one window of zeros. No other window reaches beyond the text.

    Source: Kim, "Convolutional Neural Networks for Sentence Classification" (EMNLP 2014), CNN-rand.
    """

    config: TextCNNConfig
    _input_embed_layer = "embedding"

    def __init__(self, config: TextCNNConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.word_dropout = nn.Dropout1d(config.word_dropout)
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(config.hidden_size, config.num_filters, width) for width in config.filter_widths
        )
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.num_filters * len(config.filter_widths), config.num_labels)  # type: ignore[arg-type]
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Conv1d | nn.Linear):
            init.xavier_uniform_(module.weight)

    def real_tokens(self, input_ids: Tensor | None, attention_mask: Tensor | None, embeddings: Tensor) -> Tensor:
        """Return which tokens are not padding, `(B, T)` bool, from the mask or, without a mask, from the padding id."""
        if attention_mask is not None:
            return attention_mask != 0
        if input_ids is None or self.config.pad_token_id is None:
            return torch.ones(embeddings.shape[:2], dtype=torch.bool, device=embeddings.device)
        return input_ids != self.config.pad_token_id

    def pool(self, embeddings: Tensor, real: Tensor) -> Tensor:
        """Return the maximum of each filter over the windows of the text: `(B, filters)`, all widths concatenated."""
        widths = self.config.filter_widths
        missing = max(0, max(widths) - embeddings.shape[1])
        aligned = F.pad(left_aligned(embeddings, real), (0, 0, 0, missing)).transpose(1, 2)
        lengths = real.sum(dim=1)
        responses = [convolution(aligned) for convolution in self.convolutions]
        return torch.cat([max_over_time(r, lengths - w + 1) for r, w in zip(responses, widths, strict=True)], dim=1)

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
    """Return the vectors of the real tokens followed by zeros: `(B, T, D)`."""
    vectors = torch.cat([embeddings.flatten(0, 1), embeddings.new_zeros(1, embeddings.shape[2])])
    zero = len(vectors) - 1
    row = torch.arange(zero, device=real.device).view(real.shape).masked_fill(~real, zero).sort(dim=1)[0]
    return vectors.index_select(0, row.flatten()).view_as(embeddings)


def max_over_time(responses: Tensor, windows: Tensor) -> Tensor:
    """Return `max_s relu(responses_s)` over the windows of each text: `(B, F, S)` to `(B, F)`.

    Args:
        responses: The responses of `F` filters at `S` windows.
        windows: `(B,)` the number of windows of each text; if it is below 1, the first window is used.
    """
    outside = torch.arange(responses.shape[2], device=responses.device) >= windows.clamp(min=1).unsqueeze(1)
    # ReLU is monotonic: applied after the maximum, it gives the same result with less work.
    return F.relu(responses.masked_fill(outside.unsqueeze(1), -torch.inf).amax(dim=2))


__all__ = ["TextCNNForSequenceClassification"]
