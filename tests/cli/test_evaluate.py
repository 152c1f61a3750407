"""Judging a run, comparing two, and scoring anyone's captions, from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from minicap.metrics import Idf
from minicap.training.judging import split_captions

CAPTIONS = {"1": "a cat on a mat", "2": "a dog runs in the snow", "3": "two birds"}
REFERENCES = {
    "1": ["A cat sits on a mat.", "the cat is on the mat"],
    "2": ["A dog runs in the snow!", "a dog"],
    "3": ["three birds fly", "two birds in the sky"],
}
SCORES = {
    "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "meteor", "cider", "cider_plain", "exact_match",
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Return the options that name a file of captions and one of references."""
    for name, content in (("c.json", CAPTIONS), ("r.json", REFERENCES)):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    return ["--captions", str(tmp_path / "c.json"), "--references", str(tmp_path / "r.json")]


# Files


def test_anyones_captions_are_scored_without_a_model(cli, files):
    code, out, err = cli("evaluate", *files, "--json")
    metrics = json.loads(out)
    assert (code, err) == (0, "")
    assert metrics.keys() == SCORES | {
        "intervals", "diversity", "lengths", "warnings", "n_images", "signature", "signatures"
    }  # fmt: skip
    assert metrics["exact_match"] == pytest.approx(1 / 3)  # the dog, but for capital and mark
    assert metrics["signature"]["n_references"] == 6


def test_people_read_score_interval_signature_and_warnings(cli, files):
    lines = cli("evaluate", *files).out.splitlines()
    assert lines[0].split() == ["3", "images", "model", "95", "%", "interval"]
    (exact,) = (line for line in lines if line.startswith("exact_match"))
    assert exact.split()[1:] == ["0.333", "0.000..1.000"]
    assert lines[-1].startswith(("note: ", "  "))
    text = "\n".join(lines)
    assert "\nsignature: tokenizer:ptb|smoothing:none|end_marker:excluded|" in text
    assert "\nnote: 3 images: with fewer than 50" in text
    assert "words a caption: 4.3" in text
    assert "3 different captions" in text
    assert max(map(len, lines)) <= 100


def test_plain_lines_score_like_the_same_captions_by_id(cli, files, tmp_path: Path):
    captions, references = tmp_path / "c.txt", tmp_path / "r.txt"
    captions.write_text("".join(f"{text}\n" for text in CAPTIONS.values()), encoding="utf-8")
    references.write_text("".join("\t".join(texts) + "\n" for texts in REFERENCES.values()), encoding="utf-8")
    by_line = cli("evaluate", "--captions", captions, "--references", references, "--json")
    assert json.loads(by_line.out) == json.loads(cli("evaluate", *files, "--json").out)


def test_a_stored_corpus_weighs_the_words(cli, files, tmp_path: Path):
    corpus = [split_captions("ptb", texts) for texts in REFERENCES.values()]
    Idf.from_references(corpus, "my corpus").save(tmp_path / "idf.npz")
    counted = json.loads(cli("evaluate", *files, "--json").out)
    stored = json.loads(cli("evaluate", *files, "--idf", tmp_path / "idf.npz", "--json").out)
    assert stored["signature"]["idf"] == "my corpus"
    assert stored["cider"] == counted["cider"]  # it is the same corpus


def test_another_tokenizer_is_named(cli, files):
    metrics = json.loads(cli("evaluate", *files, "--tokenizer", "space", "--json").out)
    assert metrics["signature"]["tokenizer"] == "space"
    assert metrics["exact_match"] == 0.0  # a capital makes another word


def test_two_files_are_compared(cli, files, tmp_path: Path):
    (tmp_path / "d.json").write_text(json.dumps(CAPTIONS | {"3": "x"}), encoding="utf-8")
    command = ["evaluate", *files[:2], tmp_path / "d.json", *files[2:]]
    code, out, err = cli(*command, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["names"] == {"a": files[1], "b": str(tmp_path / "d.json")}
    assert found["comparison"].keys() == SCORES
    assert found["comparison"]["bleu_1"].keys() == {
        "a", "b", "difference", "low", "high", "p_bootstrap", "p_permutation"
    }  # fmt: skip
    lines = cli(*command).out.splitlines()
    assert lines[0] == f"A: {files[1]}"
    assert lines[2].split() == [
        "3",
        "images",
        *["A", "B", "A", "-", "B", "95", "%", "interval", "p", "bootstrap", "p", "permutation"],
    ]
    assert any(line.startswith("No score tells the two apart") for line in lines)


@pytest.mark.parametrize(
    ("captions", "because"),
    [
        (CAPTIONS | {"4": "x"}, "image '4' has no references"),
        ({"1": "a cat"}, "image '2' has references but no caption, with 1 others"),
        ([{"image_id": 1, "caption": "a"}] * 2, "image '1' has two captions"),
        (CAPTIONS | {"2": 5}, "caption of image '2' is int 5, which is no text"),
        (CAPTIONS | {"2": "a" * 10**7}, "caption of image '2' has 10000000 characters"),
        (CAPTIONS | {"2": "\ud800"}, "caption of image '2' is broken Unicode"),
    ],
)  # fmt: skip
def test_hostile_captions_give_one_line_that_names_the_image(refuses, files, captions, because):
    Path(files[1]).write_text(json.dumps(captions), encoding="utf-8")
    refuses("evaluate", *files, because=because)


def test_broken_bytes_give_one_line_that_names_the_image(refuses, files, tmp_path: Path):
    (tmp_path / "c.csv").write_bytes(b"image,caption\n1,a cat\n2,a d\xffg\n3,two\n")
    because = "caption of image '2' is broken Unicode"
    refuses("evaluate", "--captions", tmp_path / "c.csv", *files[2:], because=because)


def test_mismatched_lines_give_one_line_that_names_the_image(refuses, tmp_path: Path):
    for name, text in (("c.txt", "a\nb\n"), ("r.txt", "a\nb\nc\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = ("evaluate", "--captions", tmp_path / "c.txt", "--references", tmp_path / "r.txt")
    refuses(*command, because="2 captions, but")
    refuses(*command, because="image 3 stands in one of the two only")


# Runs


def test_a_run_is_held_against_every_baseline(cli, run: Path, scenes: Path):
    code, out, err = cli(
        "evaluate", run, "--data", scenes, "--baselines", "--k", 2, "--retrieval", 2, "--json"
    )
    metrics = json.loads(out)
    assert (code, err) == (0, "")
    assert set(metrics["baselines"]) == {
        "random_caption", "constant_caption", "nearest_caption", "consensus_caption", "human"
    }  # fmt: skip
    assert metrics["baselines"]["consensus_caption"]["k"] == 2
    assert metrics["retrieval"]["n_images"] == 2
    text = cli("evaluate", run, "--data", scenes, "--baselines").out
    assert text.splitlines()[0].split()[-5:] == ["random", "constant", "nearest", "consensus", "human"]
    assert "human: each person is scored against the others" in text
    assert "not strictly comparable" in " ".join(text.split())
    assert "consensus: of the captions of the 10 nearest training pictures" in text


def test_two_runs_are_compared_on_the_same_pictures(cli, run: Path, scenes: Path, tmp_path: Path):
    copy = shutil.copytree(run, tmp_path / "copy")
    found = json.loads(cli("evaluate", run, copy, "--data", scenes, "--split", "all", "--json").out)
    assert found["comparison"].keys() == SCORES | {"truth", "truth_loose", "perplexity", "image_gap"}
    assert {test["difference"] for test in found["comparison"].values()} == {0.0}
    assert (found["split"], found["n_images"], found["differ"]) == ("all", 24, [])
    text = cli("evaluate", run, copy, "--data", scenes).out
    assert f"A: {run}\nB: {copy}\nval, 2 images" in text
    assert "No score tells the two apart" in text


def test_runs_of_different_words_do_not_compare_in_perplexity(cli, run, scenes, tiny, tmp_path: Path):
    other = tmp_path / "other"
    command = ("train", "--data", scenes, "--out", other, "--epochs", 1, *tiny, "--min-count", 3, "--json")
    assert cli(*command).code == 0
    found = json.loads(cli("evaluate", run, other, "--data", scenes, "--json").out)
    assert found["comparison"].keys() == SCORES | {"truth", "truth_loose"}
    assert found["warnings"][-1].startswith("The two know different words")


@pytest.mark.parametrize(("kind", "names"), [("class", ["accuracy"]), ("tag", ["precision", "recall", "f1"])])
def test_classifiers_and_taggers_are_compared_too(cli, request, kind, names):
    trained = request.getfixturevalue(f"{kind}_run")
    data = request.getfixturevalue({"class": "class_folders", "tag": "tag_table"}[kind])
    found = json.loads(cli("evaluate", trained, trained, "--data", data, "--json").out)
    assert list(found["comparison"]) == names
    for name, test in found["comparison"].items():
        assert test["a"] == pytest.approx(found["a"][name])
    assert cli("evaluate", trained, trained, "--data", data).code == 0


def test_a_tagger_is_judged_at_any_threshold_and_by_its_best_tags(cli, tag_run, tag_table):
    metrics = json.loads(
        cli("evaluate", tag_run, "--data", tag_table, "--threshold", 0, "--k", 1, "--json").out
    )
    assert (metrics["threshold"], metrics["recall"], metrics["recalled"]) == (
        0,
        1.0,
        1.0,
    )  # it says everything
    assert metrics["top_k"]["k"] == 1
    assert metrics["tag_scores"]["red"] == {"precision": 1 / 3, "recall": 1.0, "f1": 0.5, "support": 2}
    text = cli("evaluate", tag_run, "--data", tag_table).out
    assert "the 5 best tags of each picture: precision" in text


def test_models_for_different_tasks_are_not_compared(refuses, run, tag_run, scenes):
    because = "different tasks, caption and tag; compare like with like"
    refuses("evaluate", run, tag_run, "--data", scenes, because=because)


@pytest.mark.parametrize(
    ("kind", "option"),
    [("class", "--baselines"), ("class", "--k=3"), ("tag", "--retrieval=3"), ("class", "--threshold=0.5")],
)
def test_what_a_model_does_not_do_is_not_passed_over_in_silence(cli, request, kind, option):
    trained = request.getfixturevalue(f"{kind}_run")
    data = request.getfixturevalue({"class": "class_folders", "tag": "tag_table"}[kind])
    code, out, err = cli("evaluate", trained, "--data", data, option, "--json")
    assert (code, out) == (2, "")
    assert err.startswith(f"minicap: {option.partition('=')[0]}: is for the task")


# Usage


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "the following arguments are required: RUN, --data"),
        (("--data", "d"), "the following arguments are required: RUN;"),
        (("--captions", "c"), "the following arguments are required: --references"),
        (("--references", "c"), "the following arguments are required: --captions"),
        (("r", "--captions", "c", "--references", "r"), "give RUN and --data, or --captions and --references"),
        (("a", "b", "c", "--data", "d"), "3 models; one is judged, two are compared"),
        (("r", "--data", "d", "--end-marker", "x"), "--end-marker is for --captions"),
        (("--captions", "c", "--references", "r", "--baselines"), "--baselines is for RUN"),
    ],
)  # fmt: skip
def test_arguments_that_do_not_go_together(cli, arguments, complaint):
    code, out, err = cli("evaluate", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"minicap evaluate: {complaint}")
    assert err.count("\n") == 1


def test_values_that_make_no_sense(refuses, run, scenes):
    for option, because in (
        (("--k", 0), "--k: 0 is too few"),
        (("--threshold", 2), "--threshold: 2 is no probability"),
        (("--threshold", "nan"), "--threshold: nan is no probability"),
        (("--retrieval", -1), "--retrieval: -1 is too few"),
        (("--idf", scenes / "captions.csv"), "ends in neither .json nor .npz"),
    ):
        refuses("evaluate", run, "--data", scenes, *option, because=because)
