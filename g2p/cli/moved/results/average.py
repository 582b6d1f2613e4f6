"""`python -m g2p.results.average` was a command before 0.2.0; it is `g2p average` now."""

import sys

from g2p.core.messages import print_error

if __name__ == "__main__":
    print_error("python -m g2p.results.average is g2p average now. See g2p average --help.")
    sys.exit(2)
