"""The methods of `Explainer` that audit a model with the explanations of many texts."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from hf_gradexplain.audit.plausibility.hybrid import HybridDocuments, explain_hybrids
from hf_gradexplain.audit.sanity.result import SanityChecks
from hf_gradexplain.audit.sanity.sanity import check_sanity
from hf_gradexplain.audit.suspicious.find import InsertionTest, find_suspicious_words
from hf_gradexplain.audit.suspicious.result import SuspiciousWords
from hf_gradexplain.classifier.targets import Labels, label_ids
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import choose
from hf_gradexplain.options import AUTO, Options, UnitName
from hf_gradexplain.options.signatures import AuditOptions, ExplainOptions, ReadingOptions, call_options, takes_options
from hf_gradexplain.options.values import plain
from hf_gradexplain.text.given_units import GivenUnits, with_units
from hf_gradexplain.text.texts import Text, is_text, listed

if TYPE_CHECKING:
    from hf_gradexplain.run.evaluation import Evaluation

CHECKED = ("random", "loo", "sa_l2", AUTO)
"""The methods that `Explainer.sanity` checks by default."""


class AuditingEngine(AttributionEngine):
    """An engine that also audits its model and the methods that explain it."""

    @takes_options
    def sanity(
        self,
        texts: Text | Iterable[Text],
        methods: str | Sequence[str] = CHECKED,
        unit: UnitName = Options.unit,
        labels: Labels = None,
        *,
        units: GivenUnits | None = None,
        independent: bool = False,
        **options: Unpack[ExplainOptions],
    ) -> SanityChecks:
        """Check that methods explain the model: their scores should change when its parameters are random.

        *Parameter randomisation* (Adebayo et al. 2018, "Sanity checks for saliency maps"): the parameters of one layer
        after the other become random, from the output to the embeddings, and each time the texts are explained again,
        for the same classes. Spearman's correlation of the scores with those of the model itself, per text, should fall
        to about 0. A layer is a block that the model repeats, or the largest module around none; its parameters become
        random by a permutation of the entries of each tensor. The correlation between the scores of two models that are
        wholly random says how far the text and the architecture alone decide. A method is named as one that `does not
        change when the model is random` if its median correlation with random models lies above 0.8, interval included.

        *Input invariance* (Kindermans et al. 2019, "The (un)reliability of saliency methods"): a constant is added to
        all word vectors and taken from all position vectors. The function stays the same, and the scores should, too.
        Models without such a table are not checked.

        *Seeds*: methods that draw random numbers are run with another seed.

        For a model of `L` layers all texts are explained `L + 2` times, once more for each of the other two checks, and
        `L` times more if `independent`. It takes the memory of a second copy of the parameters. The model's own ones
        are never changed: others take their places, also if an exception ends the call.

        Args:
            texts: Texts, text pairs or conversations, in a list, an array, a Series or a column. At least 6 with 3
                words, or there are no intervals; 50 are enough.
            methods: Names in `METHODS`; `auto` is the one that suits the model.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            labels: The true class, by id or name: one for all texts, or one per text; explained without `target`.
            units: Your own units instead of `unit`, see `__call__`.
            independent: Whether to randomise each layer alone as well.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            The `SanityChecks`: `to_frame()`, `randomisation`, `unchanged`, `report()`, `figure()`.

        Raises:
            GradexplainError: An argument cannot be used, or the parameters are quantised or offloaded.
        """
        chosen, texts = call_options(methods, unit, labels, options), plain(texts)
        given, chosen = with_units(listed(texts), chosen, units, single=is_text(texts))
        return check_sanity(self, given, chosen, labels, independent=independent)

    @takes_options
    def hybrid_documents(
        self,
        texts: Iterable[Text],
        labels: Labels,
        methods: str | Sequence[str] = (AUTO, "loo", "random"),
        unit: UnitName = Options.unit,
        *,
        n: int = 100,
        **options: Unpack[AuditOptions],
    ) -> HybridDocuments:
        """Join sentences of texts of two classes, and see whether the highest-scored word is in the right sentence.

        The predicted class of each such document is explained. On average, a model finds more evidence for a class in
        the sentences of texts of that class, so a method hits if its highest-scored word stands in one of them. This
        needs no human (Poerner et al. 2018).

        Args:
            texts: Texts, in a list, an array, a Series or a column.
            labels: The true class of each text, by id or name.
            methods: Names in `METHODS`; `auto` is the one that suits the model.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            n: The number of documents.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            The hit rates: `to_frame()`, `hits`, `documents`, `explanations`. A notebook shows them.

        Raises:
            GradexplainError: An argument cannot be used; the message says how to fix it.

        Examples:
            >>> explainer.hybrid_documents(texts, labels, ["attn_lrp", "loo", "random"])  # doctest: +SKIP
        """
        for name in options:
            choose("option", name, AuditOptions.__annotations__)
        given = listed(plain(texts))
        ids = label_ids(labels, len(given), self.class_names)
        return explain_hybrids(self, given, ids, Options(methods, unit, **options), n)  # type: ignore[arg-type]

    @takes_options
    def suspicious_words(
        self,
        result: "Evaluation | Sequence[Path]",
        method: str | None = None,
        *,
        n_texts: int = 100,
        n_controls: int = 50,
        most: int = 200,
        min_documents: int = 3,
        level: float = 0.05,
        **options: Unpack[ReadingOptions],
    ) -> SuspiciousWords:
        """Find words that move the model by themselves, from an evaluation of it.

        Words are tried that

        - decide a class: their share of the score is larger than that of the other words of the same texts;
        - and are concentrated in it: of the texts that have the word, more are of the class than of all texts.

        Each is inserted into `n_texts` texts that the model gives another class, at a random place between two words,
        the same for all words. A word is suspicious if it flips more of them to the class than control words do: random
        words of about the same frequency, which differ in how many they flip, see
        `hf_gradexplain.audit.suspicious.insertion.excess_p_values`. Benjamini and Hochberg's procedure controls the
        rate of false discoveries, words that are like control words, among all that were tried.

        This takes a forward pass per word and text: at most `most * n_texts`, and about `3 n_controls n_texts` for each
        class. In a pair, words are inserted into the first text; in a conversation, into the first message of a user.

        Args:
            result: An evaluation of this model with the unit `word` or `word_type`, or the document files of one.
            method: Whose scores choose the words; None for the most faithful one of the run, by AOPC(10).
            n_texts: The number of texts into which each word is inserted.
            n_controls: The number of control words of each frequency.
            most: The largest number of words that are tried: those that decide a class most clearly.
            min_documents: In fewer texts of a class, a word is not tried for it.
            level: The false discovery rate.
            **options: See `hf_gradexplain.options.Options`. How texts are read has to be that of the evaluation.

        Returns:
            The `SuspiciousWords`: `to_frame()`, `found`. A notebook shows it.

        Raises:
            GradexplainError: An argument cannot be used, or the evaluation is one of another model.
        """
        for name in options:
            choose("option", name, ReadingOptions.__annotations__)
        test = InsertionTest(n_texts, n_controls, most, min_documents, level)
        paths, title = (result, "") if isinstance(result, Sequence) else (result.documents, result.run.title)
        return find_suspicious_words(self, paths, Options(**options), method, test, title)
