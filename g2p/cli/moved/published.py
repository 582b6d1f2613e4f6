"""`python -m g2p.published` was a command before 0.2.0; it is `g2p pretrained` now."""

import sys

from g2p.core.messages import print_error

if __name__ == "__main__":
    print_error("python -m g2p.published is g2p pretrained now. See g2p pretrained --help.")
    sys.exit(2)
