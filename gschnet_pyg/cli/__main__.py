"""``python -m gschnet_pyg.cli``."""

from gschnet_pyg.cli.app import main

main()
