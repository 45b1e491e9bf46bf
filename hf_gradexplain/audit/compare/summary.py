"""Present a comparison of two runs: tables for the terminal, and Markdown for the summary of a CI job."""

from collections.abc import Sequence

import pandas as pd

from hf_gradexplain.audit.compare.result import RunComparison
from hf_gradexplain.audit.compare.thresholds import Check, checks_frame
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import decimals_of, text_table, with_interval
from hf_gradexplain.viz.templating import MARKDOWN

WORDS, TEXTS, WIDTH = 10, 3, 90
"""How many words and texts are shown, and how many characters of a text."""


def summary_tables(comparison: RunComparison) -> dict[str, pd.DataFrame]:
    """Return the tables to display, by caption; tables without rows are left out."""
    tables = {
        "Measures": _measures(comparison),
        _words_caption(comparison): _words(comparison),
        "Predicted alike, explained differently": _texts(comparison),
    }
    return {caption: table for caption, table in tables.items() if len(table)}


def to_markdown(comparison: RunComparison, checks: Sequence[Check] = ()) -> str:
    """Return the comparison as Markdown, every string escaped, with the checks first."""
    return MARKDOWN.get_template("run_comparison.md.jinja").render(
        title=f"Explanations of {comparison.b} compared with {comparison.a}",
        checks=text_table(checks_frame(checks)) if checks else None,
        sentences=comparison.sentences,
        tables={caption: text_table(table) for caption, table in summary_tables(comparison).items()},
    )


def _measures(comparison: RunComparison) -> pd.DataFrame:
    rows = []
    for row in comparison.to_frame().to_dict("records"):
        spec = f".{decimals_of((row['a'], row['b']))}f"
        shown = {
            "measure": row["measure"],
            "method": row["method"],
            "A": row["a"],
            "B": row["b"],
            "B - A, or drift": with_interval(row["difference"], row["ci_low"], row["ci_high"], spec),
            "adjusted p": row["p_adjusted"],
        }
        if comparison.references:
            low = f"{row['seed_low']:{spec}} to" if row["measure"] != "drift" else "up to"
            shown["95 % of seeds"] = f"{low} {row['seed_high']:{spec}}"
            shown["p of seeds"] = row["p_seeds"]
        rows.append(shown)
    return pd.DataFrame(rows)


def _words_caption(comparison: RunComparison) -> str:
    if comparison.references:
        return f"Words that moved more than seeds move them ({comparison.method})"
    return f"Words with the largest difference in their share of the score ({comparison.method})"


def _words(comparison: RunComparison) -> pd.DataFrame:
    rows = comparison.moved if comparison.references else comparison.words
    shown = rows.head(WORDS)[["class", "word", "n", "a", "b", "difference"]]
    if comparison.references:
        return shown.assign(seeds=rows["seeds"], q=rows["q_seeds"])
    ends = zip(*(rows.head(WORDS)[name] for name in ("difference", "ci_low", "ci_high")), strict=True)
    return shown.assign(difference=[with_interval(*row) for row in ends])


def _texts(comparison: RunComparison) -> pd.DataFrame:
    rows = comparison.texts.head(TEXTS)
    return rows.assign(text=[one_line(text, WIDTH) for text in rows["text"]]).rename(
        columns={"words_a": "top words of A", "words_b": "top words of B"}
    )
