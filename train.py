"""Train one run, or with -m one for each combination of values: `python train.py --help`."""

from g2p.cli.train import main

if __name__ == "__main__":
    main()
