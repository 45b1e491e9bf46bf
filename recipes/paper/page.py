"""The page: all results in sentences, tables and figures."""

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
from hf_gradexplain.viz.tables import TextTable, join_words, text_table
from hf_gradexplain.viz.templating import MARKDOWN
from recipes.paper import ablations, decay_conclusion, figures, rules, tables
from recipes.paper.ablations import read_lengths
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.artifacts import Artifacts
from recipes.paper.claims import ABOUT_ZERO, BELOW_RANDOM, CLAIMS, IN_SOME_CASES, Verdict, count_outcomes
from recipes.paper.constants import DATASETS, ENCODER, HUB_TRAIN_ROWS, MODELS, POOLINGS, SETTINGS, Setting
from recipes.paper.decay import MIN_WORDS
from recipes.paper.example_review import NEGLIGIBLE, REVIEW
from recipes.paper.figure_captions import figure_captions
from recipes.paper.frequency import TOLERANCE
from recipes.paper.results import Result
from recipes.paper.rules import Cutoffs

PAGES = MARKDOWN.overlay(
    loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent), PackageLoader("hf_gradexplain.viz")])
)
"""The package's Markdown environment, with the template of this folder."""


def write_page(artifacts: Artifacts) -> Path:
    """Write `reproduction.md` and, to `reproduction/`, its figures; return the path of the page."""
    folder = Path(artifacts.arguments.page or artifacts.arguments.output_dir)
    for name, figure in _figures(artifacts).items():
        atomic_write_bytes(folder / "reproduction" / f"{name}.png", figure_bytes(figure, "png"))
    page = folder / "reproduction.md"
    atomic_write_text(page, PAGES.get_template("reproduction.md.jinja").render(**_content(artifacts)))
    return page


def _figures(artifacts: Artifacts) -> dict[str, Figure]:
    first = {model: trainings[0] for model, trainings in artifacts.reviews.items()}
    return {
        "curves": figures.curves_figure(artifacts.main_results),
        "correlations": figures.correlations_figure(artifacts.correlations),
        "frequency": figures.frequency_figure(artifacts.word_gradients),
        "review": figures.review_figure(first),
        "decay": figures.decay_figure(artifacts.decay_to_end, artifacts.decay),
    }


def _content(artifacts: Artifacts) -> dict[str, Any]:
    """Return the variables of the template."""
    any_result = artifacts.main_results[SETTINGS[0]][0]
    return {
        **_claims(artifacts),
        **_data(artifacts),
        **_ablations(artifacts),
        **_extensions(artifacts),
        "short_k": any_result.short_k,
        "captions": figure_captions(
            artifacts.main_results,
            artifacts.correlations,
            artifacts.frequencies,
            artifacts.word_gradients,
            artifacts.verdicts,
            artifacts.reviews,
        ),
        "review": REVIEW,
        "command": Markup(f"    {_command(artifacts.arguments)}"),
        "cost": _cost(artifacts),
    }


def _claims(artifacts: Artifacts) -> dict[str, Any]:
    verdicts = artifacts.verdicts
    counts = Counter(verdict.outcome for verdict in verdicts if verdict.claim not in IN_SOME_CASES)
    parts = [f"{counts[outcome]} {plural}" for outcome, plural in OUTCOMES.items() if counts[outcome]]
    return {
        "headline": f"We checked {counts.total()} claims, each about one model on one dataset: {join_words(parts)}. "
        f"The claim “{BELOW_RANDOM}” ({len(verdicts) - counts.total()} rows of the second table) is not counted, "
        "because the paper does not say which cases it means.",
        "overall": _grid(_overall(verdicts)),
        "claims": _grid(_claim_table(artifacts)),
        "leads": _grid(tables.lead_table(artifacts.main_results)),
        "rules": {
            "clearly": f"{Cutoffs().clear:.0%}",
            "near": f"{Cutoffs().near:.0%}",
            "moderate": f"{Cutoffs().moderate:.0%}",
            "strong": Cutoffs().strong,
            "zero": ABOUT_ZERO,
            "same": f"{TOLERANCE:.4f}",
            "nothing": f"{NEGLIGIBLE:.0%}",
        },
    }


OUTCOMES = {
    rules.HOLDS: "hold",
    rules.IN_PART: "hold in part",
    rules.FAILS: "do not hold here",
    rules.UNDECIDED: "cannot be decided here",
}
"""The outcomes of several claims, in the plural."""


def _overall(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Return one row per claim: the number of settings with each outcome."""
    names = [outcome for outcome in OUTCOMES if any(verdict.outcome == outcome for verdict in verdicts)]
    counts = count_outcomes(verdicts)
    return pd.DataFrame([{"claim": claim, **{name: n[name] for name in names}} for claim, n in counts.items()])


def _claim_table(artifacts: Artifacts) -> pd.DataFrame:
    """Return one row per claim and setting; the last column has the outcomes with other cut-offs where they differ."""
    rows = []
    for x, half, twice in zip(artifacts.verdicts, artifacts.verdicts_at(0.5), artifacts.verdicts_at(2), strict=True):
        others = [f"{name}: {y.outcome}" for name, y in (("half", half), ("twice", twice)) if y.outcome != x.outcome]
        rows.append(
            {
                "claim": x.claim,
                "model, data": x.setting.title,
                "our figure": x.figure,
                "checks": f"{sum(map(bool, x.checks))} of {len(x.checks)}",
                "verdict": x.outcome,
                "with other cut-offs": "; ".join(others) or "the same",
            }
        )
    return pd.DataFrame(rows)


def _data(artifacts: Artifacts) -> dict[str, Any]:
    runs = {(c, s): step for (c, s, name), step in artifacts.plan.evaluations.items() if name == "main"}
    others = {
        c: step for (c, _, name), step in artifacts.plan.evaluations.items() if name == "chosen" and c not in SETTINGS
    }
    runs |= {(c, artifacts.first_seed): step for c, step in others.items()}
    lengths = {key: read_lengths(document_paths(step.output)) for key, step in runs.items()}
    results = [result for trainings in artifacts.main_results.values() for result in trainings]
    results += [artifacts.sample_results[setting] for setting in others]
    return {
        "models": _grid(tables.model_table(artifacts.cards, artifacts.seconds(artifacts.plan.trainings))),
        "settings": _grid(tables.settings_table(artifacts.cards, artifacts.first_seed)),
        "shared": join_words(f"{name} {x}" for name, x in tables.shared_settings(artifacts.cards).items()),
        "texts": _grid(tables.text_table(results, lengths, artifacts.seconds(runs)), ".1f"),
        "notes": _notes(artifacts),
        "n_seeds": len(artifacts.arguments.seeds),
        "seeds": _grid(tables.seed_table(artifacts.main_results)) if len(artifacts.arguments.seeds) > 1 else None,
    }


def _notes(artifacts: Artifacts) -> list[str]:
    """Return notes on the data that readers need before the numbers."""
    notes = []
    for dataset, title in DATASETS.items():
        settings = [setting for setting in SETTINGS if setting.dataset == dataset]
        corpus = artifacts.cards[settings[0], artifacts.first_seed]["corpus"]
        source = f"{corpus['name']}, {'from the hub' if corpus['commit'] else 'from a local folder'}"
        counts = [
            f"{tables.text_count(artifacts.main_results[setting][0]):,} with {MODELS[setting.model]}"
            for setting in settings
        ]
        notes.append(
            f"{title} ({source}): the paper's models are trained on {corpus['train_rows']:,} rows (the train split "
            f"on the hub has {HUB_TRAIN_ROWS[dataset]:,}). Their explanations are evaluated on test texts: "
            f"{', '.join(counts)}."
        )
    if artifacts.arguments.train_rows:
        notes.append(
            "This is the small scale: the models are trained on too few texts to be accurate, so this page only shows "
            "that the program works."
        )
    return notes


def _ablations(artifacts: Artifacts) -> dict[str, Any]:
    parts, signs, short = {}, [], {}
    for setting, results in artifacts.ablation_results.items():
        areas = {name: artifacts.areas(setting, name) for name in results}
        aopc, r = ablations.aopc_table(results), ablations.correlation_table(results)
        parts[setting.title] = {"aopc": _grid(aopc), "r": _grid(r), "summary": _summary(results, areas)}
        ours, printed = ablations.loo_by_sign(results["chosen"])
        signs.append(
            {"model": setting.title, "LOO": ablations.plus_minus(ours), "as printed": ablations.plus_minus(printed)}
        )
        short[setting.title] = _grid(ablations.short_text_table(areas["chosen"]))
    verdicts, differ, n_verdicts = ablations.verdict_table(artifacts.ablation_results)
    sizes = {setting.dataset: tables.text_count(artifacts.sample_results[setting]) for setting in SETTINGS}
    return {
        "ablations": parts,
        "sign": _grid(pd.DataFrame(signs)),
        "short": short,
        "verdicts": _grid(verdicts) if len(verdicts) else None,
        "differ": ", ".join(f"{n} with {label}" for label, n in differ.items()),
        "n_verdicts": n_verdicts,
        "n_by_source": Counter(claim.source for claim in CLAIMS for _ in claim.applies_to),
        "sample": f"{sizes['ag_news']:,} texts of AG's News and {sizes['imdb']:,} of IMDB",
    }


def _summary(results: Mapping[str, Result], areas: Mapping[str, ablations.Areas]) -> str:
    """Say which method has the highest AOPC in how many evaluations, and which ablations change AOPC."""
    methods = ablations.changed_methods(results, areas, Cutoffs())
    changes = "; ".join(f"with {label}, {', '.join(names)}" for label, names in methods.items() if names)
    aopc, near = f"AOPC({results['chosen'].short_k})", f"{Cutoffs().near:.0%} of the lead"
    text = f"Changes by more than {near}: {changes}" if changes else f"No {aopc} changes by {near} or more"
    return f"Highest {aopc}: {ablations.best_counts(results)}. {text}."


def _extensions(artifacts: Artifacts) -> dict[str, Any]:
    results = [x for setting, x in artifacts.sample_results.items() if setting in SETTINGS or setting.model in ENCODER]
    imdb = {setting: "main" for setting in SETTINGS if setting.dataset == "imdb"}
    imdb |= {
        setting: "chosen"
        for setting in artifacts.sample_results
        if setting.model in POOLINGS and setting not in SETTINGS
    }
    lengths = {setting.title: ablations.gap_by_length(artifacts.areas(setting, name)) for setting, name in imdb.items()}
    return {
        "methods": _grid(tables.method_table(results, "aopc")),
        "methods_r": _grid(tables.method_table(results, "r")),
        **_encoder(artifacts),
        "conclusion": decay_conclusion.conclusion(artifacts.poolings),
        "sentences": decay_conclusion.pooling_sentences(artifacts.poolings),
        "decay": _grid(tables.decay_table(artifacts.decay, "words to the nearer end")),
        "decay_to_end": _grid(tables.decay_table(artifacts.decay_to_end, "words to the end")),
        "min_words": MIN_WORDS,
        "lengths": {title: _grid(table) for title, table in lengths.items()},
    }


def _encoder(artifacts: Artifacts) -> dict[str, Any]:
    """Describe the evaluation of the transformer, if there is one, and compare its precisions."""
    if artifacts.plan.encoder is None:
        return {"encoder": None, "precisions": None}
    news, imdb = (artifacts.sample_results[Setting("minilm", dataset)].record for dataset in ("ag_news", "imdb"))
    others = artifacts.sample_results[SETTINGS[0]].record["facts"]
    text = (
        f"MiniLM was evaluated on {news['documents']['documents']:,} texts of AG's News (curves: "
        f"{news['facts']['Curves']}) and {imdb['documents']['documents']:,} of IMDB (curves: "
        f"{imdb['facts']['Curves']}). It was computed in {news['facts']['Computed in']}. The other models were "
        f"evaluated on the samples of the ablations, in {others['Computed in']}."
    )
    if not artifacts.precisions:
        return {"encoder": text, "precisions": None}
    n = artifacts.arguments.encoder_float32_texts
    text += f" The next table compares MiniLM in both precisions on {n:,} texts of AG's News:"
    return {"encoder": text, "precisions": _grid(tables.precision_table(artifacts.precisions))}


def _command(arguments: ReproduceArguments) -> str:
    scale = "small" if arguments.train_rows else "full"
    return f"make reproduce SCALE={scale}" + (" DATA=FOLDER_OF_DATASETS" if arguments.data else "")


def _cost(artifacts: Artifacts) -> str:
    """Say how long the steps took, and whether one version of the code ran all of them."""
    steps = artifacts.plan.steps()
    hours = sum(map(artifacts.ledger.seconds, steps)) / 3600
    versions = len({(artifacts.ledger.stamp(step) or {})["code"] for step in steps})
    devices = sorted({x.record["inputs"]["device"] for trainings in artifacts.main_results.values() for x in trainings})
    took = f"The {len(steps)} steps took {hours:.1f} hours of processor time in total."
    text = f"{took} Each step ran in one process on {', '.join(devices)}."
    return text + (f" They were run by {versions} versions of the package's code." if versions > 1 else "")


def _grid(frame: pd.DataFrame, spec: str = "z.3f") -> TextTable:
    """Format a table, with three decimals for fractions if `spec` says nothing else."""
    return text_table(frame, dict.fromkeys(frame.select_dtypes("float").columns, spec))


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Write the verdicts as lines for a terminal."""
    return [f"{x.outcome:20} {x.claim} ({x.setting.title}): {x.figure}" for x in verdicts]
