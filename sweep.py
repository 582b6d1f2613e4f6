"""Train a study, compare its runs, write a report: `python sweep.py --help`."""

from g2p.cli.sweep import main

if __name__ == "__main__":
    main()
