"""Additions to Hydra's launchers: failed processes, reports of jobs, signals."""
