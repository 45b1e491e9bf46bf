"""Render cards again from their `card.json`: `python -m hf_gradexplain.cards FOLDER ...`."""

import sys
from pathlib import Path

from hf_gradexplain.cards.write import rewrite_card

if __name__ == "__main__":
    for folder in sys.argv[1:]:
        rewrite_card(Path(folder))
