"""Sanity checks of `hf-gradexplain doctor --full`."""

from datasets import Dataset

from hf_gradexplain.audit.sanity.result import SanityChecks
from hf_gradexplain.audit.sanity.sanity import check_sanity
from hf_gradexplain.commands.recommend import methods_to_compare
from hf_gradexplain.engine import AttributionEngine
from hf_gradexplain.options import Options, ProblemTypeName
from hf_gradexplain.text.texts import Text, texts_of
from hf_gradexplain.viz.terminal import say

SENTENCES = (
    "The film is long, but the actors are wonderful and the ending made the whole audience laugh.",
    "Shares of the bank fell by nine percent after it reported a loss for the third quarter in a row.",
    "The home team scored twice in the last ten minutes and won the cup for the first time in decades.",
    "Scientists have found water under the surface of the moon, which makes a base there far more likely.",
    "The government and the opposition agreed on a new law about schools after weeks of bitter debate.",
    "The phone looks good, yet its battery is empty by noon and the company refused to replace it.",
    "Heavy rain flooded several villages in the north, and hundreds of people had to leave their homes.",
    "The new version of the program is faster, but it crashes whenever I try to open a large file.",
    "She bought two tickets for the concert on Friday, although the reviews of the band were terrible.",
    "Our waiter was friendly, the soup was cold, and we waited an hour for a dessert that never came.",
    "The minister denied all charges and said that the court would soon hear what really happened.",
    "Doctors warn that the virus spreads quickly in winter, and they advise older people to stay at home.",
)
"""English sentences for checks without the user's texts."""


def check_methods(
    engine: AttributionEngine,
    texts: Dataset | None,
    seed: int = 0,
    problem_type: ProblemTypeName | None = None,
    *,
    progress: bool = False,
) -> SanityChecks:
    """Check the methods that the doctor compares, and `sa_l2`, with a score per word for the predicted class.

    Args:
        engine: The model.
        texts: The columns `text` and, for pairs, `text_pair`; None for `SENTENCES`.
        seed: Seed of all random draws.
        problem_type: What the model's logits are, as in `Options`.
        progress: Whether to print which step is running.
    """
    names = methods_to_compare(engine.profile)
    more = ("sa_l2",) if "signed_gi" in names else ()  # in the same pass
    options = Options((*names, *more), seed=seed, problem_type=problem_type)
    chosen: list[Text] = list(SENTENCES) if texts is None else texts_of(texts.to_dict())

    def advance(step: str) -> None:
        if progress:
            say(f"sanity checks: {step}")

    return check_sanity(engine, chosen, options, advance=advance)
