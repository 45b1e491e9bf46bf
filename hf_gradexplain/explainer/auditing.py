"""The methods of `Explainer` that use the explanations of many texts to audit a model."""

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from hf_gradexplain.audit.plausibility.hybrid import HybridDocuments, explain_hybrids
from hf_gradexplain.audit.sanity.result import SanityChecks
from hf_gradexplain.audit.sanity.sanity import check_sanity
from hf_gradexplain.audit.suspicious.find import find_suspicious_words
from hf_gradexplain.audit.suspicious.result import SuspiciousWords
from hf_gradexplain.classifier.targets import Labels, label_ids
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.options import AUTO, Options, UnitName
from hf_gradexplain.options.signatures import AuditOptions, ExplainOptions, ReadingOptions, call_options, takes_options
from hf_gradexplain.options.values import plain
from hf_gradexplain.options.words import InsertionTest
from hf_gradexplain.text.given_units import GivenUnits, with_units
from hf_gradexplain.text.texts import Text, checked, is_text

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
        """Run sanity checks on methods: their scores should change when the parameters of the model become random.

        *Parameter randomisation* (Adebayo et al. 2018, "Sanity checks for saliency maps"): the layers are randomised
        one after the other, from the output to the embeddings. After each layer the texts are explained again, for the
        same classes. In each text, Spearman's correlation of the scores with those of the original model should fall to
        about 0. A layer is one of the blocks that the model repeats, or an outermost module without such blocks, such
        as the embeddings or the head. To randomise a layer, the entries of each of its parameters are permuted. The
        correlation between the scores of two fully random models shows how far the text and the architecture alone
        determine the scores. The finding on a method is `does not change when the model is random` if the 95 % interval
        of the median correlation between its scores for the original model and for random models lies entirely above
        0.8.

        *Input invariance* (Kindermans et al. 2019, "The (un)reliability of saliency methods"): a constant is added to
        all word vectors and subtracted from all position vectors. The model computes the same function, so the scores
        should not change. Models without a table of position vectors are not checked.

        *Seeds*: methods that draw random numbers are run again with another seed.

        For a model of `L` layers, parameter randomisation explains all texts `L + 2` times, and `L` times more if
        `independent`. Each of the other two checks explains them once more. The checks need memory for a second copy of
        the parameters. The values of the model's own parameters are never overwritten: other tensors replace them
        during the call. They are restored afterwards, also after an exception.

        Args:
            texts: Texts, text pairs or conversations, in a list, an array, a Series or a column. Intervals need at
                least 6 texts with 3 or more words; 50 texts are enough.
            methods: Names in `METHODS`; `auto` chooses the method that suits the model.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            labels: The true classes, by id or name: one for all texts, or one per text. They are explained unless
                `target` is given.
            units: Your own units in place of `unit`, see `__call__`.
            independent: Whether to randomise each layer alone as well.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            A `SanityChecks`, with `to_frame()`, `randomisation`, `unchanged`, `report()` and `figure()`.

        Raises:
            GradexplainError: An argument cannot be used, or the parameters are quantised or offloaded.
        """
        chosen, texts = call_options(methods, unit, labels, options), plain(texts)
        given, chosen = with_units(checked(texts), chosen, units, single=is_text(texts))
        return check_sanity(self, given, chosen, labels, independent=independent)

    @takes_options
    def hybrid_documents(
        self,
        texts: Iterable[Text],
        methods: str | Sequence[str] = (AUTO, "loo", "random"),
        unit: UnitName = Options.unit,
        *,
        labels: Labels,
        n: int = 100,
        **options: Unpack[AuditOptions],
    ) -> HybridDocuments:
        """Test methods on documents of sentences from two classes: is the highest-scored word in the right sentence?

        Each document joins sentences of two texts from different classes, and its predicted class is explained. On
        average, a model finds more evidence for a class in texts of that class. A method therefore scores a hit if its
        highest-scored word stands in a sentence from a text of the predicted class. The test needs no human annotation
        (Poerner et al. 2018).

        Args:
            texts: Texts, in a list, an array, a Series or a column.
            methods: Names in `METHODS`; `auto` chooses the method that suits the model.
            unit: What gets one score: `token`, `word`, `word_type` (all occurrences of a word together), `sentence`, or
                `clause` (a part of a sentence between punctuation).
            labels: The true class of each text, by id or name.
            n: The number of documents to make.
            **options: See `hf_gradexplain.options.Options`.

        Returns:
            A `HybridDocuments`, with `to_frame()`, `hits`, `documents` and `explanations`. A notebook displays it.

        Raises:
            GradexplainError: An argument cannot be used; the message says how to fix it.

        Examples:
            >>> explainer.hybrid_documents(texts, ["attn_lrp", "loo", "random"], labels=labels)  # doctest: +SKIP
        """
        for name in options:
            choose("option", name, AuditOptions.__annotations__)
        if options.get("objective") == "contrast":
            raise GradexplainError(
                "hybrid documents explain the predicted class alone: choose objective='loss', 'logit' or 'prob'"
            )
        given = checked(plain(texts))
        ids = label_ids(labels, len(given), self.class_names)
        return explain_hybrids(self, given, ids, Options(methods, unit, **options), n)  # type: ignore[arg-type]

    @takes_options
    def suspicious_words(
        self,
        result: "Evaluation | str | PathLike[str] | Sequence[str | PathLike[str]]",
        method: str | None = None,
        *,
        n_texts: int = InsertionTest.n_texts,
        n_controls: int = InsertionTest.n_controls,
        most: int = InsertionTest.most,
        min_documents: int = InsertionTest.min_documents,
        level: float = InsertionTest.level,
        margin: float = InsertionTest.margin,
        **options: Unpack[ReadingOptions],
    ) -> SuspiciousWords:
        """Use an evaluation of the model to find words that change its predictions by themselves.

        A word is tried if it

        - decides a class: its mean share of the score (its score, divided by the sum of the absolute scores of the
          text) is larger than the mean share of all words of the same texts;
        - and is concentrated in the class: the share of the class is larger among the texts with the word than among
          all texts.

        Each word is inserted alone into `n_texts` texts for which the model predicts another class. Each text has one
        random place between two words, at which every word is inserted. A word *flips* a text if the model then
        predicts the word's class. A word is suspicious if the share of the texts that it flips is larger than that of
        ordinary words by more than `margin` (see `hf_gradexplain.audit.suspicious.insertion.excess_p_value` for the
        test). The share of ordinary words is the median over control words: random words of about the same frequency.
        These shares are measured on `n_texts` texts. A word called suspicious is a false discovery if its share among
        *all* texts of other classes does not exceed that of ordinary words by more than `margin`. Benjamini and
        Hochberg's procedure controls the false discovery rate, the expected share of false discoveries among the words
        called suspicious.

        Each inserted word takes one forward pass per text: at most `most * n_texts` passes for the words that are
        tried, and about `3 * n_controls * n_texts` for the control words of each class. In a pair, words are inserted
        into the first text; in a conversation, into the first message of a user.

        Args:
            result: An evaluation of this model with the unit `word` or `word_type`: what `evaluate` returned, the
                output folder of a finished run, or a list of its document files.
            method: The method whose scores choose the words; None for the most faithful method of the run, by AOPC(10).
            n_texts: The number of texts into which each word is inserted.
            n_controls: The number of control words for each group of tried words of about the same frequency; 10 or
                more.
            most: The largest number of words to try. If there are more, those that decide a class most clearly are
                tried.
            min_documents: A word is tried for a class only if at least this many texts of the class contain it.
            level: The false discovery rate to control.
            margin: By how much a suspicious word's share of flipped texts has to exceed that of ordinary words.
            **options: See `hf_gradexplain.options.Options`. The options for reading texts have to be those of the
                evaluation.

        Returns:
            A `SuspiciousWords`, with `to_frame()` and `found`. A notebook displays it.

        Raises:
            GradexplainError: An argument cannot be used, the folder is not that of a finished run, or the evaluation is
                of another model.
        """
        for name in options:
            choose("option", name, ReadingOptions.__annotations__)
        test = InsertionTest(n_texts, n_controls, most, min_documents, level, margin)
        title = ""
        if isinstance(result, str | PathLike):
            from hf_gradexplain.run.finished_run import open_run  # only this needs statistics

            finished = open_run(Path(result))
            paths, title = finished.documents, finished.record["title"]
        elif isinstance(result, Sequence):
            paths = tuple(Path(path) for path in result)
        else:
            paths, title = result.documents, result.run.title
        return find_suspicious_words(self, paths, Options(**options), method, test, title)
