"""Arguments of the reproduction."""

from dataclasses import dataclass
from typing import Literal

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options.fields import option


@dataclass(frozen=True, kw_only=True)
class ReproduceArguments:
    """Train the models of the paper, evaluate their explanations, and write the page.

    Raises:
        GradexplainError: The seeds are empty, repeated or negative, or a number is below 1.
    """

    data: str | None = option(None, "Folder with the datasets ag_news/ and imdb/; by default they come from the hub.")
    output_dir: str = option(
        "outputs/reproduction/run", "Folder for models, evaluations and the ledger of finished steps."
    )
    page: str | None = option(None, "Folder for reproduction.md and its figures; by default output_dir.")
    cards: str | None = option(None, "Folder for copies of the model cards; by default there are no copies.")
    seeds: tuple[int, ...] = option((0,), "Every model is trained once per seed.")
    train_rows: int | None = option(None, "Train on a random sample of this many texts; by default all.")
    eval_rows: int | None = option(None, "Compute accuracies on a random sample of this many texts; by default all.")
    texts: int | None = option(None, "Evaluate explanations of this many test texts; by default all.")
    bilstm_imdb_texts: int | None = option(
        None, "Evaluate BiLSTM on IMDB, the slowest setting, on this many test texts; by default all."
    )
    sample: int | None = option(
        None, "Number of texts for the ablations and for the methods that are not in the paper; by default all."
    )
    imdb_sample: int | None = option(None, "The same number for IMDB; by default the value of sample.")
    encoder: bool = option(True, "Also fine-tune and evaluate a pretrained transformer.")
    encoder_rows: int | None = option(
        None, "Fine-tune and test the transformer on this many texts; by default as in its configuration."
    )
    encoder_texts: int = option(
        500, "Evaluate the transformer on this many texts of AG's News, at every number of removed words."
    )
    encoder_imdb_texts: int = option(
        100, "Evaluate the transformer on this many texts of IMDB, at the numbers of removed words in encoder_k_grid."
    )
    encoder_precision: Literal["no", "bf16"] = option(
        "no",
        "Precision of the transformer's evaluation; bf16 computes matrix products in bfloat16: faster, less exact.",
    )
    encoder_float32_texts: int = option(
        50, "With bf16, also evaluate the transformer in float32, on this many texts of AG's News."
    )
    encoder_k_grid: tuple[int, ...] = option(
        (1, 2, 5, 10, 20, 50, 100), "Numbers of removed words at which the transformer is evaluated on IMDB."
    )
    decay_texts: int = option(200, "Measure the decay of gradients on this many reviews.")
    processes: int = option(1, "Processes on this machine that share the steps.")
    only: tuple[str, ...] = option(
        (), "Run only steps whose names contain one of these words, and the steps that they need; write no page."
    )

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise GradexplainError(
                f"seeds must be different whole numbers of 0 or more, but got {list(self.seeds)}; give each seed once"
            )
        for name in ("train_rows", "eval_rows", "texts", "bilstm_imdb_texts", "sample", "imdb_sample", "encoder_rows"):
            self._at_least_one(name)
        for name in ("encoder_texts", "encoder_imdb_texts", "encoder_float32_texts", "decay_texts", "processes"):
            self._at_least_one(name)

    def _at_least_one(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and value < 1:
            raise GradexplainError(f"{name} must be 1 or more, but got {value}; give a larger number")
