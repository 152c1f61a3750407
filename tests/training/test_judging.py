"""Scores from files equal the standard code's, two systems are told apart where they differ, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.errors import InputError
from minicap.metrics import Idf, mean_statistics
from minicap.training.judging import SCORES, score, shared_ending, split_captions, split_pairs, total
from minicap.training.judging_compare import comparison
from minicap.training.judging_files import compare_files, load_idf, score_files
from minicap.training.judging_runs import record_statistics

STANDARD = {
    "bleu_1": "Bleu_1", "bleu_2": "Bleu_2", "bleu_3": "Bleu_3", "bleu_4": "Bleu_4", "rouge_l": "ROUGE_L",
    "cider": "CIDEr",
}  # fmt: skip
WORDS = st.lists(st.sampled_from(["a", "cat", "sits", "on", "mats", "mat", "dogs'", "zebra"]), max_size=6)
SETS = st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=4)), min_size=1, max_size=6)


def written(folder: Path, name: str, content: object) -> Path:
    """Write a file and return its path."""
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.fixture
def coco(shared_data: Path, tmp_path: Path):
    """Return the golden COCO captions as files: results, references, and what the standard code says."""
    golden = json.loads((shared_data / "golden" / "golden_coco_fakecap126.json").read_text("utf-8"))
    ids = golden["image_ids"]
    results = [{"image_id": i, "caption": golden["hyp"][str(i)]} for i in ids]
    notes = [{"image_id": i, "caption": text} for i in ids for text in golden["refs"][str(i)]]
    references = {"images": [], "annotations": notes}
    return written(tmp_path, "c.json", results), written(tmp_path, "r.json", references), golden


# Scores


def test_raw_captions_score_as_the_standard_code_has_it(coco):
    captions, references, golden = coco
    found = score_files(captions, [references])
    assert {name: found.metrics[name] for name in STANDARD} == pytest.approx(
        {name: golden["corpus"][theirs] for name, theirs in STANDARD.items()}, abs=1e-6
    )
    assert found.metrics["meteor"] == pytest.approx(0.1913, abs=1e-4)
    assert found.metrics["signature"]["tokenizer"] == "ptb"
    for name, theirs in {"rouge_l": "ROUGE_L", "cider": "CIDEr"}.items():
        each = found.statistics[name]
        np.testing.assert_allclose(each.score(each.rows), golden["per_image"][theirs], rtol=0, atol=1e-6)


def test_an_end_marker_is_seen_and_cut_off(shared_data: Path, tmp_path: Path):
    path = shared_data / "golden" / "golden_flickr8k_validation1000_danieljl.json"
    golden = json.loads(path.read_text("utf-8"))
    captions = written(tmp_path, "c.txt", "".join(f"{text} zeosz\n" for text in golden["hyp"]))
    lines = ("\t".join(f"{text} zeosz" for text in several) for several in golden["refs"])
    references = [written(tmp_path, "r.txt", "".join(f"{line}\n" for line in lines))]
    counted = score_files(captions, references, tokenizer="space").metrics
    honest = score_files(captions, references, tokenizer="space", end_marker="zeosz").metrics
    for metrics, key in ((counted, "with_eos_token"), (honest, "without_eos_token")):
        assert {name: metrics[name] for name in STANDARD} == pytest.approx(
            {name: golden["recomputed"][key][theirs] for name, theirs in STANDARD.items()}, abs=1e-9
        )
    assert counted["signature"]["end_marker"] == "counted (zeosz)"
    assert counted["warnings"][0].startswith("Every caption and every reference ends in 'zeosz'")
    assert (honest["signature"]["end_marker"], honest["warnings"]) == ("excluded", [])


def test_a_word_that_most_captions_end_in_is_no_marker():
    captions = ["a dog in the snow"] * 30
    assert shared_ending(split_pairs("ptb", captions, [[text] for text in captions])) == "snow"
    others = [["a dog in the grass"], *[[text] for text in captions[1:]]]
    assert shared_ending(split_pairs("ptb", captions, others)) is None
    assert shared_ending(split_pairs("ptb", captions[:5], [["snow"]] * 5)) is None


@pytest.mark.parametrize(
    ("marker", "text", "left"),
    [
        ("zeosz", "a cat zeosz zeosz", "a cat "),
        ("end", "a weekend end of it", "a weekend "),
        ("</s>", "a cat</s> and more", "a cat"),
        ("end", "bending", "bending"),
    ],
)
def test_a_marker_is_cut_off_where_it_stands_as_a_word(tmp_path, marker, text, left):
    captions = written(tmp_path, "c.json", {"1": text, "2": "so"})
    references = [written(tmp_path, "r.json", {"1": left, "2": "so"})]
    assert score_files(captions, references, end_marker=marker).metrics["exact_match"] == 1.0


def test_a_marker_that_is_nowhere_is_mentioned(tmp_path):
    files = written(tmp_path, "c.json", {"1": "a cat"}), [written(tmp_path, "r.json", {"1": "a cat"})]
    assert (
        "The end marker 'eos' stands in no caption."
        in score_files(*files, end_marker="eos").metrics["warnings"]
    )
    with pytest.raises(InputError, match="--end-marker: ' ' is no word"):
        score_files(*files, end_marker=" ")


def test_the_frame_of_a_caption_is_no_word():
    assert split_captions("space", ["<start> a cat <end> <pad> x", "a <pad> dog"]) == [
        ["a", "cat"],
        ["a", "dog"],
    ]
    assert split_captions("ptb", ["<start> A cat. <end>"]) == [["a", "cat"]]


def test_a_caption_too_long_for_meteor_leaves_it_out_and_says_of_which_image(tmp_path):
    long = "a " * 1500
    captions = written(tmp_path, "c.json", {"7": long, "8": "a cat"})
    metrics = score_files(captions, [written(tmp_path, "r.json", {"7": long, "8": "a cat"})]).metrics
    assert metrics.keys() >= set(SCORES) - {"meteor"}
    assert "meteor" not in metrics
    assert any(text.startswith("METEOR was left out") and "'7'" in text for text in metrics["warnings"])


def test_document_frequencies_may_come_from_a_file(tmp_path):
    captions, references = (
        written(tmp_path, "c.json", {"1": "a cat"}),
        [written(tmp_path, "r.json", {"1": "a cat"})],
    )
    corpus = [split_captions("ptb", texts) for texts in (["a cat sits on it"], ["the dog"], ["a bird"])]
    Idf.from_references(corpus, "three").save(tmp_path / "idf.json")
    idf = load_idf(tmp_path / "idf.json")
    alone, weighed = (score_files(captions, references, idf=each).metrics for each in (None, idf))
    assert (alone["cider"], weighed["cider"]) == (0.0, pytest.approx(5.0))  # words and pairs of two, of four
    assert weighed["signature"]["idf"] == "three"
    assert any("CIDEr of one image is 0" in text for text in alone["warnings"])
    assert not any("CIDEr of one image is 0" in text for text in weighed["warnings"])
    with pytest.raises(InputError, match=r"c\.json: holds no document frequencies"):
        load_idf(captions)


@given(SETS)
def test_any_captions_score_in_range_and_in_any_order(images):
    captions, references = [" ".join(c) for c, _ in images], [[" ".join(r) for r in rs] for _, rs in images]
    found = score(split_pairs("ptb", captions, references))
    assert list(found.scores) == list(SCORES)
    for name, value in found.scores.items():
        assert 0 <= value <= (10 if name.startswith("cider") else 1) + 1e-9, name
        assert total(found.statistics[name]) == pytest.approx(value, abs=1e-12)
    turned = score(split_pairs("ptb", captions[::-1], references[::-1]))
    assert turned.scores == pytest.approx(found.scores, abs=1e-12)


@given(st.lists(WORDS.filter(lambda words: len(words) > 3), min_size=2, max_size=5, unique_by=tuple))
def test_what_equals_its_reference_scores_the_maximum(captions):
    texts = [" ".join(words) for words in captions]
    found = score(split_pairs("ptb", texts, [[text] for text in texts])).scores
    one = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "meteor", "exact_match")
    assert {name: found[name] for name in one} == pytest.approx(dict.fromkeys(one, 1.0))


# Files that do not pair up


@pytest.mark.parametrize(
    ("captions", "references", "because"),
    [
        ({"7": "a", "8": "b"}, {"7": "a"}, "c.json: image '8' has no references"),
        ({"7": "a"}, {"7": "a", "8": "b"}, "image '8' has references but no caption"),
        ([{"id": 7, "caption": "a"}, {"id": "7", "caption": "b"}], {"7": "a"}, "image '7' has two captions"),
        ({"7": None}, {"7": "a"}, "c.json: caption of image '7' is None"),
        ({"7": 3.5}, {"7": "a"}, "c.json: caption of image '7' is float 3.5"),
        ({"7": "a"}, {"7": ["a", None]}, "r.json: reference of image '7' is None"),
        ([{"image_id": 7, "caption": ["a"]}], {"7": "a"}, "c.json: the caption of image '7' is a list"),
        ({"7": "a" * 10**7}, {"7": "a"}, "c.json: caption of image '7' has 10000000 characters"),
        ({"7": "a"}, {"7": "a " * 10**6}, "r.json: reference of image '7' has 2000000 characters"),
        ('{"7": "a \\ud800 cat"}', {"7": "a"}, "c.json: caption of image '7' is broken Unicode"),
        ({}, {"7": "a"}, "c.json: no captions to score"),
    ],
)  # fmt: skip
def test_what_does_not_pair_up_is_refused_and_the_image_named(tmp_path, captions, references, because):
    files = written(tmp_path, "c.json", captions), [written(tmp_path, "r.json", references)]
    with pytest.raises(InputError) as refused:
        score_files(*files)
    assert because in str(refused.value)
    assert len(str(refused.value)) < 400


def test_images_without_a_caption_are_left_out_on_purpose(tmp_path):
    files = (
        written(tmp_path, "c.json", {"7": "a cat"}),
        [written(tmp_path, "r.json", {"7": "a cat", "8": "b"})],
    )
    metrics = score_files(*files, partial=True).metrics
    assert (metrics["n_images"], metrics["exact_match"]) == (1, 1.0)
    assert any(text.startswith("1 images have references but no caption") for text in metrics["warnings"])


# Two systems


def test_a_clear_difference_is_told_and_a_copy_is_not(coco, tmp_path):
    captions, references, golden = coco
    people = written(tmp_path, "p.json", {i: texts[0] for i, texts in golden["refs"].items()})
    found = compare_files([people, captions], [references], seed=1)
    assert set(found["differ"]) == set(SCORES)
    difference = found["a"]["cider"] - found["b"]["cider"]
    assert found["comparison"]["cider"]["difference"] == pytest.approx(difference)
    assert difference > 1
    assert found["n_images"] == 126
    same = compare_files([captions, captions], [references])
    assert same["differ"] == []
    assert {test["p_permutation"] for test in same["comparison"].values()} == {1.0}


def test_the_order_of_a_file_does_not_matter(coco, tmp_path):
    captions, references, _ = coco
    turned = written(tmp_path, "t.json", json.loads(captions.read_text("utf-8"))[::-1])
    found = compare_files([captions, turned], [references])
    assert {test["high"] for test in found["comparison"].values()} == {0.0}


def test_two_files_of_different_images_are_refused(tmp_path):
    a, b = written(tmp_path, "a.json", {"7": "a"}), written(tmp_path, "b.json", {"8": "a"})
    references = [written(tmp_path, "r.json", {"7": "a", "8": "b"})]
    with pytest.raises(InputError, match="image '7' has a caption in one of"):
        compare_files([a, b], references, partial=True)


def test_a_difference_must_show_in_both_tests():
    a, b = np.zeros(40), np.zeros(40)
    a[:3] = 1  # three images of forty: chance alone would give that
    metrics = {"n_images": 40, "warnings": ["few"]}
    found = comparison((metrics, {"x": mean_statistics(a)}), (metrics, {"x": mean_statistics(b)}))
    assert (found["differ"], found["warnings"]) == ([], ["few"])
    a[:20] = 1
    assert comparison((metrics, {"x": mean_statistics(a)}), (metrics, {"x": mean_statistics(b)}))[
        "differ"
    ] == ["x"]


def test_two_scores_of_nothing_do_not_differ():
    values = np.full(40, 1e-4)
    metrics = {"n_images": 40, "warnings": ["both"]}
    other = {"n_images": 40, "warnings": ["both", "one"]}
    found = comparison((metrics, {"x": mean_statistics(values)}), (other, {"x": mean_statistics(2 * values)}))
    assert found["comparison"]["x"]["p_permutation"] < 0.05
    assert (found["differ"], found["warnings"]) == ([], ["both", "B: one"])


def test_what_tags_and_classes_are_compared_by():
    records = [
        {"tags": [{"right": True}, {"right": False}], "missed": [{"probability": 0.1}, {"tag": "unknown"}]},
        {"tags": [], "missed": [{"probability": 0.4}]},
    ]
    found = {name: total(statistics) for name, statistics in record_statistics(records).items()}
    assert found == pytest.approx({"precision": 1 / 2, "recall": 1 / 3, "f1": 2 / 5})
    assert record_statistics([{"tags": [], "missed": []}]) == {}
    assert total(record_statistics([{"right": True}, {"right": False}])["accuracy"]) == 0.5
