"""The choices of a run, those alone that have an effect on its task."""

from __future__ import annotations

from minicap.report.contents import Contents
from minicap.report.html import Html, element

# Choices that are for other tasks. A configuration lists them all, but here they would mislead.
_CAPTIONS = ("conditioning", "layers", "tokenizer", "captions_per_image", "decoder_from", "blind")
_RECURRENT = ("decoder", "embed_size", "hidden_size")
UNUSED = {
    "classify": (*_CAPTIONS, *_RECURRENT, "head", "min_count"),
    "tag spatial": (*_CAPTIONS, *_RECURRENT, "hidden", "dropout"),
    "tag dense": (*_CAPTIONS, *_RECURRENT),
    "tag sequence": (*_CAPTIONS, "hidden"),
}


def settings(contents: Contents) -> Html | None:
    """Return the choices of the run.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    Html or None
        None where there is no configuration.
    """
    task, config = contents.task, contents.config
    unused = UNUSED.get(f"tag {config.get('head')}" if task == "tag" else task, ())
    pairs = [
        element("div", element("dt", name.replace("_", " ")), element("dd", element("bdi", _setting(value))))
        for name, value in config.items()
        if name not in unused
    ]
    return element("dl", pairs, class_="settings") if pairs else None


def _setting(value: object) -> str:
    """Return one choice as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value != "" else "\N{EN DASH}"
