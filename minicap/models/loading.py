"""Whatever model a file or run folder holds."""

from __future__ import annotations

from pathlib import Path

from minicap.archive import read_archive
from minicap.data.files import shown
from minicap.errors import InputError
from minicap.models.captioner import Captioner
from minicap.models.classifier import Classifier
from minicap.models.storage import checkpoint_in, restore_model
from minicap.models.tagger import Tagger

KINDS: dict[str, type[Captioner] | type[Classifier] | type[Tagger]] = {
    kind.__name__: kind for kind in (Captioner, Classifier, Tagger)
}


def load_any(path: str | Path) -> Captioner | Classifier | Tagger:
    """Read a model back without knowing which kind it is.

    Parameters
    ----------
    path : str or Path
        A file that ``save`` or a training wrote, or a run folder: its best checkpoint.

    Returns
    -------
    Captioner, Classifier or Tagger

    Raises
    ------
    InputError
        If there is no such file, it is damaged, or of another version.
    """
    file = checkpoint_in(path)
    arrays, meta = read_archive(file, prefix="model/")
    kind = KINDS.get(str(meta.get("kind")))
    if kind is None:
        raise InputError(
            f"{shown(file)}: it holds a {shown(meta.get('kind'))}, but this minicap knows {', '.join(KINDS)}"
        )
    return restore_model(file, arrays, meta, kind)
