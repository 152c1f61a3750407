"""The code of a part: its head and docstring for the starter file, the whole of it for the solution."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from minicap.grading.spec import Part

WIDTH = 100


def starter(part: Part) -> str:
    """Return a part's functions for students to write.

    Parameters
    ----------
    part : Part
    """
    stand_in = "raise NotImplementedError"
    functions = [_function(head, doc, stand_in) for head, doc, _ in _functions(part)]
    return "\n\n\n".join(functions)


def solution(part: Part) -> str:
    """Return a part's functions, written.

    Parameters
    ----------
    part : Part
    """
    return "\n\n\n".join(_function(head, doc, body) for head, doc, body in _functions(part))


def call_of(part: Part) -> str:
    """Return how a part's forward is called.

    Parameters
    ----------
    part : Part
    """
    return f"{part.forward}({', '.join(part.term.arguments)})"


def _functions(part: Part) -> list[tuple[str, str, str]]:
    """Return head, docstring and body of each function."""
    term, bodies = part.term, part.term.bodies(part.variant)
    scale = part.variant.get("scale", 1.0)
    outputs, gradients = ", ".join(term.outputs), ", ".join(f"d{name}" for name in term.gradients)
    if term.loss:
        scaled = [f"{name} = {scale!r} * {name}" for name in (*term.outputs, "dx") if scale != 1]
        body = "\n".join([bodies.forward, *scaled, f"return {outputs}, {gradients}"])
        return [(call_of(part), _words(part, [*_shapes(part), ""]), body)]
    kept = part.cache or bodies.cache
    cache = f"({', '.join(kept)}{',' if len(kept) == 1 else ''})"
    scaled = [f"{term.outputs[0]} = {scale!r} * {term.outputs[0]}"] if scale != 1 else []
    forward = [bodies.forward, *scaled, f"cache = {cache}", f"return {outputs}, cache"]
    upstreams = [f"d{name}" for name in term.outputs]
    scaled = [f"{upstreams[0]} = {scale!r} * {upstreams[0]}"] if scale != 1 else []
    backward = [
        f"{cache if len(kept) == 1 else cache.strip('()')} = cache",
        *scaled,
        bodies.backward,
        f"return {gradients}",
    ]
    given = ["cache", *upstreams] if part.variant["upstream"] == "last" else [*upstreams, "cache"]
    said = (
        f"Return the gradients of {part.forward}, one for each of {', '.join(term.gradients)}, in this order."
    )
    if len(term.gradients) == 1:
        said = f"Return the gradient of {part.forward} by {term.gradients[0]}."
    lines = [
        f"{dy} is the gradient by {y}, of its shape." for dy, y in zip(upstreams, term.outputs, strict=True)
    ]
    doc = "\n".join([said, "", *lines, "A gradient has the shape of what it belongs to."])
    return [
        (call_of(part), _words(part, _shapes(part)), "\n".join(forward)),
        (f"{part.backward}({', '.join(given)})", doc, "\n".join(backward)),
    ]


def _shapes(part: Part) -> list[str]:
    """Return a line for each argument and for what is returned."""
    term, shapes = part.term, part.term.shapes(part.variant)
    lines = [f"{name}: {shapes[name]}" for name in term.arguments]
    if term.loss:
        gradients = ", ".join(f"d{name} like {name}" for name in term.gradients)
        return [*lines, "", f"Returns {term.outputs[0]}, {shapes[term.outputs[0]]}, and {gradients}."]
    outputs = ", ".join(f"{name} {shapes[name]}" for name in term.outputs)
    if part.cache:
        order = ", ".join(part.cache)
        return [*lines, "", f"Returns {outputs}, and a cache: the tuple of {order}, in this order."]
    return [*lines, "", f"Returns {outputs}, and a cache: a tuple of whatever the backward needs."]


def conventions(part: Part) -> list[str]:
    """Return the lines that say what a part computes.

    Parameters
    ----------
    part : Part
    """
    lines = list(part.term.convention(part.variant))
    scale = part.variant.get("scale", 1.0)
    if scale != 1:
        carried = "; the state that is carried on is not" if "time" in part.variant else ""
        lines.append(f"what is returned as {part.term.outputs[0]} is {scale:g} times that{carried}")
    return lines


def _words(part: Part, shapes: Sequence[str]) -> str:
    """Return the docstring of a forward."""
    title = f"Compute {part.term.title}" + (", and its gradient." if part.term.loss else ".")
    lines = [line for text in conventions(part) for line in textwrap.wrap(text, WIDTH - 8)]
    return "\n".join([title, "", *[f"    {line}" for line in lines], "", *shapes]).rstrip()


def _function(head: str, doc: str, body: str) -> str:
    """Return the code of a function."""
    lines = _indents_kept(doc)
    text = "\n".join([f'"""{lines[0]}', *lines[1:], '"""'])
    return f"def {head}:\n" + textwrap.indent(f"{text}\n{body}", "    ")


def _indents_kept(doc: str) -> list[str]:
    """Return a docstring's lines, long ones broken, with their indents."""
    lines: list[str] = []
    for text in doc.splitlines():
        indent = " " * (len(text) - len(text.lstrip()))
        lines += textwrap.wrap(text, WIDTH - 4, subsequent_indent=indent) or [""]
    return lines
