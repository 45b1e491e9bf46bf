"""Register the configurations with `AutoConfig`, without importing the models, see `hf_gradexplain.models`."""

from transformers import AutoConfig

from hf_gradexplain.models.bilstm.configuration_bilstm import BiLSTMConfig
from hf_gradexplain.models.fasttext.configuration_fasttext import FastTextConfig
from hf_gradexplain.models.textcnn.configuration_textcnn import TextCNNConfig

for config_class in (FastTextConfig, TextCNNConfig, BiLSTMConfig):
    AutoConfig.register(config_class.model_type, config_class)
