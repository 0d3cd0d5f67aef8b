"""Command line: parse, call the verbs, print. Heavy imports wait until a command needs them."""

from gschnet_pyg.cli.app import app, main

__all__ = ["app", "main"]
