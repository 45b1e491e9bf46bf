"""Compare two runs over the same texts: predictions, faithfulness, and what the explanations say."""

from collections.abc import Sequence

import numpy as np

from hf_gradexplain.audit.compare.changed_texts import ChangedTexts
from hf_gradexplain.audit.compare.drift import Drifts
from hf_gradexplain.audit.compare.moved_words import WordSums
from hf_gradexplain.audit.compare.result import RunComparison
from hf_gradexplain.audit.compare.run_means import RunMeans, measure
from hf_gradexplain.audit.compare.runs_in_step import AlikeRuns, RunFiles, Step, match
from hf_gradexplain.audit.most_faithful import most_faithful
from hf_gradexplain.audit.read_words import Vocabulary
from hf_gradexplain.errors import GradexplainError, choose
from hf_gradexplain.evaluation.bootstrap import bootstrap_weights
from hf_gradexplain.perturb.orders import tie_tolerance

RANDOM = "random"
"""The method whose scores are no explanation: they are equal in all runs."""

SHARED = 0.5
"""Explanations are compared if at least this share of their words is in both runs."""


def compare(
    a: RunFiles, b: RunFiles, references: Sequence[RunFiles] = (), method: str | None = None, seed: int = 0
) -> RunComparison:
    """Compare run B with run A, in one pass over the documents of all runs.

    Args:
        a: A run.
        b: A run over the same texts.
        references: Two or more runs of models that were trained like the model of A, with other seeds. The distance of
            B from A is compared with the distances among A and these runs.
        method: The method whose scores of words and texts are compared; by default the most faithful method of A, by
            AOPC(10), among those whose scores have a sign.
        seed: Seed of the bootstrap.

    Raises:
        GradexplainError: The runs cannot be compared, see `hf_gradexplain.audit.compare.runs_in_step.match`; there is
            only one reference; the method is not in all runs; or fewer than half of the words are in both runs.
    """
    check_references(len(references))
    alike = match([a, *references, b])
    methods = [name for name in alike.methods if name != RANDOM]
    if method is not None:
        choose("method", method, methods)
    sums = _Sums(alike, methods, method or most_faithful(alike.runs[0].documents, methods, alike.ids))
    for step in alike.steps(sums.vocabulary):
        sums.add(step, bootstrap_weights(step.measures[0].ids, seed))
    return sums.result()


def check_references(number: int) -> None:
    """Check that there are either no references or at least two.

    Raises:
        GradexplainError: There is only one reference.
    """
    if number == 1:
        raise GradexplainError(
            "one reference cannot show how trainings differ: give two or more runs of models that were trained as A "
            "was, with other seeds"
        )


class _Sums:
    """Everything that is added up over the documents."""

    def __init__(self, alike: AlikeRuns, methods: Sequence[str], method: str) -> None:
        n_runs, self.alike, self.method = len(alike.runs), alike, method
        tie = max(tie_tolerance(run.first["dtype"]) for run in alike.runs)
        self.regression = alike.runs[0].first["regression"]
        self.vocabulary = Vocabulary(str.lower)
        self.means, self.drifts = RunMeans(regression=self.regression), Drifts(n_runs, methods, tie)
        self.words = WordSums(n_runs, len(alike.class_names), method)
        self.texts = ChangedTexts(method)

    def add(self, step: Step, weights: np.ndarray) -> None:
        blocks = zip(step.words, step.measures, strict=True)
        values = [measure(*pair, self.alike.methods, regression=self.regression) for pair in blocks]
        a, b = step.words[0], step.words[-1]
        self.means.add(values, weights)
        spearman = self.drifts.add(step.words)
        self.words.add(step.words)
        if not self.regression:
            self.texts.add(a, b, spearman[self.method], self.vocabulary)

    def result(self) -> RunComparison:
        a, *references, b = self.alike.runs
        shared = self.drifts.n_shared / self.drifts.n_words if self.drifts.n_words else 1
        if shared < SHARED:
            raise GradexplainError(
                f"{a.name} and {b.name} have only {shared:.0%} of their {a.first['unit']} units in common: evaluate "
                "both with --unit word, because words differ less between tokenizers"
            )
        return RunComparison(
            a=a.name,
            b=b.name,
            references=tuple(run.name for run in references),
            method=self.method,
            means=self.means.table(),
            drift=self.drifts.table(),
            words=self.words.table(self.vocabulary, self.alike.class_names),
            texts=self.texts.table(a, self.alike.class_names),
            histogram=self.drifts.histogram(),
            counts={
                "texts": len(self.alike.ids),
                "left_out": len(np.union1d(a.ids, b.ids)) - len(self.alike.ids),
                **({} if self.regression else {"equal_predictions": self.texts.n_equal}),
                "other_class": self.drifts.n_other_class,
                "words": self.drifts.n_words,
                "words_in_one_run": self.drifts.n_words - self.drifts.n_shared,
            },
        )
