"""The page: everything that was measured, put in words, tables and figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader
from markupsafe import Markup
from matplotlib.figure import Figure

from hf_gradexplain.files import atomic_write_bytes, atomic_write_text
from hf_gradexplain.run.folder import document_paths
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.tables import TextTable, text_table
from hf_gradexplain.viz.templating import MARKDOWN
from recipes.paper import ablations, decay_conclusion, figures, rules, tables
from recipes.paper.ablations import read_lengths
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.artifacts import Artifacts
from recipes.paper.claims import SOMEWHERE, Answer, overall
from recipes.paper.constants import DATASETS, ENCODER, MODELS, POOLINGS, SETTINGS, Setting
from recipes.paper.decay import MIN_WORDS
from recipes.paper.example_review import NEGLIGIBLE, TEXT
from recipes.paper.figure_captions import figure_captions
from recipes.paper.results import Result
from recipes.paper.rules import Cutoffs

PAGES = MARKDOWN.overlay(
    loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent), PackageLoader("hf_gradexplain.viz")])
)
"""The package's Markdown environment, with the template of this folder."""


def write_page(artifacts: Artifacts) -> Path:
    """Write `reproduction.md`, and its figures to `reproduction/`; return the page's path."""
    folder = Path(artifacts.arguments.page or artifacts.arguments.output_dir)
    for name, figure in _figures(artifacts).items():
        atomic_write_bytes(folder / "reproduction" / f"{name}.png", figure_bytes(figure, "png"))
    page = folder / "reproduction.md"
    atomic_write_text(page, PAGES.get_template("reproduction.md.jinja").render(**_content(artifacts)))
    return page


def _figures(artifacts: Artifacts) -> dict[str, Figure]:
    first = {model: found[0] for model, found in artifacts.reviews.items()}
    return {
        "curves": figures.curves_figure(artifacts.main_results),
        "correlations": figures.correlations_figure(artifacts.correlations),
        "frequency": figures.frequency_figure(artifacts.word_gradients),
        "review": figures.review_figure(first),
        "decay": figures.decay_figure(artifacts.decay_to_end, artifacts.decay),
    }


def _content(artifacts: Artifacts) -> dict[str, Any]:
    """Everything that the template shows."""
    any_result = artifacts.main_results[SETTINGS[0]][0]
    return {
        **_claims(artifacts),
        **_setting(artifacts),
        **_choices(artifacts),
        **_beyond(artifacts),
        "short_k": any_result.short_k,
        "sees": figure_captions(
            artifacts.main_results,
            artifacts.correlations,
            artifacts.frequencies,
            artifacts.word_gradients,
            artifacts.verdicts,
            artifacts.reviews,
        ),
        "review": TEXT,
        "command": Markup(f"    {_command(artifacts.arguments)}"),
        "made": _made(artifacts),
    }


def _claims(artifacts: Artifacts) -> dict[str, Any]:
    answers = artifacts.verdicts
    counted = Counter(answer.verdict for answer in answers if answer.claim not in SOMEWHERE)
    said = [f"{counted[verdict]} {words}" for verdict, words in VERDICTS.items() if counted[verdict]]
    return {
        "headline": f"Of {counted.total()} claims about a model on a data set, {', '.join(said)}.",
        "overall": _grid(_overall(answers)),
        "claims": _grid(_claim_table(artifacts)),
        "leads": _grid(tables.lead_table(artifacts.main_results)),
        "rules": {
            "clearly": f"{Cutoffs().clear:.0%}",
            "near": f"{Cutoffs().near:.0%}",
            "moderate": f"{Cutoffs().moderate:.0%}",
            "strong": Cutoffs().strong,
            "nothing": f"{NEGLIGIBLE:.0%}",
        },
    }


VERDICTS = {
    rules.HOLDS: "hold",
    rules.IN_PART: "hold in part",
    rules.FAILS: "do not hold here",
    rules.UNDECIDED: "cannot be told here",
}
"""Of some claims, in the plural."""


def _overall(answers: Sequence[Answer]) -> pd.DataFrame:
    """One row per claim: how many models and data sets have each verdict."""
    names = [verdict for verdict in VERDICTS if any(answer.verdict == verdict for answer in answers)]
    return pd.DataFrame(
        [{"claim": claim, **{name: counts[name] for name in names}} for claim, counts in overall(answers).items()]
    )


def _claim_table(artifacts: Artifacts) -> pd.DataFrame:
    """One row per claim, model and data set; beside the verdict, those under other cut-offs where they differ."""
    rows = []
    for a, half, twice in zip(artifacts.verdicts, artifacts.verdicts_at(0.5), artifacts.verdicts_at(2), strict=True):
        others = [f"{said}: {x.verdict}" for said, x in (("half", half), ("twice", twice)) if x.verdict != a.verdict]
        rows.append(
            {
                "claim": a.claim,
                "model, data": a.setting.title,
                "our figure": a.figure,
                "checks": f"{sum(map(bool, a.checks))} of {len(a.checks)}",
                "verdict": a.verdict,
                "with other cut-offs": "; ".join(others) or "the same",
            }
        )
    return pd.DataFrame(rows)


def _setting(artifacts: Artifacts) -> dict[str, Any]:
    runs = {(c, s): step for (c, s, name), step in artifacts.plan.evaluations.items() if name == "main"}
    others = {c: step for (c, _, name), step in artifacts.plan.evaluations.items() if name == "chosen" and c not in SETTINGS}
    runs |= {(c, artifacts.first_seed): step for c, step in others.items()}
    lengths = {key: read_lengths(document_paths(step.output)) for key, step in runs.items()}
    results = [result for found in artifacts.main_results.values() for result in found]
    results += [artifacts.sample_results[setting] for setting in others]
    return {
        "models": _grid(tables.model_table(artifacts.cards, artifacts.seconds(artifacts.plan.trainings))),
        "settings": _grid(tables.settings_table(artifacts.cards, artifacts.first_seed)),
        "texts": _grid(tables.text_table(results, lengths, artifacts.seconds(runs))),
        "notes": _notes(artifacts),
        "n_seeds": len(artifacts.arguments.seeds),
        "seeds": _grid(tables.seed_table(artifacts.main_results)) if len(artifacts.arguments.seeds) > 1 else None,
    }


def _notes(artifacts: Artifacts) -> list[str]:
    """What has to be known before any number is read."""
    notes = []
    for data, title in DATASETS.items():
        cells = [setting for setting in SETTINGS if setting.dataset == data]
        corpus = artifacts.cards[cells[0], artifacts.first_seed]["corpus"]
        source = corpus["name"] if corpus["commit"] else f"a copy of {corpus['name']}, or of a part of it"
        read = [f"{tables.text_count(artifacts.main_results[setting][0]):,} with {MODELS[setting.model]}" for setting in cells]
        notes.append(
            f"{title} ({source}): the paper's models are trained on {corpus['train_rows']:,} rows, and their "
            f"explanations evaluated on test texts: {', '.join(read)}."
        )
    if artifacts.arguments.train_rows:
        notes.append(
            "This is the small scale: the models have seen too few texts to be good, and the page shows that all of it "
            "works, not what is true."
        )
    return notes


def _choices(artifacts: Artifacts) -> dict[str, Any]:
    parts, signs, short = {}, [], {}
    for setting, results in artifacts.ablation_results.items():
        documents = {name: artifacts.areas(setting, name) for name in results}
        aopc, r = ablations.aopc_table(results), ablations.correlation_table(results)
        parts[setting.title] = {"aopc": _grid(aopc), "r": _grid(r), "said": _said(results, documents)}
        figure, printed = ablations.loo_by_sign(results["chosen"])
        signs.append({"model": setting.title, "LOO": ablations.plus_minus(figure), "as printed": ablations.plus_minus(printed)})
        short[setting.title] = _grid(ablations.short_text_table(documents["chosen"]))
    verdicts, differ, claims = ablations.verdict_table(artifacts.ablation_results)
    sizes = {setting.dataset: tables.text_count(artifacts.sample_results[setting]) for setting in SETTINGS}
    return {
        "choices": parts,
        "sign": _grid(pd.DataFrame(signs)),
        "short": short,
        "verdicts": _grid(verdicts) if len(verdicts) else None,
        "differ": ", ".join(f"{n} with {said}" for said, n in differ.items()),
        "tabled": claims,
        "sample": f"{sizes['ag_news']:,} texts of AG's News and {sizes['imdb']:,} of IMDB, one training",
    }


def _said(results: Mapping[str, Result], documents: Mapping[str, ablations.Areas]) -> str:
    """Which settings change a method's AOPC, and who is ahead under how many of them."""
    moved = ablations.changed_methods(results, documents, Cutoffs())
    changed = "; ".join(f"{said}: {', '.join(methods)}" for said, methods in moved.items() if methods)
    aopc, near = f"AOPC({results['chosen'].short_k})", f"{Cutoffs().near:.0%} of the lead"
    said = f"{aopc} changes by more than {near} with {changed}" if changed else f"no {aopc} changes by {near} or more"
    return f"Highest {aopc}: {ablations.best_counts(results)}. On the same texts, {said}."


def _beyond(artifacts: Artifacts) -> dict[str, Any]:
    shown = [x for setting, x in artifacts.sample_results.items() if setting in SETTINGS or setting.model in ENCODER]
    imdb = {setting: "main" for setting in SETTINGS if setting.dataset == "imdb"}
    imdb |= {setting: "chosen" for setting in artifacts.sample_results if setting.model in POOLINGS and setting not in SETTINGS}
    lengths = {setting.title: ablations.gap_by_length(artifacts.areas(setting, name)) for setting, name in imdb.items()}
    return {
        "methods": _grid(tables.method_table(shown, "aopc")),
        "methods_r": _grid(tables.method_table(shown, "r")),
        **_encoder(artifacts),
        "answer": decay_conclusion.conclusion(artifacts.poolings),
        "sentences": decay_conclusion.pooling_sentences(artifacts.poolings),
        "decay": _grid(tables.decay_table(artifacts.decay, "words to the nearer end")),
        "decay_to_end": _grid(tables.decay_table(artifacts.decay_to_end, "words to the end")),
        "long": MIN_WORDS,
        "lengths": {title: _grid(table) for title, table in lengths.items()},
    }


def _encoder(artifacts: Artifacts) -> dict[str, Any]:
    """How the transformer was measured, if it was, and what its precision changes."""
    if artifacts.plan.encoder is None:
        return {"encoder": None, "precisions": None}
    news, imdb = (artifacts.sample_results[Setting("minilm", data)].record for data in ("ag_news", "imdb"))
    others = artifacts.sample_results[SETTINGS[0]].record["facts"]
    said = (
        f"MiniLM was evaluated on {news['documents']['documents']:,} texts of AG's News ({news['facts']['Curves']}) "
        f"and {imdb['documents']['documents']:,} of IMDB ({imdb['facts']['Curves']}), computed in "
        f"{news['facts']['Computed in']}; the others on the samples named above, in {others['Computed in']}."
    )
    if not artifacts.precisions:
        return {"encoder": said, "precisions": None}
    said += (
        f" On {artifacts.arguments.encoder_float32_texts:,} of these texts of AG's News it was evaluated in float32, "
        "too:"
    )
    return {"encoder": said, "precisions": _grid(tables.precision_table(artifacts.precisions))}


def _command(arguments: ReproduceArguments) -> str:
    scale = "small" if arguments.train_rows else "full"
    return f"make reproduce SCALE={scale}" + (" DATASETS=FOLDER_OF_DATA_SETS" if arguments.data else "")


def _made(artifacts: Artifacts) -> str:
    """What it took, and whether one state of the code made all of it."""
    steps = artifacts.plan.steps()
    hours = sum(map(artifacts.ledger.seconds, steps)) / 3600
    states = len({(artifacts.ledger.stamp(step) or {})["code"] for step in steps})
    devices = sorted({x.record["inputs"]["device"] for found in artifacts.main_results.values() for x in found})
    text = f"Its {len(steps)} steps took {hours:.1f} hours of single processes on: {', '.join(devices)}."
    return text + (f" They were made by {states} states of the package's code." if states > 1 else "")


def _grid(frame: pd.DataFrame) -> TextTable:
    """Three decimals for everything that is no whole number."""
    return text_table(frame, dict.fromkeys(frame.select_dtypes("float").columns, "z.3f"))


def table_texts(found: Sequence[Answer]) -> list[str]:
    """The claims as lines, for a terminal."""
    return [f"{a.verdict:20} {a.claim} ({a.setting.title}): {a.figure}" for a in found]
