"""A classifier's page: how good it is in words, right and wrong pictures, each class, and what it takes for what."""

from __future__ import annotations

import base64
import dataclasses
import json
import re

import numpy as np
import pytest

from minicap.data import load_image
from minicap.report import write_report
from minicap.report.classes import class_names
from minicap.report.contents import Contents, Sample, read_contents
from minicap.report.page import render
from minicap.report.words import summary

EVIL = "<script>alert('x')</script> \"quoted\" & שלום </li>"


@pytest.fixture
def page(class_run, parse):
    """Return the parsed page of the run."""
    return parse(write_report(class_run).read_text("utf-8"))


@pytest.fixture
def contents(class_run) -> Contents:
    """Return what the run holds."""
    return read_contents(class_run)


def plain(text):
    """Return text with usual spaces, one at a time."""
    return " ".join(text.replace("\u202f", " ").split())


# Words


def test_the_summary_compares_with_the_most_frequent_class(contents):
    assert plain(summary(contents)) == (
        "A classifier trained for 2 epochs on clothes. Of 28 validation pictures it puts 75.0 % into the right class; "
        "the most frequent class alone would be right for 35.7 %."
    )


def test_the_summary_says_no_more_than_is_known(contents):
    alone = {"accuracy": 0.5, "split": "test", "n_images": 1}
    assert plain(summary(dataclasses.replace(contents, metrics=alone, history=[]))) == (
        "A classifier to be trained on clothes. Of 1 test picture it puts 50.0 % into the right class."
    )
    unjudged = dataclasses.replace(contents, metrics={})
    assert summary(unjudged).endswith("on clothes. Nobody has judged it yet.")


# The page


def test_its_parts_are_those_of_a_classifier(page):
    assert page.open == []
    assert page.text_in("h2") == [
        "Key figures", "What it says", "Class by class", "What it takes for what", "Beside those who never look",
        "Training", "Configuration",
    ]  # fmt: skip
    assert page.text_in("figcaption") == ["Loss", "Validation score"]


def test_the_key_figures_are_accuracy_weakest_class_and_loss(page):
    titles = ["Accuracy", "Weakest class", "Loss"]
    assert page.text_in("dt")[:3] == titles
    assert [plain(text) for text in page.text_in("dd")[:4]] == [
        "75.0 %", "pictures put into the right class", "50.0 %", "pictures of",
    ]  # fmt: skip
    assert plain(page.text).count("pictures of shirt that it finds") == 1


def test_the_baseline_stands_beside_with_what_it_is(page):
    text = plain(page.text)
    assert "Accuracy 75.0 % 35.7 % Loss 0.642 –" in text
    assert "most frequent class : the class that most training pictures are of, for every picture." in text


def test_pictures_are_right_or_wrong_and_have_other_candidates(page):
    text = plain(page.text)
    assert "coat ✓ right coat 90 % shirt 10 % ankle boot <1 %" in text
    assert "coat ✗ wrong: it is shirt coat 61 % shirt 39 %" in text
    classes = [attributes.get("class") for _, attributes in page.tags]
    assert (classes.count("verdict complete"), classes.count("verdict wrong")) == (1, 1)
    assert "log-probability" not in text
    assert "reference" not in text


def test_without_candidates_the_probability_is_shown(parse):
    sample = Sample("a", "coat", log_prob=-0.5, references=("coat",), right=True)
    assert "coat ✓ right probability 61 %" in plain(parse(render(Contents("x", samples=[sample]))).text)


def test_each_class_has_a_bar_with_its_accuracy_and_pictures(page):
    text = plain(page.text)
    assert "Class Accuracy Pictures shirt 50.0 % 10 coat 80.0 % 10 ankle boot 100.0 % 8 What" in text
    bars = [a["style"] for _, a in page.tags if a.get("class") == "bar"][-3:]
    assert bars == ["width:50.0%", "width:80.0%", "width:100.0%"]


def test_many_classes_show_the_best_the_worst_and_all_behind_a_click(contents, parse):
    many = {f"class {k:02d}": (7 * k % 40) / 40 for k in range(40)}
    metrics = {name: value for name, value in contents.metrics.items() if name != "confusion"}
    page = parse(render(dataclasses.replace(contents, metrics=metrics | {"per_class": many})))
    assert page.text_in("h3") == ["The best 15", "The worst 15"]
    assert "All 40 classes" in page.text_in("summary")
    names = [name for name in page.text_in("bdi") if name.startswith("class ")]
    ranked = sorted(many, key=many.__getitem__, reverse=True)
    assert names[0] == ranked[-1]  # the weakest class among the key figures
    assert names[1:] == [*ranked[:15], *ranked[:-16:-1], *many]


def test_the_confusion_matrix_is_a_picture_described_in_words(page):
    alt = [a["alt"] for tag, a in page.tags if tag == "img"][-1]
    assert (
        alt == "Confusion matrix of 4 classes: 21 of 28 pictures right. Most often shirt is taken for coat."
    )
    text = plain(page.text)
    assert (
        "Most frequent mistakes shirt taken for coat 4 of 10, 40.0 % coat taken for shirt 2 of 10, 20.0 % "
        "shirt taken for hat 1 of 10, 10.0 % Beside" in text
    )


def test_a_model_without_mistakes_has_none(contents, parse):
    metrics = contents.metrics | {"confusion": np.eye(4, dtype=int).tolist()}
    page = parse(render(dataclasses.replace(contents, metrics=metrics)))
    assert "Most frequent mistakes None: every picture is right." in plain(page.text)


def test_the_picture_is_inside_the_page_and_a_larger_one_beside_it(class_run):
    text = write_report(class_run).read_text("utf-8")
    inside = base64.b64decode(re.findall(r"base64,([A-Za-z0-9+/=]+)", text)[-1])
    path = class_run.path / "inside.png"
    path.write_bytes(inside)
    assert load_image(class_run.confusion).shape[1] > load_image(path).shape[1] > 300
    sizes = re.findall(r'width="(\d+)" height="(\d+)"', text)[-1]
    assert tuple(map(int, sizes)) == load_image(path).shape[1::-1]


def test_the_same_run_gives_the_same_files(class_run):
    written = [write_report(class_run).read_bytes() + class_run.confusion.read_bytes() for _ in range(2)]
    assert written[0] == written[1]


def test_without_a_confusion_matrix_there_is_no_figure(class_run, parse):
    metrics = class_run.read_json(class_run.metrics)
    del metrics["confusion"]
    class_run.write_json(class_run.metrics, metrics)
    page = parse(write_report(class_run).read_text("utf-8"))
    assert not class_run.confusion.exists()
    assert "Class Accuracy shirt 50.0 % coat 80.0 %" in plain(page.text)
    assert "What it takes for what" not in page.text_in("h2")


def test_names_come_from_the_run_else_from_the_metrics(contents):
    assert class_names(contents) == ("shirt", "coat", "ankle boot", "hat")
    unnamed = dataclasses.replace(contents, labels=())
    assert class_names(unnamed) == ("shirt", "coat", "ankle boot", "class 3")
    bare = dataclasses.replace(unnamed, metrics={"confusion": contents.metrics["confusion"]})
    assert class_names(bare) == ("class 0", "class 1", "class 2", "class 3")


def test_choices_of_other_tasks_are_left_out(page):
    choices = page.text_in("dt")[3:]
    assert {"task", "encoder", "hidden"} <= set(choices)
    assert not {"decoder", "head", "min count"} & set(choices)


def test_text_from_outside_is_shown_and_never_obeyed(class_run, parse):
    text = json.dumps(EVIL)
    for path in (class_run.metrics, class_run.samples, class_run.vocabulary):
        path.write_text(path.read_text("utf-8").replace('"shirt"', text), "utf-8")
    page = parse(write_report(class_run).read_text("utf-8"))
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text_in("bdi").count(EVIL) >= 6
