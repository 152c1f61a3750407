"""A tagger's page: how good it is in words, tags with their places, and the average precision of each tag."""

from __future__ import annotations

import dataclasses
import json

import pytest

from minicap.report import write_report
from minicap.report.contents import Contents, Guess, Sample, read_contents
from minicap.report.guesses import MOST_SHOWN
from minicap.report.numbers import chance
from minicap.report.page import render
from minicap.report.words import summary

EVIL = "<script>alert('x')</script> \"quoted\" & שלום </li>"


@pytest.fixture
def page(tag_run, parse):
    """Return the parsed page of the run."""
    return parse(write_report(tag_run).read_text("utf-8"))


@pytest.fixture
def contents(tag_run) -> Contents:
    """Return what the run holds."""
    return read_contents(tag_run)


def plain(text):
    """Return text with usual spaces, one at a time."""
    return " ".join(text.replace("\u202f", " ").split())


def card(parse, *tags, **options):
    """Return the parsed page of one picture with tags."""
    return parse(render(Contents("x", samples=[Sample("a", "", tags=tags, **options)])))


# Words


def test_the_summary_compares_with_the_most_frequent_tags(contents):
    assert plain(summary(contents)) == (
        "A tagger trained for 2 epochs on parks. On 1,002 validation pictures, 91.7 % of the tags it says are right, "
        "and it says 46.4 % of those that are there; the most frequent tags, said every time, would be right for "
        "43.8 % and find 46.3 %. Its mean average precision is 0.324, theirs 0.114."
    )


def test_the_summary_says_no_more_than_is_known(contents):
    def said(**metrics):
        return plain(summary(dataclasses.replace(contents, metrics=metrics))).split("parks. ")[1]

    assert said(map=0.5) == "Its mean average precision is 0.500."
    assert said(map=0.5, precision=0.75, recall=0.25, n_images=4) == (
        "On 4 pictures, 75.0 % of the tags it says are right, and it says 25.0 % of those that are there. "
        "Its mean average precision is 0.500."
    )
    assert plain(summary(dataclasses.replace(contents, metrics={"loss": 0.1, "n_tags": 3}))).endswith(
        "on parks."
    )


# The page


def test_its_parts_are_those_of_a_tagger(page, tag_run):
    assert page.open == []
    assert page.text_in("h2") == [
        "Key figures", "What it says", "Tag by tag", "Beside those who never look", "Training", "Configuration",
    ]  # fmt: skip
    assert not tag_run.confusion.exists()


def test_the_key_figures_are_average_precision_f1_recalled_and_loss(page):
    assert page.text_in("dt")[:4] == ["Mean AP", "F1", "Tags recalled", "Loss"]
    text = plain(page.text)
    for part in ("0.324", "61.6 %", "Precision 91.7 % Recall 46.4 % said from 50 % on", "19.0 %", "0.223"):
        assert part in text, part


def test_who_decides_by_himself_has_no_threshold(contents, parse):
    metrics = {name: value for name, value in contents.metrics.items() if name != "threshold"}
    assert "said from" not in parse(render(dataclasses.replace(contents, metrics=metrics))).text


def test_every_score_stands_beside_the_baseline(page):
    assert (
        "Mean AP 0.324 0.114 Precision 91.7 % 43.8 % Recall 46.4 % 46.3 % F1 61.6 % 45.0 % "
        "Tags recalled 19.0 % 12.1 % Loss 0.223 – most frequent tags : the most frequent tags of the training pictures"
        in plain(page.text)
    )


def test_tags_have_marks_and_probabilities_and_missed_ones_are_named(page):
    text = plain(page.text)
    assert "✗ 1 of 3 found, 1 wrong 1 sun ✓ 99 % 2 boy ✗ 50 % left out: tree (30 %), kite" in text
    assert "✓ 1 of 2 found sun ✓ >99 % left out: tree (10 %)" in text
    assert "✓ all 1 found boy ✓ 80 % (says nothing)" in text
    classes = [attributes.get("class") for _, attributes in page.tags]
    assert [classes.count(f"verdict {name}") for name in ("complete", "partial", "wrong")] == [1, 1, 1]
    labels = [attributes["aria-label"] for _, attributes in page.tags if attributes.get("role") == "img"]
    assert [label for label in labels if label in ("right", "wrong")] == ["right", "wrong", "right", "right"]
    assert "reference" not in text


def test_who_finds_nothing_of_what_is_there_gets_no_tick(contents, parse):
    silent = Sample(name="a.png", caption="", tags=(), missed=(Guess("tree", 0.2), Guess("sun", 0.1)))
    page = parse(render(dataclasses.replace(contents, samples=[silent])))
    assert "✗ 0 of 2 found (says nothing) left out: tree (20 %), sun (10 %)" in plain(page.text)


def test_a_place_is_drawn_once_with_the_numbers_of_its_tags(page):
    drawn = [k for k, (tag, attributes) in enumerate(page.tags) if attributes.get("class") == "places"]
    assert [page.tags[k][1]["viewbox"] for k in drawn] == ["0 0 16 16"]
    assert page.tags[drawn[0] + 1 : drawn[0] + 3] == [
        ("rect", {"x": "4", "y": "8", "width": "2", "height": "2"}),
        ("text", {"x": "5", "y": "9"}),
    ]
    assert "1 2" in page.text_in("text")
    assert page.text_in("p").count("A number on the picture stands where the tag was seen.") == 1


@pytest.mark.parametrize("box", [(0, 0, 0, 2), (float("nan"), 0, 2, 2), (0, 0, float("inf"), 2)])
def test_a_box_that_cannot_be_drawn_is_left_out(parse, box):
    png = b"\x89PNG\r\n\x1a\n" + bytes(40)
    page = card(parse, Guess("sun", 0.5, box=box), png=png)
    assert page.open == []
    assert "places" not in [attributes.get("class") for _, attributes in page.tags]


def test_where_nobody_knows_the_truth_there_are_no_marks(parse):
    page = card(parse, Guess("sun", 0.5), Guess("boy", float("nan")))
    assert plain(page.text).endswith("sun 50 % boy –")
    assert not {"✓", "✗"} & set(page.text_in("span"))


def test_many_tags_are_behind_a_click(parse):
    tags = [Guess(f"tag {k}", 0.9, True) for k in range(MOST_SHOWN + 3)]
    page = card(parse, *tags)
    assert page.text_in("summary") == ["3 more"]
    assert page.text_in("bdi")[-MOST_SHOWN - 3 :] == [tag.name for tag in tags]
    assert card(parse, *tags[:MOST_SHOWN]).text_in("summary") == []


def test_each_tag_has_a_bar_with_its_average_precision(page):
    text = plain(page.text)
    assert "Tag Average precision sun 0.993 boy 0.933 tree 0.250 Average precision: all pictures" in text
    bars = [a["style"] for _, a in page.tags if a.get("class") == "bar"]
    assert bars == ["width:99.3%", "width:93.3%", "width:25.0%"]


def test_of_many_tags_the_best_and_the_worst_are_shown(contents, parse):
    many = {f"tag {k:02d}": (7 * k % 40) / 40 for k in range(39)} | {"tag nan": float("nan")}
    page = parse(render(dataclasses.replace(contents, metrics={"per_tag": many}, samples=[])))
    assert page.text_in("h3") == ["The best 15", "The worst 15"]
    assert "All 40 tags" in page.text_in("summary")
    ranked = [*sorted(list(many)[:-1], key=many.__getitem__, reverse=True), "tag nan"]
    shown = [name for name in page.text_in("bdi") if name.startswith("tag ")]
    assert shown == [*ranked[:15], *ranked[:-16:-1], *many]


@pytest.mark.parametrize(
    ("head", "used", "unused"),
    [
        ("spatial", {"head", "min count"}, {"hidden", "decoder"}),
        ("dense", {"head", "hidden"}, {"decoder"}),
        ("sequence", {"head", "decoder"}, {"hidden"}),
    ],
)
def test_choices_of_other_tasks_are_left_out(tag_run, parse, head, used, unused):
    tag_run.config.write_text(tag_run.config.read_text("utf-8").replace("spatial", head), "utf-8")
    choices = set(parse(write_report(tag_run).read_text("utf-8")).text_in("dt"))
    assert used <= choices
    assert not unused & choices


def test_text_from_outside_is_shown_and_never_obeyed(tag_run, parse):
    text = json.dumps(EVIL)
    for path in (tag_run.metrics, tag_run.samples):
        path.write_text(path.read_text("utf-8").replace('"sun"', text).replace('"kite"', text), "utf-8")
    page = parse(write_report(tag_run).read_text("utf-8"))
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text_in("bdi").count(EVIL) == 4


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0 %"), (0.004, "<1 %"), (0.5, "50 %"), (0.994, "99 %"), (0.9999, ">99 %"), (1.0, "100 %"), (None, "–"),
        (float("nan"), "–"),
    ],
)  # fmt: skip
def test_probabilities_are_whole_percents(value, written):
    assert plain(chance(value)) == written
