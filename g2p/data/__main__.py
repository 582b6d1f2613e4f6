"""`python -m g2p.data` was a command before 0.2.0; it is `g2p panel` now."""

import sys

from g2p.core.messages import print_error

if __name__ == "__main__":
    print_error("python -m g2p.data is g2p panel now. See g2p panel --help.")
    sys.exit(2)
