"""Metrics as people read them in a terminal, for each task."""

from __future__ import annotations

from minicap.cli.output import metrics_table

CLASSES = {
    "accuracy": 0.9, "loss": 0.25, "per_class": {"cat": 1.0, "dog": 0.75}, "confusion": [[4, 0], [1, 3]],
    "baselines": {"most_frequent_class": {"accuracy": 0.5}}, "split": "val", "n_images": 8,
}  # fmt: skip
TAGS = {
    "map": 0.6, "f1": 0.5, "per_tag": {f"tag-{k}": (7 * k % 12) / 12 for k in range(12)},
    "baselines": {"most_frequent_tags": {"map": 0.25, "f1": 0.125}},
    "threshold": 0.5, "n_tags": 12, "split": "test", "n_images": 40,
}  # fmt: skip


def cells(metrics):
    """Return the words of each line of a table."""
    return [line.split() for line in metrics_table(metrics).splitlines()]


def test_a_classifier_has_a_line_for_each_class():
    assert metrics_table(CLASSES).splitlines() == [
        "val, 8 images  model  most frequent class",
        "-----------------------------------------",
        "accuracy       0.900                0.500",
        "loss           0.250                    -",
        "class cat      1.000                    -",
        "class dog      0.750                    -",
    ]


def test_of_many_classes_the_best_and_the_worst_are_shown():
    many = {f"c{k:02d}": k / 20 for k in range(21)}
    few = dict(list(many.items())[:20])
    assert [row[1] for row in cells(CLASSES | {"per_class": few}) if row[0] == "class"] == list(few)
    rows = cells(CLASSES | {"per_class": many})[4:]
    assert rows == [
        *(["class", f"c{k}", f"{k / 20:.3f}", "-"] for k in (20, 19, 18, 17, 16)),
        ["..."],
        *(["class", f"c0{k}", f"{k / 20:.3f}", "-"] for k in (4, 3, 2, 1, 0)),
    ]


def test_a_tagger_has_its_best_and_worst_tags():
    rows = cells(TAGS)
    assert [row[2] for row in rows if row[0] == "tag"] == [
        f"{k / 12:.3f}" for k in (11, 10, 9, 8, 7, 4, 3, 2, 1, 0)
    ]
    assert ["tag", "tag-5", "0.917", "-"] in rows  # 7 * 5 = 35 = 11 (mod 12)
    assert rows[2:4] == [["map", "0.600", "0.250"], ["f1", "0.500", "0.125"]]


def test_what_is_no_score_is_not_printed_as_one():
    text = metrics_table(TAGS)
    assert text.splitlines()[-1] == (
        "12 tags, said from a probability of 0.5 on; the figure of a single tag is its average precision"
    )
    assert "12.000" not in text
    assert "threshold" not in text
    deciding = {name: value for name, value in TAGS.items() if name not in ("threshold", "per_tag")}
    assert metrics_table(deciding | {"n_tags": 1}).splitlines()[-1] == "1 tag"


def test_names_are_fit_for_a_terminal():
    text = metrics_table(CLASSES | {"per_class": {"\x1b[31mred\n": 0.5, "x" * 99: 0.25}})
    assert "\x1b" not in text
    assert len(text.splitlines()) == 6
    assert max(map(len, text.splitlines())) < 80


def test_a_captioner_has_neither():
    metrics = {"bleu_4": 0.5, "truth_by_count": {"1": 0.75}, "split": "val", "n_images": 3}
    assert metrics_table(metrics).splitlines()[2:] == ["bleu_4           0.500", "truth, 1 object  0.750"]
