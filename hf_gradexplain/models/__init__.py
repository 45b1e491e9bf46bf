"""FastText, TextCNN and BiLSTM as models of the Auto classes, and their word-level tokenizer.

Names are imported on first use, from the modules listed in `__init__.pyi`. So a configuration can be imported without
its model: `AutoConfig` is imported, and with it our configurations, while `PreTrainedModel` does not exist yet.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
