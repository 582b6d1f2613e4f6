"""Holds `python -m g2p.results.average`, a command before 0.2.0."""
