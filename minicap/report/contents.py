"""What a run folder holds, checked before a word of it is shown."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from minicap.data.files import is_safe_name, read_text, shown
from minicap.errors import InputError
from minicap.report.checking import are_numbers, broken, check_metrics, is_number

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 4_000_000  # of one picture: it goes into the page
MOST_SAMPLES = 200


class Run(Protocol):
    """What is asked of a run folder; ``minicap.training.RunFolder`` is one."""

    path: Path
    config: Path
    metrics: Path
    samples: Path
    vocabulary: Path
    plot: Path
    confusion: Path
    report: Path

    def read_history(self) -> list[dict[str, float]]:
        """Return the lines of ``history.csv``."""

    def read_json(self, path: Path) -> Any:
        """Return the content of a JSON file, None where there is none."""


class Guess(NamedTuple):
    """A class or a tag that a model gives a picture, or leaves out.

    Attributes
    ----------
    name : str
    probability : float or None
        None where the model does not know the name.
    right : bool or None
        Whether it is true of the picture; None where nobody knows.
    box : (x, y, width, height) or None
        Where the model saw it, in pixels of the picture.
    """

    name: str
    probability: float | None = None
    right: bool | None = None
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Sample:
    """One picture with what the model says of it.

    Attributes
    ----------
    name, caption : str
        The caption of a classifier is the class, that of a tagger its tags.
    png : bytes or None
        The picture's file; None where it is missing or no PNG.
    log_prob : float or None
        Of the caption, in nats.
    references : tuple of str
    judgement : (grammatical, true, complete) or None
    right : bool or None
        Of a class.
    classes : tuple of Guess
        The most probable ones, the first of which the classifier says.
    tags : tuple of Guess, or None
        What a tagger says; None where the model is no tagger.
    missed : tuple of Guess
        True tags that it leaves out.
    """

    name: str
    caption: str
    png: bytes | None = None
    log_prob: float | None = None
    references: tuple[str, ...] = ()
    judgement: tuple[bool, bool, bool] | None = None
    right: bool | None = None
    classes: tuple[Guess, ...] = ()
    tags: tuple[Guess, ...] | None = None
    missed: tuple[Guess, ...] = ()


@dataclass(frozen=True)
class Contents:
    """Everything the page shows; what the folder lacks is empty.

    Attributes
    ----------
    name : str
    config, metrics : dict
    history : list of dict
    samples : list of Sample
    labels : tuple of str
        The names of the classes in the order of the confusion matrix.
    """

    name: str
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    labels: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """Return ``caption``, ``classify`` or ``tag``, as the metrics say where there is no configuration."""
        if "task" in self.config:
            return str(self.config["task"])
        return "classify" if "accuracy" in self.metrics else "tag" if "n_tags" in self.metrics else "caption"


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
        labels=_read_labels(run) if metrics and "confusion" in metrics else (),
    )


def _read_config(path: Path) -> dict[str, Any]:
    """Return the choices of the run, none where the file is missing."""
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{shown(path)}: this is no TOML ({shown(error)}); mend the line") from error


def _read_labels(run: Run) -> tuple[str, ...]:
    """Return the names of the classes; none where the file is missing or something else."""
    content = run.read_json(run.vocabulary)
    names = content.get("names", []) if isinstance(content, dict) else []
    fit = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if fit else ()


def _read_samples(run: Run) -> list[Sample]:
    """Return the pictures, as many as a page bears."""
    records = run.read_json(run.samples) or []
    if not isinstance(records, list):
        raise broken(run.samples, "the file", "a list of pictures with captions", records)
    return [_sample(run, record, k) for k, record in enumerate(records[:MOST_SAMPLES])]


def _sample(run: Run, record: Any, k: int) -> Sample:
    """Check one entry of ``samples.json``."""
    if not isinstance(record, Mapping) or not isinstance(record.get("caption"), str):
        raise broken(run.samples, f"entry {k + 1}", "a picture with a caption", record)
    references, log_prob = record.get("references", []), record.get("log_prob")
    if not isinstance(references, list) or not all(isinstance(text, str) for text in references):
        raise broken(run.samples, f"references of entry {k + 1}", "a list of sentences", references)
    if log_prob is not None and not is_number(log_prob):
        raise broken(run.samples, f"log_prob of entry {k + 1}", "a number", log_prob)
    verdicts = [record.get(name) for name in ("grammatical", "true", "complete")]
    judged = all(isinstance(verdict, bool) for verdict in verdicts)
    right = record.get("right")
    if right is not None and not isinstance(right, bool):
        raise broken(run.samples, f"right of entry {k + 1}", "true or false", right)
    classes, tags, missed = (_guesses(run, record, k, what) for what in ("classes", "tags", "missed"))
    return Sample(
        name=str(record.get("name", f"picture {k + 1}")),
        caption=record["caption"],
        png=_read_png(run.path, record.get("image")),
        log_prob=log_prob,
        references=tuple(references),
        judgement=(verdicts[0], verdicts[1], verdicts[2]) if judged else None,  # type: ignore[arg-type]
        right=right,
        classes=classes or (),
        tags=tags,
        missed=missed or (),
    )


def _guesses(run: Run, record: Mapping[str, Any], k: int, what: str) -> tuple[Guess, ...] | None:
    """Check the classes or tags of one entry, None where it has no such list."""
    entries = record.get(what)
    if entries is None:
        return None
    key = "class" if what == "classes" else "tag"
    guesses = [_guess(entry, key) for entry in entries] if isinstance(entries, list) else [None]
    found = tuple(guess for guess in guesses if guess is not None)
    if len(found) < len(guesses):
        raise broken(run.samples, f"{what} of entry {k + 1}", "a list of names with probabilities", entries)
    return found


def _guess(entry: Any, key: str) -> Guess | None:
    """Return one class or tag, None where it is not as it should be."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get(key), str):
        return None
    probability, right, box = (entry.get(name) for name in ("probability", "right", "box"))
    fits = (
        (probability is None or is_number(probability))
        and (right is None or isinstance(right, bool))
        and (box is None or are_numbers(box, 4))
    )
    return Guess(entry[key], probability, right, None if box is None else tuple(box)) if fits else None


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
