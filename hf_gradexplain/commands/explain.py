"""Explain texts and leave them as JSON lines and as a page."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from hf_gradexplain.commands.evaluate_arguments import to_replay_yaml
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.explain import Explainer
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.files import atomic_write_text
from hf_gradexplain.hub.provenance import Provenance, commits, resolve
from hf_gradexplain.hub.push import use_token
from hf_gradexplain.text.encode import Text
from hf_gradexplain.viz.report import render_report


@dataclass
class ExplainArguments:
    """Explain texts given on the command line, or those of a data set, with one classifier."""

    model_name_or_path: str = field(metadata={"help": "Hub name or folder of the classifier."})
    model_revision: str | None = field(default=None, metadata={"help": "Branch, tag or commit of the model."})
    texts: list[str] | None = field(default=None, metadata={"help": "Texts to explain."})
    dataset_name: str | None = field(default=None, metadata={"help": "Hub name, folder or file of a data set."})
    dataset_config_name: str | None = field(default=None, metadata={"help": "Configuration of the data set."})
    dataset_revision: str | None = field(default=None, metadata={"help": "Branch, tag or commit of the data set."})
    split: str = field(default="test", metadata={"help": "Split to take texts from."})
    text_column: str = field(default="text", metadata={"help": "Column of texts; two joined by a comma for pairs."})
    output_dir: str = field(default="outputs/explain", metadata={"help": "Folder for everything the run leaves."})
    max_samples: int = field(default=20, metadata={"help": "Explain a random sample of so many texts of the data set."})
    seed: int = field(default=0, metadata={"help": "What every random draw starts from."})
    methods: list[str] = field(default_factory=lambda: ["signed_gi", "loo"], metadata={"help": "Methods to use."})
    unit: str = field(default="word", metadata={"help": "What gets one score: token, word or word_type."})
    objective: str = field(default="loss", metadata={"help": "What is explained: loss, logit or prob."})
    baseline: str = field(default="zero", metadata={"help": "What masks a word: zero, pad, mask, unk or mean."})
    batch_tokens: int | None = field(default=None, metadata={"help": "Most tokens in one forward pass."})
    mixed_precision: str = field(
        default="no", metadata={"help": "no, or bf16: matrix products in bfloat16, faster and less exact."}
    )
    torch_compile: bool = field(
        default=False, metadata={"help": "Compile the layers that a model repeats: a minute, worth it for many texts."}
    )
    token: str | None = field(
        default=None, repr=False, metadata={"help": "Token of the hub, if not that of HF_TOKEN or of hf auth login."}
    )
    trust_remote_code: bool = field(default=False, metadata={"help": "Run code that the model's repository ships."})
    allow_pickle: bool = field(default=False, metadata={"help": "Read weights that are pickled (.bin)."})


def run_explanation(arguments: ExplainArguments) -> list[Explanation]:
    """Explain, write `explanations.jsonl`, `explanations.html` and `run.yaml`, and say where they are."""
    with use_token(arguments.token):
        return _explain(arguments)


def _explain(arguments: ExplainArguments) -> list[Explanation]:
    texts, data = _texts(arguments)
    explainer = Explainer.from_pretrained(
        arguments.model_name_or_path,
        revision=arguments.model_revision,
        trust_remote_code=arguments.trust_remote_code,
        allow_pickle=arguments.allow_pickle,
    )
    explanations: list[Explanation] = explainer(  # type: ignore[call-overload]
        texts,
        arguments.methods,
        arguments.unit,
        objective=arguments.objective,
        seed=arguments.seed,
        batch_tokens=arguments.batch_tokens,
        baseline=arguments.baseline,
        mixed_precision=arguments.mixed_precision,
        torch_compile=arguments.torch_compile,
    )
    folder, read = Path(arguments.output_dir), commits({**explainer.provenances, **data})
    rows = [{**explanation.to_dict(), "commits": read} for explanation in explanations]
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    atomic_write_text(folder / "explanations.jsonl", "".join(f"{line}\n" for line in lines))
    page = render_report(
        title=f"{Path(arguments.model_name_or_path).name}: {len(texts)} texts explained",
        facts={
            "Methods": ", ".join(arguments.methods),
            "Unit": arguments.unit,
            "Objective": arguments.objective,
            **{f"Commit of the {part}": commit for part, commit in read.items()},
        },
        tables={},
        figures={},
        explanations=[e.to_html(method) for e in explanations for method in arguments.methods],
    )
    atomic_write_text(folder / "explanations.html", page)
    atomic_write_text(folder / "run.yaml", to_replay_yaml(arguments))
    said = f"{len(texts)} texts explained: {folder / 'explanations.html'}"
    Console(stderr=True).print(said, highlight=False, markup=False)
    return explanations


def _texts(arguments: ExplainArguments) -> tuple[list[Text], dict[str, Provenance]]:
    """The texts, and where those of a data set come from."""
    if (arguments.texts is None) == (arguments.dataset_name is None):
        raise GradexplainError("give either --texts or --dataset_name")
    if arguments.texts is not None:
        return list(arguments.texts), {}
    data = resolve(str(arguments.dataset_name), arguments.dataset_revision, "dataset")
    rows = load_texts(
        data.name,
        config=arguments.dataset_config_name,
        split=arguments.split,
        text_column=arguments.text_column,
        label_column=None,
        revision=data.commit,
        max_samples=arguments.max_samples,
        seed=arguments.seed,
    ).to_dict()
    pairs, provenances = rows.get("text_pair"), {"dataset": data}
    return (rows["text"] if pairs is None else list(zip(rows["text"], pairs, strict=True))), provenances
