"""`python -m pellucid`, for `torchrun -m pellucid` above all."""

import sys

from pellucid.cli import main

if __name__ == "__main__":
    sys.exit(main())
