"""``minicap bench``: how fast minicap is on this machine, and how it compares."""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicap.cli.output import add_json, show, table, wants_progress
from minicap.errors import InputError

if TYPE_CHECKING:
    from minicap.bench import Row, Settings

QUICK = {"rounds": 3, "seconds": 0.05}
MOST_THREADS, MOST_RANDOM, MOST_ROUNDS = 256, 50, 1000
SEEDS = 10_000  # a short number can be typed again


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = (
        "Measure minicap's operations and models on this machine: times, arithmetic a second, and the share of what\n"
        "the processor can do. With --against torch PyTorch does the same work in a process of its own; the two take\n"
        "turns, and each row is measured with memory kept between calls and as it is shipped."
    )
    parser.epilog = (
        "examples:\n"
        "  minicap bench --quick\n"
        "  minicap bench --against torch --threads 1,2 --plot bench.png\n"
        "  minicap bench --against torch --rows 'conv*forward,lstm'\n"
        "  minicap bench --ladder --rows step"
    )
    parser.add_argument("--against", choices=["torch"], help="measure this library as well, in its best way")
    parser.add_argument(
        "--threads", default="1", metavar="N[,N]", help="threads of each library (%(default)s)"
    )
    parser.add_argument(
        "--rows", default="", metavar="PATTERN[,PATTERN]", help="only these: part of a name, or with * and ?"
    )
    parser.add_argument("--list", action="store_true", help="print the names of all rows and leave")
    parser.add_argument("--ladder", action="store_true", help="also climb from plain loops to the kernels")
    parser.add_argument(
        "--random", type=int, default=3, metavar="K", help="convolutions drawn at random (%(default)s)"
    )
    parser.add_argument("--seed", type=int, help="of that draw; another one each time by default")
    parser.add_argument("--rounds", type=int, help="turns of each library a row (7)")
    parser.add_argument("--quick", action="store_true", help="few and short turns: a first impression")
    parser.add_argument("--plot", metavar="FILE.png", help="draw a picture of the result")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int | None:
    """Measure and tell."""
    from minicap.bench import WorkerError, catalogue, choose, describe
    from minicap.doctor import processor_name

    threads = _threads(arguments.threads)
    _check(arguments)
    seed = random.randrange(SEEDS) if arguments.seed is None else arguments.seed
    rows = choose(catalogue(random=arguments.random, seed=seed), arguments.rows.split(","))
    if arguments.list:
        names = [row.name for row in rows]
        show(arguments, names, lambda: "\n".join(names))
        return None
    about = {"cpu": processor_name(), "seed": seed, "random": arguments.random}
    try:
        result = _measured(rows, _settings(arguments, threads), wants_progress(arguments))
    except WorkerError as error:
        print(f"minicap: {error}", file=sys.stderr)
        return 1
    result |= about
    show(arguments, result, lambda: describe(result, table))
    if arguments.plot:
        from minicap.plots import plot_bench

        plot_bench(result, arguments.plot)
        if not arguments.json:
            print(f"\nwrote {arguments.plot}")
    return None


def _measured(rows: Sequence[Row], settings: Settings, progress: bool) -> dict[str, Any]:
    """Measure with a progress bar where one is wanted."""
    from tqdm import tqdm

    from minicap.bench import run_bench

    with tqdm(total=settings.steps(rows), unit="row", leave=False, disable=None if progress else True) as bar:
        ticks: Callable[[str], None] = _ticker(bar)
        return run_bench(rows, settings, ticks)


def _ticker(bar: Any) -> Callable[[str], None]:
    """Return what moves the bar on as a row begins, and names that row."""
    begun = False

    def tick(name: str) -> None:
        nonlocal begun
        if begun:
            bar.update()
        begun = True
        bar.set_description_str(name[:48].ljust(48))

    return tick


def _settings(arguments: argparse.Namespace, threads: tuple[int, ...]) -> Settings:
    """Return how to measure."""
    from minicap.bench import Settings

    options: dict[str, Any] = dict(QUICK) if arguments.quick else {}
    if arguments.rounds is not None:
        options["rounds"] = arguments.rounds
    return Settings(threads=threads, against=arguments.against, ladder=arguments.ladder, **options)


def _threads(text: str) -> tuple[int, ...]:
    """Return the numbers of threads that were asked for, each once."""
    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch("[1-9][0-9]{0,2}", word) and int(word) <= MOST_THREADS for word in words):
        raise InputError(
            f"--threads: {text!r} is not a number from 1 to {MOST_THREADS}, or several, as in 1,2"
        )
    return tuple(dict.fromkeys(map(int, words)))


def _check(arguments: argparse.Namespace) -> None:
    """Raise where a number makes no sense, or a picture cannot be written, before anything is measured."""
    if not 0 <= arguments.random <= MOST_RANDOM:
        raise InputError(f"--random: {arguments.random} is not from 0 to {MOST_RANDOM}")
    if arguments.seed is not None and arguments.seed < 0:
        raise InputError(f"--seed: {arguments.seed} is negative; use 0 or more")
    if arguments.rounds is not None and not 1 <= arguments.rounds <= MOST_ROUNDS:
        raise InputError(f"--rounds: {arguments.rounds} is not from 1 to {MOST_ROUNDS}")
    if arguments.plot:
        if not (arguments.against or arguments.ladder):
            raise InputError("--plot: there is nothing to compare; add --against torch or --ladder")
        if not arguments.plot.lower().endswith(".png"):
            raise InputError(f"--plot: {arguments.plot} is no name of a PNG file; end it in .png")
        if not Path(arguments.plot).absolute().parent.is_dir():
            raise InputError(f"--plot: the folder of {arguments.plot} does not exist; make it first")
