"""The models of the leaderboard and the datasets on which they are evaluated."""

from typing import NamedTuple

from recipes.paper.constants import DATASETS

SMALL = {"llama": "Llama-like", "modernbert": "ModernBERT-like", "gpt2": "GPT-2-like", "bart": "BART-like"}
"""Small transformers, trained from scratch."""

MODELS = {"fasttext": "FastText", "textcnn": "TextCNN", "bilstm": "BiLSTM", "minilm": "MiniLM", **SMALL}

BASELINES = {
    "minilm": ("mean", "mask"),
    "fasttext": ("mean", "unk"),
    "textcnn": ("mean", "unk"),
    "bilstm": ("mean", "unk"),
}
"""Masking baselines besides zero. A small transformer has only `mean`: it has never seen a mask token or an unknown
word, and its pad vector is zero."""


class Entry(NamedTuple):
    """A model, and the dataset on which it is trained and evaluated."""

    model: str
    dataset: str

    @property
    def name(self) -> str:
        """The name in paths, such as `minilm-imdb`."""
        return f"{self.model}-{self.dataset}"

    @property
    def title(self) -> str:
        """The name for display, such as `MiniLM, IMDB`."""
        return f"{MODELS[self.model]}, {DATASETS[self.dataset]}"

    @property
    def baselines(self) -> tuple[str, ...]:
        """The masking baselines besides zero."""
        return BASELINES.get(self.model, ("mean",))


ENTRIES = tuple(
    Entry(model, dataset) for dataset in DATASETS for model in MODELS if dataset == "ag_news" or model not in SMALL
)
"""All entries: the small transformers are trained on AG's News only."""
