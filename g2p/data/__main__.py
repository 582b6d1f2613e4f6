"""`python -m g2p.data [group=choice] [key=value] ...`: what a panel holds."""

from g2p.cli.panel_summary import main

main()
