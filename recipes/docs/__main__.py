"""Draw the pictures of the documentation, and run its notebooks.

python -m recipes.docs figures
python -m recipes.docs notebooks
"""

import argparse
from pathlib import Path

from recipes.docs.figures import write_figures
from recipes.docs.notebooks import execute_notebooks

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("figures", "notebooks"), help="what to make again")
    written = write_figures(DOCS / "figures") if parser.parse_args().what == "figures" else execute_notebooks(DOCS)
    print(*written, sep="\n")


if __name__ == "__main__":
    main()
