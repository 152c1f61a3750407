"""HTML that is safe by construction: text is escaped unless it was made here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

VOID = frozenset({"br", "img", "meta"})
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")


class Html(str):
    """Text that is HTML already. Any other string is escaped where an element takes it in."""


Child = str | None | Iterable["Child"]


def element(tag: str, *children: Child, **attributes: str | int | bool | None) -> Html:
    """Return an element with everything inside it.

    Parameters
    ----------
    tag : str
    *children : str, Html, None, or iterable of these
        None is left out.
    **attributes
        ``class_`` is written ``class`` and ``aria_label`` ``aria-label``; True is an attribute without a value,
        None and False are left out.

    Returns
    -------
    Html
    """
    opening = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Html(f"<{tag}{opening}>")
    return Html(f"<{tag}{opening}>{join(children)}</{tag}>")


def join(children: Iterable[Child], between: str = "") -> Html:
    """Return pieces one after the other, escaped where they are not HTML.

    Parameters
    ----------
    children : iterable of str, Html, None, or iterables of these
    between : str
        Plain text between them.

    Returns
    -------
    Html
    """
    return Html(escape(between).join(_text(child) for child in children if child is not None))


def _text(child: Child) -> str:
    """Return one piece as HTML."""
    if isinstance(child, Html):
        return child
    return escaped(child) if isinstance(child, str) else join(child or ())


def escaped(text: str) -> Html:
    """Return text that shows as it is; a character that HTML forbids shows as a replacement sign.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    Html
    """
    return Html(escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)))


def quoted(name: str) -> Html:
    """Return a name in quotes, whatever direction it is written in.

    Parameters
    ----------
    name : str

    Returns
    -------
    Html
    """
    return element("q", element("bdi", name))


def _attribute(name: str, value: str | int | bool | None) -> str:
    """Return one attribute with a space in front of it."""
    name = name.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escaped(str(value))}"'
