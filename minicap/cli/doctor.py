"""``minicap doctor``: what this installation has."""

from __future__ import annotations

import argparse

from minicap.cli.output import add_json, show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "example: minicap doctor"
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Examine and describe."""
    from minicap.doctor import describe, examine

    facts = examine()
    show(arguments, facts, lambda: describe(facts))
