"""The arguments of `recipes/evaluate.py`, and what is kept of arguments."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml

from hf_gradexplain.errors import GradexplainError

PAPER_METHODS = ("random", "loo", "sa_raw", "sa_l1", "sa_l2", "sa_linf", "signed_gi")

NOT_REPLAYED = ("token", "push_to_hub", "hub_private_repo", "publish_text", "dry_run")
"""Arguments that decide nothing about a result: a replay neither needs nor repeats what they say."""


def to_replay_yaml(arguments: Any, without: Collection[str] = ()) -> str:
    """Arguments as the YAML of `run.yaml`, but those `NOT_REPLAYED`; a token is never written anywhere.

    A list without items is left out, since a flag without values is none.
    """
    values = {name: value for name, value in asdict(arguments).items() if value != []}
    kept = {name: value for name, value in values.items() if name not in (*NOT_REPLAYED, *without)}
    return yaml.safe_dump(kept, sort_keys=False)


@dataclass
class EvaluateArguments:
    """Explain every text of a data set and measure how far the explanations can be trusted.

    Without a model and a data set, a small corpus with planted truth is generated, a FastText is trained on it, and
    that is evaluated: nothing is fetched.
    """

    model_name_or_path: str | None = field(default=None, metadata={"help": "Hub name or folder of the classifier."})
    model_revision: str | None = field(default=None, metadata={"help": "Branch, tag or commit of the model."})
    dataset_name: str | None = field(default=None, metadata={"help": "Hub name, folder or file of the data set."})
    dataset_config_name: str | None = field(default=None, metadata={"help": "Configuration of the data set."})
    dataset_revision: str | None = field(default=None, metadata={"help": "Branch, tag or commit of the data set."})
    split: str = field(default="test", metadata={"help": "Split to evaluate on."})
    text_column: str = field(default="text", metadata={"help": "Column of texts; two joined by a comma for pairs."})
    label_column: str = field(default="label", metadata={"help": "Column of labels."})
    output_dir: str = field(default="outputs/evaluate", metadata={"help": "Folder for everything the run leaves."})
    max_samples: int | None = field(
        default=None, metadata={"help": "Evaluate so many texts: a random sample, or the first ones of a stream."}
    )
    streaming: bool = field(
        default=False,
        metadata={"help": "Read the data set row by row and store nothing of it."},
    )
    seed: int = field(default=0, metadata={"help": "What every random draw starts from."})
    methods: list[str] = field(default_factory=lambda: list(PAPER_METHODS), metadata={"help": "Methods to compare."})
    unit: str = field(default="word_type", metadata={"help": "What gets one score: token, word or word_type."})
    objective: str = field(default="loss", metadata={"help": "What is explained: loss, logit or prob."})
    target: str = field(default="label", metadata={"help": "Class that is explained: label or predicted."})
    ties: str = field(
        default="random", metadata={"help": "Which of equal scores is removed first: random, or position, the earlier."}
    )
    max_k: int | None = field(default=None, metadata={"help": "Largest K of the AOPC table; all by default."})
    baseline: str = field(default="zero", metadata={"help": "What masks a word: zero, pad, mask, unk or mean."})
    batch_tokens: int | None = field(default=None, metadata={"help": "Most tokens in one forward pass."})
    mixed_precision: str = field(
        default="no", metadata={"help": "no, or bf16: matrix products in bfloat16, faster and less exact."}
    )
    torch_compile: bool = field(
        default=False, metadata={"help": "Compile the layers that a model repeats: a minute, worth it for many texts."}
    )
    threads: int = field(default=1, metadata={"help": "CPU threads of one process; more processes are faster."})
    dry_run: bool = field(default=False, metadata={"help": "Say what the run would take, and leave nothing behind."})
    trust_remote_code: bool = field(default=False, metadata={"help": "Run code that the model's repository ships."})
    allow_pickle: bool = field(default=False, metadata={"help": "Read weights that are pickled (.bin)."})
    token: str | None = field(
        default=None, repr=False, metadata={"help": "Token of the hub, if not that of HF_TOKEN or of hf auth login."}
    )
    push_to_hub: str | None = field(
        default=None, metadata={"help": "Publish the explanations as this data set of the hub: owner/name."}
    )
    hub_private_repo: bool = field(default=True, metadata={"help": "Publish them for those alone who may see them."})
    publish_text: bool = field(
        default=False, metadata={"help": "Publish the texts, too; without them everyone needs the data set itself."}
    )
    random_orders: int | None = field(
        default=None, metadata={"help": "Random orders per text for the band of chance; 20 with a short cut, else 2."}
    )
    both_ends: bool | None = field(
        default=None, metadata={"help": "Also the lowest-scored words first, and sufficiency; on with a short cut."}
    )
    naopc: bool | None = field(
        default=None, metadata={"help": "Also AOPC normalised by the best and the worst order; slow for long texts."}
    )
    beam_size: int = field(default=5, metadata={"help": "Sets that the search for the best order keeps."})
    k_grid: list[int] = field(
        default_factory=list,
        metadata={"help": "Run the curves at these k only, and draw lines between; all by default."},
    )
    baselines: list[str] = field(
        default_factory=list, metadata={"help": "Rank the methods under these masking baselines, too."}
    )

    def __post_init__(self) -> None:
        if self.max_k is not None and self.max_k < 0:
            raise GradexplainError(f"max_k is the largest number of removed units, 0 or more, not {self.max_k}")
        if self.threads < 1:
            raise GradexplainError(f"threads is the number of CPU threads per process, 1 or more, not {self.threads}")
