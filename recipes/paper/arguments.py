"""How much of the reproduction is done, from which data, and where it goes."""

from dataclasses import dataclass, field
from typing import Literal

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.training.arguments import option


@dataclass(kw_only=True)
class ReproduceArguments:
    """The scale of a reproduction; every field explains itself in its `help`.

    Raises:
        GradexplainError: There is no seed or a repeated one, or a number is below 1.
    """

    data: str | None = option(None, "Folder that holds the data sets, ag_news/ and imdb/; by default those of the hub.")
    output_dir: str = option("outputs/reproduction/run", "Folder for models, evaluations and what is still to be done.")
    page: str | None = option(None, "Folder that reproduction.md and its figures go to; by default output_dir.")
    cards: str | None = option(None, "Folder that the models' cards are copied to; by default they stay by the models.")
    seeds: list[int] = field(default_factory=lambda: [0], metadata={"help": "A training of every model for each."})
    train_rows: int | None = option(None, "Train on a random sample of so many texts; all by default.")
    eval_rows: int | None = option(None, "Take accuracies on a sample of so many texts; all by default.")
    texts: int | None = option(None, "Evaluate explanations of so many test texts; all by default.")
    bilstm_imdb_texts: int | None = option(None, "Of so many with BiLSTM on IMDB, where each takes longest.")
    sample: int | None = option(None, "So many texts for other settings and for the methods that came later.")
    imdb_sample: int | None = option(None, "So many of IMDB; sample by default.")
    encoder: bool = option(True, "Also fine-tune and evaluate a pretrained transformer.")
    encoder_rows: int | None = option(
        None, "Fine-tune and test it on so many texts; by default as its configuration says."
    )
    encoder_texts: int = option(500, "Evaluate it on so many texts of AG's News, at every k.")
    encoder_imdb_texts: int = option(100, "Evaluate it on so many texts of IMDB, at the k of encoder_k_grid.")
    encoder_precision: Literal["no", "bf16"] = option(
        "no", "bf16 evaluates it with matrix products in bfloat16: faster, less exact."
    )
    encoder_float32_texts: int = option(50, "With bf16, evaluate it in float32, too, on so many texts of AG's News.")
    encoder_k_grid: list[int] = field(
        default_factory=lambda: [1, 2, 5, 10, 20, 50, 100], metadata={"help": "Numbers of removed words on IMDB."}
    )
    decay_texts: int = option(200, "Follow the gradient of BiLSTM through so many reviews.")
    processes: int = option(1, "Processes on this machine that share the work.")
    only: list[str] = field(
        default_factory=list, metadata={"help": "Do only the steps whose names hold one of these; no page is written."}
    )

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise GradexplainError(f"seeds are different whole numbers, 0 or more, not {self.seeds}")
        for name in ("train_rows", "eval_rows", "texts", "bilstm_imdb_texts", "sample", "imdb_sample", "encoder_rows"):
            self._at_least_one(name)
        for name in ("encoder_texts", "encoder_imdb_texts", "encoder_float32_texts", "decay_texts", "processes"):
            self._at_least_one(name)

    def _at_least_one(self, name: str) -> None:
        value = getattr(self, name)
        if value is not None and value < 1:
            raise GradexplainError(f"{name} is a number of 1 or more, not {value}")
