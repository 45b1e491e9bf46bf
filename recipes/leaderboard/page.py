"""Write the page from the measurements: the answer, the figure and the tables."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import ChoiceLoader, FileSystemLoader, PackageLoader
from markupsafe import Markup

from hf_gradexplain.attribution.methods import METHODS
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.files import atomic_write_bytes, atomic_write_text
from hf_gradexplain.run.fingerprints import versions
from hf_gradexplain.viz.canvas import figure_bytes
from hf_gradexplain.viz.tables import TextTable, join_words, text_table
from hf_gradexplain.viz.templating import MARKDOWN
from recipes.common.task_ledger import Ledger
from recipes.leaderboard import tables
from recipes.leaderboard.arguments import LeaderboardArguments
from recipes.leaderboard.entries import MODELS, SMALL
from recipes.leaderboard.figure import THEMES, leaderboard_figure
from recipes.leaderboard.measured import Measured, read_measured
from recipes.leaderboard.plan import MAX_K, NAOPC, NO_ENDS, Plan
from recipes.leaderboard.verdicts import (
    KINDS,
    TOLERANCE,
    Choice,
    best_with_copies,
    choose_methods,
    in_words,
    losses,
    of_kind,
)
from recipes.paper import constants as paper

PAGES = MARKDOWN.overlay(
    loader=ChoiceLoader([FileSystemLoader(Path(__file__).parent), PackageLoader("hf_gradexplain.viz")])
)
"""The package's Markdown environment, with the template of this folder."""


def write_page(arguments: LeaderboardArguments, plan: Plan, ledger: Ledger) -> Path:
    """Write `leaderboard.md` and, to `leaderboard/`, its figure and its numbers; return the path of the page.

    The first paragraph of each other page in `leaderboard/*.md` becomes a section of the page.

    Raises:
        GradexplainError: Nothing has been measured yet.
    """
    entries = read_measured(plan, tuple(METHODS))
    if not entries:
        raise GradexplainError("no evaluation has finished a shard yet: run the leaderboard without --page_only first")
    folder = Path(arguments.page or arguments.output_dir)
    for name, theme in THEMES.items():
        image = figure_bytes(leaderboard_figure(entries, theme), "png")
        atomic_write_bytes(folder / "leaderboard" / f"{name}.png", image)
    numbers = {
        "results": tables.numbers(entries),
        "masking": tables.masking_numbers([x.masking for x in entries if x.masking]),
    }
    for name, rows in numbers.items():
        text = json.dumps(rows, indent=1, ensure_ascii=False)
        atomic_write_text(folder / "leaderboard" / f"{name}.json", text + "\n")
    sections = [_section(path) for path in sorted((folder / "leaderboard").glob("*.md"))]
    content = {**_content(entries, arguments), "cost": _cost(plan, ledger), "sections": sections}
    page = folder / "leaderboard.md"
    atomic_write_text(page, PAGES.get_template("leaderboard.md.jinja").render(**content))
    return page


def _section(path: Path) -> dict[str, Any]:
    """Return the title of a page, its first paragraph and a link to it."""
    title, summary, *_ = path.read_text(encoding="utf-8").split("\n\n")
    return {"title": title.removeprefix("# "), "summary": Markup(summary), "link": Markup(f"leaderboard/{path.name}")}


def _content(entries: Sequence[Measured], arguments: LeaderboardArguments) -> dict[str, Any]:
    """Return the variables of the template."""
    choices = choose_methods(entries)
    one_pass = {choice.kind: choice.method for choice in choices if choice.budget == "1"}
    return {
        "k": MAX_K,
        "tolerance": f"{TOLERANCE:.2f}",
        "answers": [tables.answer(choice) for choice in choices if choice.budget == "1"],
        "choices": _grid(tables.choice_table(choices)),
        "targets": _grid(tables.target_table(entries, one_pass)),
        "losses": _losses(entries, one_pass),
        "candidates": _grid_or_none(tables.candidate_table(entries, one_pass.get("transformers"))),
        "bought": [tables.bought(choice) for choice in _with_copies(entries, one_pass)],
        "masking": [_masking(x.masking, one_pass) for x in entries if x.masking],
        "unmasked": "; ".join(x.entry.title for x in entries if not x.masking),
        "entries": [_entry(x) for x in entries],
        "measured": _grid(tables.measured_table(entries)),
        "models": _models(entries),
        "kinds": {kind: "; ".join(x.entry.title for x in of_kind(entries, kind)) for kind in KINDS},
        "missing": join_words(_missing(entries, arguments)),
        "no_ends": join_words(NO_ENDS),
        "naopc": join_words(NAOPC),
        "trainings": _trainings(entries),
        "date": max(x.newest for x in entries).strftime("%-d %B %Y"),
        "versions": join_words(f"{name} {version}" for name, version in versions().items()),
    }


def _entry(entry: Measured) -> dict[str, Any]:
    baselines = tables.baseline_table(entry) if entry.baselines else None
    cost = tables.cost_table(entry) if entry.times or entry.n_ends_texts else pd.DataFrame()
    return {
        "title": entry.entry.title,
        "faithfulness": _grid(tables.faithfulness_table(entry)),
        "cost": _grid(cost) if len(cost) else None,
        "timed": bool(entry.times),
        "ends": join_words([name for name in ("sufficiency", "NAOPC") if name in cost]),
        "baselines": None if baselines is None else _grid(baselines),
        "n_baselines": entry.n_baseline_texts,
        "n_ends": entry.n_ends_texts,
    }


def _masking(entry: Measured, one_pass: Mapping[str, str]) -> dict[str, Any]:
    recommended = next(method for kind, method in one_pass.items() if entry.entry.model in KINDS[kind])
    return {
        "title": entry.entry.title,
        "n": entry.n_texts("all"),
        "table": _grid(tables.masking_table(entry, recommended)),
    }


def _with_copies(entries: Sequence[Measured], one_pass: Mapping[str, str]) -> list[Choice]:
    choices = (best_with_copies(entries, kind, method) for kind, method in one_pass.items())
    return [choice for choice in choices if choice]


def _losses(entries: Sequence[Measured], one_pass: Mapping[str, str]) -> list[str]:
    """Return sentences about entries on which the recommended method is below others, or level with a reference."""
    sentences = []
    for kind, method in one_pass.items():
        for entry in of_kind(entries, kind):
            ahead = losses(entry, method)
            if ahead:
                leads = (f"{m} by {gap.value:.3f} [{gap.low:.3f}, {gap.high:.3f}]" for m, gap in ahead.items())
                sentences.append(f"{entry.entry.title}: {method} is below {join_words(leads)}.")
            for other in ("loo", "integrated_gradients"):
                gap = entry.gap(method, other).estimate if other in entry.methods else None
                if gap is not None and other not in ahead and in_words(gap) == "level":
                    sentences.append(f"{entry.entry.title}: {method} is level with {other}, {tables.signed(gap)}.")
    return sentences


def _models(entries: Sequence[Measured]) -> dict[str, str]:
    """Return the names of the models that were measured, by group."""
    measured = {x.entry.model for x in entries}
    groups = {"paper": paper.MODELS, "pretrained": paper.ENCODER, "small": SMALL}
    return {group: join_words(MODELS[name] for name in names if name in measured) for group, names in groups.items()}


def _trainings(entries: Sequence[Measured]) -> str:
    """Say how often the models were trained."""
    numbers = {len(x.trainings) for x in entries}
    if len(numbers) > 1:
        return Markup("The column *trainings* has the number of times that a model was trained.")
    (number,) = numbers
    return f"Each model was trained {'once' if number == 1 else f'{number} times'}."


def _missing(entries: Sequence[Measured], arguments: LeaderboardArguments) -> list[str]:
    return [name for name in arguments.entries if name not in {x.entry.name for x in entries}]


def _cost(plan: Plan, ledger: Ledger) -> str:
    """Say how long the finished steps took."""
    stamps = [stamp for step in plan.steps() if (stamp := ledger.stamp(step)) is not None]
    hours = sum(stamp["seconds"] for stamp in stamps) / 3600
    done = f"{len(stamps)} of {len(plan.steps())} trainings and evaluations"
    return f"{done} are finished. The finished ones took {hours:.1f} hours together."


def _grid_or_none(frame: pd.DataFrame) -> TextTable | None:
    return _grid(frame) if len(frame) else None


def _grid(frame: pd.DataFrame) -> TextTable:
    """Format a table, with three decimals for fractions."""
    return text_table(frame, dict.fromkeys(frame.select_dtypes("float").columns, "z.3f"))
