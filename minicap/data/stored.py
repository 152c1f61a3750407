"""Small tables that a run folder keeps as JSON: the words of a captioner, the names of classes and tags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from minicap.data.files import read_text, shown, write_atomically
from minicap.errors import InputError

MAX_FILE_BYTES = 64 * 1024 * 1024


class Stored:
    """What can be written as JSON and read back; a subclass has ``to_dict`` and ``from_dict``."""

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON-ready values."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, source: str = "table") -> Self:
        """Rebuild it from `to_dict`'s form, validating everything; ``source`` names it in an error."""
        raise NotImplementedError

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all.

        Parameters
        ----------
        path : str or Path
            Usually ``vocabulary.json`` in a run folder.
        """
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1)
        write_atomically(path, (text + "\n").encode("utf-8"))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            The JSON file.

        Returns
        -------
        the table

        Raises
        ------
        InputError
            If the file is missing, is no JSON, or holds something else.
        """
        text = read_text(path, max_bytes=MAX_FILE_BYTES)
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is a plain ValueError
            raise InputError(
                f"{shown(path)}: is no sound JSON ({shown(error)}); restore it or train again"
            ) from error
        return cls.from_dict(content, source=shown(path))
