"""``python -m gschnet_pyg.cli``."""

from gschnet_pyg.cli.entry import main

main()
