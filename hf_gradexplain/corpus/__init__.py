"""Load labelled texts from the hub, a folder or a file, with the columns `id`, `text`, `text_pair`, `label`."""

from hf_gradexplain.corpus.columns import CorpusError, DatasetUnavailableError, holds_conversations
from hf_gradexplain.corpus.load import load_column, load_texts
from hf_gradexplain.corpus.open_dataset import has_splits, split_name
from hf_gradexplain.corpus.stream import stream_texts

__all__ = [
    "CorpusError",
    "DatasetUnavailableError",
    "has_splits",
    "holds_conversations",
    "load_column",
    "load_texts",
    "split_name",
    "stream_texts",
]
