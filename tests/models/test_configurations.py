"""The defaults of the models' configurations: a saved model without a value gets these."""

import pytest

from hf_gradexplain.models import BiLSTMConfig, FastTextConfig, TextCNNConfig

WORDS = {"vocab_size": 30_000, "pad_token_id": 0, "initializer_range": 0.1, "word_dropout": 0, "embedding_dropout": 0}
FASTTEXT = {"hidden_size": 100, "classifier_dropout": 0}
TEXTCNN = {"hidden_size": 300, "filter_widths": [3, 4, 5], "num_filters": 100, "classifier_dropout": 0.5}
BILSTM = {"hidden_size": 100, "lstm_size": 128, "num_hidden_layers": 1, "classifier_dropout": 0.5}


@pytest.mark.parametrize(
    ("config", "own"), [(FastTextConfig, FASTTEXT), (TextCNNConfig, TEXTCNN), (BiLSTMConfig, BILSTM)]
)
def test_the_defaults(config, own):
    expected = WORDS | own
    assert {name: getattr(config(), name) for name in expected} == expected
