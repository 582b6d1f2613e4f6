"""Statistics of a study: pairs of runs, effects, resampling."""
