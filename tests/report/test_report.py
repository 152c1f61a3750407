"""The page is one well-formed file that loads nothing, says what is known, and leaves out what is not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from minicap.data import load_image
from minicap.errors import InputError
from minicap.report import write_report
from minicap.report.contents import Contents, Sample
from minicap.report.numbers import decimal, percent
from minicap.report.page import render
from minicap.report.words import summary

EVIL = "<script>alert('x')</script> \"quoted\" & שלום \ud800 </li>"


@pytest.fixture(scope="session")
def text(finished_run):
    """Return the page of a finished run."""
    return write_report(finished_run).read_text("utf-8")


@pytest.fixture(scope="session")
def page(text, parse):
    """Return it parsed."""
    return parse(text)


def test_every_tag_is_closed_and_every_id_is_unique(page):
    assert page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 0  # shapes that the drawings repeat


def test_references_inside_the_drawings_lead_somewhere(text):
    ids = set(re.findall(r' id="([^"]*)"', text))
    used = set(re.findall(r'href="#([^"]*)"', text)) | set(re.findall(r"url\(#([^)]*)\)", text))
    assert used
    assert used <= ids


def test_nothing_is_loaded_and_nothing_can_run(text, page):
    without_pictures = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?:|//[a-z]|@import|javascript:", without_pictures, re.IGNORECASE)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert attributes.get("xlink:href", "#").startswith("#")
    policy = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_it_is_readable_anywhere(page):
    assert ("html", {"lang": "en"}) in page.tags
    metas = {
        attributes.get("name"): attributes.get("content") for tag, attributes in page.tags if tag == "meta"
    }
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    assert metas["color-scheme"] == "light dark"
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == tags.count("main") == tags.count("header") == 1
    for tag, attributes in page.tags:
        if tag == "img":
            assert attributes["alt"]
            assert (attributes["width"], attributes["height"]) == ("48", "48")
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]


def test_it_says_how_it_went(page):
    lead = next(t for t in page.text_in("p") if t.startswith("An LSTM"))
    assert lead.replace("\u202f", " ") == (
        "An LSTM captioner with par conditioning, trained for 8 epochs on built-in scenes. Of its captions for 900 "
        "test pictures, 93.4 % are true and complete; a decoder that sees nothing reaches 3.1 %. Given the wrong "
        "picture it loses 2.41 nats a word: it does look."
    )


def test_it_shows_the_figures_with_their_meaning(page):
    text = page.text.replace("\u202f", " ")
    for part in (
        "93.4 %", "captions that are true and name every object", "1 object", "98.7 %", "3 objects", "87.3 %",
        "new colour-shape pairs", "71.2 %", "0.912", "BLEU-1 0.981", "82.4 %", "2.13", "2.413", "2.357 to 2.471",
        "one for all", "a red star and a blue star", "at random", "blind", "0.176",
        "tokenizer:word|smoothing:none|n_images:900",
    ):  # fmt: skip
        assert part in text, part


def test_it_shows_the_training_and_the_choices(finished_run, page):
    assert page.text_in("figcaption") == ["Loss", "Validation score", "Learning rate", "Gradient norm"]
    labels = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg"]
    assert labels[0].startswith("Loss (nats per word) over 8 epochs: training from 2.01 to 0.323")
    assert {"decoder", "image size", "blind"} <= set(page.text_in("dt"))
    assert {"lstm", "48", "no"} <= set(page.text_in("bdi"))
    assert load_image(finished_run.plot).shape[1] > 1000


def test_it_shows_every_sample_with_its_marks(page):
    assert sum(tag == "img" for tag, _ in page.tags) == 12
    classes = [attributes.get("class") for _, attributes in page.tags]
    assert classes.count("verdict complete") == 10
    assert classes.count("verdict wrong") == 2
    assert "a red heart" in page.text_in("p")
    assert page.text_in("summary").count("5 references") == 12
    assert "log-probability −1.50 nats" in page.text_in("p")


def test_colours_follow_the_page(text):
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", drawings)) <= {
        "none", "var(--blue)", "var(--vermilion)", "var(--ink)", "var(--muted)", "var(--rule)",
    }  # fmt: skip


def test_text_from_outside_is_shown_and_never_obeyed(full_run, parse):
    records = json.loads(full_run.samples.read_text("utf-8"))
    records[0] |= {"caption": EVIL, "references": [EVIL, EVIL], "name": EVIL}
    full_run.samples.write_text(json.dumps(records), "utf-8")
    full_run.config.write_text(f"data = {json.dumps(EVIL.replace(chr(0xD800), ''))}\n", "utf-8")
    metrics = json.loads(full_run.metrics.read_text("utf-8"))
    metrics["baselines"]["constant_caption"]["caption"] = EVIL
    metrics["baselines"][EVIL] = {"bleu_4": 0.1}
    metrics["split"] = EVIL
    metrics["truth_by_count"][EVIL] = 0.5
    metrics["signature"]["tokenizer"] = EVIL
    full_run.metrics.write_text(json.dumps(metrics), "utf-8")
    page = parse(write_report(full_run).read_text("utf-8"))
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    shown = EVIL.replace("\ud800", "\ufffd")
    assert shown in page.text_in("p")
    assert page.text_in("li").count(shown) == 2
    alt = next(attributes["alt"] for tag, attributes in page.tags if tag == "img")
    assert alt == shown
    assert all(a.get("dir") == "auto" for tag, a in page.tags if tag == "p" and a.get("class") == "caption")


def test_what_the_run_does_not_have_yet_is_left_out(empty_run, parse):
    page = parse(write_report(empty_run).read_text("utf-8"))
    assert page.open == []
    assert page.text_in("h2") == ["Configuration"]
    assert "Nobody has judged its captions yet." in page.text
    assert not empty_run.plot.exists()


@pytest.mark.parametrize("missing", ["metrics", "history", "samples", "config"])
def test_each_part_may_be_missing(full_run, missing, parse):
    whole = len(parse(write_report(full_run).read_text("utf-8")).text_in("h2"))
    getattr(full_run, missing).unlink()
    page = parse(write_report(full_run).read_text("utf-8"))
    assert page.open == []
    assert 2 <= len(page.text_in("h2")) < whole


def test_a_missing_picture_and_a_silent_model_are_said(full_run, parse):
    (full_run.path / "samples" / "03.png").unlink()
    records = json.loads(full_run.samples.read_text("utf-8"))
    records[3]["caption"] = " "
    full_run.samples.write_text(json.dumps(records), "utf-8")
    page = parse(write_report(full_run).read_text("utf-8"))
    assert page.text_in("div").count("picture missing") == 1
    assert "(says nothing)" in page.text_in("p")


def test_broken_metrics_are_one_line_and_the_old_page_stays(full_run):
    before = write_report(full_run).read_bytes()
    full_run.metrics.write_text('{"truth": "high"}', "utf-8")
    with pytest.raises(InputError, match=r"metrics.json: truth is 'high', not a number"):
        write_report(full_run)
    assert full_run.report.read_bytes() == before


def test_the_same_run_gives_the_same_page(full_run):
    assert write_report(full_run).read_bytes() == write_report(full_run).read_bytes()


def test_a_run_on_photographs_has_no_truth_and_compares_with_one_caption_for_all(parse):
    metrics = {
        "bleu_4": 0.1434, "split": "val", "n_images": 1000, "image_gap": 0.01, "image_gap_interval": [-0.01, 0.03],
        "baselines": {"constant_caption": {"bleu_4": 0.065}},
    }  # fmt: skip
    contents = Contents("f8k", {"decoder": "gru", "data": "C:\\data\\flickr8k"}, [{"epoch": 1}], metrics)
    assert summary(contents) == (
        "A GRU captioner, trained for 1 epoch on flickr8k. On 1,000 validation pictures its captions reach a BLEU-4 "
        "of 0.143; the best single caption for all of them reaches 0.065. Given the wrong picture it does no worse "
        "that could be measured: it hardly looks."
    )
    page = parse(render(contents))
    assert "True and complete" not in page.text


def test_a_transformer_is_called_by_its_name():
    contents = Contents(
        "x", {"decoder": "transformer", "conditioning": "attention", "data": "d"}, [{"epoch": 1}]
    )
    assert summary(contents).startswith(
        "A Transformer captioner with attention conditioning, trained for 1 epoch"
    )


def test_scores_that_are_not_finite_are_shown(parse):
    page = parse(render(Contents("x", metrics={"perplexity": float("inf"), "truth": float("nan")})))
    assert {"∞", "–"} <= set(page.text_in("dd"))


def test_a_picture_without_references_is_named(parse):
    sample = Sample("dog.jpg", "a dog", png=b"\x89PNG\r\n\x1a\n" + bytes(40))
    page = parse(render(Contents("x", samples=[sample])))
    assert [attributes["alt"] for tag, attributes in page.tags if tag == "img"] == ["picture dog.jpg"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (-1.5, "−1.500"),
        (0.0, "0.000"),
        (-0.0001, "0.000"),
        (12345.6789, "12,345.679"),
        (1e12, "1e+12"),
        (None, "–"),
        (float("nan"), "–"),
        (float("-inf"), "−∞"),
    ],
)
def test_numbers_are_written_for_people(value, written):
    assert decimal(value) == written


def test_shares_are_percentages():
    assert percent(0.9344) == "93.4\u202f%"
    assert percent(None) == "–"


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no chromium to look at the page with")
@pytest.mark.parametrize("width", [1200, 500])
def test_a_browser_shows_it(finished_run, tmp_path, width):
    picture = tmp_path / "page.png"
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},1600", f"--screenshot={picture}",
    ]  # fmt: skip
    page = write_report(finished_run).resolve().as_uri()
    subprocess.run([str(BROWSER), *flags, page], check=True, capture_output=True, timeout=120)
    pixels = load_image(picture).astype(np.int64)
    assert pixels.shape == (1600, width, 3)
    share = float((np.abs(pixels - pixels[0, 0]).sum(axis=2) > 30).mean())
    assert 0.05 < share < 0.95  # neither blank nor filled
