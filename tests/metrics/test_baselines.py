"""Baselines: drawn from training captions, the best of them by the metric itself, and other people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import (
    HUMAN_NOTE,
    best_constant_caption,
    corpus_bleu,
    corpus_rouge,
    exact_match,
    human_against_others,
    random_caption,
)

captions = st.lists(st.sampled_from(["a", "red", "blue", "dog", "cat", "on"]), min_size=1, max_size=7)
references = st.lists(st.lists(captions, min_size=1, max_size=3), min_size=1, max_size=5)

TRAIN = [
    [["a", "dog", "on", "the", "grass"], ["a", "brown", "dog"]],
    [["a", "dog", "on", "the", "sand"], ["a", "dog", "runs"]],
    [["two", "men", "talk"], ["people", "on", "the", "grass"]],
]
CANDIDATES = [caption for several in TRAIN for caption in several]


def test_random_captions_are_training_captions_and_seeded():
    drawn = random_caption(CANDIDATES, 50, seed=4)
    assert len(drawn) == 50
    assert all(caption in CANDIDATES for caption in drawn)
    assert drawn == random_caption(CANDIDATES, 50, seed=4)
    assert drawn != random_caption(CANDIDATES, 50, seed=5)


def test_random_captions_need_something_to_draw_from():
    with pytest.raises(ValueError, match="random_caption: train_captions is empty"):
        random_caption([], 3)


@given(references, st.sampled_from(["bleu_1", "bleu_2", "bleu_4"]))
def test_the_fast_search_finds_what_trying_each_caption_finds(train, metric):
    candidates = [caption for several in train for caption in several]
    best = best_constant_caption(candidates, train, metric)
    score = {tuple(c): corpus_bleu([c] * len(train), train).as_dict()[metric] for c in [best, *candidates]}
    assert score[tuple(best)] == max(score.values())


def test_the_best_constant_caption_of_an_example():
    assert best_constant_caption(CANDIDATES, TRAIN) == ["a", "dog", "on", "the", "grass"]


def test_any_function_may_be_the_metric():
    train = [[["a", "cat"]], [["a", "dog"]], [["a", "dog"]]]
    candidates = [["a", "cat"], ["a", "dog"]]
    assert best_constant_caption(candidates, train, exact_match) == ["a", "dog"]


def test_only_so_many_candidates_are_tried():
    tried = []

    def metric(hypotheses, references):
        tried.append(tuple(hypotheses[0]))
        return 0.0

    many = [[str(i)] for i in range(100)] * 2
    best_constant_caption(many, TRAIN, metric, limit=10, seed=1)
    assert len(tried) == len(set(tried)) == 10


@pytest.mark.parametrize(
    ("candidates", "train", "metric", "message"),
    [
        ([], TRAIN, "bleu_4", "candidates is empty"),
        (CANDIDATES, [], "bleu_4", "references is empty"),
        (CANDIDATES, [[["a"]], []], "bleu_4", r"references\[1\] is empty"),
        (["a dog"], TRAIN, "bleu_4", r"candidates\[0\] is the string"),
        (CANDIDATES, TRAIN, "bleu_9", "metric is 'bleu_9' but bleu_1 to bleu_4"),
    ],
)
def test_bad_input_is_refused(candidates, train, metric, message):
    with pytest.raises(ValueError, match=f"best_constant_caption: {message}"):
        best_constant_caption(candidates, train, metric)


# People


def test_each_person_is_scored_against_the_others():
    references = [[["a"], ["a"], ["b"]], [["c"], ["d"], ["c"], ["c"]]]  # the fourth is a reference only
    found = human_against_others(references, lambda h, r: {"exact": exact_match(h, r)})
    assert found == {"exact": pytest.approx((2 / 2 + 1 / 2 + 1 / 2) / 3)}


def test_nobody_is_scored_against_their_own_caption():
    seen = []

    def metrics(hypotheses, references):
        seen.extend(zip(hypotheses, references, strict=True))
        return corpus_bleu(hypotheses, references).as_dict() | corpus_rouge(hypotheses, references).as_dict()

    references = [[[f"{i}{j}"] for j in range(3)] for i in range(2)]
    found = human_against_others(references, metrics)
    assert found.keys() == {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l"}
    assert len(seen) == 6
    assert all(hypothesis not in others and len(others) == 2 for hypothesis, others in seen)
    assert references[0] == [["00"], ["01"], ["02"]]


def test_the_note_says_that_it_is_not_strictly_comparable():
    assert "one reference fewer" in HUMAN_NOTE
    assert "not strictly comparable" in HUMAN_NOTE


@pytest.mark.parametrize(
    ("references", "message"),
    [
        ([], "no captions to score"),
        ([[["a"], ["b"]], [["a"]]], r"references\[1\] is one caption; at least two"),
        ([[["a"], ["b"]], []], r"references\[1\] is empty"),
    ],
)
def test_a_person_needs_others(references, message):
    with pytest.raises(ValueError, match=f"human_against_others: {message}"):
        human_against_others(references, lambda h, r: {})
