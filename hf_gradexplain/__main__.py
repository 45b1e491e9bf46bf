"""`python -m hf_gradexplain` runs the command `hf-gradexplain`."""

import sys

from hf_gradexplain.cli import main

if __name__ == "__main__":
    sys.exit(main())
