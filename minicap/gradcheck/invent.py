"""Invent inputs for a layer from its op and the names of its arguments, and see that its forward takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from minicap._types import Rng
from minicap.gradcheck.discover import Candidate, Slot
from minicap.gradcheck.discover_source import NO_DEFAULT
from minicap.gradcheck.engine import Subject
from minicap.gradcheck.findings import UnusableError
from minicap.gradcheck.invent_assign import assigned, disagreement, variants
from minicap.gradcheck.invent_fill import draw, shaped
from minicap.gradcheck.invent_roles import (
    KEEP,
    default_stays,
    is_dict,
    is_size,
    option,
    roles_of,
    usual_keys,
)
from minicap.gradcheck.invent_shapes import Item, recipes

MOST_TRIES, MOST_KEYS = 120, 24
_STREAM = 715  # apart from the upstream gradients, which would else be equal to the data
# What a forward raises whatever it is given: looking for other inputs does not help.
_HOPELESS = (NameError, ImportError, NotImplementedError, SyntaxError, SystemExit, RecursionError)
# Forms that are tried for a layer of no known name, by a role that its arguments have.
_BY_ROLE = (
    ("q", ("attention", "additive_attention")),
    ("y", ("softmax_loss", "squared_loss", "binary_loss", "temporal_softmax_loss")),
    ("wx", ("rnn_step", "rnn", "lstm_step", "lstm", "gru_step", "gru")),
    ("wh", ("rnn_step", "rnn", "lstm_step", "lstm", "gru_step", "gru")),
    ("gamma", ("batch_norm", "layer_norm", "spatial_batch_norm")),
    ("w", ("affine", "conv", "embedding", "temporal_affine")),
    ("in", ("affine", "conv", "layer_norm", "rnn_step", "rnn", "embedding")),
    ("kh", ("max_pool",)),
    ("x", ("activation", "max_pool", "affine")),
)


@dataclass
class Invention:
    """Inputs that fit.

    Attributes
    ----------
    values : dict
        By argument name, as ``Candidate.build`` takes them.
    sentence : str
        Where nothing fits: why not, and what can be done. Empty otherwise.
    shapes : str
        The inputs in words, for the report.
    """

    values: dict[str, Any] = field(default_factory=dict)
    sentence: str = ""
    shapes: str = ""


def invent_inputs(candidate: Candidate, seed: int = 0, given: Mapping[str, Any] | None = None) -> Invention:
    """Return random inputs for a layer that make a bug visible.

    Padding above 0, kernels above 1x1, at least two samples and three steps, repeated ids, dropout at work,
    and other sizes on each axis. Every usual form is tried in turn (time or batch first, weights (in, out) or
    (out, in), biases (M,) or (1, M)) until the forward takes one.

    Parameters
    ----------
    candidate : Candidate
    seed : int
        The same seed gives the same numbers.
    given : mapping, optional
        Values by argument name that are taken as they are.

    Returns
    -------
    Invention
    """
    given = dict(given or {})
    for _ in range(MOST_KEYS):
        found, key = _search(candidate, given, seed)
        grown = _with_key(candidate, key)
        if grown is None:
            break
        candidate = grown
    return found


def _search(candidate: Candidate, given: dict[str, Any], seed: int) -> tuple[Invention, str]:
    """Return the first inputs that fit, or the key that the layer missed in one of its dicts."""
    first: Invention | None = None
    failed: list[_Fit] = []
    first_form = ""
    for form, values, binding in islice(_proposals(candidate, given, seed), MOST_TRIES):
        if first is not None and form != first_form:
            break  # what fits another kind of layer fits by accident
        fit = _try(candidate, values)
        if fit.key and first is None:
            return _nothing_fits(candidate, [fit]), fit.key
        if fit.hopeless:
            return Invention(values, fit.sentence, shaped(values)), ""
        if fit.sentence:
            failed.append(fit)
            continue
        found = Invention(values, "", shaped(values))
        if binding or fit.complete:
            return found, ""
        first, first_form = first or found, form
    return first or _nothing_fits(candidate, failed), ""


def _nothing_fits(candidate: Candidate, failed: list[_Fit]) -> Invention:
    """Return the invention that says why there is none."""
    way_out = 'give them with --inputs "x: (2,3), ..." or a make_inputs() in the file'
    if not failed:
        wanted = ", ".join(slot.name for slot in candidate.slots if slot.required)
        return Invention({}, f"no inputs could be invented for its arguments ({wanted}); {way_out}")
    likeliest = failed[0]
    shapes, sentence = shaped(likeliest.values), likeliest.sentence
    if len(failed) > 1 and all(fit.sentence == sentence for fit in failed):
        return Invention(likeliest.values, sentence, shapes)  # it is not the inputs
    sentence = f"none of the usual inputs fit; with {shapes}: {sentence}; {way_out}"
    return Invention(likeliest.values, sentence, shapes)


@dataclass
class _Fit:
    """How one try ended: why the values do not fit, or whether backward gave every gradient in its shape."""

    values: dict[str, Any]
    sentence: str = ""
    complete: bool = False
    hopeless: bool = False
    key: str = ""


def _try(candidate: Candidate, values: dict[str, Any]) -> _Fit:
    """Build and call a layer once."""
    try:
        subject = candidate.build(values)
        outputs, cache = subject.forward()
        return _Fit(values, _unfit(outputs), _is_complete(subject, outputs, cache))
    except (Exception, SystemExit) as raised:
        cause = raised.__cause__ or raised
        said = f"{type(raised).__name__}: {' '.join(str(raised).split())[:200]}"
        sentence = str(raised) if isinstance(raised, UnusableError) else f"forward raised {said}"
        key = cause.args[0] if isinstance(cause, KeyError) and cause.args else ""
        return _Fit(
            values, sentence, hopeless=isinstance(cause, _HOPELESS), key=key if type(key) is str else ""
        )


def _with_key(candidate: Candidate, key: str) -> Candidate | None:
    """Return the candidate with a key added to a dict that lacks it, None where there is no such dict."""
    for slot in candidate.slots:
        if key and is_dict(slot.name, list(slot.keys)) and key not in slot.keys:
            if not slot.keys:
                slot = slot._replace(keys=dict.fromkeys(usual_keys(slot.name), NO_DEFAULT))
            grown = slot._replace(keys=slot.keys | {key: NO_DEFAULT})
            return replace(
                candidate, slots=tuple(grown if s.name == slot.name else s for s in candidate.slots)
            )
    return None


def _unfit(outputs: Sequence[Any]) -> str:
    """Return why outputs cannot be checked, an empty text where they can."""
    floats = [y for y in outputs if isinstance(y, (float, np.floating, np.ndarray))]
    if len(floats) < len(outputs) or not outputs:
        kinds = ", ".join(type(y).__name__ for y in outputs) or "nothing"
        return f"forward returns {kinds} where an array of floats is needed"
    if any(np.size(y) == 0 for y in floats):
        return "forward returns an empty array"
    if any(np.asarray(y).dtype.kind != "f" for y in floats):
        return "forward returns an array that is not of floats"
    return "" if all(np.isfinite(y).all() for y in floats) else "forward returns NaN or infinity"


def _is_complete(subject: Subject, outputs: Sequence[Any], cache: Any) -> bool:
    """Whether backward gives every gradient in its input's shape: then the inputs are what the code is made for."""
    if _unfit(outputs):
        return False
    rng = np.random.default_rng(0)
    upstreams = tuple(np.asarray(rng.standard_normal(np.shape(y))) if np.shape(y) else 1.0 for y in outputs)
    try:
        gradients, problems = subject.backward(upstreams, cache)
    except (Exception, SystemExit):
        return False
    shapes = all(np.shape(gradients.get(name, 0)) == x.shape for name, x in subject.inputs.items())
    return shapes and not problems


def _proposals(
    candidate: Candidate, given: dict[str, Any], seed: int
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield forms and values to try, the likeliest first, and whether a forward that takes them is bound by them."""
    wanted = [slot for slot in candidate.slots if slot.name not in given and _is_wanted(slot, candidate.form)]
    if not wanted:
        yield "", given, True
        return
    for form in _forms(candidate, wanted):
        ordered = sorted(recipes(form), key=lambda recipe: disagreement(candidate, wanted, recipe))
        for recipe in ordered:
            parts = assigned(wanted, recipe, form)
            if parts is None:
                continue
            for variant in variants(parts):
                rng = np.random.default_rng([seed, _STREAM])
                values = {
                    slot.name: _value(slot, variant, form, rng) for slot in candidate.slots if slot in wanted
                }
                yield form, values | given, recipe.binding


def _is_wanted(slot: Slot, form: str | None) -> bool:
    """Whether a value has to be found for an argument."""
    if slot.name in ("dtype", "self", "ctx"):
        return False
    return slot.required or slot.keys != {} or not default_stays(slot.name, slot.default, form)


def _forms(candidate: Candidate, wanted: Sequence[Slot]) -> list[str]:
    """Return the kinds of inputs to try: that of the name, then those that the arguments speak of."""
    roles = {role for slot in wanted for role in roles_of(slot.name)[:2]}
    own = [candidate.form] if candidate.form else []
    spoken = [form for role, forms in _BY_ROLE if role in roles for form in forms]
    return list(dict.fromkeys([*own, *spoken, "same"]))


def _value(slot: Slot, assigned: dict[str, Item], form: str, rng: Rng) -> Any:
    """Return one argument's value."""
    if is_dict(slot.name, list(slot.keys)) and slot.name not in assigned:
        keys = slot.keys or dict.fromkeys(usual_keys(slot.name), NO_DEFAULT)
        return {
            key: _single(key, assigned.get(f"{slot.name}[{key}]"), NO_DEFAULT, form, rng)
            for key, default in keys.items()
            if default is NO_DEFAULT or (option(key) is not KEEP and not default_stays(key, default, form))
        }
    return _single(slot.name, assigned.get(slot.name), slot.default, form, rng)


def _single(name: str, item: Item | None, default: Any, form: str, rng: Rng) -> Any:
    """Return the value of an argument or of a dict's key."""
    if item is None:
        value = option(name)
        if value is KEEP and is_size(name):
            return 2  # a pool behind a convolution
        return None if value is KEEP else value
    if isinstance(default, tuple) and item.kind == "number" and len(default) == 3:
        return (2, 6, 4)  # a picture: channels, height, width
    if isinstance(default, (list, tuple)) and item.kind == "number":
        return type(default)([item.number + 1, item.number])
    return draw(item, name, rng)
