"""The commands: train, sweep, runs, predict, score, explain, panel, average, pretrained."""
