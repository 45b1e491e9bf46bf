"""The method of `Explainer` for pairs of words."""

from dataclasses import replace
from typing import Unpack

from hf_gradexplain.classifier.targets import Labels
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.interactions.find import TOP, find_interactions
from hf_gradexplain.interactions.indices import IndexName
from hf_gradexplain.interactions.result import Interactions
from hf_gradexplain.options import Options, UnitName
from hf_gradexplain.options.signatures import ExplainOptions, call_options, takes_options
from hf_gradexplain.options.values import plain
from hf_gradexplain.text.given_units import GivenUnits, with_units
from hf_gradexplain.text.texts import Text, as_given, is_text


class InteractingEngine(AttributionEngine):
    """An engine that also finds words that work together."""

    @takes_options
    def interactions(
        self,
        text: Text,
        method: str = Options.methods[0],
        unit: UnitName = Options.unit,
        labels: Labels = None,
        *,
        top: int | None = TOP,
        index: IndexName = "second_difference",
        units: GivenUnits | None = None,
        **options: Unpack[ExplainOptions],
    ) -> Interactions:
        """Find pairs of words whose joint effect on the prediction differs from the sum of their single effects.

        The value of a pair is the rise of the loss when both words are removed, minus the rises when each is removed
        alone: `v(both) - v(first) - v(second) + v(none)`, where `v` is the loss when the words in brackets are removed.
        See `Interactions` for the meaning of its sign. For `k` words, the model runs on `k (k + 1) / 2` masked copies
        of the text.

        `index="shapley_taylor"` averages this value over all orders of removal. In each order, the words that come
        before both words of the pair are removed first. This is the Shapley-Taylor index of order 2 (Sundararajan,
        Dhamdhere & Agarwal 2020). It is exact if `max_evals` is enough for all sets of units: by default, for a text of
        up to 10 units. For a longer text it is estimated from random orders, with standard errors.

        `index="shapley_interaction"` averages instead over all sizes of the set of other removed units, and over all
        sets of each size. This is the Shapley interaction index (Grabisch & Roubens 1999). It is always exact. If
        `max_evals` is not enough for all sets of units, or if the text has more than 20 units, an error is raised.

        Args:
            text: A text, a text pair `(a, b)` or `{"text": a, "text_pair": b}`, or a conversation.
            method: The method that chooses the words, which are those with the largest `|score|`. `auto` chooses the
                method that suits the model.
            unit: What is removed: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            labels: The true class, by id or name. It is explained unless `target` is given.
            top: The number of words whose pairs are computed, whatever the index; None for all words.
            index: `second_difference`, `shapley_taylor` or `shapley_interaction`.
            units: Your own units in place of `unit`, see `__call__`.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            An `Interactions`, with `show()`, `to_frame()`, `strongest()` and `to_shapiq()`.

        Raises:
            GradexplainError: An argument cannot be used, or more masked copies are needed than `max_evals` allows; the
                message says how to fix it.
        """
        if not is_text(text := plain(text)):
            raise GradexplainError(
                f"interactions takes one text, pair or conversation, not {type(text).__name__}: call it for each text"
            )
        chosen = call_options(method, unit, labels, options)
        if chosen.self_check is None:
            chosen = replace(chosen, self_check=True)
        (only,), chosen = with_units([as_given(text)], chosen, units, single=True)
        return find_interactions(self, only, chosen, labels, top=top, index=index)
