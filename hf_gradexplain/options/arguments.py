"""The arguments of commands and recipes besides the options: model, dataset, measures, audits and hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options.fields import check_fields, option
from hf_gradexplain.options.options import TiesName
from hf_gradexplain.options.values import as_names


@dataclass(frozen=True, kw_only=True)
class ModelArguments:
    """Model. Which classifier to load, and what its repository may do."""

    model_name_or_path: str | None = option(None, "Hub name or folder of the classifier.", metavar="NAME")
    model_revision: str | None = option(None, "Branch, tag or commit of the model.", metavar="NAME")
    trust_remote_code: bool = option(False, "Run the code that the model's repository ships.")
    allow_pickle: bool = option(
        False,
        "Load weights from pickle files (.bin). Such files can contain code. Only their tensors are read, by "
        "torch.load(weights_only=True); allow it only if you trust their maker.",
    )


DtypeName = Literal["auto", "bfloat16", "float16", "float32"]


@dataclass(frozen=True, kw_only=True)
class LoadArguments(ModelArguments):
    """Model. On which device and in which precision the classifier is explained."""

    device: str | None = option(
        None,
        "Device of the model: cpu, cuda, cuda:1 for the second GPU, mps, or auto, which spreads the model over all "
        "GPUs, the CPU and the disk. By default a GPU if there is one. Of several processes, each takes a GPU of its "
        "own, so that there is no device to choose.",
        metavar="DEVICE",
    )
    dtype: DtypeName = option(
        "float32",
        "Precision of the weights; auto is that of the checkpoint. In half precision, gradients are off by several "
        "percent; mixed_precision keeps the weights in float32. Half-precision weights that do not fit into memory in "
        "float32 keep their precision, with a warning.",
    )


class LoadOptions(TypedDict, total=False):
    """The arguments of `Explainer.from_pretrained` besides the name."""

    revision: str | None
    device: str | None
    dtype: str
    trust_remote_code: bool
    allow_pickle: bool


def load_options(arguments: Any) -> LoadOptions:
    """Return how to load the model, given `LoadArguments` or the same arguments in a namespace."""
    return LoadOptions(
        revision=arguments.model_revision,
        device=arguments.device,
        dtype=arguments.dtype,
        trust_remote_code=arguments.trust_remote_code,
        allow_pickle=arguments.allow_pickle,
    )


@dataclass(frozen=True, kw_only=True)
class DatasetArguments:
    """Dataset. Which dataset to load, and its columns."""

    dataset_name: str | None = option(None, "Hub name, folder or file of the dataset.", metavar="NAME")
    dataset_config_name: str | None = option(None, "Configuration of the dataset.", metavar="NAME")
    dataset_revision: str | None = option(None, "Branch, tag or commit of the dataset.", metavar="NAME")
    text_column: str = option("text", "Column of the texts, or two joined by a comma for text pairs.", metavar="NAME")
    label_column: str = option("label", "Column of the labels.", metavar="NAME")


@dataclass(frozen=True, kw_only=True)
class SplitArguments(DatasetArguments):
    """Dataset. Which rows of a dataset to load."""

    file: str | None = option(
        None,
        "File of texts: .txt with one text per line, .csv, .tsv, .json, .jsonl, .parquet or .arrow, also compressed as "
        "in .csv.gz.",
        metavar="FILE",
    )
    split: str = option("test", "Split of the dataset, or a slice of it as in test[:10%].", metavar="NAME")
    max_samples: int | None = option(
        None,
        "Number of texts, drawn at random. By default, `explain` takes 20 texts of a dataset and all texts of a file; "
        "`doctor` takes 50.",
    )
    label_map: str | None = option(
        None,
        "Which class of the model each label of the dataset stands for, if the names differ: label=class pairs, "
        "joined by commas, as in biz=Business,sci=3.",
        metavar="LABEL=CLASS,...",
    )

    def __post_init__(self) -> None:
        """Check `file`, and make it the `dataset_name`, so that a replay and a card name one place."""
        if self.file is None:
            return
        if self.dataset_name is not None:
            raise GradexplainError("give either --file or --dataset_name")
        if Path(self.file).is_dir():
            raise GradexplainError(f"{self.file} is a folder: give it as --dataset_name; --file takes one file")
        if not Path(self.file).is_file():
            raise GradexplainError(f"there is no file {self.file}: check the path; --file takes one file of texts")
        object.__setattr__(self, "dataset_name", self.file)
        object.__setattr__(self, "file", None)


@dataclass(frozen=True, kw_only=True)
class ZeroShotArguments:
    """Zero-shot classification. The labels that a model of natural language inference chooses from."""

    candidate_labels: tuple[str, ...] = option(
        (),
        "Use the model as the pipeline zero-shot-classification does: the model chooses from these labels, given one "
        "after the other or joined by commas. The model needs a class whose name begins with entail.",
        metavar="LABEL",
    )
    hypothesis_template: str | None = option(
        None,
        "With candidate_labels: the sentence that follows the text, with {} where the label goes. By default the "
        "sentence of the pipeline: This example is {}.",
        metavar="TEMPLATE",
    )
    multi_label: bool = option(
        False, "With candidate_labels: several labels can be true, so that each has a probability of its own."
    )

    def __post_init__(self) -> None:
        if self.candidate_labels:
            return
        for name in ("hypothesis_template", "multi_label"):
            if getattr(self, name) not in (None, False):
                raise GradexplainError(f"{name} is for zero-shot classification: give candidate_labels as well")


@dataclass(frozen=True, kw_only=True)
class MeasureArguments:
    """Measures. What an evaluation computes in addition to removal curves and correlations."""

    max_k: int | None = option(None, "Largest K of the AOPC table; by default the number of units of the longest text.")
    ties: TiesName = option("random", "Order of removal among equal scores: random, or by position in the text.")
    random_orders: int | None = option(
        None,
        "Number of random orders of removal per text, which show how high AOPC gets by chance; by default 20 for "
        "models with a shortcut (FastText, TextCNN, BiLSTM), else 2.",
    )
    both_ends: bool | None = option(
        None,
        "Also measure sufficiency, and removal curves with the lowest-scored units first; by default only for models "
        "with a shortcut (FastText, TextCNN, BiLSTM).",
    )
    naopc: bool | None = option(
        None,
        "Also normalise AOPC by the best and the worst order of removal; slow for long texts. By default only for the "
        "generated corpus.",
    )
    beam_size: int = option(
        5, "Number of candidate sets of removed units that the beam search for the best and the worst order keeps."
    )
    k_grid: tuple[int, ...] = option(
        (),
        "Compute the curves only at these numbers of removed units; there is no AOPC(K) beyond the largest. By "
        "default at every number.",
    )
    compare_baselines: tuple[str, ...] = option(
        (),
        "Also rank the methods with these baselines in place of masked words; deletion cuts the words out instead.",
        metavar="NAME",
    )

    def __post_init__(self) -> None:
        check_fields(self)
        object.__setattr__(self, "compare_baselines", as_names("compare_baselines", self.compare_baselines))
        if self.max_k is not None and self.max_k < 0:
            raise GradexplainError(f"max_k must be a number of removed units, 0 or larger, but is {self.max_k}")


@dataclass(frozen=True, kw_only=True)
class AuditArguments:
    """Audits. What to check in the explanations of all texts together."""

    rationale_column: str | None = option(
        None,
        "Column of human rationales to compare the scores with: for each text, a list of character spans [start, end].",
        metavar="NAME",
    )
    rationale_mask_column: str | None = option(
        None,
        "Column of human rationales to compare the scores with: for each text, a list with a 0 or 1 for each word "
        "between white space.",
        metavar="NAME",
    )
    hybrid_documents: int = option(
        0,
        "Number of hybrid documents, which join sentences of texts of two classes, to see whether the highest-scored "
        "word stands in a sentence of the predicted class; 0 for none.",
    )
    sanity: bool = option(
        False,
        "Also check, on the first texts, that the scores of the methods change when the model's parameters are "
        "replaced by random ones. For a model of L layers, these texts are explained L + 2 to L + 4 times.",
    )
    sanity_samples: int = option(50, "With sanity: number of texts.")

    def __post_init__(self) -> None:
        check_fields(self)
        if self.rationale_column and self.rationale_mask_column:
            raise GradexplainError("give either rationale_column, for spans, or rationale_mask_column, for 0 and 1")
        if self.hybrid_documents < 0:
            raise GradexplainError(
                f"hybrid_documents must be a number of documents, 0 or larger, but is {self.hybrid_documents}"
            )
        if self.sanity_samples < 1:
            raise GradexplainError(
                f"sanity_samples must be a number of texts, 1 or larger, but is {self.sanity_samples}"
            )


@dataclass(frozen=True, kw_only=True)
class HubArguments:
    """Hub. Whether and how to push the result."""

    push_to_hub: bool = option(
        False,
        "Push the result to the hub in one commit. Log in with `hf auth login` first.",
        hint="name the repository with --hub_model_id or --hub_dataset_id",
    )
    hub_private_repo: bool = option(True, "With push_to_hub: make a new repository private. With false, it is public.")
