"""`python -m g2p.predict` was a command before 0.2.0; it is `g2p predict` now."""

import sys

from g2p.core.messages import print_error

if __name__ == "__main__":
    print_error("python -m g2p.predict is g2p predict now. See g2p predict --help.")
    sys.exit(2)
