"""BLEU: worked by hand, equal to the standard code on golden files, and with the properties it must have."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import corpus_bleu, sentence_bleu
from minicap.metrics.bleu import closest_length

words = st.sampled_from(["a", "red", "blue", "dog", "cat", "on", "the", "grass"])
captions = st.lists(words, min_size=1, max_size=9)
pictures = st.lists(st.tuples(captions, st.lists(captions, min_size=1, max_size=3)), min_size=1, max_size=5)


def unzip(pairs):
    return [hypothesis for hypothesis, _ in pairs], [references for _, references in pairs]


def test_an_example_worked_by_hand():
    score = sentence_bleu(["the", "the", "cat", "sat"], [["the", "cat", "sat", "down"], ["a", "cat"]])
    assert score.matches == (3, 2, 1, 0)  # "the" counts once: no reference has it twice
    assert score.totals == (4, 3, 2, 1)
    assert (score.hypothesis_length, score.reference_length) == (4, 4)
    assert score.brevity_penalty == pytest.approx(1)
    assert score.bleu_1 == pytest.approx(3 / 4)
    assert score.bleu_2 == pytest.approx(math.sqrt(3 / 4 * 2 / 3))
    assert score.bleu_3 == pytest.approx((3 / 4 * 2 / 3 * 1 / 2) ** (1 / 3))
    assert score.bleu_4 == pytest.approx(0, abs=1e-3)


def test_a_short_caption_is_punished_by_the_brevity_penalty():
    score = sentence_bleu(["a", "cat"], [["a", "cat", "on", "the", "mat"]], max_n=2)
    assert score.brevity_penalty == pytest.approx(math.exp(1 - 5 / 2))
    assert score.scores == pytest.approx([math.exp(-1.5)] * 2)


def test_counts_are_summed_before_they_are_divided():
    score = corpus_bleu([["a"], ["b", "c", "d"]], [[["a"]], [["b", "x", "y"]]], max_n=1)
    assert score.scores == pytest.approx([2 / 4])


def test_the_reference_length_is_the_closest_and_the_shorter_of_two():
    assert closest_length(5, [2, 7, 3]) == 3
    assert closest_length(5, [9, 4]) == 4


@pytest.mark.parametrize("hypothesis", [[], ["a"]])
def test_an_empty_or_wrong_hypothesis_scores_nothing(hypothesis):
    score = sentence_bleu(hypothesis, [["b", "c"]])
    assert score.scores == pytest.approx([0] * 4, abs=1e-3)
    assert score.matches == (0, 0, 0, 0)


def test_as_dict_is_ready_for_metrics_json():
    score = sentence_bleu(list("abcd"), [list("abcd")])
    assert score.as_dict() == {f"bleu_{n}": getattr(score, f"bleu_{n}") for n in (1, 2, 3, 4)}


@given(pictures)
def test_scores_lie_between_0_and_1_and_precision_only_falls(pairs):
    score = corpus_bleu(*unzip(pairs))
    assert all(0 <= value <= 1 + 1e-9 for value in score.scores)
    assert all(match <= total for match, total in zip(score.matches, score.totals, strict=True))


@given(st.lists(st.lists(st.sampled_from("abcde"), min_size=4, max_size=9), min_size=1, max_size=5))
def test_a_reference_scores_one_against_itself(captions):
    assert corpus_bleu(captions, [[caption] for caption in captions]).scores == pytest.approx([1.0] * 4)


@given(pictures, st.randoms(use_true_random=False))
def test_the_order_of_pictures_and_references_does_not_matter(pairs, random):
    mixed = [(hypothesis, random.sample(references, len(references))) for hypothesis, references in pairs]
    random.shuffle(mixed)
    assert corpus_bleu(*unzip(mixed)) == corpus_bleu(*unzip(pairs))


@given(pictures, captions)
def test_another_reference_never_loses_a_match(pairs, extra):
    hypotheses, references = unzip(pairs)
    more = corpus_bleu(hypotheses, [[*several, extra] for several in references])
    assert all(m >= n for m, n in zip(more.matches, corpus_bleu(hypotheses, references).matches, strict=True))


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([["a"]], [], "1 hypotheses but 0 lists of references"),
        ([], [], "no captions to score"),
        ([["a"], ["b"]], [[["a"]], []], r"references\[1\] is empty"),
        ([["a"], ["b"]], [[["a"]], "b c"], r"references\[1\] is a string"),
        (["a dog"], [[["a", "dog"]]], r"hypotheses\[0\] is the string 'a dog'"),
        ([["a"]], [[["a"], "a dog"]], r"references\[0\]\[1\] is the string 'a dog'"),
    ],
)
def test_bad_input_names_the_index(hypotheses, references, message):
    with pytest.raises(ValueError, match=f"corpus_bleu: .*{message}"):
        corpus_bleu(hypotheses, references)


def test_max_n_must_be_positive():
    with pytest.raises(ValueError, match="max_n is 0"):
        corpus_bleu([["a"]], [[["a"]]], max_n=0)


# Golden files: scores of the standard COCO evaluation code


def test_coco_captions_score_as_the_standard_code_scores_them(shared_data):
    golden = json.loads((shared_data / "golden" / "golden_coco_fakecap126.json").read_text("utf-8"))
    keys = [str(i) for i in golden["image_ids"]]
    hypotheses = [golden["hyp_tok"][key].split() for key in keys]
    references = [[reference.split() for reference in golden["refs_tok"][key]] for key in keys]
    score = corpus_bleu(hypotheses, references)
    assert score.scores == pytest.approx([golden["corpus"][f"Bleu_{n}"] for n in (1, 2, 3, 4)], abs=1e-9)
    each = [sentence_bleu(h, r).scores for h, r in zip(hypotheses, references, strict=True)]
    expected = np.transpose([golden["per_image"][f"Bleu_{n}"] for n in (1, 2, 3, 4)])
    np.testing.assert_allclose(each, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("end", "key"), [(["zeosz"], "with_eos_token"), ([], "without_eos_token")])
def test_published_flickr8k_scores_are_reproduced(shared_data, end, key):
    path = shared_data / "golden" / "golden_flickr8k_validation1000_danieljl.json"
    golden = json.loads(path.read_text("utf-8"))
    hypotheses = [hypothesis.split() + end for hypothesis in golden["hyp"]]
    references = [[reference.split() + end for reference in several] for several in golden["refs"]]
    score = corpus_bleu(hypotheses, references)
    recomputed = golden["recomputed"][key]
    assert score.scores == pytest.approx([recomputed[f"Bleu_{n}"] for n in (1, 2, 3, 4)], abs=1e-9)
    if end:
        published = golden["published_with_eos"]
        assert score.as_dict() == pytest.approx({name: published[name] for name in score.as_dict()}, abs=1e-9)
