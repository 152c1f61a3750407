"""``minicap report``: write a run's page again."""

from __future__ import annotations

import argparse

from minicap.cli.output import add_json, show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "example: minicap report runs/mine"
    parser.add_argument("model", metavar="RUN", help="run folder")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the report."""
    from minicap.report import write_report
    from minicap.training import RunFolder

    path = write_report(RunFolder.existing(arguments.model))
    show(arguments, {"report": str(path)}, lambda: f"wrote {path}")
