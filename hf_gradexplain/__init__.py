"""Explain the predictions of text classifiers, and measure how far the explanations can be trusted.

Importing the package registers the models FastText, TextCNN and BiLSTM with the Auto classes of transformers, and adds
the pipeline `text-attribution`.

The import is fast, because it loads neither PyTorch nor transformers. Names are imported on first use, from the modules
listed in `__init__.pyi`. The models and the pipeline are registered as soon as the modules of transformers that they
extend are imported.
"""

from importlib import import_module
from importlib.metadata import version

from lazy_loader import attach_stub
from wrapt import register_post_import_hook

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
__version__ = version(__name__)


def _import_after(theirs: str, ours: str) -> None:
    """Import the module `ours` as soon as the module `theirs` is imported; now if it already is."""
    register_post_import_hook(lambda _: import_module(ours), theirs)


_import_after("transformers.models.auto.configuration_auto", "hf_gradexplain.models.register_configs")
_import_after("transformers.models.auto.modeling_auto", "hf_gradexplain.models.register_models")
_import_after("transformers.pipelines", "hf_gradexplain.pipelines")
