"""What the models, data sets and methods of the reproduction are called, by programs and by readers."""

from typing import NamedTuple

DATASETS = {"ag_news": "AG's News", "imdb": "IMDB"}
HUB_DATASETS = {"ag_news": "fancyzhx/ag_news", "imdb": "stanfordnlp/imdb"}
MODELS = {"fasttext": "FastText", "textcnn": "TextCNN", "bilstm": "BiLSTM"}
"""The paper's three."""

ENCODER = {"minilm": "MiniLM"}
POOLINGS = {"bilstm": "max", "bilstm_mean": "mean", "bilstm_last": "last"}
"""BiLSTMs that differ in their pooling alone."""

METHODS = {
    "random": "random",
    "loo": "LOO",
    "sa_raw": "SA raw",
    "sa_l1": "SA L1",
    "sa_l2": "SA L2",
    "sa_linf": "SA L∞",
    "signed_gi": "SignedGI",
}
"""The paper's seven, as a reader has them."""

NORMS = ("sa_l1", "sa_l2", "sa_linf")
SENSITIVITY = ("sa_raw", *NORMS)


class Setting(NamedTuple):
    """A model on a data set."""

    model: str
    data: str

    @property
    def name(self) -> str:
        """As folders and cards have it."""
        return f"{self.model}-{self.dataset}"

    @property
    def title(self) -> str:
        """As a reader has it."""
        model = (MODELS | ENCODER).get(self.model) or f"BiLSTM, pooling {POOLINGS[self.model]}"
        return f"{model}, {DATASETS[self.dataset]}"


SETTINGS = tuple(Setting(model, data) for data in DATASETS for model in MODELS)
"""The paper's six."""
