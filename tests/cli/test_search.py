"""Pictures for a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from minicap.models import Captioner

TEXT = "a red circle"


@pytest.fixture
def pictures(scenes: Path) -> list[Path]:
    """Return eight pictures."""
    return sorted((scenes / "images").glob("*.png"))[:8]


def test_pictures_are_ranked_by_the_log_probability_of_a_word(cli, run: Path, pictures):
    found = json.loads(cli("search", run, "--text", TEXT, *pictures, "--json").out)
    log_probs = Captioner.load(run).log_prob(pictures, [TEXT] * 8)
    order = np.argsort(-log_probs, kind="stable")
    assert [row["image"] for row in found] == [str(pictures[n]) for n in order]
    assert [row["log_prob"] for row in found] == pytest.approx(log_probs[order].tolist(), rel=1e-9)
    assert [row["log_prob_per_word"] for row in found] == pytest.approx(
        (log_probs[order] / 4).tolist(), rel=1e-9
    )
    assert list(found[0]) == ["image", "log_prob", "log_prob_per_word"]


def test_the_table_says_the_same(cli, run: Path, pictures):
    header, _, *lines = cli("search", run, "--text", TEXT, *pictures).out.splitlines()
    assert header.split("  ")[0] == "image"
    found = json.loads(cli("search", run, "--text", TEXT, *pictures, "--json").out)
    assert [line.split() for line in lines] == [
        [row["image"], f"{row['log_prob_per_word']:.3f}"] for row in found
    ]


def test_a_folder_and_the_best_ones_only(cli, run: Path, scenes: Path):
    every = json.loads(cli("search", run, scenes / "images", "--text", TEXT, "--json").out)
    best = json.loads(cli("search", run, scenes / "images", "--text", TEXT, "--top", 3, "--json").out)
    assert len(every) == 24
    assert best == every[:3]


def test_an_unknown_word_is_said(cli, run: Path, pictures):
    code, out, err = cli("search", run, "--text", "a red zeppelin, zeppelin", *pictures)
    assert (code, err) == (0, "minicap: note: the model does not know zeppelin\n")
    assert out.count("\n") == 10


@pytest.mark.parametrize(
    ("flags", "because"),
    [
        (("--text", "zeppelin"), "--text: the model knows none of its words; describe a picture as"),
        (("--text", "..."), "--text: there is no word in it"),
        (("--text", ""), "--text: there is no word in it"),
        (("--text", TEXT, "--top", -1), "--top: -1 makes no sense"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(flags, because, refuses, run: Path, picture: Path):
    refuses("search", run, picture, *flags, because=because)


def test_only_a_captioner_can_search(refuses, tag_run: Path, red: Path):
    refuses("search", tag_run, red, "--text", TEXT, because="it holds a Tagger but a Captioner is needed")
