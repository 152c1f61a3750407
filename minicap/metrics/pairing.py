"""Bring captions and references together by the image they are about."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from minicap.metrics._pairs import check_text, check_tokens


class Paired(NamedTuple):
    """Captions and references in one order: ``ids[i]`` names the image of ``hypotheses[i]`` and ``references[i]``."""

    ids: list[Hashable]
    hypotheses: list[Any]
    references: list[list[Any]]


def pair_by_id(
    hypotheses: Iterable[tuple[Hashable, Any]],
    references: Iterable[tuple[Hashable, Any]],
    *,
    all_scored: bool = True,
) -> Paired:
    """Give each captioned image its references.

    Parameters
    ----------
    hypotheses : iterable of (id, caption)
        One caption an image: text, or a list of tokens.
    references : iterable of (id, caption)
        Any number an image, in any order.
    all_scored : bool
        Whether an image that has references must have a caption too. A score over the images that a model
        chose to caption does not compare; without it the images left out are dropped.

    Returns
    -------
    Paired
        In the order of ``hypotheses``, references in their own.

    Raises
    ------
    ValueError
        If an image is captioned twice, has no references or (``all_scored``) no caption, if a caption is no
        text, broken Unicode or absurdly long, or if there is nothing to score. The message names the image.
    """
    several: dict[Hashable, list[Any]] = {}
    for name, caption in references:
        _check_caption("reference", name, caption)
        several.setdefault(name, []).append(caption)
    captions: dict[Hashable, Any] = {}
    for name, caption in hypotheses:
        _check_caption("caption", name, caption)
        if name in captions:
            raise ValueError(f"pair_by_id: image {name!r} has two captions; each image is scored once")
        if name not in several:
            raise ValueError(f"pair_by_id: image {name!r} has no references{_other_type(name, several)}")
        captions[name] = caption
    if not captions:
        raise ValueError("pair_by_id: no captions to score; at least one is needed")
    if all_scored and len(captions) < len(several):
        missing = [name for name in several if name not in captions]
        raise ValueError(
            f"pair_by_id: image {missing[0]!r} has references but no caption, with {len(missing) - 1} others; "
            "caption every image, or leave those out on purpose"
        )
    return Paired(list(captions), list(captions.values()), [several[name] for name in captions])


def _check_caption(kind: str, name: Hashable, caption: Any) -> None:
    """Raise ValueError unless the caption is text or a list of tokens."""
    try:
        hash(name)
    except TypeError:
        raise ValueError(f"pair_by_id: {name!r:.40} names no image; a text or a number is needed") from None
    check = check_tokens if isinstance(caption, list | tuple) else check_text
    check("pair_by_id", f"{kind} of image {name!r}", caption)


def _other_type(name: Hashable, known: Iterable[Hashable]) -> str:
    """Return a hint where the references name the image by a number and the captions by a text, or the reverse."""
    twin = next((other for other in known if str(other) == str(name)), None)
    return "" if twin is None else f"; they call it {twin!r}, a {type(twin).__name__}"
