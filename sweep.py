"""Train a study, compare, report: `python sweep.py --help`."""

from g2p.cli.sweep import main

if __name__ == "__main__":
    main()
