"""The page of the checker: every command on it is run again, and prints what stands there.

``python tests/gradcheck/test_readme.py`` writes the outputs anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np

import minicap
from minicap.gradcheck import check_op
from minicap.ops import linear_forward

PAGE = Path(minicap.__file__).parent / "gradcheck" / "README.md"
PLUGIN = "minicap.gradcheck.pytest_plugin"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def rerun(page: str, folder: Path) -> str:
    """Return the page with the output that each command has now; files are written, and changed, on the way."""

    def block(found: re.Match[str]) -> str:
        kind, text = found[1], found[2]
        if kind == "python":
            (folder / text.split("\n")[0].removeprefix("# ")).write_text(text, encoding="utf-8")
        elif kind == "diff":
            change(folder / "rnn.py", text)
        elif kind == "console":
            commands = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
            text = "".join(f"$ {command}\n{output(command, folder)}\n" for command in commands)
        return f"```{kind}\n{text}```"

    return BLOCK.sub(block, page)


def change(file: Path, diff: str) -> None:
    """Replace the lines with a minus by those with a plus."""
    old, new = (
        "".join(f"{line[1:]}\n" for line in diff.splitlines() if line.startswith(sign)) for sign in ("-", "+")
    )
    code = file.read_text(encoding="utf-8")
    assert code.count(old) == 1, diff
    file.write_text(code.replace(old, new), encoding="utf-8")


def output(command: str, folder: Path) -> str:
    """Run a command in the folder, and return what it prints."""
    program, *arguments = shlex.split(command)
    known = any(entry.name == PLUGIN for entry in entry_points(group="pytest11"))
    plugin = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", *([] if known else ["-p", PLUGIN])]
    run = {
        "minicap": [sys.executable, "-m", "minicap"],
        "pytest": [sys.executable, "-m", "pytest", *plugin, "-c", os.devnull, "--rootdir", "."],
        "python": [sys.executable],
    }[program]
    environment = {
        **os.environ,
        "COLUMNS": "96",
        "PYTHONPATH": str(PAGE.parents[2]),
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [*run, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == "", done.stderr
    return "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines())


def steady(text: str) -> str:
    """Return a text without what differs from run to run: times, and errors that are rounding alone."""
    text = re.sub(r"\b\d+\.\d+ ?s\b", "# s", text)
    text = re.sub(r"\b\d\.\de-(0[5-9]|1\d|\d{3})\b", "rounding", text)
    return re.sub(r"[ -]+", " ", text)  # columns are as wide as what stands in them


def test_every_command_prints_what_stands_on_the_page(tmp_path):
    page = PAGE.read_text(encoding="utf-8")
    assert len(re.findall(r"^\$ ", page, re.MULTILINE)) >= 8
    assert steady(rerun(page, tmp_path)) == steady(page)


def test_a_notebook_shows_a_report():
    report = check_op(linear_forward, np.ones((2, 3)), np.ones((3, 2)), np.zeros(2))
    shown = report._repr_html_()
    assert shown.startswith("<div>")
    assert '<th scope="row">dw</th>' in shown
    assert "PASS" in shown


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(rerun(PAGE.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
