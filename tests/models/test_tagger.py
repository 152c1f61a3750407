"""What a tagger computes with each of its heads, what it names, and where it saw it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data import Preprocessing
from minicap.data.collate import TagBatch
from minicap.data.labels import Labels
from minicap.gradcheck import check_model
from minicap.models import Tagger
from minicap.models.tag_heads import HEADS, Findings
from minicap.models.tagger import Tag
from minicap.optim import Adam

QUICK = {"entries": 2, "directions": 1}
NAMES = ["sun", "sea", "sand", "gull"]


@pytest.fixture(params=HEADS)
def head(request):
    """Each head in turn."""
    return request.param


def build(**options: Any) -> Tagger:
    """Return a tiny tagger with no number zero by chance."""
    sizes = {"encoder": "3,M,4", "hidden": "6", "embed_size": 4, "hidden_size": 3, "image_size": 6}
    model = Tagger(NAMES, **{"dtype": "float64"} | sizes | options)
    rng = np.random.default_rng(5)
    for name, array in (model.params | model.buffers).items():
        if not array.any() or "norm" in name:
            array[...] = rng.uniform(0.2, 0.8, array.shape)
    return model


def draw(n: int = 4, *, dtype: str = "float64", seed: int = 0) -> TagBatch:
    """Draw random pictures, the first with all tags, the last with none."""
    rng = np.random.default_rng(seed)
    tags = rng.integers(0, 2, (n, 4))
    tags[0], tags[-1] = 1, 0
    return TagBatch(rng.uniform(-1, 1, (n, 3, 6, 6)).astype(dtype), tags.astype(dtype))


# The loss


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_gradient_is_right(head, batch_norm, training, kernels):
    """With dropout on, where there is any."""
    model = build(head=head, batch_norm=batch_norm, dropout=0.3)
    report = check_model(model, draw(), training=training, rng=np.random.default_rng(1), **QUICK)
    report.assert_ok()
    assert {gradient.name for gradient in report.gradients} == {"dimages", *model.params}


def test_the_gradient_behind_residual_blocks_is_right(head, kernels):
    model = build(head=head, encoder="3,M,R3,R4")
    check_model(model, draw(), training=True, **QUICK).assert_ok()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_numbers_matter_in_that_check(head, batch_norm):
    model = build(head=head, batch_norm=batch_norm)
    dimages, grads = model.backward(model.loss(draw())[1])
    assert dimages.any(axis=(1, 2, 3)).all()
    assert all(array.any() for array in grads.values())


def test_the_upstream_scales_everything(head):
    model = build(head=head)
    cache = model.loss(draw())[1]
    (one, grads), (two, grads_two) = model.backward(cache), model.backward(cache, -2.5)
    np.testing.assert_allclose(two, -2.5 * one, rtol=1e-9, atol=1e-15)
    for name, grad in grads.items():
        np.testing.assert_allclose(grads_two[name], -2.5 * grad, rtol=1e-9, atol=1e-15)


def test_weigh_joins_the_losses_of_parts(head):
    """The loss of all pictures is the mean of the parts' losses, by what they weigh."""
    model, batch = build(head=head), draw(5)
    parts = [TagBatch(batch.images[part], batch.tags[part]) for part in (slice(0, 2), slice(2, 5))]
    weights = [model.weigh(part) for part in parts]
    joined = np.average([float(model.loss(part)[0]) for part in parts], weights=weights)
    assert float(model.loss(batch)[0]) == pytest.approx(joined, rel=1e-12)
    assert sum(weights) == (5 + batch.tags.sum() if head == "sequence" else 5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_dtype_changes_on_the_way(head, dtype, kernels):
    model = build(head=head, dtype=dtype, dropout=0.3)
    loss, cache = model.loss(draw(dtype=dtype), training=True, rng=np.random.default_rng(0))
    dimages, grads = model.backward(cache)
    arrays = [loss, dimages, *grads.values(), *model.params.values(), *model.buffers.values()]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}
    assert model.find(draw(dtype="float64").images).probabilities.dtype == dtype


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_frozen_trunk_gets_no_gradient_and_keeps_its_statistics(head, batch_norm):
    model, batch = build(head=head, batch_norm=batch_norm), draw()
    before = {name: array.copy() for name, array in model.trunk.buffers.items()}
    model.trunk.frozen = True
    dimages, grads = model.backward(model.loss(batch, training=True)[1])
    assert dimages is None
    assert set(grads) == {name for name in model.params if name.startswith("head.")}
    assert all((model.trunk.buffers[name] == array).all() for name, array in before.items())


# Learning


@pytest.mark.parametrize("batch_norm", [False, True])
def test_eight_pictures_are_learnt_by_heart(head, batch_norm):
    sizes = {"encoder": "12,M,24", "hidden": "24", "embed_size": 16, "hidden_size": 16, "image_size": 6}
    model = Tagger(NAMES, head=head, batch_norm=batch_norm, **sizes)
    rng = np.random.default_rng(3)
    tags = np.array([[k >> bit & 1 for bit in range(4)] for k in (0, 1, 2, 4, 9, 7, 12, 15)], np.float32)
    batch = TagBatch(rng.uniform(-1, 1, (8, 3, 6, 6)).astype(np.float32), tags)
    optimizer = Adam(0.01)
    for _ in range(200):
        loss, cache = model.loss(batch, training=True)
        optimizer.step(model.params, model.backward(cache)[1])
    assert float(loss) < 0.1
    expected = [{NAMES[k] for k in np.flatnonzero(row)} for row in tags]
    assert [{tag.name for tag in named} for named in model.tag(batch.images)] == expected


# Where a thing stands


def seer() -> Tagger:
    """Return a tagger whose weights are set by hand: it knows red, and green, of full brightness."""
    model = Tagger(["red", "green"], encoder="2,M,M", batch_norm=False, image_size=18, dtype="float64")
    for array in model.params.values():
        array[...] = 0
    for tag in (0, 1):
        model.params["encoder.conv1.weight"][tag, tag, 1, 1] = 1
        model.params["head.to_tags.weight"][tag, tag] = 10
    model.params["head.to_tags.bias"][...] = -5
    return model


def squares(
    *, red: tuple[int, int] | None = None, green: tuple[int, int] | None = None, size: int = 4
) -> Any:
    """Paint a black picture with a square at (row, column) for each colour given."""
    picture = np.zeros((18, 18, 3), np.uint8)
    for channel, place in enumerate((red, green)):
        if place is not None:
            picture[place[0] : place[0] + size, place[1] : place[1] + size, channel] = 255
    return picture


@given(row=st.integers(0, 3), column=st.integers(0, 3))
def test_the_spatial_head_finds_a_square_and_its_box_is_the_square(row, column):
    """A place of the map stands for four pixels; the last two of eighteen belong to none."""
    (named,) = seer().tag(squares(red=(4 * row, 4 * column)))
    assert named == [Tag("red", pytest.approx(1 / (1 + np.exp(-5))), (4 * column, 4 * row, 4, 4))]


@given(row=st.integers(0, 12), column=st.integers(0, 12), size=st.integers(1, 4))
def test_the_box_lies_on_the_square_wherever_it_stands(row, column, size):
    ((tag,),) = seer().tag(squares(green=(row, column), size=size))
    x, y, width, height = tag.box
    assert tag.name == "green"
    assert x - size < column < x + width
    assert y - size < row < y + height
    assert max(x + width, y + height) <= 18


def test_several_things_are_found_each_in_its_place_and_nothing_in_the_dark():
    pictures = [squares(), squares(red=(12, 0), green=(0, 8)), squares(green=(4, 4))]
    boxes = [{tag.name: tag.box for tag in named} for named in seer().tag(pictures)]
    assert boxes == [{}, {"red": (0, 12, 4, 4), "green": (8, 0, 4, 4)}, {"green": (4, 4, 4, 4)}]


# Naming


def test_find_does_not_depend_on_batch_size(head, kernels):
    model, images = build(head=head), draw(5).images
    whole = model.find(images)
    assert (whole.said is not None, whole.places is not None) == (head == "sequence", head == "spatial")
    for batch_size in (1, 3):
        found = model.find(images, batch_size=batch_size)
        np.testing.assert_allclose(found.probabilities, whole.probabilities, rtol=1e-12)
        for one, other in zip(found[1:], whole[1:], strict=True):
            assert (one is None and other is None) or one.tolist() == other.tolist()
        assert [[tag.name for tag in tags] for tags in model.tag(images, batch_size=batch_size)] == [
            [tag.name for tag in tags] for tags in model.tag(images)
        ]


def test_no_pictures_have_no_tags(head):
    model = build(head=head)
    assert model.find([]).probabilities.shape == (0, 4)
    assert model.tag([]) == []


PROBABILITIES = np.array([[0.25, 0.5, 0.75, 0.5], [0.125, 0.25, 0.0, 0.25]])
SAID = np.array([[True, False, True, False], [False, False, False, True]])
CASES = [
    ({}, None, [["sand", "sea", "gull"], []]),  # from one half on, ties by number
    ({"threshold": 0.6}, None, [["sand"], []]),
    ({"threshold": 0.25}, None, [["sand", "sea", "gull", "sun"], ["sea", "gull"]]),
    ({"least": 1}, None, [["sand", "sea", "gull"], ["sea"]]),
    ({"threshold": 2.0, "least": 2}, None, [["sand", "sea"], ["sea", "gull"]]),
    ({"threshold": 2.0, "least": 9}, None, [["sand", "sea", "gull", "sun"], ["sea", "gull", "sun", "sand"]]),
    ({}, SAID, [["sand", "sun"], ["gull"]]),  # the head has decided, whatever the threshold
    ({"threshold": 2.0}, SAID, [["sand", "sun"], ["gull"]]),
    ({"least": 2}, SAID, [["sand", "sea", "sun"], ["sea", "gull"]]),
]


@pytest.mark.parametrize(("options", "said", "expected"), CASES)
def test_which_tags_are_named(options, said, expected, monkeypatch):
    model = build()
    monkeypatch.setattr(model, "find", lambda images, batch_size: Findings(PROBABILITIES, said))
    named = model.tag([], **options)
    assert [[tag.name for tag in tags] for tags in named] == expected
    for row, tags in zip(PROBABILITIES, named, strict=True):
        assert [tag.probability for tag in tags] == [row[NAMES.index(tag.name)] for tag in tags]


def test_only_the_spatial_head_knows_where(head):
    (named,) = build(head=head).tag(draw(1).images, least=4)
    assert len(named) == 4
    assert all((tag.box is not None) == (head == "spatial") for tag in named)


def test_a_tag_as_json_has_a_box_only_where_there_is_one():
    assert Tag("sun", 0.5).to_dict() == {"tag": "sun", "probability": 0.5}
    record = Tag("sun", 0.5, (4.0, 0.0, 4.0, 4.0)).to_dict()
    assert record == {"tag": "sun", "probability": 0.5, "box": [4.0, 0.0, 4.0, 4.0]}


def test_labels_keep_the_order_they_are_given_in():
    assert build().vocabulary == Labels(NAMES)
    assert Tagger(Labels(NAMES[::-1]), encoder="2", image_size=2).vocabulary.names == tuple(NAMES[::-1])


# What does not fit


@pytest.mark.parametrize("shape", [(0, 3, 6, 6), (4, 1, 6, 6), (4, 3, 6, 5), (3, 6, 6)])
def test_pictures_of_another_shape_are_named(shape, head):
    with pytest.raises(ValueError, match=r"^Tagger: images are \(.*\) but .* = \(M, 3, 6, 6\) is needed"):
        build(head=head).loss(draw()._replace(images=np.zeros(shape)))


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (4,), (4, 4, 1), (1, 4)])
def test_tags_of_another_shape_are_named(shape, head):
    message = f"Tagger: tags are {shape} but (N, K) = (4, 4) is needed"
    with pytest.raises(ValueError, match=re.escape(message)):
        build(head=head).loss(draw()._replace(tags=np.zeros(shape)))


WRONG = [
    ({"head": "Spatial"}, "Tagger: there is no head 'Spatial'; choose one of spatial, dense, sequence"),
    ({"decoder": "transformer"}, "Tagger: there is no decoder 'transformer'; choose one of rnn, lstm, gru"),
    ({"head": "sequence", "decoder": "LSTM"}, "Tagger: there is no decoder 'LSTM'"),
    ({"head": "dense", "hidden": "x"}, "there are no widths 'x'"),
    ({"encoder": "huge"}, "there is no encoder 'huge'"),
    ({"encoder": "3,M,M,M"}, "image_size is 6 but 3 halvings need at least 8 pixels"),
    ({"embed_size": 0}, "Tagger: embed_size is 0 but a whole number of at least 1 is needed"),
    ({"hidden_size": 2.0}, r"Tagger: hidden_size is 2\.0 but"),
    ({"seed": -1}, "Tagger: seed is -1 but a whole number of at least 0 is needed"),
    ({"seed": None}, "Tagger: seed is None but"),
    ({"seed": np.int64(3)}, r"Tagger: seed is np\.int64\(3\) but"),
    ({"dropout": 1}, "Tagger: dropout is 1 but a probability from 0 to below 1 is needed"),
    ({"dtype": "int32"}, "Tagger: there is no dtype 'int32'; choose one of float32, float64"),
    ({"preprocessing": Preprocessing(8)}, r"Tagger: image_size is 6 but preprocessing\.size is 8"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), WRONG, ids=str)
def test_options_that_make_no_sense_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


@pytest.mark.parametrize("labels", [[], ["a", "a"], ["a", ""], [3]])
def test_labels_that_make_no_sense_are_named(labels):
    with pytest.raises(ValueError, match=r"^Labels: "):
        Tagger(labels)
