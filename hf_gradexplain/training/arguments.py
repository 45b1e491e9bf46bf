"""The arguments of a training: the data, the model and the optimisation."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from math import inf
from typing import Literal

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import BaselineName
from hf_gradexplain.options.arguments import DatasetArguments, ModelArguments
from hf_gradexplain.options.fields import check_fields, option, with_default

TaskName = Literal["classifier", "reward", "reranker"]

PAIR_COLUMNS: dict[TaskName, str] = {"reward": "chosen,rejected", "reranker": "query,document"}
"""The default of `text_column` for the tasks on pairs of texts."""

_N_TEXTS: tuple[str, Callable[[float], bool]] = ("a number of texts, 1 or larger", lambda x: x >= 1)
_RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "seed": ("a whole number from 0 to 4294967295", lambda x: 0 <= x < 2**32),
    "learning_rate": ("a finite number larger than 0", lambda x: 0 < x < inf),
    "num_train_epochs": ("a finite number of passes, larger than 0", lambda x: 0 < x < inf),
    "per_device_train_batch_size": _N_TEXTS,
    "per_device_eval_batch_size": _N_TEXTS,
    "weight_decay": ("a finite number, 0 or larger", lambda x: 0 <= x < inf),
    "label_smoothing_factor": ("a share, 0 or larger and below 1", lambda x: 0 <= x < 1),
    "max_length": ("a number of tokens, 1 or larger", lambda x: x >= 1),
    "min_count": ("a number of occurrences, 1 or larger", lambda x: x >= 1),
    "max_train_samples": _N_TEXTS,
    "max_eval_samples": _N_TEXTS,
}
"""What a value must be, in words and as a function."""

_ONLY_WITH = {
    "model_type": ("config_overrides", "word_vectors", "vocab_size", "min_count", "lowercase"),
    "model_name_or_path": ("model_revision", "trust_remote_code", "allow_pickle"),
}
"""Options that have no effect on the other kind of model."""


@dataclass(frozen=True, kw_only=True)
class FitArguments:
    """Optimisation. How the weights are fitted.

    Raises:
        GradexplainError: A value is not of the right kind, or is out of range.
    """

    seed: int = option(0, "Seed of the initial weights, of dropout, of the order of the texts and of samples.")
    learning_rate: float | None = option(
        None, "Initial learning rate of AdamW, which falls linearly to 0; by default 2e-5 to fine-tune, else 1e-3."
    )
    num_train_epochs: float = option(3.0, "Number of passes over the training texts.")
    per_device_train_batch_size: int = option(32, "Number of texts per training step.")
    per_device_eval_batch_size: int = option(64, "Number of texts per evaluation step.")
    weight_decay: float = option(0.0, "Weight decay of AdamW, on all weights except biases and norms.")
    label_smoothing_factor: float = option(0.0, "Share of the target probability that is spread over all classes.")
    max_length: int | None = option(
        None,
        "Number of tokens after which a text is cut; by default the model's own limit. It is saved with the tokenizer, "
        "so that explained texts are cut at the same place.",
    )
    masked_fine_tuning: bool = option(
        False,
        "In half of the texts of each batch, mask words: in each text a random share, from 0 to 100 %. The words are "
        "masked as in an evaluation, so that the model learns to read the masked texts on which explanations are "
        "measured.",
    )
    masking_baseline: BaselineName | None = option(
        None,
        "With masked_fine_tuning: what replaces the word vectors of masked words. This is zero, the vector of the pad, "
        "mask or unk token, or the mean of the vocabulary. Evaluate with the same baseline. By default zero.",
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", 1e-3)
        for part in fields(self):
            expected, allowed = _RANGES.get(part.name, ("", bool))
            value = getattr(self, part.name)
            if expected and value is not None and not allowed(value):
                raise GradexplainError(f"{part.name} must be {expected}, but is {value}")


@dataclass(frozen=True, kw_only=True)
class TrainArguments(FitArguments, DatasetArguments, ModelArguments):
    """Training. The model, its vocabulary and its data.

    Raises:
        GradexplainError: A value is out of range, or the arguments contradict each other.
    """

    dataset_name: str = with_default(DatasetArguments, "dataset_name", MISSING)
    output_dir: str = option(MISSING, "Folder for the model, its tokenizer and its card.", metavar="FOLDER")
    task: TaskName = option(
        "classifier",
        "What to train: classifier, which is a regression if the labels are decimal numbers; reward, a reward model "
        "on the columns chosen,rejected; or reranker, on the columns query,document with the labels 1 (relevant) and "
        "0.",
    )
    model_type: Literal["fasttext", "textcnn", "bilstm"] | None = option(None, "Train this model from scratch.")
    model_name_or_path: str | None = option(None, "Fine-tune this model: a hub name or a folder.", metavar="NAME")
    config_overrides: str | None = option(
        None, "With model_type: configuration values, as in hidden_size=100,word_dropout=0.3."
    )
    vocab_size: int = option(30_000, "With model_type: largest size of the vocabulary.")
    min_count: int = option(2, "With model_type: words that occur fewer times are treated as unknown.")
    lowercase: bool = option(True, "With model_type: convert the words to lower case.")
    word_vectors: str | None = option(
        None, "With model_type: text file of initial word vectors, a word and its vector per line.", metavar="FILE"
    )
    train_split: str = option("train", "Split to train on, or a slice of it as in train[:90%].", metavar="NAME")
    eval_split: str = option("test", "Split on which the model is evaluated once, after the training.", metavar="NAME")
    max_train_samples: int | None = option(None, "Train on a random sample of this many texts.")
    max_eval_samples: int | None = option(None, "Evaluate on a random sample of this many texts.")

    def __post_init__(self) -> None:
        if self.learning_rate is None and self.model_name_or_path:
            object.__setattr__(self, "learning_rate", 2e-5)
        super().__post_init__()
        self._choose_columns()
        if (self.model_type is None) == (self.model_name_or_path is None):
            raise GradexplainError("give either model_type, to train from scratch, or model_name_or_path, to fine-tune")
        kind, other = ("model_type", "new models") if self.model_name_or_path else ("model_name_or_path", "fine-tuning")
        for name in _ONLY_WITH[kind]:
            if getattr(self, name) != type(self).__dataclass_fields__[name].default:
                raise GradexplainError(f"{name} needs {kind}: it is for {other}")
        if self.masking_baseline and not self.masked_fine_tuning:
            raise GradexplainError("masking_baseline says how masked_fine_tuning masks words: add masked_fine_tuning")

    def _choose_columns(self) -> None:
        """Set `text_column` of a task on pairs to its default, or check it."""
        columns = PAIR_COLUMNS.get(self.task)
        if columns and self.text_column == DatasetArguments.text_column:
            object.__setattr__(self, "text_column", columns)
        elif columns and "," not in self.text_column:
            raise GradexplainError(
                f"task {self.task!r} needs two columns of texts, as in text_column={columns!r}, but text_column is "
                f"{self.text_column!r}"
            )
