"""The commands: train, sweep, runs, predict, explain, panel, average, pretrained."""
