"""Train a study, compare, report: `python sweep.py --help`."""

from g2p.study.command import main

if __name__ == "__main__":
    main()
