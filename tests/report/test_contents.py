"""Nothing is shown of a run's files that was not checked first."""

from __future__ import annotations

import json
import math

import pytest

from minicap.errors import InputError
from minicap.report.contents import PNG_SIGNATURE, Guess, read_contents


def test_a_full_run_is_read(full_run):
    contents = read_contents(full_run)
    assert contents.name == "demo"
    assert contents.config["decoder"] == "lstm"
    assert len(contents.history) == 8
    assert contents.metrics["truth"] == 0.934
    assert len(contents.samples) == 12
    first = contents.samples[0]
    assert first.png == (full_run.path / "samples" / "00.png").read_bytes()
    assert first.judgement == (True, True, True)
    assert contents.samples[1].judgement == (True, False, False)
    assert len(first.references) == 5


def test_a_classifiers_run_is_read(class_run):
    contents = read_contents(class_run)
    assert contents.task == "classify"
    assert contents.metrics == class_run.read_json(class_run.metrics)
    assert contents.labels == ("shirt", "coat", "ankle boot", "hat")
    right, wrong = contents.samples
    assert (right.right, wrong.right, wrong.tags) == (True, False, None)
    assert wrong.classes == (Guess("coat", 0.607), Guess("shirt", 0.393))


def test_a_taggers_run_is_read(tag_run):
    contents = read_contents(tag_run)
    assert contents.task == "tag"
    assert contents.metrics == tag_run.read_json(tag_run.metrics)
    first, *_, last = contents.samples
    box = (4.0, 8.0, 2.0, 2.0)
    assert first.tags == (Guess("sun", 0.9897, True, box), Guess("boy", 0.5, False, box))
    assert first.missed == (Guess("tree", 0.3), Guess("kite"))
    assert (last.tags, last.missed) == ((), ())


@pytest.mark.parametrize(
    ("run", "task"), [("class_run", "classify"), ("tag_run", "tag"), ("full_run", "caption")]
)
def test_the_task_is_told_by_the_metrics_where_there_is_no_configuration(run, task, request):
    folder = request.getfixturevalue(run)
    folder.config.unlink()
    assert read_contents(folder).task == task


@pytest.mark.parametrize("content", [None, "[]", '{"names": 3}', '{"names": ["a", 1]}'])
def test_without_names_of_classes_there_are_none(class_run, content):
    class_run.vocabulary.unlink()
    if content is not None:
        class_run.vocabulary.write_text(content, "utf-8")
    assert read_contents(class_run).labels == ()


def test_a_run_that_has_just_begun_is_nearly_empty(empty_run):
    contents = read_contents(empty_run)
    assert (contents.history, contents.metrics, contents.samples) == ([], {}, [])


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("[]", r"the file is \[\], not a table"),
        ('{"bleu_4": "<script>"}', "bleu_4 is '<script>', not a number"),
        ('{"truth": true}', "truth is True, not a number"),
        ('{"bleu_4": null}', "bleu_4 is None, not a number"),
        ('{"truth_by_count": {"1": "x"}}', "truth_by_count is .* not a number for each count"),
        ('{"image_gap_interval": [1]}', r"image_gap_interval is \[1\], not two numbers"),
        ('{"baselines": 3}', "baselines is 3, not a table"),
        ('{"baselines": {"blind": {"bleu_1": []}}}', r"baselines.blind.bleu_1 is \[\], not a number"),
        ('{"split": 3}', "split is 3, not text"),
        ('{"per_class": [1]}', r"per_class is \[1\], not a table"),
        ('{"per_class": {"a": "x"}}', "per_class is .* not a number for each class"),
        ('{"per_tag": {"a": null}}', "per_tag is .* not a number for each tag"),
        ('{"confusion": 3}', "confusion is 3, not a square of counts"),
        ('{"confusion": []}', "confusion is .* not a square of counts"),
        ('{"confusion": [[1, 2]]}', "confusion is .* not a square of counts"),
        ('{"confusion": [[1, 2], 3]}', "confusion is .* not a square of counts"),
        ('{"confusion": [[0]]}', "confusion is .* not a square of counts"),
        ('{"confusion": [[-1, 2], [0, 1]]}', "confusion is .* not a square of counts"),
        ('{"confusion": [[0.5]]}', "confusion is .* not a square of counts"),
        ('{"confusion": [[true]]}', "confusion is .* not a square of counts"),
        ('{"confusion": [[99999999999999999999999]]}', "confusion is .* not a square of counts"),
        ('{"threshold": "low"}', "threshold is 'low', not a number"),
        (
            '{"baselines": {"most_frequent_class": {"accuracy": []}}}',
            "most_frequent_class.accuracy is .* not a number",
        ),
        ("{", "this is no JSON"),
    ],
)
def test_broken_metrics_are_named(empty_run, metrics, message):
    empty_run.metrics.write_text(metrics, "utf-8")
    with pytest.raises(InputError, match=f"metrics.json: .*{message}.*; evaluate the run again"):
        read_contents(empty_run)


def test_scores_that_are_not_finite_are_scores(empty_run):
    empty_run.metrics.write_text('{"perplexity": Infinity, "bleu_4": NaN}', "utf-8")
    metrics = read_contents(empty_run).metrics
    assert metrics["perplexity"] == math.inf
    assert math.isnan(metrics["bleu_4"])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ("{}", None),  # empty, whatever kind
        ('{"a": 1}', "the file is .* not a list of pictures"),
        ("[3]", "entry 1 is 3, not a picture with a caption"),
        ('[{"caption": "x"}, {"caption": 5}]', "entry 2 is .* not a picture with a caption"),
        ('[{"caption": "x", "references": ["a", 1]}]', "references of entry 1 is .* not a list of sentences"),
        ('[{"caption": "x", "log_prob": "low"}]', "log_prob of entry 1 is 'low', not a number"),
        ('[{"caption": "x", "right": "yes"}]', "right of entry 1 is 'yes', not true or false"),
        (
            '[{"caption": "x", "classes": 3}]',
            "classes of entry 1 is 3, not a list of names with probabilities",
        ),
        ('[{"caption": "x", "classes": [{"tag": "a"}]}]', "classes of entry 1 is .* not a list of names"),
        ('[{"caption": "x", "tags": ["a"]}]', "tags of entry 1 is .* not a list of names"),
        (
            '[{"caption": "x", "tags": [{"tag": "a", "probability": "high"}]}]',
            "tags of entry 1 is .* not a list",
        ),
        (
            '[{"caption": "x", "tags": [{"tag": "a", "right": 1}]}]',
            "tags of entry 1 is .* not a list of names",
        ),
        (
            '[{"caption": "x", "tags": [{"tag": "a", "box": [1, 2, 3]}]}]',
            "tags of entry 1 is .* not a list of names",
        ),
        ('[{"caption": "x", "missed": {"tag": "a"}}]', "missed of entry 1 is .* not a list of names"),
    ],
)
def test_broken_samples_are_named(empty_run, samples, message):
    empty_run.samples.write_text(samples, "utf-8")
    if message is None:
        assert read_contents(empty_run).samples == []
        return
    with pytest.raises(InputError, match=f"samples.json: {message}"):
        read_contents(empty_run)


def test_a_broken_configuration_is_named(empty_run):
    empty_run.config.write_text("decoder = ", "utf-8")
    with pytest.raises(InputError, match=r"config.toml: this is no TOML .* mend the line"):
        read_contents(empty_run)


@pytest.fixture
def png(empty_run):
    """Return a function that reads one sample's picture from a given name."""

    def read(name):
        empty_run.samples.write_text(json.dumps([{"image": name, "caption": "x"}]), "utf-8")
        return read_contents(empty_run).samples[0].png

    return read


def test_only_pictures_inside_the_run_folder_are_read(empty_run, png):
    content = PNG_SIGNATURE + b"x" * 40
    (empty_run.path / "in.png").write_bytes(content)
    (empty_run.path.parent / "out.png").write_bytes(content)
    (empty_run.path / "link.png").symlink_to(empty_run.path.parent / "out.png")
    assert png("in.png") == content
    for name in (
        "../out.png",
        str(empty_run.path / "in.png"),
        "link.png",
        "absent.png",
        "",
        ".",
        None,
        3,
        "a\0b",
    ):
        assert png(name) is None


def test_what_is_no_png_or_too_large_is_not_taken_in(empty_run, png, monkeypatch):
    (empty_run.path / "a.png").write_bytes(b"<svg onload=alert(1)>")
    assert png("a.png") is None
    (empty_run.path / "a.png").write_bytes(PNG_SIGNATURE)
    assert png("a.png") is None
    monkeypatch.setattr("minicap.report.contents.MOST_BYTES", 100)
    (empty_run.path / "a.png").write_bytes(PNG_SIGNATURE + bytes(100))
    assert png("a.png") is None
