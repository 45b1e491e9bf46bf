"""Numbers and lists as text, for pages, cards and the terminal."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hf_gradexplain.viz.sanitize import one_line

MISSING = "–"
"""The mark of an undefined value, which is never shown as a number or an empty cell."""


@dataclass(frozen=True)
class TextTable:
    """A table as text.

    Attributes:
        headers: Column names.
        rows: One tuple of cells per row, one cell per header.
        numeric: Per column, whether it holds numbers, which are aligned right.
        n_missing: The number of cells shown as `MISSING`.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    n_missing: int


def with_minus(number: str) -> str:
    """Write the minus signs of a formatted number as U+2212, which is as wide as a plus sign.

    >>> with_minus("-1.5"), with_minus("2e-08")
    ('−1.5', '2e−08')
    """
    return number.replace("-", "−")


def format_score(score: float, signed: bool) -> str:
    """Write a score with three significant digits, and with its sign if the method is signed.

    >>> format_score(1.3, signed=True), format_score(0.0451, signed=False), format_score(0, signed=True)
    ('+1.30', '0.0451', '0')
    """
    return with_minus(format(float(score), "+#.3g" if signed else "#.3g").rstrip(".")) if score else "0"


def format_margin(margin: float) -> str:
    """Write half the width of an interval with two significant digits.

    >>> format_margin(0.05), format_margin(12.3)
    ('0.050', '12')
    """
    return format(float(margin), "#.2g").rstrip(".")


def format_estimate(score: float, margin: float, signed: bool) -> str:
    """Write a score with its margin, half the width of its interval; the margin 0 of an exact score is left out.

    >>> format_estimate(-1.3, 0.056, signed=True), format_estimate(1.3, 0, signed=True)
    ('−1.30±0.056', '+1.30')
    """
    return f"{format_score(score, signed)}±{format_margin(margin)}" if margin else format_score(score, signed)


def with_interval(value: float | None, low: float | None, high: float | None, spec: str = ".3f") -> str:
    """Write a value with its interval, if it has one; an undefined number (None or NaN) is written as an en dash.

    Args:
        value: The value; if it is undefined, the interval is left out.
        low: The lower end.
        high: The upper end.
        spec: The format of the three numbers; a number that rounds to zero has no sign.

    >>> with_interval(0.3311, 0.3209, 0.3402), with_interval(-0.001, -0.2, 0.1, ".1f"), with_interval(None, None, None)
    ('0.331 [0.321, 0.340]', '0.0 [−0.2, 0.1]', '–')
    >>> with_interval(0.25, None, None), with_interval(0.25, None, 0.5)
    ('0.250', '0.250 [–, 0.500]')
    """
    numbers = [MISSING if x is None or pd.isna(x) else with_minus(format(x, f"z{spec}")) for x in (value, low, high)]
    value_alone = numbers[0] == MISSING or numbers[1] == numbers[2] == MISSING
    return numbers[0] if value_alone else "{} [{}, {}]".format(*numbers)


def decimals_of(numbers: Iterable[float]) -> int:
    """Return the decimals to show numbers with: 3, or as many as show two digits of the largest one, up to 9.

    NaN is left out.

    >>> decimals_of([0.01, -250]), decimals_of([0.002, -0.0001]), decimals_of([]), decimals_of([1e-12])
    (3, 4, 3, 9)
    """
    largest = max((abs(x) for x in numbers if not math.isnan(x)), default=0.0)
    return min(max(3, math.ceil(1 - math.log10(largest))), 9) if largest else 3


def join_words(words: Iterable[str], conjunction: str = "and") -> str:
    """List words as in a sentence; without words, return an empty string.

    >>> join_words(["a", "b", "c"]), join_words(["a", "b"], "or"), join_words(["a"])
    ('a, b and c', 'a or b', 'a')
    """
    *most, last = [*words] or [""]
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def counted(n: int, noun: str) -> str:
    """Return a number with its noun in singular or plural.

    >>> counted(1, "text"), counted(3000, "text")
    ('1 text', '3,000 texts')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def text_table(frame: pd.DataFrame, formats: Mapping[str, str] | None = None, *, decimals: int = 3) -> TextTable:
    """Format every cell of `frame`: undefined values as an en dash, others by the format of their column.

    Args:
        frame: Any table. A named index becomes the first column; an unnamed index is left out.
        formats: A Python format specification per column name, such as `{"aopc": ".4f", "n": ",.0f"}`. Without a
            specification, fractions have `decimals` decimals, and whole numbers have thousands separators. A fraction
            that would be written as 0 gets an exponent; with `decimals=2`, it keeps one digit instead. From a million
            on, fractions get an exponent.
        decimals: The number of decimals.

    Raises:
        ValueError: `formats` names a column that `frame` does not have.
    """
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    formats = formats or {}
    headers = tuple(one_line(str(column)) for column in frame.columns)
    if unknown := [column for column in formats if column not in frame.columns]:
        raise ValueError(f"formats names columns {unknown}, but the table has {list(headers)}; use these names.")
    columns = [
        [_cell(value, formats.get(name), decimals) for value in column.tolist()] for name, column in frame.items()
    ]
    return TextTable(
        headers=headers,
        rows=tuple(zip(*columns, strict=True)),
        numeric=tuple(_is_numeric(column) for _, column in frame.items()),
        n_missing=int(frame.isna().to_numpy().sum()),
    )


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _cell(value: Any, spec: str | None, decimals: int) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return MISSING
    if spec is not None:
        return with_minus(one_line(format(value, spec)))
    if isinstance(value, float):
        plain = value == 0 or 0.5 * 10**-decimals <= abs(value) < 1e6
        return with_minus(format(value, f"z.{decimals}f" if plain else ".2e" if decimals > 2 else ".1g"))
    if isinstance(value, int) and not isinstance(value, bool):
        return with_minus(format(value, ",d"))
    return one_line(str(value))
