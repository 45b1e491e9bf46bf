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
        """Explain any number of texts, in their order; memory does not grow with their number.

        Texts are read and explained in chunks of about 16 batches, so that texts of equal length share a batch. The
        next chunk is read after all explanations of the current chunk have been taken. Between two explanations the
        model is in its original state, so the iteration can be stopped at any time. Each warning is given only once.

        Args:
            texts: Texts, text pairs or conversations, from any iterable: a list, a generator, a column of a dataset. A
                generator may be endless.
            methods: One name in `METHODS` or several; `auto` chooses the method that suits the model.
            unit: What gets one score, see `__call__`.
            labels: The true classes, by id or name: one for all texts, or an iterable with one per text. They are
                explained unless `target` is given.
            units: Your own units in place of `unit`: an iterable with a list of spans `(start, end)` per text, or a
                function that takes a text and returns this list.
            progress: Whether to show a progress bar, in a terminal or a notebook.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            An iterator that yields one `Explanation` per text.

        Raises:
            GradexplainError: An argument cannot be used. If an item is no text, pair or conversation, or labels,
                classes or units end early, the texts before it are explained before the error is raised. Any other
                error, such as an unknown class or a wrong span, is raised before its chunk is explained.

        Examples:
            >>> import hf_gradexplain  # doctest: +SKIP
            >>> explainer = hf_gradexplain.Explainer.from_pretrained("org/model")  # doctest: +SKIP
            >>> for explanation in explainer.stream(open("texts.txt")):  # doctest: +SKIP
            ...     print(explanation.top(3))
        """
        chosen = call_options(methods, unit, labels, options)
        return explain_stream(self, texts, chosen, labels, units, progress=progress)
