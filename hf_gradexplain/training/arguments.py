"""What is trained, on what, and how."""

from dataclasses import dataclass, field
from typing import Any, Literal

from hf_gradexplain.errors import GradexplainError


def option(default: Any, text: str) -> Any:
    """A field with a default and a line under `--help`."""
    return field(default=default, metadata={"help": text})


@dataclass(kw_only=True)
class FitArguments:
    """How the weights are fitted; every field explains itself in its `help`."""

    seed: int = option(0, "Seed of the initial weights, of dropout, of the order of the texts and of samples.")
    learning_rate: float | None = option(
        None, "Initial learning rate of AdamW, which falls linearly to 0; 2e-5 to fine-tune, else 1e-3."
    )
    num_train_epochs: float = option(3.0, "How often every text is seen.")
    per_device_train_batch_size: int = option(32, "Texts per training step.")
    per_device_eval_batch_size: int = option(64, "Texts per evaluation step.")
    weight_decay: float = option(0.0, "Weight decay of AdamW, on all weights but biases and norms.")
    label_smoothing_factor: float = option(0.0, "Share of the target that is spread over all classes.")
    max_length: int | None = option(None, "Tokens after which a text is cut; by default the model's own limit.")


@dataclass(kw_only=True)
class TrainArguments(FitArguments):
    """What is trained on what; every field explains itself in its `help`.

    Raises:
        GradexplainError: If the arguments contradict each other.
    """

    dataset_name: str = field(metadata={"help": "Name on the hub, folder, or .csv, .json, .jsonl or .parquet file."})
    output_dir: str = field(metadata={"help": "Folder that model, tokenizer and card are written to."})
    model_type: Literal["fasttext", "textcnn", "bilstm"] | None = option(None, "Train this model from scratch.")
    model_name_or_path: str | None = option(None, "Fine-tune this model: a name on the hub, or a folder.")
    model_revision: str | None = option(None, "Branch, tag or commit of the model.")
    trust_remote_code: bool = option(False, "Run code that the model's repository ships.")
    allow_pickle: bool = option(False, "Read weights that are pickled (.bin).")
    config_overrides: str | None = option(
        None, "With model_type: configuration values, as in hidden_size=100,word_dropout=0.3"
    )
    vocab_size: int = option(30_000, "With model_type: upper limit of the vocabulary.")
    min_count: int = option(2, "With model_type: words seen less often are unknown.")
    lowercase: bool = option(True, "With model_type: whether the words are lower-cased.")
    word_vectors: str | None = option(None, "With model_type: text file of word and numbers to start from.")
    dataset_config_name: str | None = option(None, "Configuration of the data set.")
    dataset_revision: str | None = option(None, "Branch, tag or commit of the data set.")
    train_split: str = option("train", "Split to train on, or a slice of it as in train[:90%%].")
    eval_split: str = option("test", "Split to evaluate on, once, after the training.")
    text_column: str = option("text", "Column of the texts, or two joined by a comma for text pairs.")
    label_column: str = option("label", "Column of the labels.")
    max_train_samples: int | None = option(None, "Train on a random sample of so many texts.")
    max_eval_samples: int | None = option(None, "Evaluate on a random sample of so many texts.")

    def __post_init__(self) -> None:
        if (self.model_type is None) == (self.model_name_or_path is None):
            raise GradexplainError("give either model_type, to train from scratch, or model_name_or_path, to fine-tune")
        if self.model_type is None and (self.config_overrides or self.word_vectors):
            raise GradexplainError("config_overrides and word_vectors need model_type: they are for new models")
        if self.learning_rate is None and self.model_name_or_path:
            self.learning_rate = 2e-5
