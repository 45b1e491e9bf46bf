"""What the word-vector models of this package read of a batch."""

from dataclasses import dataclass
from typing import cast

from torch import Tensor

from hf_gradexplain.classifier import Classifier, Reading
from hf_gradexplain.models.bilstm.modeling_bilstm import BiLSTMForSequenceClassification
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.models.textcnn.modeling_textcnn import TextCNNForSequenceClassification

WordVectorModel = FastTextForSequenceClassification | TextCNNForSequenceClassification | BiLSTMForSequenceClassification


@dataclass(frozen=True, eq=False)
class Words:
    """The real tokens of `B` texts, moved to the left: what a model that leaves padding out reads.

    Attributes:
        vectors: `(B, T, D)` word vectors, zero past a text's length.
        baseline: `(D,)` what the vector of a masked word becomes.
        unit_of: `(B, T)` unit of each token; `U` ("nobody") for special tokens and past a text's length.
        length: `(B,)` number of real tokens.
    """

    vectors: Tensor
    baseline: Tensor
    unit_of: Tensor
    length: Tensor


def read_words(classifier: Classifier, reading: Reading) -> Words:
    """Look the words of a batch up, once for all masks."""
    model, batch = cast(WordVectorModel, classifier.model), reading.batch
    ids = batch.inputs["input_ids"]
    vectors = model.embedding(ids)
    real = model.real_tokens(ids, batch.inputs.get("attention_mask"), vectors)
    to_left = (~real).long().argsort(dim=1, stable=True)
    return Words(
        vectors=vectors.masked_fill(~real.unsqueeze(2), 0).take_along_dim(to_left.unsqueeze(2), 1),
        baseline=vectors.new_zeros(vectors.shape[2]) if classifier.baseline is None else classifier.baseline[0],
        unit_of=batch.units.unit_of.masked_fill(~real, batch.units.size).take_along_dim(to_left, 1),
        length=real.sum(1),
    )
