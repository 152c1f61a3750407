"""Baselines: drawn from training captions, and the best of them by the metric itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import best_constant_caption, corpus_bleu, exact_match, random_caption

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
