"""Write cards again from the data beside them: `python -m hf_gradexplain.cards FOLDER ...`."""

import sys
from pathlib import Path

from hf_gradexplain.cards.write import rewrite_card

if __name__ == "__main__":
    for name in sys.argv[1:]:
        rewrite_card(Path(name))
