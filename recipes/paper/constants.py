"""Identifiers and display names of the models, datasets and methods."""

from typing import NamedTuple

DATASETS = {"ag_news": "AG's News", "imdb": "IMDB"}
HUB_DATASETS = {"ag_news": "fancyzhx/ag_news", "imdb": "stanfordnlp/imdb"}
HUB_TRAIN_ROWS = {"ag_news": 120_000, "imdb": 25_000}
MODELS = {"fasttext": "FastText", "textcnn": "TextCNN", "bilstm": "BiLSTM"}
"""The paper's three models."""

ENCODER = {"minilm": "MiniLM"}
POOLINGS = {"bilstm": "max", "bilstm_mean": "mean", "bilstm_last": "last"}
"""BiLSTMs that differ only in their pooling."""

METHODS = {
    "random": "random",
    "loo": "LOO",
    "sa_raw": "SA raw",
    "sa_l1": "SA L1",
    "sa_l2": "SA L2",
    "sa_linf": "SA L∞",
    "signed_gi": "SignedGI",
}
"""Display names of the paper's seven methods."""

NORMS = ("sa_l1", "sa_l2", "sa_linf")
SENSITIVITY = ("sa_raw", *NORMS)
LEADERS = ("loo", "signed_gi")
"""The methods with the highest AOPC in the paper."""


class Setting(NamedTuple):
    """A model, and the dataset on which it is trained and evaluated."""

    model: str
    dataset: str

    @property
    def name(self) -> str:
        """The name in paths, such as `bilstm-imdb`."""
        return f"{self.model}-{self.dataset}"

    @property
    def title(self) -> str:
        """The name for display, such as `BiLSTM, IMDB`."""
        model = (MODELS | ENCODER).get(self.model) or f"BiLSTM, pooling {POOLINGS[self.model]}"
        return f"{model}, {DATASETS[self.dataset]}"


SETTINGS = tuple(Setting(model, dataset) for dataset in DATASETS for model in MODELS)
"""The paper's six settings."""

BILSTM_IMDB = Setting("bilstm", "imdb")
