"""What the demo may load and explain, and how: models by name, within limits that suit a public page."""

import os
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from huggingface_hub import HfApi, scan_cache_dir
from huggingface_hub.errors import HTTPError

from hf_gradexplain import Explainer, Explanation, GradexplainError
from hf_gradexplain.attribution.descriptions import DESCRIPTIONS
from hf_gradexplain.errors import choose, one_line, translate_errors
from hf_gradexplain.hub.provenance import resolve
from hf_gradexplain.viz.tables import format_score

PREDICTED = "predicted class"
"""Stands for the class that the model predicts, in the choice of the target."""

MAX_CHARACTERS = 1000
MAX_METHODS = 4
MAX_BYTES = 2_000_000_000
KEPT_MODELS = 3
TOP_WORDS = 10

_HUB_NAME = re.compile(r"(\w[\w.-]*/)?\w[\w.-]*", re.ASCII)
_WEIGHTS = (".safetensors", ".json", ".model", ".txt")
"""The endings of the files that are loaded of a model."""


@dataclass
class Models:
    """The explainers of the models that were used last.

    Models on the list may be folders. Other names are those of public models on the hub: without adapters, with
    weights in `.safetensors`, up to `MAX_BYTES`. No code of a repository runs, and no pickle is read.

    Attributes:
        listed: The names that the page offers, which load without a check of their size.
        size: The number of models that stay in memory.
        keep_files: Whether the downloaded files of other models stay on the disk when the model leaves the memory.
    """

    listed: Sequence[str]
    size: int = KEPT_MODELS
    keep_files: bool = True
    _loaded: OrderedDict[str, Explainer] = field(default_factory=OrderedDict)

    def __call__(self, name: str) -> Explainer:
        """Return the explainer of a model, and keep it.

        Raises:
            GradexplainError: The name is not that of a model on the hub, or the model is too large or cannot be loaded.
        """
        name = (name or "").strip()
        if name not in self._loaded:
            revision = None if name in self.listed else check_on_hub(name)
            while len(self._loaded) >= self.size:
                self._forget(*self._loaded.popitem(last=False))
            self._loaded[name] = Explainer.from_pretrained(name, revision=revision)
        self._loaded.move_to_end(name)
        return self._loaded[name]

    def _forget(self, name: str, explainer: Explainer) -> None:
        commit = explainer.provenances["model"].commit
        if not self.keep_files and name not in self.listed and commit is not None:
            scan_cache_dir().delete_revisions(commit).execute()


def check_on_hub(name: str) -> str:
    """Check that a name is that of a public model on the hub that is small enough, and return its commit.

    Raises:
        GradexplainError: It is not.
    """
    if not _HUB_NAME.fullmatch(name) or os.path.exists(name):
        raise GradexplainError(f"expected the name of a model on the hub, such as org/model, but got {name!r}")
    commit = resolve(name).commit
    with translate_errors(
        lambda error: f"cannot read how large {name!r} is ({one_line(error, 200)}): try again later, or another model",
        HTTPError,
        OSError,
    ):
        files = HfApi().model_info(name, revision=commit, files_metadata=True).siblings or []
    if any(file.rfilename == "adapter_config.json" for file in files):
        raise GradexplainError(f"{name!r} is an adapter, which this demo does not load: name a model that is whole")
    size = sum(file.size or 0 for file in files if file.rfilename.endswith(_WEIGHTS))
    if size > MAX_BYTES:
        raise GradexplainError(
            f"{name!r} has {size / 1e9:.1f} GB, but this demo loads models of up to {MAX_BYTES / 1e9:.0f} GB: explain "
            "it on your own machine, with pip install and the code below"
        )
    return str(commit)


def explain_text(
    explainer: Explainer, text: str, methods: Sequence[str], target: str, warn: Callable[[str], object]
) -> Explanation:
    """Explain one text, within the limits of the demo.

    Args:
        explainer: The explainer of the model.
        text: The text.
        methods: Names of methods, at most `MAX_METHODS`.
        target: The name of a class, or `PREDICTED`.
        warn: Called with each warning.

    Raises:
        GradexplainError: There is nothing to explain, a limit is exceeded, or a name is unknown.
    """
    if not (text or "").strip():
        raise GradexplainError("there is no text to explain: type one")
    if len(text) > MAX_CHARACTERS:
        raise GradexplainError(
            f"the text has {len(text):,} characters, but this demo explains up to {MAX_CHARACTERS:,}: shorten it"
        )
    if not 1 <= len(methods) <= MAX_METHODS:
        raise GradexplainError(f"choose 1 to {MAX_METHODS} methods instead of {len(methods)}")
    labels = None if target in (None, "", PREDICTED) else choose("class", target, explainer.class_names)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explanation = explainer(text, tuple(methods), labels=labels)
    for message in dict.fromkeys(str(each.message) for each in caught if issubclass(each.category, UserWarning)):
        warn(message)
    return explanation


def top_words(explanation: Explanation) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a table: the words with the largest `|score|` of the first method."""
    methods = list(explanation.scores)
    frame = explanation.to_frame()
    order = frame[methods[0]].abs().sort_values(ascending=False, kind="stable").index[:TOP_WORDS]
    rows = frame.loc[order, ["unit", *methods]].itertuples(index=False)
    signed = [DESCRIPTIONS[method].signed for method in methods]
    return ["word", *methods], [[row[0], *map(format_score, row[1:], signed)] for row in rows]


def python_code(model: str, text: str, methods: Sequence[str], target: str) -> str:
    """Return code that explains the same text with the package.

    >>> print(python_code("org/model", "A fine film.", ["loo"], "positive"))
    from hf_gradexplain import Explainer
    <BLANKLINE>
    explainer = Explainer.from_pretrained('org/model')
    explanation = explainer('A fine film.', ['loo'], labels='positive')
    explanation.show()
    """
    labels = "" if target in (None, "", PREDICTED) else f", labels={target!r}"
    return (
        "from hf_gradexplain import Explainer\n\n"
        f"explainer = Explainer.from_pretrained({model!r})\n"
        f"explanation = explainer({text!r}, {list(methods)!r}{labels})\n"
        "explanation.show()"
    )
