"""CIDEr-D: worked by hand, equal to the standard code on golden files, and with the properties it must have."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import corpus_cider

words = st.sampled_from(["a", "red", "blue", "dog", "cat", "on", "the", "grass"])
captions = st.lists(words, max_size=9)
pictures = st.lists(st.tuples(captions, st.lists(captions, min_size=1, max_size=3)), min_size=1, max_size=5)


def unzip(pairs):
    return [hypothesis for hypothesis, _ in pairs], [references for _, references in pairs]


def test_an_example_worked_by_hand():
    score = corpus_cider([["red", "red", "dog"], ["a", "dog"]], [[["red", "dog"]], [["blue", "dog"]]])
    # "dog" is in both pictures and weighs nothing; every other n-gram weighs log 2, which cancels.
    word = 1 * 1 / (2 * 1)  # "red" twice, clipped at the reference's once, over the norms 2 and 1
    pair = 1 * 1 / (math.sqrt(2) * 1)  # "red red" and "red dog" against "red dog"
    one_pair_too_many = math.exp(-1 / (2 * 36))
    first = 10 * one_pair_too_many * (word + pair + 0 + 0) / 4
    assert score.per_image == pytest.approx([first, 0], abs=1e-12)
    assert score.cider == pytest.approx(first / 2, abs=1e-12)
    # CIDEr without the D neither clips nor minds the length: 2 * 1 over the norms 2 and 1.
    assert score.plain_per_image == pytest.approx([10 * (1 + pair) / 4, 0], abs=1e-12)
    assert score.plain == pytest.approx(10 * (1 + pair) / 8, abs=1e-12)


def test_references_are_averaged_and_a_picture_counts_once_in_the_frequencies():
    same, other = list("abcd"), list("efgh")
    score = corpus_cider([same, list("wxyz")], [[same, same, other, other], [list("stuv")]])
    assert score.per_image == pytest.approx([5, 0])


def test_repeating_a_rare_word_is_clipped():
    references = [[["zebra", "here"]], [["dog", "here"]]]
    plain, stuffed = (corpus_cider([["zebra"] * n, ["dog"]], references).per_image[0] for n in (1, 5))
    assert stuffed < plain / 4
    score = corpus_cider([["zebra"] * 5, ["dog"]], references)
    assert score.plain_per_image[0] >= plain - 1e-12  # CIDEr is fooled: that is what the D is for


def test_a_wrong_length_is_punished_by_the_gaussian():
    references = [[["zebra"]], [["dog"]]]
    one, two = (corpus_cider([h, []], references).per_image[0] for h in (["zebra"], ["zebra", "dog"]))
    assert one == pytest.approx(10 / 4)  # the right length, but nothing longer than one word to match
    assert two == pytest.approx(10 / 4 / math.sqrt(2) * math.exp(-1 / 72))


@given(st.tuples(captions, st.lists(captions, min_size=1, max_size=3)))
def test_one_picture_alone_scores_nothing(pair):
    hypothesis, references = pair
    assert corpus_cider([hypothesis], [references]).per_image == (0.0,)
    assert corpus_cider([references[0]], [references]).cider == 0.0


def test_captions_equal_to_references_that_share_nothing_score_ten():
    own = [list("abcd"), list("efgh"), list("ijklm")]
    assert corpus_cider(own, [[caption] for caption in own]).per_image == pytest.approx([10.0] * 3)


@pytest.mark.parametrize("hypothesis", [[], ["unseen"], ["very", "unseen", "words", "indeed", "here"]])
def test_an_empty_or_wrong_hypothesis_scores_nothing(hypothesis):
    assert corpus_cider([hypothesis, ["c"]], [[["a", "b"]], [["c"]]]).per_image[0] == 0.0


@given(pictures)
def test_scores_lie_between_0_and_10_and_the_corpus_value_is_their_mean(pairs):
    score = corpus_cider(*unzip(pairs))
    assert all(0 <= value <= 10 + 1e-9 for value in score.per_image)
    assert len(score.per_image) == len(pairs)
    assert score.cider == pytest.approx(np.mean(score.per_image), abs=1e-12)


@given(pictures, st.randoms(use_true_random=False))
def test_the_order_of_pictures_and_references_does_not_matter(pairs, random):
    score = corpus_cider(*unzip(pairs))
    order = random.sample(range(len(pairs)), len(pairs))
    mixed = [(pairs[i][0], random.sample(pairs[i][1], len(pairs[i][1]))) for i in order]
    again = corpus_cider(*unzip(mixed))
    assert again.per_image == tuple(score.per_image[i] for i in order)
    assert again.cider == score.cider


def test_as_dict_is_ready_for_metrics_json():
    score = corpus_cider([list("abcd"), list("e")], [[list("abcd")], [list("f")]])
    assert score.as_dict() == {"cider": pytest.approx(5.0)}


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
    with pytest.raises(ValueError, match=f"corpus_cider: .*{message}"):
        corpus_cider(hypotheses, references)


# Golden files: scores of the standard COCO evaluation code


def test_coco_captions_score_as_the_standard_code_scores_them(shared_data):
    golden = json.loads((shared_data / "golden" / "golden_coco_fakecap126.json").read_text("utf-8"))
    keys = [str(i) for i in golden["image_ids"]]
    hypotheses = [golden["hyp_tok"][key].split() for key in keys]
    references = [[reference.split() for reference in golden["refs_tok"][key]] for key in keys]
    score = corpus_cider(hypotheses, references)
    assert score.cider == pytest.approx(golden["corpus"]["CIDEr"], rel=0, abs=1e-9)
    np.testing.assert_allclose(score.per_image, golden["per_image"]["CIDEr"], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("end", "key"), [(["zeosz"], "with_eos_token"), ([], "without_eos_token")])
def test_published_flickr8k_scores_are_reproduced(shared_data, end, key):
    path = shared_data / "golden" / "golden_flickr8k_validation1000_danieljl.json"
    golden = json.loads(path.read_text("utf-8"))
    hypotheses = [hypothesis.split() + end for hypothesis in golden["hyp"]]
    references = [[reference.split() + end for reference in several] for several in golden["refs"]]
    score = corpus_cider(hypotheses, references)
    assert score.cider == pytest.approx(golden["recomputed"][key]["CIDEr"], rel=0, abs=1e-9)
    if end:
        assert score.cider == pytest.approx(golden["published_with_eos"]["cider"], rel=0, abs=1e-9)
