"""What every caption metric promises, whatever the captions: range, maximum, order, and nothing that crashes it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import corpus_bleu, corpus_cider, corpus_rouge, exact_match
from minicap.metrics.bleu import bleu_counts, bleu_from_rows

common = st.sampled_from(["a", "red", "blue", "dog", "cat", "on", "the", "grass"])
unknown = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), min_size=1, max_size=5)
captions = st.lists(common | unknown, max_size=9)
pictures = st.lists(st.tuples(captions, st.lists(captions, min_size=1, max_size=20)), min_size=1, max_size=5)

METRICS = {  # name: (values (N,) and the corpus value, the largest there is)
    "bleu_1": (
        lambda h, r: bleu_from_rows(bleu_counts(h, r))[:, 0].tolist(),
        lambda h, r: corpus_bleu(h, r).bleu_1,
        1,
    ),
    "bleu_4": (
        lambda h, r: bleu_from_rows(bleu_counts(h, r))[:, 3].tolist(),
        lambda h, r: corpus_bleu(h, r).bleu_4,
        1,
    ),
    "rouge_l": (lambda h, r: corpus_rouge(h, r).per_image, lambda h, r: corpus_rouge(h, r).rouge_l, 1),
    "cider": (lambda h, r: corpus_cider(h, r).per_image, lambda h, r: corpus_cider(h, r).cider, 10),
    "cider_plain": (
        lambda h, r: corpus_cider(h, r).plain_per_image,
        lambda h, r: corpus_cider(h, r).plain,
        10,
    ),
    "exact_match": (lambda h, r: [exact_match([x], [y]) for x, y in zip(h, r, strict=True)], exact_match, 1),
}


@pytest.fixture(params=METRICS)
def metric(request):
    """Each metric in turn: values, corpus value, maximum."""
    return METRICS[request.param]


def unzip(pairs):
    return [hypothesis for hypothesis, _ in pairs], [references for _, references in pairs]


@given(pictures)
def test_scores_are_finite_and_in_range(metric, pairs):
    values, corpus, most = metric
    for value in (*values(*unzip(pairs)), corpus(*unzip(pairs))):
        assert 0 <= value <= most + 1e-9


@given(pictures, st.randoms(use_true_random=False))
def test_the_order_of_images_and_of_references_changes_nothing(metric, pairs, random):
    values, corpus, _ = metric
    order = random.sample(range(len(pairs)), len(pairs))
    mixed = unzip([(pairs[i][0], random.sample(pairs[i][1], len(pairs[i][1]))) for i in order])
    before = values(*unzip(pairs))
    assert list(values(*mixed)) == [before[i] for i in order]
    assert corpus(*mixed) == corpus(*unzip(pairs))


@given(st.lists(st.lists(unknown, min_size=4, max_size=9), min_size=2, max_size=6), st.integers(1, 20))
def test_captions_equal_to_their_references_score_the_maximum(metric, texts, times):
    _, corpus, most = metric
    own = [
        [f"{i}{word}" for word in caption] for i, caption in enumerate(texts)
    ]  # no two images share a word
    assert corpus(own, [[caption] * times for caption in own]) == pytest.approx(most, rel=1e-6)


@given(pictures)
def test_empty_captions_score_nothing(metric, pairs):
    values, _, _ = metric
    pairs = [([], [[*reference, "x"] for reference in references]) for _, references in pairs]
    np.testing.assert_allclose(values(*unzip(pairs)), 0, atol=1e-9)


@given(pictures)
def test_words_of_no_reference_score_nothing(metric, pairs):
    values, _, _ = metric
    pairs = [([f"\x00{i}" for i in range(len(h))], references) for h, references in pairs if h]
    if pairs:
        np.testing.assert_allclose(values(*unzip(pairs)), 0, atol=1e-3)


@given(pictures)
def test_the_caption_itself_among_the_references_never_lowers_a_score(pairs):
    hypotheses, references = unzip(pairs)
    more = [[*several, hypothesis] for hypothesis, several in pairs]
    assert corpus_bleu(hypotheses, more).bleu_1 >= corpus_bleu(hypotheses, references).bleu_1 - 1e-9
    assert corpus_rouge(hypotheses, more).rouge_l >= corpus_rouge(hypotheses, references).rouge_l - 1e-9
    assert exact_match(hypotheses, more) == 1.0
