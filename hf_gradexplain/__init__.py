"""Which words drove a text classifier's prediction, and can you trust that answer?

Importing the package registers FastText, TextCNN and BiLSTM with the Auto classes of transformers, and the pipeline
`text-attribution`.

The import is cheap: it loads neither PyTorch nor transformers. Names are imported on first use, from the modules listed
in `__init__.pyi`. Models and the pipeline are registered by post-import hooks on modules of transformers.
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
