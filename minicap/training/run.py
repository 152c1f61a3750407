"""A training run is a folder, and this is what stands in it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from minicap.data.files import read_text, shown, write_atomically
from minicap.errors import InputError


class RunFolder:
    """The files of a run.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    config, checkpoint, best, vocabulary, history, metrics, samples, plot, confusion, report : Path
        ``config.toml``, ``checkpoint.npz`` (the last state), ``best.npz``, ``vocabulary.json``, ``history.csv``,
        ``metrics.json``, ``samples.json``, ``history.png``, ``confusion.png`` (of a classifier) and
        ``report.html``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.toml"
        self.checkpoint = self.path / "checkpoint.npz"
        self.best = self.path / "best.npz"
        self.vocabulary = self.path / "vocabulary.json"
        self.history = self.path / "history.csv"
        self.metrics = self.path / "metrics.json"
        self.samples = self.path / "samples.json"
        self.plot = self.path / "history.png"
        self.confusion = self.path / "confusion.png"
        self.report = self.path / "report.html"

    @classmethod
    def create(cls, path: str | Path, *, overwrite: bool = False) -> RunFolder:
        """Make the folder of a new run.

        Parameters
        ----------
        path : str or Path
        overwrite : bool
            Start over where a run stands already.

        Returns
        -------
        RunFolder

        Raises
        ------
        InputError
            If a run that saved something or anything else stands there, or the folder cannot be made.
        """
        run = cls(path)
        if run.path.exists() and not run.path.is_dir():
            raise InputError(f"{shown(path)}: this is a file, but a run is a folder; choose another --out")
        if run.path.is_dir() and any(run.path.iterdir()):
            if not run.config.is_file():
                raise InputError(f"{shown(path)}: the folder holds other things; choose another --out")
            if not overwrite and (run.checkpoint.is_file() or run.best.is_file()):
                raise InputError(
                    f"{shown(path)}: a run stands there; go on with --resume, or choose another --out"
                )
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            for old in (
                run.checkpoint,
                run.best,
                run.history,
                run.metrics,
                run.samples,
                run.plot,
                run.confusion,
                run.report,
            ):
                old.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"{shown(path)}: cannot be made ({error.strerror}); choose another --out"
            ) from error
        return run

    @classmethod
    def existing(cls, path: str | Path) -> RunFolder:
        """Open the folder of a run.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        RunFolder

        Raises
        ------
        InputError
            If no run stands there.
        """
        run = cls(path)
        if not run.config.is_file():
            raise InputError(
                f"{shown(path)}: no run stands there (config.toml is missing); train one with 'minicap train'"
            )
        return run

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write one line an epoch to ``history.csv``.

        Parameters
        ----------
        rows : sequence of dict
            With the same keys.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["epoch"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.history, text.getvalue().encode())

    def read_history(self) -> list[dict[str, float]]:
        """Return the lines of ``history.csv`` as numbers, none where there is no such file.

        Returns
        -------
        list of dict
        """
        if not self.history.is_file():
            return []
        rows = csv.DictReader(io.StringIO(read_text(self.history)))
        try:
            return [{key: float(value) for key, value in row.items() if value} for row in rows]
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{shown(self.history)}: a line holds something else than numbers; delete the file"
            ) from error

    def write_json(self, path: Path, content: Any) -> None:
        """Write one of the JSON files, such as ``metrics.json``.

        Parameters
        ----------
        path : Path
        content
            JSON-ready.
        """
        write_atomically(
            path, (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=True) + "\n").encode()
        )

    def read_json(self, path: Path) -> Any:
        """Read one of the JSON files, None where it does not exist.

        Parameters
        ----------
        path : Path

        Returns
        -------
        JSON content or None
        """
        if not path.is_file():
            return None
        text = read_text(path)
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{shown(path)}: this is no JSON ({shown(error)}); evaluate the run again"
            ) from error
