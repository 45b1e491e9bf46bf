"""Register the models with `AutoModelForSequenceClassification`."""

from transformers import AutoModelForSequenceClassification, PreTrainedConfig, PreTrainedModel

from hf_gradexplain.models.bilstm.configuration_bilstm import BiLSTMConfig
from hf_gradexplain.models.bilstm.modeling_bilstm import BiLSTMForSequenceClassification
from hf_gradexplain.models.fasttext.configuration_fasttext import FastTextConfig
from hf_gradexplain.models.fasttext.modeling_fasttext import FastTextForSequenceClassification
from hf_gradexplain.models.textcnn.configuration_textcnn import TextCNNConfig
from hf_gradexplain.models.textcnn.modeling_textcnn import TextCNNForSequenceClassification

MODELS: dict[type[PreTrainedConfig], type[PreTrainedModel]] = {
    FastTextConfig: FastTextForSequenceClassification,
    TextCNNConfig: TextCNNForSequenceClassification,
    BiLSTMConfig: BiLSTMForSequenceClassification,
}

for config_class, model_class in MODELS.items():
    AutoModelForSequenceClassification.register(config_class, model_class)
