"""The method of `Explainer` for any number of texts."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Unpack

from hf_gradexplain.classifier.targets import Labels
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.engine.stream import explain_stream
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import Options, UnitName
from hf_gradexplain.options.signatures import ExplainOptions, call_options, takes_options
from hf_gradexplain.text.given_units import GivenUnits
from hf_gradexplain.text.texts import Text


class StreamingEngine(AttributionEngine):
    """An engine that also explains texts one after the other, as many as there are."""

    @takes_options
    def stream(
        self,
        texts: Iterable[Text],
        methods: str | Sequence[str] = Options.methods,
        unit: UnitName = Options.unit,
        labels: Labels = None,
        *,
        units: GivenUnits | None = None,
        progress: bool = True,
        **options: Unpack[ExplainOptions],
    ) -> Iterator[Explanation]:
        """Explain any number of texts, in order, in memory that does not grow with their number.

        Texts are read and explained in chunks that fill about 16 batches, so that texts of equal length share a batch.
        The next chunk is read when all explanations of the last one were taken. Between two explanations the model is
        in its original state, also if no more are taken. A warning is given once.

        Args:
            texts: Texts, text pairs or conversations, from any iterable: a list, a generator, a column of a dataset. It
                may be endless.
            methods: A name in `METHODS`, `auto` for the one that suits the model, or several.
            unit: What gets one score, see `__call__`.
            labels: The true class, by id or name: one for all texts, or an iterable of one per text; explained without
                `target`.
            units: Your own units instead of `unit`: an iterable of the spans of each text, or a function from a text to
                its spans.
            progress: Whether to show a progress bar, in a terminal or a notebook.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            An iterator over one `Explanation` per text.

        Raises:
            GradexplainError: An argument cannot be used. A text and its label are checked when they are read.

        Examples:
            >>> import hf_gradexplain  # doctest: +SKIP
            >>> explainer = hf_gradexplain.Explainer.from_pretrained("org/model")  # doctest: +SKIP
            >>> for explanation in explainer.stream(open("texts.txt")):  # doctest: +SKIP
            ...     print(explanation.top(3))
        """
        chosen = call_options(methods, unit, labels, options)
        return explain_stream(self, texts, chosen, labels, units, progress=progress)
