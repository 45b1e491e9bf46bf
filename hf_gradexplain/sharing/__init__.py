"""Write explanations as datasets, with or without the explained texts, and load them by name."""

from hf_gradexplain.sharing.load import load_explanations
from hf_gradexplain.sharing.source import TextSource
from hf_gradexplain.sharing.write import write_shards

__all__ = ["TextSource", "load_explanations", "write_shards"]
