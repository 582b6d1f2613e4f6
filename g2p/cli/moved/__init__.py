"""Modules that were commands before 0.2.0: each names the command that it is now, and exits with 2.

`g2p` has this folder on its search path, so that `python -m g2p.predict` finds predict.py here.
"""
