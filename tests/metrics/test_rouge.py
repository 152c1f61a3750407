"""ROUGE-L: worked by hand, against a slow table, and with the properties it must have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import corpus_rouge
from minicap.metrics.rouge import lcs_length

words = st.sampled_from("abcd")
captions = st.lists(words, max_size=12)


def slow_lcs(a, b):
    """Return the length from the whole table of the dynamic programme."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def test_an_example_worked_by_hand():
    # "a dog runs" has 2 words of the first in order (P = 2/3, R = 2/4) and all of the second's 1 (R = 1).
    score = corpus_rouge([["a", "dog", "runs"]], [[["a", "brown", "cat", "runs"], ["dog"]]])
    precision, recall = 2 / 3, 1.0
    expected = (1 + 1.44) * precision * recall / (recall + 1.44 * precision)
    assert score.per_image == pytest.approx([expected], abs=1e-15)
    assert score.as_dict() == {"rouge_l": score.rouge_l}


def test_the_corpus_value_is_the_mean():
    assert corpus_rouge([["a"], ["b"]], [[["a"]], [["c"]]]).rouge_l == 0.5


@given(captions, captions)
def test_the_longest_common_subsequence(a, b):
    assert lcs_length(a, b) == slow_lcs(a, b)


@given(captions)
def test_a_caption_is_a_subsequence_of_itself_with_words_between(caption):
    assert lcs_length(caption, [x for word in caption for x in ("-", word)]) == len(caption)


def test_captions_longer_than_a_machine_word():
    a, b = list("ab" * 100), list("ba" * 100)
    assert lcs_length(a, b) == slow_lcs(a, b) == 199


@pytest.mark.parametrize(
    ("hypothesis", "references"), [([], [["a"]]), (["a"], [[]]), ([], [[]]), (["a"], [["b"]])]
)
def test_nothing_in_common_scores_nothing(hypothesis, references):
    assert corpus_rouge([hypothesis], [references]).rouge_l == 0.0


def test_an_empty_reference_does_not_hide_the_others():
    assert corpus_rouge([["a", "b"]], [[[], ["a", "b"]]]).rouge_l == pytest.approx(1.0)


def test_order_matters_and_gaps_do_not():
    reference = [[["a", "man", "rides", "a", "horse"]]]
    right, mixed = (
        corpus_rouge([h.split()], reference).rouge_l for h in ("man rides horse", "horse rides man")
    )
    assert right > 2 * mixed


def test_bad_input_names_the_image():
    with pytest.raises(ValueError, match=r"corpus_rouge: references\[1\] \(image 'y.jpg'\) is empty"):
        corpus_rouge([["a"], ["b"]], [[["a"]], []], ids=["x.jpg", "y.jpg"])
