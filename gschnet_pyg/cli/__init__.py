"""Command line: parse, call the verbs, print. Heavy imports wait until a command needs them."""

from gschnet_pyg.cli.entry import main

__all__ = ["main"]
