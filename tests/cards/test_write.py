"""The files of a card."""

from dataclasses import replace
from pathlib import Path

import pytest

from hf_gradexplain.cards import Card, model_card, write_card

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("measured", [True, False])
def test_the_names_are_those_of_the_written_files(tmp_path, measured):
    card = Card.from_json((ROOT / "model_cards" / "fasttext-imdb" / "card.json").read_text(encoding="utf-8"))
    if not measured:
        card = replace(card, faithfulness=None, not_measured="the texts are conversations")
    names = write_card(card, tmp_path)
    assert names == ["card.json", "README.md", *(["aopc.png"] if measured else [])]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert (tmp_path / "card.json").read_text(encoding="utf-8") == card.to_json()
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == model_card(card)
