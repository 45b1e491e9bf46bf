"""Describe a decision to the person concerned, in plain sentences without technical terms."""

from collections.abc import Sequence

from hf_gradexplain.audit.evidence.decision import Decision
from hf_gradexplain.audit.evidence.main_words import MOST, SHARE, MainWord, has_sign
from hf_gradexplain.explanation import Explanation
from hf_gradexplain.options import DELETION, UNIT_NOUNS
from hf_gradexplain.viz.sanitize import one_line
from hf_gradexplain.viz.tables import counted, join_words, with_minus

_LIKELIHOODS = (
    (0.99, "almost certain"),
    (0.9, "very likely"),
    (0.66, "likely"),
    (0.33, "about as likely as not"),
    (0.1, "unlikely"),
    (0.01, "very unlikely"),
    (0.0, "almost impossible"),
)
"""The lowest probability of each expression, on the scale of the IPCC (Mastrandrea et al. 2010)."""

_NAMED = 3
"""The largest number of words that a sentence names."""

SATURATED = 0.999
"""Above this probability, removing one word changes little."""


def likelihood(probability: float) -> str:
    """Return a probability in words.

    >>> likelihood(0.93), likelihood(0.4)
    ('very likely', 'about as likely as not')
    """
    return next(words for least, words in _LIKELIHOODS if probability >= least)


def percent(share: float) -> str:
    """Return a share as whole percent, with a decimal near 0 and 100; 0 and 100 % only for exactly 0 and 1.

    >>> percent(0.934), percent(0.0042), percent(0.99996), percent(1.0)
    ('93 %', '0.4 %', 'over 99.9 %', '100 %')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    if not 0.001 <= share <= 0.999:
        return "under 0.1 %" if share < 0.5 else "over 99.9 %"
    return f"{100 * share:.{0 if 0.01 <= share <= 0.99 else 1}f} %"


def quoted(names: Sequence[str], conjunction: str = "and") -> str:
    """Return names in quotation marks for use in a sentence; if there are many, only the first ones.

    >>> quoted(["a", "b"])
    '“a” and “b”'
    """
    return join_words([f"“{shown(name, width=40)}”" for name in names], conjunction)


def shown(name: str, width: int) -> str:
    """Return a name on one line; a name of white space, which would be invisible, becomes "blank"."""
    return one_line(name, width=width) or "(blank)"


def amount(value: float, regression: bool) -> str:
    """Return a probability in percent or, for regression, an output."""
    return with_minus(f"{value:z.4g}") if regression else percent(value)


def amounts(values: Sequence[float], regression: bool) -> list[str]:
    """Return several `amount`s; with two decimals if two of them would otherwise look equal.

    >>> amounts([0.501, 0.499, 0.504], regression=False)
    ['50.10 %', '49.90 %', '50.40 %']
    """
    written = [amount(value, regression) for value in values]
    if regression or len(set(written)) == len(set(values)):
        return written
    return [f"{100 * value:.2f} %" for value in values]


def change(before: float, after: float, regression: bool) -> str:
    """Return two probabilities in percent with one decimal or, for regression, two outputs.

    >>> change(0.971, 0.9042, regression=False)
    '97.1 → 90.4 %'
    """
    if regression:
        return f"{amount(before, True)} → {amount(after, True)}"
    return with_minus(f"{100 * before:z.1f} → {100 * after:z.1f} %")


def about_decision(decision: Decision) -> list[str]:
    """Return sentences that say what was decided, and which class is explained."""
    names, numbers = list(decision.probabilities), list(decision.probabilities.values())
    if decision.regression:
        outputs = join_words([f"{quoted([n])}: {amount(x, True)}" for n, x in zip(names, numbers, strict=True)])
        return [f"The model gave this number: {outputs}. It is neither a probability nor a choice between classes."]
    if decision.independent and len(names) == 1:
        so = "so the model chose it" if decision.chosen else "so the model did not choose it"
        return [
            f"The model judges one class, {quoted(names)}, and chooses it with at least 50 %.",
            f"Here, its probability is {percent(numbers[0])}, {so}.",
        ]
    if decision.independent:
        chosen = decision.chosen
        listed = join_words([f"{quoted([name])} ({percent(decision.probabilities[name])})" for name in chosen[:10]])
        said = f"It chose {listed}" if chosen else "It chose none of them"
        sentences = [f"The model judges each of {len(names)} classes on its own, and chooses all with at least 50 %."]
        subject = f"This page is about {quoted([decision.explained])}, with {percent(decision.value)}."
        return [*sentences, f"{said}. {subject}"]
    p = numbers[0]
    sentences = [f"The model gave {quoted(names[:1])} a probability of {percent(p)}: {likelihood(p)}, in its estimate."]
    if len(names) > 1:
        sentences[0] += f" Next was {quoted(names[1:2])} with {percent(numbers[1])}."
    if decision.against:
        sentences.append(
            f"This page explains why {quoted([decision.explained])}: between these two alone, the first has "
            f"{percent(decision.value)}."
        )
    return sentences


def not_the_choice(decision: Decision) -> str:
    """Return a warning if the run explains a class that the model did not choose; otherwise an empty string."""
    if decision.explains_choice:
        return ""
    explained = quoted([decision.explained])
    chosen = quoted(decision.chosen) if decision.chosen else "no class"
    advice = " A run with --target predicted explains the choice." if decision.chosen else ""
    return (
        f"This run explains {explained}, but the model chose {chosen}. This page says what speaks for and against "
        f"{explained}.{advice}"
    )


def about_words(explanation: Explanation, method: str, words: Sequence[MainWord]) -> list[str]:
    """Return sentences that say which words counted, and how much of all scores they make up."""
    noun, explained = UNIT_NOUNS[explanation.unit], quoted([explanation.question])
    if not explanation.units:
        return [f"The model read no {noun}s of this text, so none can be listed."]
    if not words:
        return [f"No {noun} has a score that is clearly different from zero."]
    named = {side: [word.label for word in words if word.side == side][:_NAMED] for side in ("for", "against", "")}
    if not has_sign(explanation, method):
        sentence = f"The model reacts most to {quoted(named[''])}. The method does not say in which direction."
    elif not named["for"]:
        sentence = f"None of the main {noun}s speaks for {explained}. {_most(named['against'], 'against', 'it')}."
    elif not named["against"]:
        sentence = f"{_most(named['for'], 'for', explained)}."
    else:
        sentence = f"{_most(named['for'], 'for', explained)}; {_most(named['against'], 'against', 'it')}."
    share, n = sum(word.share for word in words), len(explanation.units)
    different = "different " if explanation.unit == "word_type" and n > 1 else ""
    these = f"This {noun} has" if len(words) == 1 else f"These {len(words)} {noun}s have"
    length = counted(n, f"{different}{noun}")
    return [sentence, f"{these} {percent(share)} of all scores in the text, which has {length}."]


def how_words_are_listed(explanation: Explanation, method: str) -> str:
    """Return a description of the rule by which the main words are chosen."""
    noun = UNIT_NOUNS[explanation.unit]
    rule = (
        f"The list has the largest scores: as many as make up {percent(SHARE)} of the sum of all, at most {MOST}. A "
        "share is the size of a score divided by the sum of the sizes of all scores."
    )
    if method in explanation.sampling and not explanation.sampling[method].exact:
        rule += (
            " Scores are estimated. The brackets have the range that contains the exact share with 95 % confidence, if "
            "the sum of all sizes is taken as known. "
            f"{noun.capitalize()}s that may be on either side are left out."
        )
    return rule


def share_in_words(word: MainWord) -> str:
    """Return the share of a word in percent, with its interval if it is estimated."""
    if word.share_low is None or word.share_high is None:
        return percent(word.share)
    return f"{percent(word.share)} [{100 * word.share_low:.0f}, {100 * word.share_high:.0f}]"


def limits(explanation: Explanation, value: float) -> list[str]:
    """Return sentences that say what the explanation cannot tell."""
    noun = UNIT_NOUNS[explanation.unit]
    how = "cut out of the text" if explanation.mask == DELETION else "replaced by a neutral value"
    said = [
        f"The explanation describes the model, not the world. A {noun} that counts for the model need not be a good "
        "reason.",
        "The explanation does not show that the decision is right or fair. A wrong decision can have an explanation "
        "that looks good.",
        f"Each {noun} gets one number. {noun.capitalize()}s that only count together, or that repeat each other, may "
        "get too much or too little.",
        f"In the checks, a removed {noun} is {how}. Such texts are unusual, and the model may also react to that.",
    ]
    if explanation.unit == "word_type":
        said.append("A word that occurs several times has one score, for all of its occurrences together.")
    if explanation.unread:
        n = sum(end - start for start, end in explanation.unread)
        were, they = ("was", "it has") if n == 1 else ("were", "they have")
        said.append(f"{n:,} of {len(explanation.text):,} characters {were} not read by the model, so {they} no score.")
    if not explanation.regression and value > SATURATED:
        said.append(
            f"The model is almost certain. Then removing a single {noun} hardly changes the probability, even if "
            f"the {noun} counts."
        )
    return said


def _most(words: Sequence[str], side: str, what: str) -> str:
    return f"{quoted(words)} speak{'s' if len(words) == 1 else ''} most {side} {what}"
