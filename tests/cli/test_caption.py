"""Every way to make a sentence from the command line, and what does not go together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minicap.models import Captioner

PROOF = ("--beam", 2, "--exhaustive", "--max-length", 2)


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        (("--beam", 4), {"beam": 4}),
        (("--beam", 1), {}),
        (("--beam", 4, "--length-penalty", 0, "--no-repeat", 2), {"beam": 4, "length_penalty": 0.0, "no_repeat": 2}),
        (("--min-length", 3, "--max-length", 5), {"min_length": 3, "max_length": 5}),
        (("--exhaustive", "--max-length", 2), {"exhaustive": True, "max_length": 2}),
        (
            ("--sample", "--temperature", 2, "--top-k", 5, "--top-p", 0.7, "--seed", 4),
            {"sample": True, "temperature": 2.0, "top_k": 5, "top_p": 0.7, "seed": 4},
        ),
    ],
    ids=str,
)  # fmt: skip
def test_flags_are_settings(flags, settings, cli, run: Path, picture: Path):
    (found,) = json.loads(cli("caption", run, picture, *flags, "--json").out)
    said = Captioner.load(run).caption([picture], **settings)[0]
    assert found == {"image": str(picture), "caption": str(said), "log_prob": said.log_prob}
    assert cli("caption", run, picture, *flags).out == f"{said}\n"


def test_a_shortest_caption_has_so_many_words(cli, run: Path, picture: Path):
    for way in ((), ("--beam", 3), ("--sample",)):
        assert len(cli("caption", run, picture, "--min-length", 6, *way).out.split()) >= 6


def test_no_word_twice(cli, run: Path, picture: Path):
    for way in ((), ("--beam", 3), ("--sample",)):
        words = cli("caption", run, picture, "--no-repeat", 1, "--min-length", 5, *way).out.split()
        assert len(set(words)) == len(words) >= 5


# The proof


def test_a_beam_is_held_against_brute_force(cli, run: Path, scenes: Path):
    pictures = sorted((scenes / "images").glob("test_*.png"))
    found = json.loads(cli("caption", run, *pictures, *PROOF, "--reference", "a red", "--json").out)
    model = Captioner.load(run)
    limits = {"max_length": 2}
    beams = model.caption(pictures, beam=2, **limits)
    best = model.caption(pictures, exhaustive=True, **limits)
    assert [row["caption"] for row in found] == beams
    assert [row["best"] for row in found] == best
    assert [row["search_error"] for row in found] == [
        one.log_prob / len(one.word_log_probs) ** 0.7
        < other.log_prob / len(other.word_log_probs) ** 0.7 - 1e-5
        for one, other in zip(beams, best, strict=True)
    ]
    assert [row["model_error"] for row in found] == [text != "a red" for text in best]


def test_the_proof_for_people(cli, run: Path, picture: Path):
    out = cli("caption", run, picture, *PROOF).out
    assert "model error" not in out
    assert out.splitlines()[-1].startswith("search error: ")
    out = cli("caption", run, picture, *PROOF, "--reference", "no such words").out
    assert out.splitlines()[-1] == "model error: 100.0%, the best sentence is no reference"


# What does not go together


@pytest.mark.parametrize(
    ("flags", "because"),
    [
        (("--beam", 3, "--sample"), "--sample and --beam: words are drawn or compared; choose one"),
        (("--beam", 1, "--sample"), "--sample and --beam"),
        (("--sample", "--exhaustive"), "--sample and --exhaustive: words are drawn or compared"),
        (("--temperature", 0.5), "--temperature: it goes with --sample; add that or leave it out"),
        (("--beam", 2, "--temperature", 0.5), "--temperature: it goes with --sample"),
        (("--top-k", 3), "--top-k: it goes with --sample"),
        (("--top-p", 0.3, "--exhaustive"), "--top-p: it goes with --sample"),
        (("--length-penalty", 1), "--length-penalty: it goes with --beam or --exhaustive"),
        (("--sample", "--length-penalty", 1), "--length-penalty: it goes with"),
        (("--beam", 0), "--beam: 0 makes no sense; use a whole number of 1 or more"),
        (("--sample", "--top-k", -1), "--top-k: -1 makes no sense"),
        (("--sample", "--top-p", 0), "--top-p: 0.0 is no share of the probability"),
        (("--beam", 2, "--length-penalty", "nan"), "--length-penalty: nan makes no sense"),
        (("--min-length", 9, "--max-length", 8), "--min-length: 9 is more than --max-length, 8"),
        (("--min-length", -1), "--min-length: -1 makes no sense"),
        (("--no-repeat", -1), "--no-repeat: -1 makes no sense"),
        (("--exhaustive",), "--exhaustive: with "),
        (("--exhaustive", "--beam", 3), "; a smaller --max-length or vocabulary makes the tree smaller"),
        (("--beam", 3, "--reference", "a"), "--reference: it goes with --beam and --exhaustive"),
        (("--exhaustive", "--max-length", 2, "--reference", "a"), "--reference: it goes with"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(flags, because, refuses, run: Path, picture: Path):
    refuses("caption", run, picture, *flags, because=because)
