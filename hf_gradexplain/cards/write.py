"""The files of a card: the Markdown, its data as JSON, and its figure."""

from pathlib import Path

from hf_gradexplain.cards.card import Card
from hf_gradexplain.cards.faithfulness import faithfulness_figure
from hf_gradexplain.cards.model_card import FIGURE, model_card
from hf_gradexplain.files import atomic_write_bytes, atomic_write_text

DATA = "card.json"
"""The file name of the card's data, from which the card is rendered."""


def write_card(card: Card, folder: Path) -> list[str]:
    """Write the card, its data and, if explanations were measured, its figure; return the names of the files."""
    if card.faithfulness is not None:
        atomic_write_bytes(folder / FIGURE, faithfulness_figure(card.faithfulness, card.title))
    atomic_write_text(folder / DATA, card.to_json())
    atomic_write_text(folder / "README.md", model_card(card))
    return [DATA, "README.md", *([FIGURE] if card.faithfulness is not None else [])]


def rewrite_card(folder: Path) -> None:
    """Render the card and its figure again from its data, for example after a change of the template."""
    write_card(Card.from_json((folder / DATA).read_text(encoding="utf-8")), folder)
