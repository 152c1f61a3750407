"""What a run folder holds, checked before a word of it is shown."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from minicap.data.files import is_safe_name, read_text, shown
from minicap.errors import InputError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 4_000_000  # of one picture: it goes into the page
MOST_SAMPLES = 200


class Run(Protocol):
    """What is asked of a run folder; ``minicap.training.RunFolder`` is one."""

    path: Path
    config: Path
    metrics: Path
    samples: Path
    plot: Path
    report: Path

    def read_history(self) -> list[dict[str, float]]:
        """Return the lines of ``history.csv``."""

    def read_json(self, path: Path) -> Any:
        """Return the content of a JSON file, None where there is none."""


@dataclass(frozen=True)
class Sample:
    """One captioned picture.

    Attributes
    ----------
    name, caption : str
    png : bytes or None
        The picture's file; None where it is missing or no PNG.
    log_prob : float or None
        Of the caption, in nats.
    references : tuple of str
    judgement : (grammatical, true, complete) or None
    """

    name: str
    caption: str
    png: bytes | None = None
    log_prob: float | None = None
    references: tuple[str, ...] = ()
    judgement: tuple[bool, bool, bool] | None = None


@dataclass(frozen=True)
class Contents:
    """Everything the page shows; what the folder lacks is empty."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)


def read_contents(run: Run) -> Contents:
    """Read configuration, history, metrics and samples of a run.

    Parameters
    ----------
    run : RunFolder

    Returns
    -------
    Contents

    Raises
    ------
    InputError
        If one of the files is there but broken.
    """
    metrics = run.read_json(run.metrics)
    if metrics is not None:
        check_metrics(metrics, run.metrics)
    return Contents(
        name=run.path.resolve().name or "run",
        config=_read_config(run.config),
        history=run.read_history(),
        metrics=metrics or {},
        samples=_read_samples(run),
    )


def check_metrics(metrics: Any, path: Path, inside: str = "") -> None:
    """Raise where metrics are not what ``metrics.json`` holds.

    Parameters
    ----------
    metrics
        JSON content.
    path : Path
        Where it came from.
    inside : str
        Which part of the file, for the message.

    Raises
    ------
    InputError
        The message names the entry.
    """
    if not isinstance(metrics, dict):
        raise _broken(path, inside or "the file", "a table of names and values", metrics)
    for name, value in metrics.items():
        where = f"{inside}{name}"
        if name == "baselines" and isinstance(value, dict):
            for baseline, scores in value.items():
                check_metrics(scores, path, f"{where}.{baseline}.")
        elif name == "compositional":
            check_metrics(value, path, f"{where}.")
        elif name in ("truth_by_count", "signature", "baselines"):
            if not isinstance(value, dict):
                raise _broken(path, where, "a table of names and values", value)
            if name == "truth_by_count" and not all(map(_is_number, value.values())):
                raise _broken(path, where, "a number for each count", value)
        elif name == "image_gap_interval":
            if not (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))):
                raise _broken(path, where, "two numbers", value)
        elif name in ("split", "caption"):
            if not isinstance(value, str):
                raise _broken(path, where, "text", value)
        elif not _is_number(value):
            raise _broken(path, where, "a number", value)


def _is_number(value: Any) -> bool:
    """Tell whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _broken(path: Path, where: str, expected: str, value: Any) -> InputError:
    """Return the error for an entry that is not as it should be."""
    return InputError(
        f"{shown(path)}: {shown(where, 60)} is {shown(repr(value), 40)}, not {expected}; evaluate the run again"
    )


def _read_config(path: Path) -> dict[str, Any]:
    """Return the choices of the run, none where the file is missing."""
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{shown(path)}: this is no TOML ({shown(error)}); mend the line") from error


def _read_samples(run: Run) -> list[Sample]:
    """Return the captioned pictures, as many as a page bears."""
    records = run.read_json(run.samples) or []
    if not isinstance(records, list):
        raise _broken(run.samples, "the file", "a list of pictures with captions", records)
    return [_sample(run, record, k) for k, record in enumerate(records[:MOST_SAMPLES])]


def _sample(run: Run, record: Any, k: int) -> Sample:
    """Check one entry of ``samples.json``."""
    if not isinstance(record, Mapping) or not isinstance(record.get("caption"), str):
        raise _broken(run.samples, f"entry {k + 1}", "a picture with a caption", record)
    references, log_prob = record.get("references", []), record.get("log_prob")
    if not isinstance(references, list) or not all(isinstance(text, str) for text in references):
        raise _broken(run.samples, f"references of entry {k + 1}", "a list of sentences", references)
    if log_prob is not None and not _is_number(log_prob):
        raise _broken(run.samples, f"log_prob of entry {k + 1}", "a number", log_prob)
    verdicts = [record.get(name) for name in ("grammatical", "true", "complete")]
    judged = all(isinstance(verdict, bool) for verdict in verdicts)
    return Sample(
        name=str(record.get("name", f"picture {k + 1}")),
        caption=record["caption"],
        png=_read_png(run.path, record.get("image")),
        log_prob=log_prob,
        references=tuple(references),
        judgement=(verdicts[0], verdicts[1], verdicts[2]) if judged else None,  # type: ignore[arg-type]
    )


def _read_png(folder: Path, name: Any) -> bytes | None:
    """Return a picture's file, None where it is missing, outside the folder, too large, or no PNG."""
    if not isinstance(name, str) or not is_safe_name(name):
        return None
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            return None
        with open(path, "rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError:
        return None
    return raw if raw.startswith(PNG_SIGNATURE) and 24 < len(raw) <= MOST_BYTES else None
