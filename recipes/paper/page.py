"""The page: everything that was measured, put in words, tables and figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader
from markupsafe import Markup
from matplotlib.figure import Figure as Drawing

from hf_gradexplain.files import write_bytes, write_text
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.tables import TextTable, text_table
from hf_gradexplain.viz.templating import MARKDOWN
from recipes.paper import answer, choices, figures, rules, tables
from recipes.paper.arguments import ReproduceArguments
from recipes.paper.claims import Answer, overall
from recipes.paper.decay import LONG
from recipes.paper.material import Material
from recipes.paper.names import CELLS, DATA, ENCODER, MODELS, Cell
from recipes.paper.plan import CHOICES
from recipes.paper.results import Result
from recipes.paper.review import NOTHING, TEXT
from recipes.paper.sees import sees

PAGES = MARKDOWN.overlay(
    loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent), PackageLoader("hf_gradexplain.viz")])
)
"""The package's Markdown environment, with the template of this folder."""


def write_page(material: Material) -> Path:
    """Write `reproduction.md`, and its figures to `reproduction/`; return the page's path."""
    folder = Path(material.arguments.page or material.arguments.output_dir)
    for name, figure in _figures(material).items():
        write_bytes(folder / "reproduction" / f"{name}.png", figure_bytes(figure, "png"))
    page = folder / "reproduction.md"
    write_text(page, PAGES.get_template("reproduction.md.jinja").render(**_content(material)))
    return page


def _figures(material: Material) -> dict[str, Drawing]:
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
    any_result = material.main[CELLS[0]][0]
    return {
        **_claims(material),
        **_setting(material),
        **_choices(material),
        **_beyond(material),
        "short_k": any_result.short_k,
        "sees": sees(material.main, material.correlations, material.frequencies, material.words, material.answers),
        "review": TEXT,
        "command": Markup(f"    {_command(material.arguments)}"),
        "made": _made(material),
    }


def _claims(material: Material) -> dict[str, Any]:
    verdicts = overall(material.answers)
    said = Counter(answer.verdict for answer in material.answers)
    every = len(material.answers)
    return {
        "headline": f"Of {every} claims about a model on a data set, {said[rules.HOLDS]} hold, "
        f"{said[rules.IN_PART]} hold in part, and {said[rules.FAILS]} do not hold here.",
        "overall": _grid(pd.DataFrame(verdicts.items(), columns=["claim", "over all models and data sets"])),
        "claims": _grid(
            pd.DataFrame(
                [
                    {
                        "claim": a.claim,
                        "model, data": a.cell.title,
                        "our figure": a.figure,
                        "checks": f"{sum(a.checks)} of {len(a.checks)}",
                        "verdict": a.verdict,
                    }
                    for a in material.answers
                ]
            )
        ),
        "ks": str(material.main[CELLS[0]][0].short_k),
        "rules": {
            "large": f"{rules.CLEAR:.0%}",
            "near": f"{rules.NEAR:.0%}",
            "moderate": f"{rules.MODERATE:.0%}",
            "strong": rules.STRONG,
            "nothing": f"{NOTHING:.0%}",
        },
    }


def _setting(material: Material) -> dict[str, Any]:
    cards = {key: tables.read_card(step.output) for key, step in material.plan.trainings.items()}
    runs = {(c, s): step for (c, s, name), step in material.plan.runs.items() if name == "main"}
    lengths = {(c, s): choices.lengths_of(material.documents(c, s, "main")) for c, s in runs}
    results = [result for found in material.main.values() for result in found]
    return {
        "models": _grid(tables.model_table(cards, material.seconds(material.plan.trainings))),
        "settings": _grid(tables.settings_table(cards, material.first)),
        "texts": _grid(tables.text_table(results, lengths, material.seconds(runs))),
        "notes": _notes(material, cards),
        "n_seeds": len(material.arguments.seeds),
        "seeds": _grid(tables.seed_table(material.main)) if len(material.arguments.seeds) > 1 else None,
    }


def _notes(material: Material, cards: Mapping[Any, Mapping[str, Any]]) -> list[str]:
    """What has to be known before any number is read."""
    notes = []
    for cell in CELLS[:: len(MODELS)]:
        corpus, n = cards[cell, material.first]["corpus"], material.main[cell][0].record["documents"]["documents"]
        source = corpus["name"] if corpus["commit"] else f"a copy of {corpus['name']}, or of a part of it"
        notes.append(
            f"{DATA[cell.data]} ({source}): trained on {corpus['train_rows']:,} rows; explanations of {cell.title} "
            f"evaluated on {n:,} test texts, those of the other models on as many as the table below says."
        )
    if material.arguments.train_rows:
        notes.append(
            "This is the small scale: the models have seen too few texts to be good, and the page shows that all of it "
            "works, not what is true."
        )
    return notes


def _choices(material: Material) -> dict[str, Any]:
    parts, signs = {}, []
    for cell in CELLS:
        results = {name: material.result(cell, material.first, name) for name in CHOICES}
        aopc, r = choices.choice_table(results), choices.correlation_table(results)
        parts[cell.title] = {"aopc": _grid(aopc), "r": _grid(r), "said": _moved(results)}
        figure, printed = choices.sign_of_loo(results["chosen"])
        signs.append({"model": cell.title, "LOO": choices.shown(figure), "as printed": choices.shown(printed)})
    short = {c.title: choices.short_documents(material.documents(c, material.first, "chosen")) for c in CELLS}
    sizes = {cell.data: material.chosen[cell].record["documents"]["documents"] for cell in CELLS}
    return {
        "choices": parts,
        "sign": _grid(pd.DataFrame(signs)),
        "short": {title: _grid(table) for title, table in short.items()},
        "sample": f"{sizes['ag_news']:,} texts of AG's News and {sizes['imdb']:,} of IMDB, one training",
    }


def _moved(results: Mapping[str, Result]) -> str:
    """Which settings change a method's AOPC, in a sentence."""
    changed = {said: methods for said, methods in choices.moved(results).items() if methods}
    if not changed:
        return "No setting moves a method's AOPC out of its interval."
    found = "; ".join(f"{said}: {', '.join(methods)}" for said, methods in changed.items())
    best = {choices.ranking(result)[0] for result in results.values()}
    order = (
        f"{best.pop()} leads under all of them"
        if len(best) == 1
        else f"the lead is between {' and '.join(sorted(best))}"
    )
    return f"Out of their intervals move, with {found}. Of the seven methods, {order}."


def _beyond(material: Material) -> dict[str, Any]:
    shown = [x for cell, x in material.chosen.items() if cell in CELLS or cell.model in ENCODER]
    imdb = [cell for cell in CELLS if cell.data == "imdb"]
    k = material.main[CELLS[0]][0].short_k
    lengths = {c.title: choices.by_length(material.documents(c, material.first, "main"), k) for c in imdb}
    return {
        "methods": _grid(tables.method_table(shown, "aopc")),
        "methods_r": _grid(tables.method_table(shown, "r")),
        "encoder": _encoder(material),
        "answer": answer.conclusion(material.poolings),
        "sentences": answer.sentences(material.poolings),
        "decay": _grid(tables.decay_table(material.decay)),
        "decay_to_end": _grid(tables.decay_table(material.decay_to_end)),
        "long": LONG,
        "lengths": {title: _grid(table) for title, table in lengths.items()},
    }


def _encoder(material: Material) -> str:
    """How the transformer was measured, if it was."""
    if material.plan.encoder is None:
        return ""
    news, imdb = (material.chosen[Cell("minilm", data)].record for data in ("ag_news", "imdb"))
    others = material.chosen[CELLS[0]].record["facts"]
    return (
        f"MiniLM was evaluated on {news['documents']['documents']:,} texts of AG's News ({news['facts']['Curves']}) "
        f"and {imdb['documents']['documents']:,} of IMDB ({imdb['facts']['Curves']}), computed in "
        f"{news['facts']['Computed in']}; the others on the samples named above, in {others['Computed in']}."
    )


def _command(arguments: ReproduceArguments) -> str:
    scale = "small" if arguments.train_rows else "full"
    return f"make reproduce SCALE={scale}" + (" DATA=FOLDER_OF_DATA_SETS" if arguments.data else "")


def _made(material: Material) -> str:
    """What it took, and whether one state of the code made all of it."""
    stamps = [material.ledger.stamp(step) or {} for step in material.plan.steps()]
    hours = sum(stamp["seconds"] for stamp in stamps) / 3600
    states = len({stamp["code"] for stamp in stamps})
    devices = sorted({x.record["inputs"]["device"] for found in material.main.values() for x in found})
    text = f"Its {len(stamps)} steps took {hours:.1f} hours of single processes on: {', '.join(devices)}."
    return text + (f" They were made by {states} states of the package's code." if states > 1 else "")


def _grid(frame: pd.DataFrame) -> TextTable:
    """Three decimals for everything that is no whole number."""
    return text_table(frame, dict.fromkeys(frame.select_dtypes("float").columns, "z.3f"))


def table_texts(found: Sequence[Answer]) -> list[str]:
    """The claims as lines, for a terminal."""
    return [f"{a.verdict:20} {a.claim} ({a.cell.title}): {a.figure}" for a in found]
