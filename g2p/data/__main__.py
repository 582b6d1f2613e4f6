"""`python -m g2p.data` was a command before 0.2.0; it is `g2p panel` now."""

from g2p.core.messages import refuse_moved

if __name__ == "__main__":
    refuse_moved("g2p.data", "panel")
