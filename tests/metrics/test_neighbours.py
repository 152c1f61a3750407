"""Captions borrowed from training pictures: nearest and consensus, against the metrics themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import (
    Idf,
    consensus_caption,
    corpus_cider,
    nearest_caption,
    nearest_pictures,
    sentence_bleu,
)
from minicap.metrics.bleu import ngrams
from minicap.metrics.neighbours import pairwise_bleu, pairwise_cider

captions = st.lists(st.sampled_from("aabcd"), max_size=9)

FEATURES = np.array([[1.0, 0.0], [0.9, 0.1], [0.8, 0.3], [0.0, 5.0]])
TRAIN = [
    [["a", "dog", "runs", "on", "grass"], ["the", "dog", "of", "mary"]],
    [["a", "brown", "dog", "runs", "on", "grass"], ["an", "animal"]],
    [["a", "dog", "runs", "on", "sand"], ["sunday", "afternoon"]],
    [["two", "men"], ["people", "talk"]],
]


# Nearest


def test_the_nearest_point_the_same_way_however_long_they_are():
    np.testing.assert_array_equal(nearest_pictures([[100.0, 1.0], [0.0, 0.1]], FEATURES, 2), [[0, 1], [3, 2]])


def test_equal_ones_come_in_the_order_of_the_training_pictures():
    np.testing.assert_array_equal(nearest_pictures([[1.0]], np.ones((5, 1)), 5), [[0, 1, 2, 3, 4]])
    np.testing.assert_array_equal(nearest_pictures([[0.0]], np.ones((3, 1)), 3), [[0, 1, 2]])  # like nothing


@given(st.integers(1, 12), st.integers(0, 100))
def test_the_k_nearest_are_those_of_sorting_all(k, seed):
    rng = np.random.default_rng(seed)
    queries, known = rng.standard_normal((3, 4)), rng.standard_normal((9, 4))
    cosine = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        known / np.linalg.norm(known, axis=1, keepdims=True)
    ).T
    np.testing.assert_array_equal(nearest_pictures(queries, known, k), np.argsort(-cosine, axis=1)[:, :k])


def test_many_pictures_are_compared_a_block_at_a_time(monkeypatch, rng):
    queries, known = rng.standard_normal((10, 3)), rng.standard_normal((8, 3))
    whole = nearest_pictures(queries, known, 3)
    monkeypatch.setattr("minicap.metrics.neighbours.ROWS", 4)
    np.testing.assert_array_equal(nearest_pictures(queries, known, 3), whole)


def test_the_nearest_pictures_first_caption_is_borrowed():
    found = nearest_caption([[0.0, 1.0], [1.0, 0.0]], FEATURES, TRAIN)
    assert found == [["two", "men"], ["a", "dog", "runs", "on", "grass"]]
    assert found[0] is not TRAIN[3][0]


# Consensus


@given(st.lists(captions, min_size=2, max_size=6))
def test_the_table_of_cider_is_cider_of_each_pair(texts):
    idf = Idf.from_references([[list("abx")], [list("acdc")], [list("dd")]])
    rarity = idf.weights()
    table = pairwise_cider([ngrams(text, 4) for text in texts], lambda gram: rarity.get(gram, idf.unseen))
    for i, one in enumerate(texts):
        found = corpus_cider([one] * len(texts), [[other] for other in texts], idf=idf).per_image
        np.testing.assert_allclose(table[i], found, rtol=0, atol=1e-12)


@given(st.lists(captions, min_size=1, max_size=6))
def test_the_table_of_bleu_is_bleu_of_each_pair(texts):
    table = pairwise_bleu([ngrams(text, 4) for text in texts])
    expected = [[sentence_bleu(one, [other]).bleu_4 for other in texts] for one in texts]
    np.testing.assert_allclose(table, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("similarity", ["cider", "bleu"])
def test_the_consensus_is_what_the_neighbours_agree_on(similarity):
    found = consensus_caption([[1.0, 0.05]], FEATURES, TRAIN, k=3, similarity=similarity)
    assert found == [["a", "dog", "runs", "on", "grass"]]


def test_the_document_frequencies_may_come_from_elsewhere():
    # where everything but "animal" stands in every document, nothing else can be agreed on
    frequencies = {gram: 9 for several in TRAIN for text in several for gram in ngrams(text, 4)}
    train = [[["a", "dog"], ["an", "animal"]], [["a", "dog"], ["one", "animal"]]]
    idf = Idf(9, frequencies | {("a", "dog"): 9, ("animal",): 1})
    assert consensus_caption([[1.0]], [[1.0], [1.0]], train, idf=idf) == [["an", "animal"]]
    assert consensus_caption([[1.0]], [[1.0], [1.0]], train, idf=Idf(9, {})) == [["a", "dog"]]


def test_ends_one_candidate_empty_captions_and_no_agreement():
    assert consensus_caption([[1.0]], [[1.0]], [[["only", "one"]]]) == [["only", "one"]]
    assert consensus_caption([[1.0]], [[1.0]], [[[], []]], similarity="bleu") == [[]]
    assert consensus_caption([[1.0]], [[1.0]], [[["a"], ["b"]]]) == [["a"]]


def test_consensus_beats_the_nearest_on_real_features(shared_data):
    """On held-out Flickr8k photographs, as Devlin et al. found on COCO."""
    folder = shared_data / "flickr8k"
    with np.load(folder / "efficientnet_lite0_pool1280_fp16.npz") as file:
        features = dict(zip(file["files"].tolist(), file["feats"].astype(np.float64), strict=True))
    texts = {}
    for line in (folder / "Flickr8k.token.txt").read_text("utf-8").splitlines():
        name, text = line.split("\t")
        texts.setdefault(name.split("#")[0], []).append(text.lower().replace(".", "").split())
    lists = {s: (folder / f"Flickr_8k.{s}Images.txt").read_text("utf-8").split() for s in ("train", "dev")}
    train, dev = ([n for n in lists[s] if n in features and n in texts] for s in ("train", "dev"))
    arguments = ([features[n] for n in dev], [features[n] for n in train], [texts[n] for n in train])
    references = [texts[n] for n in dev]
    nearest, consensus = (
        corpus_cider(found, references).cider
        for found in (nearest_caption(*arguments), consensus_caption(*arguments))
    )
    assert 0.1 < nearest < consensus - 0.05


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nearest_pictures([1.0], FEATURES), r"nearest_pictures: features is \(1,\)"),
        (lambda: nearest_pictures([[1.0, 2.0]], [[]]), r"nearest_pictures: train_features is \(1, 0\)"),
        (lambda: nearest_pictures([[1.0]], FEATURES), r"features is \(1, 1\), train_features \(4, 2\)"),
        (lambda: nearest_pictures([[np.nan, 1.0]], FEATURES), r"features\[0\] is not finite"),
        (lambda: nearest_pictures(FEATURES, FEATURES, 0), "k is 0"),
        (lambda: nearest_caption(FEATURES, FEATURES, TRAIN[:3]), "nearest_caption: 4 rows .* but 3 lists"),
        (
            lambda: nearest_caption(FEATURES, FEATURES[:2], [[["a"]], []]),
            r"nearest_caption: references\[1\] is empty",
        ),
        (lambda: consensus_caption(FEATURES, FEATURES, TRAIN, similarity="meteor"), "similarity is 'meteor'"),
        (lambda: consensus_caption(FEATURES, FEATURES[:1], [["a dog"]]), "is the string 'a dog'"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
