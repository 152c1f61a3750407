"""Run the command line as ``python -m minicap``."""

import sys

from minicap.cli import main

sys.exit(main())
