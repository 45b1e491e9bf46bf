"""Write the card of a trained model, with measurements of its explanations."""

from hf_gradexplain.cards.card import Card, Corpus, Example, Faithfulness
from hf_gradexplain.cards.describe import describe
from hf_gradexplain.cards.faithfulness import (
    example_method,
    explain_examples,
    faithfulness_figure,
    measure_faithfulness,
)
from hf_gradexplain.cards.model_card import FIGURE, model_card
from hf_gradexplain.cards.write import rewrite_card, write_card

__all__ = [
    "FIGURE",
    "Card",
    "Corpus",
    "Example",
    "Faithfulness",
    "describe",
    "example_method",
    "explain_examples",
    "faithfulness_figure",
    "measure_faithfulness",
    "model_card",
    "rewrite_card",
    "write_card",
]
