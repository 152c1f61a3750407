"""Batches: complete, masked, bucketed, and decided by one seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minicap.data import (
    END,
    PAD,
    START,
    Augmentation,
    Batches,
    CaptionBatches,
    CaptionData,
    Preprocessing,
    Vocabulary,
    eval_batches,
    pad_captions,
)
from minicap.data.batches import CHUNK
from minicap.data.report import ReadingReport
from minicap.errors import InputError

SETTINGS = Preprocessing(2, mean=(0, 0, 0), std=(1, 1, 1))
WORDS = ("red", "blue", "circle", "square", "above", "below")
VOCABULARY = Vocabulary(WORDS)


def make_data(n: int, captions: int | list[int] = 3, seed: int = 0) -> CaptionData:
    """Return n flat pictures whose grey level is their number, with captions of random lengths."""
    rng = np.random.default_rng(seed)
    counts = [captions] * n if isinstance(captions, int) else captions
    return CaptionData(
        split="train",
        names=tuple(f"{i}.png" for i in range(n)),
        captions=tuple(
            tuple(" ".join(rng.choice(WORDS, rng.integers(1, 12))) for _ in range(count)) for count in counts
        ),
        images=[np.full((2, 2, 3), i, np.uint8) for i in range(n)],
    )


def numbers(batch) -> list[int]:
    """Return which pictures a batch shows."""
    return np.rint(batch.images[:, 0, 0, 0] * 255).astype(int).tolist()


def same(a, b) -> bool:
    """Tell whether two batches are bit-equal."""
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b, strict=True))


# Padding


def test_padding_by_hand():
    tokens, mask = pad_captions([[START, 7, 8, END], [START, END], [START, 9, END]])
    assert tokens.tolist() == [[1, 7, 8, 2], [1, 2, 0, 0], [1, 9, 2, 0]]
    assert mask.tolist() == [[True] * 3, [True, False, False], [True, True, False]]
    assert (tokens.dtype, mask.dtype) == (np.int64, np.bool_)


@given(lengths=st.lists(st.integers(2, 9), min_size=1, max_size=8))
def test_the_mask_counts_the_targets(lengths):
    tokens, mask = pad_captions([[START, *[4] * (n - 2), END] for n in lengths])
    assert tokens.shape == (len(lengths), max(lengths))
    assert mask.sum(axis=1).tolist() == [n - 1 for n in lengths]
    assert ((tokens[:, 1:] != PAD) == mask).all()


@pytest.mark.parametrize("sequences", [[], [[START]], [[START, END], []]])
def test_padding_needs_whole_captions(sequences):
    with pytest.raises(ValueError, match="pad_captions: there must be captions"):
        pad_captions(sequences)


# An epoch


@given(
    n=st.integers(1, 40),
    batch_size=st.integers(1, 40),
    captions=st.integers(1, 4),
    per_image=st.one_of(st.none(), st.integers(1, 6)),
    seed=st.integers(0, 2**32),
)
def test_each_image_once_with_its_own_captions(n, batch_size, captions, per_image, seed):
    data, batch_size = make_data(n, captions), min(batch_size, n)
    batches = CaptionBatches(data, VOCABULARY, SETTINGS, batch_size, captions_per_image=per_image)
    epoch = batches.epoch(np.random.SeedSequence(seed))
    assert len(epoch) == len(batches) == -(-n // batch_size)
    seen = []
    for batch in epoch:
        shown = numbers(batch)
        assert 1 <= len(shown) <= batch_size
        each = len(batch.tokens) // len(shown)
        assert each == (captions if per_image is None else per_image)
        assert batch.tokens.shape == (len(shown) * each, batch.mask.shape[1] + 1)
        for row, tokens in enumerate(batch.tokens):
            assert VOCABULARY.decode(tokens) in data.captions[shown[row // each]]
            assert batch.mask[row].sum() == len(VOCABULARY.encode(VOCABULARY.decode(tokens))) - 1
        seen += shown
    assert sorted(seen) == list(range(n))


@given(n=st.integers(2, 30), batch_size=st.integers(1, 5), start=st.integers(0, 30), seed=st.integers(0, 99))
def test_starting_later_is_the_tail_of_the_epoch(n, batch_size, start, seed):
    batches = CaptionBatches(make_data(n), VOCABULARY, SETTINGS, min(batch_size, n), captions_per_image=2)
    whole = list(batches.epoch(np.random.SeedSequence(seed)))
    start = min(start, len(whole))
    tail = list(batches.epoch(np.random.SeedSequence(seed), start=start))
    assert len(tail) == len(whole) - start
    assert all(same(a, b) for a, b in zip(tail, whole[start:], strict=True))


def test_the_seed_decides_everything_and_is_left_alone():
    batches = CaptionBatches(make_data(20), VOCABULARY, SETTINGS, 4)
    seed = np.random.SeedSequence(7)
    first, again = list(batches.epoch(seed)), list(batches.epoch(seed))
    other = list(batches.epoch(np.random.SeedSequence(8)))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not all(same(a, b) for a, b in zip(first, other, strict=True))
    assert seed.n_children_spawned == 0


def test_captions_are_drawn_without_replacement_while_they_last():
    data = make_data(6, [1, 2, 3, 4, 5, 6])
    batch = CaptionBatches(data, VOCABULARY, SETTINGS, 6, captions_per_image=3).epoch(0)[0]
    encoded = [[tuple(VOCABULARY.encode(c)) for c in captions] for captions in data.captions]
    for place, image in enumerate(numbers(batch)):
        rows = batch.tokens[3 * place : 3 * place + 3]
        drawn = Counter(tuple(int(t) for t in row if t != PAD) for row in rows)
        if len(encoded[image]) >= 3:
            assert not drawn - Counter(encoded[image])
        assert set(drawn) <= set(encoded[image])


def test_every_caption_gets_its_turn():
    data = make_data(1, 5)
    batches = CaptionBatches(data, VOCABULARY, SETTINGS, 1)
    seen = {VOCABULARY.decode(batches.epoch(seed)[0].tokens[0]) for seed in range(100)}
    assert seen == set(data.captions[0])


def test_bucketing_leaves_little_padding():
    data = make_data(200, 1)
    batches = CaptionBatches(data, VOCABULARY, SETTINGS, 10)
    bucketed = [batch.mask for batch in batches.epoch(0)]
    one = np.concatenate([mask.ravel() for mask in bucketed]).mean()
    plain = np.concatenate(
        [batch.mask.ravel() for batch in eval_batches(data, VOCABULARY, SETTINGS, 10)]
    ).mean()
    assert one > 0.9 > plain + 0.2
    widths = [mask.shape[1] for mask in bucketed]
    assert widths != sorted(widths)


def test_an_epoch_is_a_sequence_built_on_demand():
    epoch = CaptionBatches(make_data(9), VOCABULARY, SETTINGS, 2).epoch(3)
    assert same(epoch[2], list(epoch)[2])
    assert same(epoch[-1], list(epoch)[-1])
    assert [len(part.images) for part in epoch[1:3]] == [len(epoch[1].images), len(epoch[2].images)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_of_the_images(dtype):
    batch = CaptionBatches(make_data(3), VOCABULARY, SETTINGS, 3, dtype=dtype).epoch(0)[0]
    assert batch.images.dtype == dtype
    assert batch.images.shape == (3, 3, 2, 2)


def test_long_captions_are_cut_and_reported():
    data = CaptionData("train", ("x.png",), (("red " * 50, "blue circle"),), [np.zeros((2, 2, 3), np.uint8)])
    batches = CaptionBatches(data, VOCABULARY, SETTINGS, 1, captions_per_image=2)
    assert batches.epoch(0)[0].tokens.shape == (2, 42)
    (line,) = batches.report.lines()
    assert line.startswith("1 of 2 captions is too long and was cut (first: red red")
    assert CaptionBatches(data, VOCABULARY, SETTINGS, 1, max_length=3).epoch(0)[0].tokens.shape[1] <= 5
    report = ReadingReport()
    tokens = eval_batches(data, VOCABULARY, SETTINGS, 1, max_length=1, report=report)[0].tokens
    assert tokens.tolist() == [[START, 4, END], [START, 5, END]]
    assert report.lines()[0].startswith("2 of 2 captions are too long")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"batch_size": 64},
            "batch size 64 is larger than the 10 images of train; use --batch-size 10 or less",
        ),
        ({"batch_size": 0}, "batch size 0 makes no sense"),
        ({"batch_size": 2, "captions_per_image": 0}, "captions an image: 0 makes no sense"),
        ({"batch_size": 2, "max_length": 0}, "longest caption: 0 tokens make no sense"),
    ],
)
def test_numbers_that_make_no_sense(options, message):
    with pytest.raises(InputError, match=message):
        CaptionBatches(make_data(10), VOCABULARY, SETTINGS, **options)


@pytest.mark.parametrize("start", [-1, 6])
def test_a_start_outside_the_epoch(start):
    with pytest.raises(ValueError, match="start must be from 0 to 5 batches"):
        CaptionBatches(make_data(10), VOCABULARY, SETTINGS, 2).epoch(0, start=start)


# What the generator is asked for


def drawn(data, batch_size, per_image, rng):
    """Return each batch's pictures and captions, by the epoch's draws in their order."""
    encoded = [[VOCABULARY.encode(text) for text in texts] for texts in data.captions]
    chosen = []
    for texts in encoded:  # first the captions, a picture after the other; all of them need no draw
        if per_image is None:
            chosen.append(texts)
        else:
            places = rng.choice(len(texts), per_image, replace=per_image > len(texts))
            chosen.append([texts[k] for k in places])
    order = rng.permutation(len(data)).tolist()  # then the pictures' order
    by_length = []
    for i in range(0, len(order), 32 * batch_size):
        by_length += sorted(order[i : i + 32 * batch_size], key=lambda p: max(map(len, chosen[p])))
    batches = [by_length[i : i + batch_size] for i in range(0, len(order), batch_size)]
    batches = [batches[k] for k in rng.permutation(len(batches))]  # then the batches'
    return [(places, [text for p in places for text in chosen[p]]) for places in batches]


@given(
    n=st.integers(1, 40),
    batch_size=st.integers(1, 9),
    captions=st.integers(1, 4),
    per_image=st.one_of(st.none(), st.integers(1, 6)),
    seed=st.integers(0, 2**32),
)
@example(n=100, batch_size=1, captions=2, per_image=1, seed=1)  # more than one chunk
@example(n=100, batch_size=3, captions=2, per_image=None, seed=2)
def test_captions_then_pictures_then_batches_are_drawn(n, batch_size, captions, per_image, seed):
    assert CHUNK == 32
    data, batch_size = make_data(n, captions, seed), min(batch_size, n)
    batches = CaptionBatches(data, VOCABULARY, SETTINGS, batch_size, captions_per_image=per_image)
    expected = drawn(data, batch_size, per_image, np.random.default_rng(seed))
    for batch, (places, texts) in zip(batches.epoch(seed), expected, strict=True):
        levels = np.array(places, np.float32)[:, None, None, None] / np.float32(255)
        np.testing.assert_array_equal(batch.images, np.broadcast_to(levels, (len(places), 3, 2, 2)))
        assert [row[row != PAD].tolist() for row in batch.tokens] == texts


def test_batches_are_built_when_they_are_asked_for():
    built = []
    batches = Batches(lambda number: built.append(number) or number, range(3, 8))
    assert len(batches) == len(batches[1:]) + 1 == 5
    assert built == []
    assert (batches[0], batches[-1], batches[1:][::2][1]) == (3, 7, 6)
    assert built == [3, 7, 6]
    assert list(batches) == [3, 4, 5, 6, 7]
    with pytest.raises(IndexError):
        batches[5]


# Pictures changed at random

ALL = Augmentation(crop=1, flip=True, jitter=0.5)


def noisy_data(n: int, captions: int | list[int] = 3) -> CaptionData:
    """Return pictures of noise."""
    pixels = np.random.default_rng(1).integers(0, 256, (n, 2, 2, 3), np.uint8)
    return replace(make_data(n, captions), images=pixels)


@given(n=st.integers(1, 20), batch_size=st.integers(1, 6), seed=st.integers(0, 2**32))
def test_the_changes_are_drawn_last_and_batch_by_batch(n, batch_size, seed):
    data, batch_size = noisy_data(n), min(batch_size, n)
    plain = CaptionBatches(data, VOCABULARY, SETTINGS, batch_size).epoch(seed)
    changed = CaptionBatches(data, VOCABULARY, SETTINGS, batch_size, augmentation=ALL)
    rng = np.random.default_rng(seed)
    order = drawn(data, batch_size, 1, rng)
    own = int(rng.integers(2**63))
    for k, (batch, (places, _)) in enumerate(zip(changed.epoch(seed), order, strict=True)):
        pixels = ALL.apply(data.images[places], np.random.default_rng((own, k)))
        np.testing.assert_array_equal(batch.images, SETTINGS.tensor(pixels))
        np.testing.assert_array_equal(plain[k].images, SETTINGS.tensor(data.images[places]))
        np.testing.assert_array_equal(batch.tokens, plain[k].tokens)
        np.testing.assert_array_equal(batch.mask, plain[k].mask)
    np.testing.assert_array_equal(changed.pixels, data.images)  # the store is left as it was


@given(n=st.integers(2, 20), batch_size=st.integers(1, 5), start=st.integers(0, 20), seed=st.integers(0, 99))
def test_starting_later_changes_the_pictures_alike(n, batch_size, start, seed):
    data = noisy_data(n, [1 + i % 3 for i in range(n)])  # so that some are there twice or more
    options = {"captions_per_image": None, "augmentation": ALL}
    batches = CaptionBatches(data, VOCABULARY, SETTINGS, min(batch_size, n), **options)
    whole = list(batches.epoch(seed))
    start = min(start, len(whole))
    tail = batches.epoch(seed, start=start)
    assert all(same(a, b) for a, b in zip(tail, whole[start:], strict=True))


# Evaluation


@given(counts=st.lists(st.integers(1, 3), min_size=1, max_size=12), batch_size=st.integers(1, 15))
def test_evaluation_keeps_the_order_and_all_captions(counts, batch_size):
    data = make_data(len(counts), counts)
    captions, images = [], []
    for batch in eval_batches(data, VOCABULARY, SETTINGS, batch_size):
        each, remainder = divmod(len(batch.tokens), len(batch.images))
        assert remainder == 0
        captions += [VOCABULARY.decode(tokens) for tokens in batch.tokens]
        images += np.repeat(numbers(batch), each).tolist()
    assert captions == data.all_captions()
    assert images == np.repeat(np.arange(len(counts)), counts).tolist()


def test_evaluation_shows_an_image_once_where_all_have_as_many_captions():
    (batch,) = eval_batches(make_data(4, 5), VOCABULARY, SETTINGS, 64)
    assert batch.images.shape[0] == 4
    assert batch.tokens.shape[0] == 20
