"""Describe the measurements about a decision in plain words: on its text, on all texts, and the accuracy."""

from hf_gradexplain.attribution.descriptions import DESCRIPTIONS, IN_WORDS
from hf_gradexplain.audit.evidence.decision import Decision
from hf_gradexplain.audit.evidence.measured import Accuracy, Faithfulness, TextCheck
from hf_gradexplain.audit.evidence.wording import amounts, percent, quoted
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import counted, join_words, with_interval, with_minus

AGREES = 0.7
"""Scores with at least this correlation are said to agree with leave-one-out; with at least half of it, partly."""

_VERDICTS = {
    "above": "So the method finds {noun}s that the model relies on.",
    "not shown": "This is more than without random {noun}s, but the interval includes no fall at all.",
    "unclear": "There are too few texts to tell whether the method is better than choosing {noun}s at random.",
    "": "The run did not measure the fall when random {noun}s are removed, so it is not known whether this fall is "
    "large.",
}
_WARNINGS = {
    "level": "On the texts of this run, the method {method} is no better than choosing {noun}s at random: the list of "
    "{noun}s may have nothing to do with the decision.",
    "below": "On the texts of this run, the method {method} is worse than choosing {noun}s at random: do not trust the "
    "list of {noun}s.",
}


def about_method(method: str) -> str:
    """Return a description of a method in two sentences; only its name if there is no description."""
    if method in IN_WORDS:
        return IN_WORDS[method]
    return f"{DESCRIPTIONS[method].summary}." if method in DESCRIPTIONS else f"A method named {one_line(method)}."


def about_check(check: TextCheck, decision: Decision, noun: str, *, signed: bool) -> list[str]:
    """Return sentences that say how the prediction changes without the highest-scored units of this text."""
    if check.k is None:
        return [f"With fewer than two {noun}s, there is nothing to compare."]
    removal = next(removal for removal in check.removals if removal.k == check.k)
    regression, explained = decision.regression, quoted([decision.explained])
    what = "output" if regression else "probability"
    known = () if removal.without_random is None else (removal.without_random,)
    before, after, *random = amounts((check.value, removal.without_top, *known), regression)
    these = f"the highest-scored {noun}" if check.k == 1 else f"the {check.k} highest-scored {noun}s"
    named = f" ({quoted(check.top)})" if check.top else ""
    sentence = f"Without {these}{named}, the {what} of {explained} goes from {before} to {after}"
    if not random:
        return [f"{sentence}. The run did not measure the effect of removing random {noun}s."]
    others = f"{check.k} random {noun}s" if check.k > 1 else f"a random {noun}"
    sentences = [f"{sentence}; without {others}, it is {random[0]} on average."]
    if check.beats_random:
        verb = "lowers" if signed else "changes"
        sentences.append(
            f"On this text, removing the highest-scored {noun}s {verb} the {what} more than removing random {noun}s."
        )
    if check.beats_random is None:
        sentences.append("The run has too few random orders to tell whether the difference is more than chance.")
    return sentences


def check_warning(check: TextCheck, noun: str, *, signed: bool, regression: bool) -> str:
    """Return a warning if the check of this text failed; otherwise an empty string."""
    if check.beats_random is not False:
        return ""
    verb, what = "lowers" if signed else "changes", "output" if regression else "probability"
    return (
        f"On this text, removing the highest-scored {noun}s {verb} the {what} no more than removing random ones: do "
        f"not trust the list of {noun}s."
    )


def about_faithfulness(measured: Faithfulness, noun: str, *, regression: bool) -> list[str]:
    """Return sentences on the measured faithfulness of the method on all texts of the run."""
    what = "output" if regression else "probability"
    fall = _fall(measured.aopc, regression)
    sentence = (
        f"On {counted(measured.n, 'text')}, the {noun}s that {one_line(measured.method)} scores highest were removed "
        f"one after the other, up to {measured.k}. On average over these steps, the {what} fell by {fall}"
    )
    if measured.low is not None and measured.high is not None:
        low, high = (with_minus(f"{x if regression else 100 * x:z.3g}") for x in (measured.low, measured.high))
        sentence += f" (95 % interval {low} to {high})"
    random = "" if measured.random is None else f"; without random {noun}s, by {_fall(measured.random, regression)}"
    doubtful = measured.verdict == "above" and (measured.low is None or measured.low <= 0)
    verdict = _VERDICTS.get("not shown" if doubtful else measured.verdict, "").format(noun=noun)
    known = measured.verdict or not random  # no verdict although random orders were measured: nothing to compare
    sentences = [f"{sentence}{random}.", *([verdict] if verdict and known else [])]
    if measured.correlation is not None:
        r = measured.correlation
        degree = "closely" if r >= AGREES else "partly" if r >= AGREES / 2 else "hardly" if r >= 0 else "do not"
        interval = with_interval(r, measured.correlation_low, measured.correlation_high, ".2f")
        shown = interval if measured.correlation_low is not None else with_minus(f"{r:z.2f}")
        sentences.append(
            f"Its scores {degree} agree with the effect of removing each {noun} alone: the correlation is {shown}, "
            f"where 1 is full agreement and 0 none (median of {counted(measured.correlated, 'text')})."
        )
    if measured.more_faithful:
        others = join_words(measured.more_faithful)
        sentences.append(f"In the same run, {others} found {noun}s that matter more.")
    return sentences


def faithfulness_warning(measured: Faithfulness, noun: str) -> str:
    """Return a warning if the method is no better than chance; otherwise an empty string."""
    return _WARNINGS.get(measured.verdict, "").format(noun=noun, method=one_line(measured.method))


def about_accuracy(accuracy: Accuracy | None, prediction: str) -> list[str]:
    """Return sentences that say how often the model agrees with the labels of the dataset."""
    if accuracy is None:
        return ["The texts of the run have no labels, so it is not known how often the model is right on them."]
    overall, same = accuracy.overall, accuracy.of_prediction
    said = [
        f"The model agrees with the dataset on {overall.right:,} of {counted(overall.n, 'text')}: "
        f"{percent(overall.share)} (95 % interval {100 * overall.low:.0f} to {100 * overall.high:.0f} %)."
    ]
    if same is not None:
        said.append(
            f"Where it chose {quoted([prediction])}, it agrees on {same.right:,} of {same.n:,}: {percent(same.share)} "
            f"({100 * same.low:.0f} to {100 * same.high:.0f} %)."
        )
    return said


def about_label(label: str | None, agrees: bool | None) -> list[str]:
    """Return what the dataset says about this text; nothing without a label."""
    if label is None:
        return []
    return [f"For this text, the dataset says {quoted([label])}: the model {'agrees' if agrees else 'disagrees'}."]


def _fall(value: float, regression: bool) -> str:
    return with_minus(f"{value:z.3g}") if regression else f"{with_minus(f'{100 * value:z.3g}')} percentage points"
