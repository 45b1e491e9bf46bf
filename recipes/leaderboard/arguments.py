"""Arguments of the leaderboard."""

from dataclasses import dataclass
from typing import Literal

from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.options.fields import option
from recipes.leaderboard.entries import ENTRIES

_COUNTS = (
    "processes", "texts", "imdb_texts", "baseline_texts", "ends_texts", "masking_texts", "time_texts", "time_rounds",
    "train_rows", "eval_rows", "vocabulary",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class LeaderboardArguments:
    """Train the models of the leaderboard, evaluate all methods on them, and write the page.

    Raises:
        GradexplainError: An entry is unknown, the seeds are empty, repeated or negative, or a number is below 1.
    """

    data: str | None = option(None, "Folder with the datasets ag_news/ and imdb/; by default they come from the hub.")
    output_dir: str = option("outputs/leaderboard/run", "Folder for models, evaluations and the finished steps.")
    page: str | None = option(None, "Folder for leaderboard.md and its figures; by default output_dir.")
    entries: tuple[str, ...] = option(
        tuple(entry.name for entry in ENTRIES), "Models with their datasets, the most important first.", metavar="NAME"
    )
    methods: tuple[str, ...] = option(
        (),
        "Methods to evaluate; by default all candidates and all methods that do not take hundreds of passes.",
        metavar="NAME",
    )
    seeds: tuple[int, ...] = option((0,), "Every model is trained once per seed.")
    train_rows: int | None = option(None, "Train on a random sample of this many texts; by default as configured.")
    eval_rows: int | None = option(None, "Compute accuracies on a random sample of this many texts; by default all.")
    vocabulary: int = option(8000, "Number of tokens of the small transformers.")
    texts: int = option(300, "Evaluate explanations of this many texts of AG's News.")
    imdb_texts: int = option(300, "Evaluate explanations of this many texts of IMDB.")
    imdb_precision: Literal["no", "bf16"] = option(
        "bf16", "Precision of the pretrained transformer on IMDB; bf16 computes matrix products in bfloat16."
    )
    baseline_texts: int | None = option(
        None,
        "Evaluate the first training of each model with other masking baselines, on this many texts; by default not "
        "at all.",
    )
    ends_texts: int | None = option(
        None,
        "Measure sufficiency and NAOPC of the first training of each model, on this many texts; by default not at all.",
    )
    masking_texts: int | None = option(
        None,
        "Evaluate the methods that run many masked copies, on the first training of each model and this many texts; "
        "by default not at all.",
    )
    time_texts: int = option(8, "Measure the time on this many texts.")
    time_rounds: int = option(5, "Measure the time this many times.")
    processes: int = option(1, "Processes on this machine that share the steps.")
    only: tuple[str, ...] = option(
        (), "Run only steps whose names contain one of these words, and the steps that they need; write no page."
    )
    page_only: bool = option(False, "Run no step: write the page from the finished steps.")

    def __post_init__(self) -> None:
        for name in self.entries:
            choose("entry", name, [entry.name for entry in ENTRIES])
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise GradexplainError(
                f"seeds must be different whole numbers of 0 or more, but got {list(self.seeds)}; give each seed once"
            )
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise GradexplainError(f"{name} must be 1 or more, but got {value}; give a larger number")
