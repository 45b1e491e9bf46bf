"""Make the generated parts of the documentation.

python -m recipes.docs figures      the pictures of docs/what-the-numbers-mean.md
python -m recipes.docs notebooks    the outputs of the notebooks, which run for a minute each
python -m recipes.docs options      docs/options.md
"""

import argparse
from pathlib import Path

from recipes.docs.figures import write_figures
from recipes.docs.notebooks import execute_notebooks
from recipes.docs.options import write_options

DOCS = Path(__file__).parents[2] / "docs"
PARTS = {"figures": write_figures, "notebooks": execute_notebooks, "options": write_options}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS, help="what to make")
    print(*PARTS[parser.parse_args().part](DOCS), sep="\n")


if __name__ == "__main__":
    main()
