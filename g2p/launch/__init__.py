"""What Hydra's launchers leave open: a job whose process dies, what is said of it, signals."""
