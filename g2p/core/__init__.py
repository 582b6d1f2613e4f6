"""What everything else may use: errors, messages, files, signals, formatting, plot style."""
