"""Evaluate explanations over a data set: from arguments to the output folder."""

import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
import yaml
from datasets import ClassLabel, Dataset
from rich.console import Console
from transformers import set_seed

from hf_gradexplain.corpus import fingerprint, load_texts
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.evaluation.documents import read_explanations
from hf_gradexplain.evaluation.planted import planted_table
from hf_gradexplain.explain import Explainer
from hf_gradexplain.identity import model_fingerprint, tokenizer_fingerprint, versions
from hf_gradexplain.models import FastTextConfig, FastTextForSequenceClassification, train_word_tokenizer
from hf_gradexplain.options import Options
from hf_gradexplain.processes import process_state
from hf_gradexplain.results import CAPTIONS, Run, count_documents, summary_table, write_results
from hf_gradexplain.runner import evaluate, range_paths
from hf_gradexplain.synthetic import SyntheticCorpus, make_corpus
from hf_gradexplain.training import infer_task
from hf_gradexplain.viz.terminal import summary_table as terminal_table

STEPS = 40
"""Training steps of the embedded default."""

SEVEN = ("random", "loo", "sa_raw", "sa_l1", "sa_l2", "sa_linf", "signed_gi")


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
    max_samples: int | None = field(default=None, metadata={"help": "Evaluate a random sample of so many texts."})
    seed: int = field(default=0, metadata={"help": "What every random draw starts from."})
    methods: list[str] = field(default_factory=lambda: list(SEVEN), metadata={"help": "Methods to compare."})
    unit: str = field(default="word_type", metadata={"help": "What gets one score: token, word or word_type."})
    objective: str = field(default="loss", metadata={"help": "What is explained: loss, logit or prob."})
    target: str = field(default="label", metadata={"help": "Class that is explained: label or predicted."})
    max_k: int | None = field(default=None, metadata={"help": "Largest K of the AOPC table; all by default."})
    baseline: str = field(default="zero", metadata={"help": "What masks a word: zero, pad, mask, unk or mean."})
    batch_tokens: int | None = field(default=None, metadata={"help": "Most tokens in one forward pass."})
    trust_remote_code: bool = field(default=False, metadata={"help": "Run code that the model's repository ships."})


def run_evaluation(arguments: EvaluateArguments) -> None:
    """Evaluate, write the output folder, and print the summary and where the files are."""
    started = time.monotonic()
    options = Options(
        methods=tuple(arguments.methods),
        unit=arguments.unit,  # type: ignore[arg-type]
        target=arguments.target,  # type: ignore[arg-type]
        objective=arguments.objective,  # type: ignore[arg-type]
        seed=arguments.seed,
        batch_tokens=arguments.batch_tokens,
        baseline=arguments.baseline,  # type: ignore[arg-type]
    )
    output_dir = Path(arguments.output_dir)
    subject = _embedded(arguments, output_dir) if arguments.model_name_or_path is None else _named(arguments)
    inputs = {
        "model": model_fingerprint(subject.explainer.model),
        "tokenizer": tokenizer_fingerprint(subject.explainer.tokenizer),
        "texts": fingerprint(subject.texts),
        "hf_gradexplain": versions()["hf_gradexplain"],
        **{key: value for key, value in asdict(options).items() if key != "batch_tokens"},
    }
    tables = evaluate(subject.explainer, subject.texts, options, output_dir, inputs=inputs, max_k=arguments.max_k)
    if tables is None:
        return
    documents = range_paths(output_dir, len(subject.texts))
    extra = {}
    if subject.weight is not None:
        explained = (pair for path in documents for pair in read_explanations(path))
        extra["planted"] = planted_table(explained, subject.weight, arguments.seed)
    run = Run(
        title=f"{subject.model_name} on {subject.data_name}",
        facts=_facts(subject, arguments, count_documents(documents)),
        inputs=inputs,
        tables=tables,
        seconds=time.monotonic() - started,
        replay=f"python recipes/evaluate.py {shlex.quote(str(output_dir / 'run.yaml'))}",
        arguments=yaml.safe_dump(asdict(arguments), sort_keys=False, allow_unicode=True),
        extra=extra,
        notes=subject.notes,
    )
    write_results(output_dir, run, documents)
    _print(run, output_dir)


@dataclass(frozen=True, eq=False)
class _Subject:
    """What is evaluated: a classifier on texts; `weight` gives the planted truth where there is one."""

    explainer: Explainer
    texts: Dataset
    model_name: str
    data_name: str
    weight: Callable[[str, int], float] | None = None
    notes: tuple[str, ...] = ()


def _named(arguments: EvaluateArguments) -> _Subject:
    """The classifier and the data set that the arguments name."""
    if arguments.dataset_name is None:
        raise GradexplainError("--model_name_or_path needs a --dataset_name to evaluate on")
    texts = load_texts(
        arguments.dataset_name,
        config=arguments.dataset_config_name,
        split=arguments.split,
        text_column=arguments.text_column,
        label_column=arguments.label_column if arguments.target == "label" else None,
        revision=arguments.dataset_revision,
        max_samples=arguments.max_samples,
        seed=arguments.seed,
    )
    explainer = Explainer.from_pretrained(
        str(arguments.model_name_or_path),
        revision=arguments.model_revision,
        device=process_state().device,
        trust_remote_code=arguments.trust_remote_code,
    )
    texts, notes = _aligned(texts, {name: int(i) for name, i in (explainer.model.config.label2id or {}).items()})
    return _Subject(
        explainer,
        texts,
        _short(str(arguments.model_name_or_path)),
        f"{_short(arguments.dataset_name)} ({arguments.split})",
        notes=notes,
    )


def _embedded(arguments: EvaluateArguments, output_dir: Path) -> _Subject:
    """The generated corpus, and a FastText that was trained on it on the spot."""
    if arguments.dataset_name is not None:
        raise GradexplainError("--dataset_name needs a --model_name_or_path to evaluate")
    corpus, folder, state = make_corpus(arguments.seed), output_dir / "model", process_state()
    if state.is_main_process and not folder.exists():
        _train_fasttext(corpus, arguments.seed, folder)
    state.wait_for_everyone()
    texts = corpus.test
    if arguments.max_samples is not None:
        texts = texts.select(range(min(arguments.max_samples, len(texts))))
    return _Subject(
        Explainer.from_pretrained(str(folder), device=state.device),
        texts,
        "FastText",
        "the embedded corpus",
        weight=corpus.weight,
        notes=("The corpus is generated, so it is known of every word which class it speaks for.",),
    )


def _train_fasttext(corpus: SyntheticCorpus, seed: int, folder: Path) -> None:
    """Train on all texts at once, a second's work, and save to `folder`, whole or not at all."""
    set_seed(seed)
    tokenizer = train_word_tokenizer(corpus.train["text"], vocab_size=5000)
    config = FastTextConfig(vocab_size=len(tokenizer), hidden_size=50, **infer_task(corpus.train).config())
    model = FastTextForSequenceClassification(config).train()
    batch = tokenizer(corpus.train["text"][:], padding=True, return_tensors="pt")
    labels, optimizer = torch.tensor(corpus.train["label"][:]), torch.optim.AdamW(model.parameters(), lr=0.03)
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
    unfinished = folder.with_name(f".{folder.name}.part")
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.rename(folder)


def _aligned(texts: Dataset, label2id: Mapping[str, int]) -> tuple[Dataset, tuple[str, ...]]:
    """Give labels the model's class ids where both name the same classes in another order."""
    feature = texts.features.get("label")
    if not isinstance(feature, ClassLabel):
        return texts, ()
    ids = {name.casefold(): i for name, i in label2id.items()}
    wanted = [ids.get(name.casefold()) for name in feature.names]
    if None in wanted or wanted == list(range(len(feature.names))):
        return texts, ()
    named = {name: ids[name.casefold()] for name in feature.names}
    return texts.align_labels_with_mapping(named, "label"), (
        "The data set numbers its labels in another order than the model; they were matched by name.",
    )


def _facts(subject: _Subject, arguments: EvaluateArguments, counts: Mapping[str, int]) -> dict[str, str]:
    n, labelled = counts["documents"], counts["labelled"]
    accuracy = f"{counts['predicted_right'] / labelled:.4f}" if labelled else "–"
    return {
        "Model": subject.model_name,
        "Data": subject.data_name,
        "Texts": f"{n:,}" + (" (a random sample)" if arguments.max_samples else ""),
        "Accuracy on them": accuracy,
        "Truncated": f"{counts['truncated']:,} of {n:,}",
        "Without any unit": f"{counts['without_units']:,} of {n:,}",
        "Unit": arguments.unit,
        "Objective": arguments.objective,
        "Target": arguments.target,
        "Baseline": arguments.baseline,
        "Seed": str(arguments.seed),
    }


def _print(run: Run, output_dir: Path) -> None:
    console = Console()
    console.print(terminal_table(summary_table(run.tables), title=run.title))
    for name, table in run.extra.items():
        console.print(terminal_table(table, title=CAPTIONS[name].partition(":")[0]))
    Console(file=sys.stderr).print(f"{run.seconds:.0f} s. Report: {output_dir / 'report.html'}", highlight=False)


def _short(name: str) -> str:
    """A name to show: that of a folder without the path to it, which is of this machine."""
    return Path(name).resolve().name if Path(name).exists() else name
