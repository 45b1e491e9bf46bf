"""FastText, TextCNN and BiLSTM as models of the Auto classes, and their word-level tokenizer.

Names are imported on first use, from the modules listed in `__init__.pyi`. The configurations are registered while
transformers itself is still being imported, before `PreTrainedModel` exists. Their modules must therefore not import
the models.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
