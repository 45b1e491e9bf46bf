"""Settings of the statistics of words in a finished evaluation: the defaults and the help texts."""

from dataclasses import dataclass

from hf_gradexplain.errors import GradexplainError
from hf_gradexplain.options.fields import check_fields, option

MIN_DOCUMENTS = 10
"""The smallest number of documents of a group in which a word must occur to be listed for the group."""

FEWEST_CONTROLS = 10
"""The smallest number of control words of each frequency class."""


@dataclass(frozen=True)
class InsertionTest:
    """The settings of the test for suspicious words, which inserts words into texts of other classes.

    Raises:
        GradexplainError: A value is out of range.
    """

    n_texts: int = option(200, "Number of texts into which each word is inserted.")
    n_controls: int = option(
        20,
        "Number of control words (ordinary words for comparison) of each frequency class, which are inserted into the "
        "same texts; 10 or more, because no p-value is below 2^-n_controls.",
    )
    most: int = option(300, "Largest number of words to try.")
    min_documents: int = option(
        3, "Number of texts of a class in which a word must at least occur to be tried for the class."
    )
    level: float = option(0.05, "False discovery rate to control.")
    margin: float = option(
        0.03,
        "A suspicious word changes the predictions of more texts than ordinary words do, by more than this share of "
        "the texts.",
    )

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("n_texts", "most", "min_documents"):
            if (value := getattr(self, name)) < 1:
                raise GradexplainError(f"{name} must be 1 or more, but is {value}")
        if self.n_controls < FEWEST_CONTROLS:
            raise GradexplainError(
                f"n_controls must be {FEWEST_CONTROLS} or more, but is {self.n_controls}: with fewer control words, "
                "p-values cannot be small"
            )
        if not 0 < self.level < 1:
            raise GradexplainError(f"level must be a false discovery rate between 0 and 1, but is {self.level}")
        if not 0 <= self.margin < 1:
            raise GradexplainError(f"margin must be a share of texts, 0 or more and below 1, but is {self.margin}")
