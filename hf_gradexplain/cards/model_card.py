"""The card of a trained model in Markdown: results, use, explanations, training and limitations."""

from collections.abc import Mapping, Sequence
from typing import Any

from huggingface_hub import EvalResult, ModelCardData
from markupsafe import Markup

from hf_gradexplain.attribution.signed import is_signed
from hf_gradexplain.cards.card import Card, Example, Faithfulness
from hf_gradexplain.training.pairs import Reward
from hf_gradexplain.viz.tables import MISSING, format_score, with_interval, with_minus
from hf_gradexplain.viz.templating import MARKDOWN, front_matter

FIGURE = "aopc.png"
"""The file name of the figure on the card."""

_HUB_METRICS = {
    "accuracy": ("accuracy", "Accuracy", None),
    "macro_f1": ("f1", "Macro F1", {"average": "macro"}),
    "average_precision": ("average_precision", "Average precision", None),
    "pair_accuracy": ("accuracy", "Pair accuracy", None),
    "mse": ("mse", "Mean squared error", None),
}
"""Per metric: its identifier on the hub, its name for display, and its arguments on the hub."""


def model_card(card: Card) -> str:
    """Render the card: YAML metadata with the results as `model-index`, then Markdown.

    Every string from outside is escaped: labels, names and texts cannot add markup, links, HTML or table cells to the
    card.
    """
    return MARKDOWN.get_template("model_card.md.jinja").render(
        metadata=front_matter(_metadata(card)),
        card=card,
        summary=_summary(card),
        name=Markup(card.repo_id or "PATH_OR_HUB_NAME_OF_THIS_MODEL"),
        results={_HUB_METRICS[name][1]: f"{value:.4f}" for name, value in card.metrics.items()},
        faithful=card.faithfulness,
        grid="" if card.faithfulness is None else ", ".join(map(str, card.faithfulness.k_grid)),
        methods=[] if card.faithfulness is None else _methods(card.faithfulness),
        figure=Markup(FIGURE),
        columns=" → ".join(filter(None, (card.corpus.text_column, card.corpus.label_column))),
        classes=", ".join(card.classes),
        software=", ".join(f"{name} {version}" for name, version in card.versions.items()),
        examples=[_example(example) for example in card.examples],
        truncates=not card.ours or "max_length" in card.settings,
        pairs="," in card.corpus.text_column and card.kind != Reward.kind,
    )


def _summary(card: Card) -> str:
    base = card.base if card.base_commit is None else f"{card.base} (commit {card.base_commit})"
    training = "trained from scratch" if card.base is None else f"fine-tuned from {base}"
    return (
        f"A {card.kind} ({card.model_type}, {card.parameters:,} parameters), {training} on "
        f"{card.corpus.train_rows:,} rows of the split {card.corpus.train_split} of {card.corpus.name}."
    )


def _metadata(card: Card) -> dict[str, Any]:
    corpus = card.corpus
    results = [
        EvalResult(
            task_type="text-classification",
            task_name="Text Classification",
            dataset_type=corpus.name,
            dataset_name=corpus.name,
            dataset_config=corpus.config,
            dataset_split=corpus.eval_split,
            dataset_revision=corpus.commit,
            metric_type=_HUB_METRICS[name][0],
            metric_name=_HUB_METRICS[name][1],
            metric_args=_HUB_METRICS[name][2],
            metric_value=value,
        )
        for name, value in card.metrics.items()
    ]
    data = ModelCardData(
        license=card.license,
        library_name="transformers",
        pipeline_tag="text-classification",
        base_model=card.base if card.base_on_hub else None,
        datasets=[corpus.name] if corpus.on_hub else None,
        metrics=[_HUB_METRICS[name][0] for name in card.metrics],
        tags=["hf_gradexplain", card.model_type, *(["custom_code"] if card.remote_code else [])],
        model_name=card.title,
        eval_results=results,
        widget=[{"text": text} for text in card.widget] or None,
    )
    return data.to_dict()


def _methods(faithfulness: Faithfulness) -> list[Mapping[str, str]]:
    """Return the cells of the table of methods, the most faithful method first."""
    rows = sorted(faithfulness.methods, key=lambda row: -row["short"][0])
    return [
        {
            "method": row["method"],
            "short": _interval(row["short"]),
            "long": _interval(row["long"]),
            "r": _interval(row["r"], ".2f"),
            "significant": MISSING if row["significant"] is None else f"{row['significant']:.0%}",
            "undefined": MISSING if row["undefined"] is None else f"{row['undefined']:,}",
        }
        for row in rows
    ]


def _interval(numbers: Sequence[float | None] | None, spec: str = ".3f") -> str:
    """Return a value and its interval, given as three numbers or None, as text."""
    value, low, high = numbers or (None, None, None)
    return with_interval(value, low, high, spec)


def _example(example: Example) -> Mapping[str, Any]:
    signed, words = is_signed(example.method), zip(example.words, example.scores, strict=True)
    numbers = {"p": example.probability, "output": example.output}
    shown = "".join(f" ({name} = {with_minus(f'{value:.2f}')})" for name, value in numbers.items() if value is not None)
    return {
        "text": example.text,
        "prediction": example.prediction + shown,
        "method": example.method,
        "words": [(word, format_score(score, signed)) for word, score in words],
    }
