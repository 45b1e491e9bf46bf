"""The methods of `Explainer` that compare texts."""

from collections.abc import Callable, Iterable, Sequence
from typing import Unpack, overload

from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.options import Options, UnitName
from hf_gradexplain.options.signatures import ComparisonOptions, takes_options
from hf_gradexplain.ranking.comparison import comparison_options
from hf_gradexplain.ranking.preference import Preference, explain_preferences
from hf_gradexplain.ranking.ranking import Ranking, rank_documents
from hf_gradexplain.text.given_units import GivenUnits, Spans
from hf_gradexplain.text.texts import Text

UnitsOfBoth = Callable[[str], Spans] | tuple[GivenUnits, GivenUnits]
"""The spans of the units of `chosen` and of `rejected`, or a function from a text to its spans."""


class ComparingEngine(AttributionEngine):
    """An engine that also explains why a model gives one text a higher number than another."""

    @overload
    def prefer(  # type: ignore[overload-overlap]
        self,
        chosen: Text,
        rejected: Text,
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        *,
        units: UnitsOfBoth | None = ...,
        **options: Unpack[ComparisonOptions],
    ) -> Preference: ...

    @overload
    def prefer(
        self,
        chosen: Iterable[Text],
        rejected: Iterable[Text],
        methods: str | Sequence[str] = ...,
        unit: UnitName = ...,
        *,
        units: UnitsOfBoth | None = ...,
        **options: Unpack[ComparisonOptions],
    ) -> list[Preference]: ...

    @takes_options
    def prefer(
        self,
        chosen: Text | Iterable[Text],
        rejected: Text | Iterable[Text],
        methods: str | Sequence[str] = Options.methods,
        unit: UnitName = Options.unit,
        *,
        units: UnitsOfBoth | None = None,
        **options: Unpack[ComparisonOptions],
    ) -> Preference | list[Preference]:
        """Explain why a reward model prefers one text to another: the reward of `chosen` minus that of `rejected`.

        Each text has its own scores: a positive score means that the unit raises the reward of the text that it is in.

        Args:
            chosen: A text, a text pair such as `(prompt, answer)`, or a conversation; or several in a list.
            rejected: The text to compare `chosen` with; or a list with one text for each text of `chosen`.
            methods: One name in `METHODS` or several; `auto` chooses the method that suits the model.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word in one of the texts),
                `sentence`, or `clause` (a part of a sentence between punctuation).
            units: Your own units instead of `unit`: a tuple of the units of `chosen` and those of `rejected`, each in a
                form that `Explainer.__call__` takes; or a function from a text to its spans.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            A `Preference` for one pair of texts; a list of `Preference` objects for several.

        Raises:
            GradexplainError: The model has several logits, or an argument cannot be used. If only one side is wrong,
                the message begins with its name, `chosen` or `rejected`.
        """
        return explain_preferences(self, chosen, rejected, comparison_options("prefer", methods, unit, options), units)

    @takes_options
    def rank(
        self,
        query: str,
        documents: Iterable[str],
        methods: str | Sequence[str] = Options.methods,
        unit: UnitName = Options.unit,
        *,
        top: int | None = None,
        units: Callable[[str], Spans] | None = None,
        **options: Unpack[ComparisonOptions],
    ) -> Ranking:
        """Rank documents for a query with a reranker; the returned `Ranking` can explain the order.

        The model is a `CrossEncoder`, or another model of text pairs with one logit. Documents are scored in batches.

        Args:
            query: The query.
            documents: The documents, in a list, an array, a Series or a column.
            methods: The methods that `Ranking.why` uses: one name in `METHODS` or several, or `auto`.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            top: How many of the documents to keep, the best ones; None for all.
            units: Your own units in place of `unit`: a function that takes one text (the query or a document) and
                returns its spans `(start, end)`.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            A `Ranking`, with `order`, `scores`, `why(1, 2)` and `table(1)`.

        Raises:
            GradexplainError: The model has several logits, or an argument cannot be used.
        """
        return rank_documents(self, query, documents, comparison_options("rank", methods, unit, options), top, units)
