"""Explain texts, and write them as JSON lines and as a page."""

from pathlib import Path

from hf_gradexplain.commands.recipe_arguments import ExplainRecipeArguments, options_of, to_replay_yaml
from hf_gradexplain.corpus import load_texts
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import translate_write_errors
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.files import atomic_write_text, check_folder
from hf_gradexplain.hub.provenance import Provenance, commits, resolve
from hf_gradexplain.options import Options
from hf_gradexplain.text.encode import Text
from hf_gradexplain.viz.report import render_report
from hf_gradexplain.viz.sanitize import json_text
from hf_gradexplain.viz.terminal import say


def run_explanation(arguments: ExplainRecipeArguments) -> list[Explanation]:
    """Explain texts, and write `explanations.jsonl`, `explanations.html` and `run.yaml` to `output_dir`.

    Returns:
        One explanation per text.

    Raises:
        GradexplainError: The texts or the model cannot be loaded, an option cannot be used, or `output_dir` cannot be
            written to.
    """
    with translate_write_errors(arguments.output_dir, instead="--output_dir"):
        check_folder(Path(arguments.output_dir))
        return _explain(arguments, options_of(arguments))


def _explain(arguments: ExplainRecipeArguments, options: Options) -> list[Explanation]:
    texts, labels, data = _texts(arguments)
    engine = AttributionEngine.from_pretrained(
        arguments.model_name_or_path,
        revision=arguments.model_revision,
        trust_remote_code=arguments.trust_remote_code,
        allow_pickle=arguments.allow_pickle,
    )
    explanations = engine.explanations(texts, options, labels)
    methods = engine.resolve(options).methods
    folder, commit_of = Path(arguments.output_dir), commits({**engine.provenances, **data})
    rows = [{**explanation.to_dict(), "commits": commit_of} for explanation in explanations]
    lines = (json_text(row) for row in rows)
    atomic_write_text(folder / "explanations.jsonl", "".join(f"{line}\n" for line in lines))
    page = render_report(
        title=f"{Path(arguments.model_name_or_path).name}: {len(texts)} texts explained",
        facts={
            "Methods": ", ".join(methods),
            "Unit": options.unit,
            "Objective": options.objective,
            **{f"Commit of the {part}": commit for part, commit in commit_of.items()},
        },
        tables={},
        figures={},
        explanations=[e.to_html(method) for e in explanations for method in methods],
    )
    atomic_write_text(folder / "explanations.html", page)
    atomic_write_text(folder / "run.yaml", to_replay_yaml(arguments))
    say(f"{len(texts)} texts explained: {folder / 'explanations.html'}")
    return explanations


def _texts(arguments: ExplainRecipeArguments) -> tuple[list[Text], list[int] | None, dict[str, Provenance]]:
    """The texts, their labels if these are explained, and where a dataset was loaded from."""
    if arguments.dataset_name is None:
        return list(arguments.texts), None, {}
    data = resolve(arguments.dataset_name, arguments.dataset_revision, "dataset")
    columns = load_texts(
        data.name,
        config=arguments.dataset_config_name,
        split=arguments.split,
        text_column=arguments.text_column,
        label_column=arguments.label_column if arguments.target == "label" else None,
        revision=data.commit,
        max_samples=arguments.max_samples,
        seed=arguments.seed,
    ).to_dict()
    pairs = columns.get("text_pair")
    texts = columns["text"] if pairs is None else list(zip(columns["text"], pairs, strict=True))
    return texts, columns.get("label"), {"dataset": data}
