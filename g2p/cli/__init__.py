"""The commands: train, sweep, runs, predict, panel, average, pretrained."""
