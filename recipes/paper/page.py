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
from recipes.paper.artifacts import Material
from recipes.paper.claims import SOMEWHERE, Answer, overall
from recipes.paper.constants import DATA, ENCODER, MODELS, POOLINGS, SETTINGS, Setting
from recipes.paper.decay import LONG
from recipes.paper.example_review import NOTHING, TEXT
from recipes.paper.figure_captions import figure_captions
from recipes.paper.results import Result
from recipes.paper.rules import Cutoffs

PAGES = MARKDOWN.overlay(
    loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent), PackageLoader("hf_gradexplain.viz")])
)
"""The package's Markdown environment, with the template of this folder."""


def write_page(material: Material) -> Path:
    """Write `reproduction.md`, and its figures to `reproduction/`; return the page's path."""
    folder = Path(material.arguments.page or material.arguments.output_dir)
    for name, figure in _figures(material).items():
        atomic_write_bytes(folder / "reproduction" / f"{name}.png", figure_bytes(figure, "png"))
    page = folder / "reproduction.md"
    atomic_write_text(page, PAGES.get_template("reproduction.md.jinja").render(**_content(material)))
    return page


def _figures(material: Material) -> dict[str, Figure]:
    first = {model: found[0] for model, found in material.reviews.items()}
    return {
        "curves": figures.curves_figure(material.main),
        "correlations": figures.correlations_figure(material.correlations),
        "frequency": figures.frequency_figure(material.words),
        "review": figures.review_figure(first),
        "decay": figures.decay_figure(material.decay_to_end, material.decay),
    }


def _content(material: Material) -> dict[str, Any]:
    """Everything that the template shows."""
    any_result = material.main[SETTINGS[0]][0]
    return {
        **_claims(material),
        **_setting(material),
        **_choices(material),
        **_beyond(material),
        "short_k": any_result.short_k,
        "sees": figure_captions(
            material.main,
            material.correlations,
            material.frequencies,
            material.words,
            material.answers,
            material.reviews,
        ),
        "review": TEXT,
        "command": Markup(f"    {_command(material.arguments)}"),
        "made": _made(material),
    }


def _claims(material: Material) -> dict[str, Any]:
    answers = material.answers
    counted = Counter(answer.verdict for answer in answers if answer.claim not in SOMEWHERE)
    said = [f"{counted[verdict]} {words}" for verdict, words in VERDICTS.items() if counted[verdict]]
    return {
        "headline": f"Of {counted.total()} claims about a model on a data set, {', '.join(said)}.",
        "overall": _grid(_overall(answers)),
        "claims": _grid(_claim_table(material)),
        "leads": _grid(tables.lead_table(material.main)),
        "rules": {
            "clearly": f"{Cutoffs().clear:.0%}",
            "near": f"{Cutoffs().near:.0%}",
            "moderate": f"{Cutoffs().moderate:.0%}",
            "strong": Cutoffs().strong,
            "nothing": f"{NOTHING:.0%}",
        },
    }


VERDICTS = {
    rules.HOLDS: "hold",
    rules.IN_PART: "hold in part",
    rules.FAILS: "do not hold here",
    rules.UNTOLD: "cannot be told here",
}
"""Of some claims, in the plural."""


def _overall(answers: Sequence[Answer]) -> pd.DataFrame:
    """One row per claim: how many models and data sets have each verdict."""
    names = [verdict for verdict in VERDICTS if any(answer.verdict == verdict for answer in answers)]
    return pd.DataFrame(
        [{"claim": claim, **{name: counts[name] for name in names}} for claim, counts in overall(answers).items()]
    )


def _claim_table(material: Material) -> pd.DataFrame:
    """One row per claim, model and data set; beside the verdict, those under other cut-offs where they differ."""
    rows = []
    for a, half, twice in zip(material.answers, material.answers_at(0.5), material.answers_at(2), strict=True):
        others = [f"{said}: {x.verdict}" for said, x in (("half", half), ("twice", twice)) if x.verdict != a.verdict]
        rows.append(
            {
                "claim": a.claim,
                "model, data": a.cell.title,
                "our figure": a.figure,
                "checks": f"{sum(map(bool, a.checks))} of {len(a.checks)}",
                "verdict": a.verdict,
                "with other cut-offs": "; ".join(others) or "the same",
            }
        )
    return pd.DataFrame(rows)


def _setting(material: Material) -> dict[str, Any]:
    runs = {(c, s): step for (c, s, name), step in material.plan.runs.items() if name == "main"}
    others = {c: step for (c, _, name), step in material.plan.runs.items() if name == "chosen" and c not in SETTINGS}
    runs |= {(c, material.first): step for c, step in others.items()}
    lengths = {key: read_lengths(document_paths(step.output)) for key, step in runs.items()}
    results = [result for found in material.main.values() for result in found]
    results += [material.chosen[cell] for cell in others]
    return {
        "models": _grid(tables.model_table(material.cards, material.seconds(material.plan.trainings))),
        "settings": _grid(tables.settings_table(material.cards, material.first)),
        "texts": _grid(tables.text_table(results, lengths, material.seconds(runs))),
        "notes": _notes(material),
        "n_seeds": len(material.arguments.seeds),
        "seeds": _grid(tables.seed_table(material.main)) if len(material.arguments.seeds) > 1 else None,
    }


def _notes(material: Material) -> list[str]:
    """What has to be known before any number is read."""
    notes = []
    for data, title in DATA.items():
        cells = [cell for cell in SETTINGS if cell.data == data]
        corpus = material.cards[cells[0], material.first]["corpus"]
        source = corpus["name"] if corpus["commit"] else f"a copy of {corpus['name']}, or of a part of it"
        read = [f"{tables.count_of(material.main[cell][0]):,} with {MODELS[cell.model]}" for cell in cells]
        notes.append(
            f"{title} ({source}): the paper's models are trained on {corpus['train_rows']:,} rows, and their "
            f"explanations evaluated on test texts: {', '.join(read)}."
        )
    if material.arguments.train_rows:
        notes.append(
            "This is the small scale: the models have seen too few texts to be good, and the page shows that all of it "
            "works, not what is true."
        )
    return notes


def _choices(material: Material) -> dict[str, Any]:
    parts, signs, short = {}, [], {}
    for cell, results in material.settings.items():
        documents = {name: material.areas(cell, name) for name in results}
        aopc, r = ablations.choice_table(results), ablations.correlation_table(results)
        parts[cell.title] = {"aopc": _grid(aopc), "r": _grid(r), "said": _said(results, documents)}
        figure, printed = ablations.sign_of_loo(results["chosen"])
        signs.append({"model": cell.title, "LOO": ablations.shown(figure), "as printed": ablations.shown(printed)})
        short[cell.title] = _grid(ablations.short_documents(documents["chosen"]))
    verdicts, differ, claims = ablations.verdict_table(material.settings)
    sizes = {cell.data: tables.count_of(material.chosen[cell]) for cell in SETTINGS}
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
    moved = ablations.moved(results, documents, Cutoffs())
    changed = "; ".join(f"{said}: {', '.join(methods)}" for said, methods in moved.items() if methods)
    aopc, near = f"AOPC({results['chosen'].short_k})", f"{Cutoffs().near:.0%} of the lead"
    said = f"{aopc} changes by more than {near} with {changed}" if changed else f"no {aopc} changes by {near} or more"
    return f"Highest {aopc}: {ablations.leaders(results)}. On the same texts, {said}."


def _beyond(material: Material) -> dict[str, Any]:
    shown = [x for cell, x in material.chosen.items() if cell in SETTINGS or cell.model in ENCODER]
    imdb = {cell: "main" for cell in SETTINGS if cell.data == "imdb"}
    imdb |= {cell: "chosen" for cell in material.chosen if cell.model in POOLINGS and cell not in SETTINGS}
    lengths = {cell.title: ablations.by_length(material.areas(cell, name)) for cell, name in imdb.items()}
    return {
        "methods": _grid(tables.method_table(shown, "aopc")),
        "methods_r": _grid(tables.method_table(shown, "r")),
        **_encoder(material),
        "answer": decay_conclusion.conclusion(material.poolings),
        "sentences": decay_conclusion.sentences(material.poolings),
        "decay": _grid(tables.decay_table(material.decay, "words to the nearer end")),
        "decay_to_end": _grid(tables.decay_table(material.decay_to_end, "words to the end")),
        "long": LONG,
        "lengths": {title: _grid(table) for title, table in lengths.items()},
    }


def _encoder(material: Material) -> dict[str, Any]:
    """How the transformer was measured, if it was, and what its precision changes."""
    if material.plan.encoder is None:
        return {"encoder": None, "precisions": None}
    news, imdb = (material.chosen[Setting("minilm", data)].record for data in ("ag_news", "imdb"))
    others = material.chosen[SETTINGS[0]].record["facts"]
    said = (
        f"MiniLM was evaluated on {news['documents']['documents']:,} texts of AG's News ({news['facts']['Curves']}) "
        f"and {imdb['documents']['documents']:,} of IMDB ({imdb['facts']['Curves']}), computed in "
        f"{news['facts']['Computed in']}; the others on the samples named above, in {others['Computed in']}."
    )
    if not material.precisions:
        return {"encoder": said, "precisions": None}
    said += (
        f" On {material.arguments.encoder_float32_texts:,} of these texts of AG's News it was evaluated in float32, "
        "too:"
    )
    return {"encoder": said, "precisions": _grid(tables.precision_table(material.precisions))}


def _command(arguments: ReproduceArguments) -> str:
    scale = "small" if arguments.train_rows else "full"
    return f"make reproduce SCALE={scale}" + (" DATA=FOLDER_OF_DATA_SETS" if arguments.data else "")


def _made(material: Material) -> str:
    """What it took, and whether one state of the code made all of it."""
    steps = material.plan.steps()
    hours = sum(map(material.ledger.seconds, steps)) / 3600
    states = len({(material.ledger.stamp(step) or {})["code"] for step in steps})
    devices = sorted({x.record["inputs"]["device"] for found in material.main.values() for x in found})
    text = f"Its {len(steps)} steps took {hours:.1f} hours of single processes on: {', '.join(devices)}."
    return text + (f" They were made by {states} states of the package's code." if states > 1 else "")


def _grid(frame: pd.DataFrame) -> TextTable:
    """Three decimals for everything that is no whole number."""
    return text_table(frame, dict.fromkeys(frame.select_dtypes("float").columns, "z.3f"))


def table_texts(found: Sequence[Answer]) -> list[str]:
    """The claims as lines, for a terminal."""
    return [f"{a.verdict:20} {a.claim} ({a.cell.title}): {a.figure}" for a in found]
