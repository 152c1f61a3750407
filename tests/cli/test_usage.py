"""Help, wrong usage and a reader who leaves: one clear line or none, and the exit code says which."""

from __future__ import annotations

import shlex

import pytest

import minicap
from minicap.cli.main import COMMANDS, _parser

EVERY = [(name,) for name in COMMANDS] + [
    ("data", "scenes"),
    ("data", "check"),
    ("course", "make"),
    ("course", "list"),
    ("course", "spec"),
]


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_help_has_an_example(cli, command):
    code, out, err = cli(*command, "--help")
    assert (code, err) == (0, "")
    assert f"minicap {' '.join(command)}" in out[out.index("example") :]


@pytest.mark.parametrize("command", EVERY, ids=" ".join)
def test_every_example_of_the_help_can_be_typed(cli, command):
    text = cli(*command, "--help").out
    lines = " ".join(text[text.index("example") :].split()).split("minicap ")[1:]
    for line in lines:
        arguments = _parser().parse_args(shlex.split(line))
        assert callable(arguments.run)


def test_help_lists_every_command(cli):
    out = cli("--help").out
    assert [name for name in COMMANDS if f"    {name} " not in out] == []


def test_the_version_is_printed(cli):
    assert cli("--version") == (0, f"minicap {minicap.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "minicap: the following arguments are required: COMMAND"),
        (("describe",), "minicap: argument COMMAND: invalid choice: 'describe'"),
        (("data",), "minicap data: the following arguments are required: WHAT"),
        (("train",), "minicap train: the following arguments are required: --out"),
        (
            ("train", "--out", "run", "--epochs", "few"),
            "minicap train: argument --epochs: invalid int value: 'few'",
        ),
        (("caption", "run"), "minicap caption: the following arguments are required: IMAGE"),
        (("caption", "run", "a.png", "--beams", "3"), "minicap: unrecognized arguments: --beams 3"),
        (("evaluate", "run"), "minicap evaluate: the following arguments are required: --data"),
        (("data", "check", "a", "b\nc"), "minicap: unrecognized arguments: b c"),
    ],
)
def test_wrong_usage_is_one_line_that_points_to_the_help(cli, arguments, complaint):
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(complaint)
    assert err.count("\n") == 1
    assert err.endswith("--help\n")


@pytest.mark.parametrize("arguments", [("train", "--help"), ("doctor", "--json")], ids=" ".join)
def test_a_reader_who_leaves_is_no_error(child, arguments):
    process = child(*arguments)
    process.stdout.close()  # long before anything is printed
    assert process.stderr.read() == ""
    assert process.wait(60) == 0


def test_the_program_is_a_module_too(child):
    out, err = child("--version").communicate(timeout=60)
    assert (out, err) == (f"minicap {minicap.__version__}\n", "")
