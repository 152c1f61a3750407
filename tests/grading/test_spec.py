"""Specs: what is read, and a line for every mistake."""

from __future__ import annotations

import re

import pytest

from minicap.errors import InputError
from minicap.grading.read import SHIPPED, find, read_spec, shipped
from minicap.grading.spec import FORBIDDEN, NO_SECRET
from tests.grading.conftest import AFFINE

ASKED = {
    "affine", "relu", "conv", "max_pool", "batch_norm", "layer_norm", "dropout", "rnn", "lstm", "gru", "embedding",
    "softmax_loss", "attention",
}  # fmt: skip


def test_what_is_read(make_spec):
    spec = make_spec()
    (part,) = spec.parts
    assert (spec.title, spec.file, spec.secret, spec.cases, spec.seconds) == (
        "Affine",
        "affine.py",
        "of this test",
        2,
        20,
    )
    assert (spec.tolerance, spec.forbidden, spec.on_forbidden, spec.points) == (1e-6, FORBIDDEN, "zero", 10)
    assert (part.name, part.forward, part.backward) == ("affine", "affine_forward", "affine_backward")
    assert part.variant == {"weights": "in_out", "scale": 1.0, "upstream": "first"}
    assert part.points == {"forward": 2, "dx": 3, "dw": 4, "db": 1}
    assert spec.is_secret


def test_what_can_be_said(make_spec):
    names = 'forward = "fwd"\nbackward = "bwd"'
    spec = make_spec(
        AFFINE, ('op = "affine"', f'op = "affine"\nname = "hidden layer"\n{names}\ncache = ["w", "b", "x"]'),
        ("[part.points]", '[part.variant]\nweights = "out_in"\nscale = 2\n[part.points]'),
        ("cases = 2", "tolerance = 1e-4"),
        ("[[part]]", 'file = "hw1.py"\nforbidden = []\non_forbidden = "report"\nmemory_mb = 1024\n[[part]]'),
    )  # fmt: skip
    (part,) = spec.parts
    assert (part.name, part.forward, part.backward, part.cache) == (
        "hidden layer",
        "fwd",
        "bwd",
        ("w", "b", "x"),
    )
    assert part.variant["scale"] == 2.0
    assert (spec.file, spec.forbidden, spec.on_forbidden, spec.memory_mb, spec.cases) == (
        "hw1.py",
        (),
        "report",
        1024,
        3,
    )


MISTAKES = [
    ("cases = 2", "cases = ", "spec.toml: not TOML: Invalid value (at line 4, column 9)"),
    ("cases = 2", "casses = 2", "no setting is called 'casses'; did you mean cases?"),
    ("cases = 2", "cases = 0", "cases: 0 is not from 1 to 20"),
    ("cases = 2", "cases = 2.5", "cases: 2.5 is not a whole number"),
    ("cases = 2", "cases = true", "cases: True is not a whole number"),
    ("seconds = 20", "seconds = 'long'", "seconds: 'long' is not a number"),
    ("seconds = 20", "seconds = 1e9", "seconds: 1e+09 is not from 0.5 to 600"),
    ("cases = 2", "tolerance = 1", "tolerance: 1 is not from 1e-12 to 0.1"),
    ("cases = 2", "memory_mb = 5", "memory_mb: 5 is not from 512 to 65536"),
    ("cases = 2", "title = 5", "Cannot overwrite a value"),
    ('title = "Affine"', "title = 5", "title: 5 is not a text in quotes"),
    ("cases = 2", "forbidden = [1]", "forbidden: 1 is not a text in quotes"),
    ("cases = 2", "forbidden = 'torch'", "forbidden: 'torch' is not a list in [ ]"),
    ("cases = 2", "on_forbidden = 'shout'", "on_forbidden: 'shout' is none of 'zero', 'report'"),
    ("cases = 2", "file = 'a/b.py'", "file: 'a/b.py' is no name of a Python file"),
    ("cases = 2", "file = 'my layers.py'", "file: 'my layers.py' is no name of a Python file"),
    ("cases = 2", "file = 'class.py'", "file: 'class.py' is no name of a Python file"),
    ("[[part]]", "[part]", "part: {'op': 'affine', "),
    ("[[part]]", "[[parts]]", "no setting is called 'parts'; did you mean part?"),
    ('op = "affine"', "", "part 1: there is no setting 'op'; it is needed"),
    ('op = "affine"', 'op = "afine"', "part 1: no op is called 'afine'; did you mean affine?"),
    ('op = "affine"', 'op = "transformer"', "part 1: no op is called 'transformer'; there are affine, "),
    ('op = "affine"', "op = 3", "part 1.op: 3 is not a text in quotes"),
    (
        'op = "affine"',
        'op = "affine"\nforward = "my-forward"',
        "part 1.forward: 'my-forward' is no name of a function",
    ),
    (
        'op = "affine"',
        'op = "affine"\nforwards = "f"',
        "part 1: no setting is called 'forwards'; did you mean forward?",
    ),
    (
        'op = "affine"',
        'op = "affine"\ncache = ["x", "w"]',
        "part 1.cache: ['x', 'w'] does not hold each of x, w, b once",
    ),
    ('op = "affine"', 'op = "affine"\ncache = "x w b"', "part 1.cache: 'x w b' is not a list in [ ]"),
    (
        "[part.points]",
        "[part.variant]\nweight = 1\n[part.points]",
        "part 1.variant: no choice of affine is called 'weight'",
    ),
    (
        "[part.points]",
        "[part.variant]\nweights = 'rows'\n[part.points]",
        "weights: 'rows' is none of 'in_out', 'out_in'",
    ),
    (
        "[part.points]",
        "[part.variant]\nscale = 0\n[part.points]",
        "part 1.variant.scale: 0 is not from 0.001 to 1000",
    ),
    (
        "[part.points]",
        "[part.variant]\nscale = nan\n[part.points]",
        "part 1.variant.scale: nan is not from 0.001 to 1000",
    ),
    ("dx = 3", "dx = -3", "part 1.points.dx: -3 is not from 0 to 10000"),
    ("dx = 3", "dx = 'three'", "part 1.points.dx: 'three' is not a number"),
    ("dx = 3", "", "part 1.points: how many points is dx worth? Write dx = 0 where none"),
    (
        "dx = 3",
        "dx = 3\ndbias = 1",
        "part 1.points: no item is called 'dbias'; there are forward, dx, dw, db",
    ),
    ("[part.points]", "[part.pts]", "part 1: no setting is called 'pts'"),
]


@pytest.mark.parametrize(
    ("old", "new", "sentence"), MISTAKES, ids=[f"{i}-{new[:30]}" for i, (_, new, _) in enumerate(MISTAKES)]
)
def test_every_mistake_has_a_line(make_spec, old, new, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        make_spec(AFFINE, (old, new))
    assert str(caught.value).startswith("spec.toml: ")
    assert "\n" not in str(caught.value)


def test_two_parts_of_one_name(make_spec):
    second = AFFINE[AFFINE.index("[[part]]") :]
    with pytest.raises(InputError, match="two parts have the name 'affine'"):
        make_spec(AFFINE + second)
    with pytest.raises(InputError, match="two parts have the forward 'affine_forward'"):
        make_spec(AFFINE + second.replace('op = "affine"', 'op = "affine"\nname = "other"'))


def test_a_loss_has_no_backward_and_some_caches_are_free(make_spec):
    text = 'part = [{op = "softmax_loss", backward = "b", points = {forward = 1, dx = 1}}]'
    with pytest.raises(InputError, match="softmax_loss has none: one function returns the loss"):
        make_spec(text)
    text = 'part = [{op = "lstm_step", cache = ["x"], points = {}}]'
    with pytest.raises(InputError, match="how many points is forward worth"):
        make_spec(text)
    points = ", ".join(
        f"{name} = 1" for name in ("forward", "dx", "dh_prev", "dc_prev", "dw_x", "dw_h", "db")
    )
    with pytest.raises(InputError, match="the cache of lstm_step is free"):
        make_spec(text.replace("points = {}", f"points = {{{points}}}"))
    with pytest.raises(InputError, match="part: a table for each layer is needed"):
        make_spec("part = []")
    with pytest.raises(InputError, match=r"there is no \[\[part\]\] table"):
        make_spec("title = 'nothing'")


def test_the_specs_that_come_along():
    assert set(shipped()) == ASKED
    for name in shipped():
        spec = read_spec(name)
        assert spec.secret == NO_SECRET
        assert not spec.is_secret
        assert spec.file == f"{name}.py"
        text = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8")
        for part in spec.parts:  # every choice stands there to be changed
            assert all(f"\n{choice} = " in text for choice in part.term.all_choices()), part.name


def test_a_spec_is_found_by_path_or_name(tmp_path):
    assert find("affine") == SHIPPED / "affine.toml"
    with pytest.raises(
        InputError, match=r"nothing: no such spec; give a .toml file, or one that comes along: affine, "
    ):
        find("nothing")
    with pytest.raises(InputError, match="a folder; give a spec"):
        find(tmp_path)
