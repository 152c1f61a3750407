"""Read what a term asks for from a TOML file, with a clear line for every mistake in it."""

from __future__ import annotations

import difflib
import keyword
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from minicap.data.files import read_text
from minicap.errors import InputError
from minicap.grading.spec import FORBIDDEN, NO_SECRET, Part, Spec
from minicap.grading.terms import TERMS, Choice, Term

SHIPPED = Path(__file__).parent / "specs"
_KEYS = {
    "title": str, "file": str, "secret": str, "cases": int, "seconds": float, "memory_mb": int,
    "tolerance": float, "forbidden": list, "on_forbidden": str, "part": list,
}  # fmt: skip
_PART_KEYS = {
    "op": str,
    "name": str,
    "forward": str,
    "backward": str,
    "cache": list,
    "variant": dict,
    "points": dict,
}
_BOUNDS = {"cases": (1, 20), "seconds": (0.5, 600), "memory_mb": (512, 65536), "tolerance": (1e-12, 0.1)}
_WORDS = {
    str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false", list: "a list in [ ]",
    dict: "a table",
}  # fmt: skip


def shipped() -> list[str]:
    """Return the names of the specs that come along."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def find(name: str | Path) -> Path:
    """Return where a spec is: a file, or one of those that come along by its name.

    Parameters
    ----------
    name : str or Path

    Raises
    ------
    InputError
        If there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    if str(name) in shipped():
        return SHIPPED / f"{name}.toml"
    if path.is_dir():
        raise InputError(f"{path}: a folder; give a spec, a .toml file")
    raise InputError(
        f"{name}: no such spec; give a .toml file, or one that comes along: {', '.join(shipped())}"
    )


def read_spec(name: str | Path) -> Spec:
    """Read a spec.

    Parameters
    ----------
    name : str or Path
        A file, or the name of a spec that comes along.

    Returns
    -------
    Spec

    Raises
    ------
    InputError
        Naming what is wrong, where, and what is expected.
    """
    path = find(name)
    try:
        table = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path.name}: not TOML: {error}") from None
    reader = _Reader(path.name)
    top = reader.typed("", table, _KEYS)
    reader.required("", top, ("part",))
    for key, (low, high) in _BOUNDS.items():
        reader.within(key, top.get(key, low), low, high)
    reader.one_of("on_forbidden", top.get("on_forbidden", "zero"), ("zero", "report"))
    tables = reader.tables("part", top.pop("part"))
    parts = [reader.part(i, part) for i, part in enumerate(tables, 1)]
    reader.distinct(parts)
    file = top.get("file", f"{parts[0].term.op}.py")
    if Path(file).name != file or not file.endswith(".py") or not _is_name(file[:-3]):
        reader.fail("file", f"{file!r} is no name of a Python file; give one such as layers.py")
    forbidden = reader.texts("forbidden", top.pop("forbidden", list(FORBIDDEN)))
    defaults = {"title": path.stem, "secret": NO_SECRET, "file": file}
    return Spec(**{**defaults, **top}, parts=tuple(parts), forbidden=tuple(forbidden), path=path)


def _is_name(text: str) -> bool:
    """Whether a text can be a name in Python."""
    return text.isidentifier() and not keyword.iskeyword(text)


class _Reader:
    """Looks at what is in a spec, and complains with its file and the place."""

    def __init__(self, file: str) -> None:
        self.file = file

    def fail(self, place: str, text: str) -> NoReturn:
        """Complain."""
        raise InputError(f"{self.file}: {place + ': ' if place else ''}{text}")

    def known(self, place: str, keys: Sequence[str], allowed: Sequence[str], what: str) -> None:
        """Complain of a key that means nothing."""
        for key in keys:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, 1)
                meant = f"; did you mean {near[0]}?" if near else ""
                self.fail(place, f"no {what} is called {key!r}{meant} There are {', '.join(allowed)}"
                          if near else f"no {what} is called {key!r}; there are {', '.join(allowed)}")  # fmt: skip

    def typed(self, place: str, table: Mapping[str, Any], types: Mapping[str, type]) -> dict[str, Any]:
        """Return a table of which every key is known and every value of its type."""
        self.known(place, list(table), list(types), "setting")
        inner = f"{place}." if place else ""
        return {key: self.value(f"{inner}{key}", value, types[key]) for key, value in table.items()}

    def value(self, place: str, value: Any, kind: type) -> Any:
        """Return a value of a type; a whole number is a number too."""
        if kind is float and type(value) is int:
            return float(value)
        if type(value) is not kind:
            self.fail(place, f"{value!r} is not {_WORDS[kind]}")
        return value

    def required(self, place: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
        """Complain of a key that is missing."""
        for key in keys:
            if key not in table:
                where = f"[[{key}]] table" if key == "part" else f"setting {key!r}"
                self.fail(place, f"there is no {where}; it is needed")

    def within(self, place: str, value: float, low: float, high: float) -> None:
        """Complain of a number out of bounds."""
        if not low <= value <= high:
            self.fail(place, f"{value:g} is not from {low:g} to {high:g}")

    def one_of(self, place: str, value: Any, values: Sequence[Any]) -> None:
        """Complain of a value that is not among those allowed."""
        if value not in values:
            shown = ", ".join(str(v).lower() if isinstance(v, bool) else repr(v) for v in values)
            self.fail(place, f"{value!r} is none of {shown}")

    def tables(self, place: str, value: list[Any]) -> list[dict[str, Any]]:
        """Return a list of tables that is not empty."""
        if not value or not all(isinstance(part, dict) for part in value):
            self.fail(place, "a table for each layer is needed, each under a line [[part]]")
        return value

    def texts(self, place: str, value: list[Any]) -> list[str]:
        """Return a list of texts."""
        for text in value:
            if not isinstance(text, str):
                self.fail(place, f"{text!r} is not a text in quotes")
        return value

    def part(self, number: int, table: Mapping[str, Any]) -> Part:
        """Return one part."""
        place = f"part {number}"
        found = self.typed(place, table, _PART_KEYS)
        self.required(place, found, ("op", "points"))
        self.known(place, [found["op"]], list(TERMS), "op")
        term = TERMS[found["op"]]
        forward, backward = self.functions(place, term, found)
        return Part(
            found.get("name", term.op), term, self.variant(f"{place}.variant", term, found.get("variant", {})),
            forward, backward, self.points(f"{place}.points", term, found["points"]),
            self.cache(f"{place}.cache", term, found.get("cache")),
        )  # fmt: skip

    def functions(self, place: str, term: Term, found: Mapping[str, Any]) -> tuple[str, str]:
        """Return the names of a part's functions."""
        if term.loss and "backward" in found:
            self.fail(
                f"{place}.backward", f"{term.op} has none: one function returns the loss and its gradient"
            )
        forward = found.get("forward", term.op if term.loss else f"{term.op}_forward")
        backward = "" if term.loss else found.get("backward", f"{term.op}_backward")
        for key, name in (("forward", forward), ("backward", backward)):
            if name and not _is_name(name):
                self.fail(f"{place}.{key}", f"{name!r} is no name of a function")
        return forward, backward

    def variant(self, place: str, term: Term, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return a value for each choice."""
        choices = term.all_choices()
        self.known(place, list(table), list(choices), f"choice of {term.op}")
        return {key: self.choice(f"{place}.{key}", choice, table) for key, choice in choices.items()}

    def choice(self, place: str, choice: Choice, table: Mapping[str, Any]) -> Any:
        """Return the value of one choice."""
        key = place.rpartition(".")[2]
        if key not in table:
            return choice.default
        value = self.value(place, table[key], type(choice.default))
        if choice.values:
            self.one_of(place, value, choice.values)
        elif isinstance(value, (int, float)):
            self.within(place, value, choice.least, choice.most)
        return value

    def points(self, place: str, term: Term, table: Mapping[str, Any]) -> dict[str, float]:
        """Return the points of the forward and of each gradient."""
        names = ["forward", *(f"d{name}" for name in term.gradients)]
        self.known(place, list(table), names, "item")
        for name in names:
            if name not in table:
                self.fail(place, f"how many points is {name} worth? Write {name} = 0 where none")
        found = {name: self.value(f"{place}.{name}", table[name], float) for name in names}
        for name, value in found.items():
            self.within(f"{place}.{name}", value, 0, 10_000)
        return found

    def cache(self, place: str, term: Term, value: list[Any] | None) -> tuple[str, ...]:
        """Return the order of the cache."""
        if value is None:
            return ()
        if not term.cached:
            self.fail(place, f"the cache of {term.op} is free; leave this out")
        if sorted(map(str, value)) != sorted(term.cached):
            self.fail(place, f"{value!r} does not hold each of {', '.join(term.cached)} once")
        return tuple(value)

    def distinct(self, parts: Sequence[Part]) -> None:
        """Complain of two parts, or two functions, of one name."""
        for what in ("name", "forward", "backward"):
            names = [name for name in (getattr(part, what) for part in parts) if name]
            for name in names:
                if names.count(name) > 1:
                    self.fail("part", f"two parts have the {what} {name!r}; give one of them another")
