"""The command line: ``minicap COMMAND``, also ``python -m minicap COMMAND``."""

from minicap.cli.main import main

__all__ = ["main"]
