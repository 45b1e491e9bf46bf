"""Arguments of the recipes, put together from the groups in `hf_gradexplain.options`.

The fields of the last base class are listed first, in `--help` and in `run.yaml`.
"""

from collections.abc import Collection
from dataclasses import MISSING, asdict, dataclass
from typing import Any, ClassVar, Literal

import yaml

from hf_gradexplain.attribution.descriptions import PAPER_METHODS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options import AUTO, Options, UnitName
from hf_gradexplain.options.arguments import (
    AuditArguments,
    HubArguments,
    LoadArguments,
    MeasureArguments,
    ModelArguments,
    SplitArguments,
)
from hf_gradexplain.options.classes import ClassNames, check_one_question
from hf_gradexplain.options.fields import option, with_default
from hf_gradexplain.training.arguments import TrainArguments

NOT_REPLAYED = ("push_to_hub", "hub_dataset_id", "hub_private_repo", "publish_text", "dry_run")
"""Arguments that do not influence the result, and which `run.yaml` therefore leaves out."""

_ZERO_SHOT = (
    "is a flag of `hf-gradexplain explain`: an evaluation takes no candidate labels, so explain the texts with that "
    "command or `ZeroShotExplainer`, and read the self-check of each explanation"
)
ONLY_EXPLAINED = dict.fromkeys(("candidate_labels", "hypothesis_template", "multi_label"), _ZERO_SHOT)
"""Flags that recipes do not take, and what to do instead."""

PresetName = Literal["paper"]

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "methods": PAPER_METHODS,
        "unit": "word_type",
        "target": "label",
        "against": None,
        "objective": "loss",
        "baseline": "zero",
        "mask": "baseline",
        "steps": 20,
        "ties": "random",
    }
}
"""Options that a preset fixes, even if their defaults change in a later version."""


@dataclass(frozen=True, kw_only=True)
class ExplainRecipeArguments(Options, SplitArguments, LoadArguments):
    """Explain texts given on the command line, or the texts of a dataset, with one classifier."""

    REFUSED: ClassVar[dict[str, str]] = ONLY_EXPLAINED
    EXAMPLES: ClassVar[tuple[str, ...]] = (
        '--model_name_or_path MODEL --texts "A thoughtful, gripping film."',
        "--model_name_or_path MODEL --dataset_name DATASET --max_samples 20",
    )

    model_name_or_path: str = with_default(ModelArguments, "model_name_or_path", MISSING)
    texts: tuple[str, ...] = option((), "Texts to explain.")
    max_samples: int = option(20, "Number of texts: a random sample of the split.")
    methods: tuple[str, ...] = with_default(Options, "methods", (AUTO, "loo"))
    output_dir: str = option("outputs/explain", "Folder for the output files.", metavar="FOLDER")

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        SplitArguments.__post_init__(self)
        if bool(self.texts) == (self.dataset_name is not None):
            raise GradexplainError("give either --texts, --file or --dataset_name")
        if self.texts and self.target == "label":
            raise GradexplainError("--target label needs a --file or --dataset_name with labels; --texts have none")
        if self.label_map and self.target != "label":
            raise GradexplainError("--label_map says which classes labels are, so it needs --target label")


@dataclass(frozen=True, kw_only=True)
class PublishArguments(HubArguments):
    """Hub. Where explanations are published."""

    hub_dataset_id: str | None = option(
        None, "With push_to_hub: name of the dataset, owner/name; by default the name of output_dir.", metavar="NAME"
    )
    publish_text: bool = option(False, "With push_to_hub: publish the texts as well.")


@dataclass(frozen=True, kw_only=True)
class EvaluateRecipeArguments(
    PublishArguments, AuditArguments, MeasureArguments, Options, SplitArguments, LoadArguments
):
    """Explain every text of a dataset and measure how far the explanations can be trusted.

    Without a model and a dataset, the command generates a small corpus with known word weights, trains a FastText model
    on it, and evaluates this model. This needs no network.
    """

    REFUSED: ClassVar[dict[str, str]] = ONLY_EXPLAINED
    HIDDEN: ClassVar[tuple[str, ...]] = ("classes", "top_classes", "threshold", "self_check", "self_check_share")
    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "",
        "--model_name_or_path MODEL --dataset_name DATASET --max_samples 500",
        "--model_name_or_path MODEL --file texts.csv --methods random loo attn_lrp --target predicted",
        "--model_name_or_path MODEL --dataset_name DATASET --dry_run",
        "recipe.yaml --seed 1",
    )

    methods: tuple[str, ...] = with_default(Options, "methods", PAPER_METHODS)
    unit: UnitName = with_default(Options, "unit", "word_type")
    target: ClassNames = with_default(Options, "target", "label")
    preset: PresetName | None = option(
        None,
        "Fix methods, unit, target, against, objective, baseline, mask, steps and ties. The preset paper sets them as "
        "in Du & Xu (2021).",
    )
    max_samples: int | None = option(
        None, "Number of texts: a random sample, or the first texts of a stream or of the generated corpus."
    )
    output_dir: str = option("outputs/evaluate", "Folder for the output files.", metavar="FOLDER")
    streaming: bool = option(False, "Read the dataset row by row, and store nothing of it on disk.")
    threads: int = option(1, "Number of CPU threads per process; more processes are faster than more threads.")
    dry_run: bool = option(False, "Estimate time, memory and passes, and write nothing.")

    def __post_init__(self) -> None:
        Options.__post_init__(self)
        SplitArguments.__post_init__(self)
        MeasureArguments.__post_init__(self)
        AuditArguments.__post_init__(self)
        check_one_question(self)
        if self.threads < 1:
            raise GradexplainError(f"threads must be a number of CPU threads, 1 or larger, but is {self.threads}")
        for name, value in PRESETS[self.preset].items() if self.preset else ():
            if getattr(self, name) not in (value, type(self).__dataclass_fields__[name].default):
                raise GradexplainError(
                    f"preset {self.preset!r} fixes {name}: leave out --{name}, or leave out --preset"
                )
            object.__setattr__(self, name, value)
        if self.dataset_name is None and self.label_map:
            raise GradexplainError("label_map needs a --dataset_name or a --file with labels")
        if self.dataset_name is None and (self.rationale_column or self.rationale_mask_column):
            raise GradexplainError("rationale_column and rationale_mask_column need a --dataset_name or a --file")
        if not self.push_to_hub and (self.hub_dataset_id or self.publish_text):
            raise GradexplainError("hub_dataset_id and publish_text need push_to_hub")
        if self.self_check:
            raise GradexplainError(
                "leave out self_check and self_check_share: an evaluation removes the units one by one, which says more"
            )


@dataclass(frozen=True, kw_only=True)
class TrainRecipeArguments(HubArguments, TrainArguments):
    """Train or fine-tune a classifier, measure its explanations, write its card, and push it with --push_to_hub.

    Raises:
        GradexplainError: The arguments contradict each other.
    """

    EXAMPLES: ClassVar[tuple[str, ...]] = (
        "--model_type textcnn --dataset_name fancyzhx/ag_news --output_dir my-textcnn",
        "--model_name_or_path distilbert-base-uncased --dataset_name fancyzhx/ag_news --output_dir my-bert",
        "recipe.yaml --output_dir my-model --push_to_hub --hub_model_id me/my-model",
    )

    faithfulness_samples: int = option(
        500, "Number of texts on which the faithfulness of explanations is measured; 0 for none."
    )
    license: str | None = option(
        None, "Identifier of the model's licence for the card, such as apache-2.0.", metavar="NAME"
    )
    dataset_source: str | None = option(
        None, "Hub name of the dataset for the card, if dataset_name is a copy or a part of it.", metavar="NAME"
    )
    example_text: str = option(
        "The meeting was short, the mood was good, and nobody asked about the price.",
        "Text that the card explains; empty for none.",
    )
    data_examples: int = option(
        0,
        "Number of evaluation texts that the card explains and offers as examples; the card contains these texts.",
    )
    hub_model_id: str | None = option(
        None, "With push_to_hub: name of the model, owner/name; by default the name of output_dir.", metavar="NAME"
    )
    remote_code: bool = option(
        False, "With model_type: save the model's code with its weights, for users without this package."
    )

    def __post_init__(self) -> None:
        TrainArguments.__post_init__(self)
        for name in ("faithfulness_samples", "data_examples"):
            if getattr(self, name) < 0:
                raise GradexplainError(f"{name} must be a number of texts, 0 or larger, but is {getattr(self, name)}")
        if not self.push_to_hub and self.hub_model_id:
            raise GradexplainError("hub_model_id needs push_to_hub")
        if self.remote_code and self.model_name_or_path:
            raise GradexplainError(
                "remote_code saves the code of fasttext, textcnn and bilstm, so it needs model_type; other "
                "architectures load without it"
            )


def to_replay_yaml(arguments: Any, without: Collection[str] = ()) -> str:
    """Return arguments as the YAML of `run.yaml`, except those in `NOT_REPLAYED` and `without`.

    An empty list is left out, because a flag needs a value.
    """
    values = {name: value for name, value in asdict(arguments).items() if value not in ([], ())}
    kept = {name: value for name, value in values.items() if name not in (*NOT_REPLAYED, *without)}
    return yaml.safe_dump(kept, sort_keys=False)
