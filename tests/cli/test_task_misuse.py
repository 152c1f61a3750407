"""Every way to misuse classifiers, taggers and their training: exit code 2 and one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from minicap.training import TrainConfig


@pytest.mark.parametrize(
    ("command", "because"),
    [
        (("tag", "{class_run}", "{red}"), "it holds a Classifier but a Tagger is needed"),
        (("tag", "{run}", "{red}"), "it holds a Captioner but a Tagger is needed"),
        (("classify", "{tag_run}", "{red}"), "it holds a Tagger but a Classifier is needed"),
        (("caption", "{tag_run}", "{red}"), "it holds a Tagger but a Captioner is needed"),
        (("evaluate", "{tag_run}", "--data", "{class_folders}"), "holds classes but no tags; use --task classify"),
        (("evaluate", "{class_run}", "--data", "{tag_table}"), "holds tags but no classes; use --task tag"),
        (("classify", "{class_run}", "{red}", "--top", "0"), "--top: 0 makes no sense; use 1 or more"),
        (("tag", "{tag_run}", "{red}", "--threshold", "2"), "--threshold: 2.0 is no probability; use 0 to 1"),
        (("tag", "{tag_run}", "{red}", "--threshold", "nan"), "--threshold: nan is no probability"),
        (("tag", "{tag_run}", "{red}", "--least", "-1"), "--least: -1 makes no sense; use 0 or more"),
        (("tag", "{tag_run}", "{red}", "--draw", "{red}/x.png"), "x.png"),
        (("tag", "{tag_run}", "nowhere.png"), "nowhere.png"),
    ],
)  # fmt: skip
def test_a_model_that_is_misused(refuses, request, run: Path, red: Path, command, because):
    known = {"run": run, "red": red}
    known |= {n: request.getfixturevalue(n) for n in ("class_run", "tag_run", "class_folders", "tag_table")}
    refuses(*(part.format(**known) for part in command), because=because)


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (("--freeze",), "--freeze: only convolutions taken over can be frozen; name a run with --encoder-from"),
        (("--encoder-from", "nowhere"), "nowhere: there is no such run folder or checkpoint"),
        (("--encoder-from", "{tag_run}", "--encoder", "classic"), "--encoder: 'classic' is not what --encoder-from"),
        (("--encoder-from", "{tag_run}", "--encoder", "resnet"), "--encoder: 'resnet' is not what --encoder-from"),
        (("--encoder-from", "{tag_run}", "--no-batch-norm"), "--batch-norm: False is not what --encoder-from"),
        (("--encoder-from", "{tag_run}", "--normalize", "half"), "--normalize is for training without --encoder-from"),
        (("--decoder-from", "{run}"), "--decoder-from: only a captioner takes a decoder over, not --task classify"),
        (("--set", "batchsize=3"), "--set: unknown setting batchsize; did you mean batch_size?"),
        (("--set", "lr"), "--set: 'lr' is no key=value, such as lr=0.002"),
        (("--set", "flip=yes"), "--set: flip = 'yes' is no true or false"),
        (("--hidden", "big"), "--hidden: there are no widths 'big'"),
        (("--crop", "12"), "--crop: 12 pixels are no small shift of pictures of 12"),
        (("--task", "tag"), "holds classes but no tags; use --task classify"),
    ],
    ids=str,
)  # fmt: skip
def test_choices_that_make_no_sense(
    refuses, class_folders: Path, run: Path, tag_run: Path, small, tmp_path: Path, options, because
):
    given = [option.format(tag_run=tag_run, run=run) for option in options]
    if any(option.startswith("--encoder") for option in options):
        small = [option for option in small if not option.startswith("--encoder")]
    command = ("train", "--data", class_folders, "--out", tmp_path / "new", "--task", "classify", *small)
    refuses(*command, *given, "--json", because=because)
    assert not (tmp_path / "new" / "checkpoint.npz").exists()


SEQUENCE = "--task caption, or --task tag with --head sequence"
DENSE = "--task classify, or --task tag with --head dense"
NOT_SPATIAL = "--task caption or classify, or --task tag with --head dense or sequence"
COUNTED = "--task caption or tag, without --decoder-from"
SEEING = "models that see, so not for --conditioning none"
TRANSFORMER = "--task caption --decoder transformer"


@pytest.mark.parametrize(
    ("task", "flag", "options", "where"),
    [
        ("caption", "--head", ("--head", "spatial"), "--task tag"),
        ("classify", "--head", ("--head", "dense"), "--task tag"),
        ("caption", "--hidden", ("--hidden", "8"), DENSE),
        ("tag", "--hidden", ("--hidden", "8"), DENSE),
        ("classify", "--conditioning", ("--conditioning", "par"), "--task caption"),
        ("tag", "--layers", ("--layers", "2"), "--task caption"),
        ("tag", "--tokenizer", ("--tokenizer", "char"), "--task caption"),
        ("classify", "--captions-per-image", ("--captions-per-image", "1"), "--task caption"),
        ("classify", "--decoder", ("--decoder", "gru"), SEQUENCE),
        ("tag", "--embed-size", ("--embed-size", "9"), SEQUENCE),
        ("tag", "--hidden-size", ("--head", "dense", "--hidden-size", "9"), SEQUENCE),
        ("tag", "--dropout", ("--dropout", "0.5"), NOT_SPATIAL),
        ("classify", "--min-count", ("--min-count", "2"), COUNTED),
        ("caption", "--min-count", ("--min-count", "2", "--decoder-from", "{run}"), COUNTED),
        ("caption", "--encoder-from", ("--conditioning", "none", "--encoder-from", "{tag_run}"), SEEING),
        ("caption", "--heads", ("--heads", "2"), TRANSFORMER),
        ("caption", "--positions", ("--decoder", "gru", "--positions", "sinusoidal"), TRANSFORMER),
        ("caption", "--norm-first", ("--no-norm-first",), TRANSFORMER),
        ("tag", "--activation", ("--activation", "relu"), TRANSFORMER),
        ("classify", "--tied", ("--set", "tied=true"), TRANSFORMER),
        ("caption", "--reset-after", ("--decoder", "transformer", "--no-reset-after"), "--task caption --decoder gru"),
        ("tag", "--step-every", ("--step-every", "2"), "--schedule step"),
        ("tag", "--step-factor", ("--set", "step_factor=0.5"), "--schedule step"),
    ],
    ids=str,
)  # fmt: skip
def test_a_choice_that_would_be_ignored_is_refused(
    refuses, run: Path, tag_run: Path, tmp_path: Path, task, flag, options, where
):
    given = [option.format(tag_run=tag_run, run=run) for option in options]
    command = ("train", "--data", "nowhere", "--out", tmp_path / "new", "--task", task)
    refuses(*command, *given, because=f"train: {flag} is for {where}; leave it out")


def test_a_file_may_list_what_stands_at_its_default_but_nothing_else(refuses, tmp_path: Path):
    file = tmp_path / "mine.toml"
    TrainConfig.for_task({"task": "classify", "data": "nowhere"}).save(file)
    command = ("train", "--config", file, "--out", tmp_path / "new")
    refuses(*command, because="nowhere: no such file or folder")  # so far all is well
    file.write_text(file.read_text().replace('head = "spatial"', 'head = "dense"'), encoding="utf-8")
    refuses(*command, because="train: --head is for --task tag; leave it out")


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("batchsize = 3", "mine.toml: unknown setting batchsize; did you mean batch_size?"),
        ("task = ['tag']", "mine.toml: --task: ['tag'] is no str"),
        ("encoder_from = 3", "mine.toml: --encoder-from: 3 is no str"),
        ("epochs = ", "mine.toml: this is no TOML"),
    ],
)
def test_a_file_of_choices_that_cannot_be_read(refuses, class_folders: Path, tmp_path: Path, text, because):
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    command = ("train", "--data", class_folders, "--out", tmp_path / "new", "--config")
    refuses(*command, tmp_path / "mine.toml", because=because)


def test_a_file_of_choices_that_is_not_there(refuses, tmp_path: Path):
    refuses(
        "train",
        "--config",
        tmp_path / "mine.toml",
        "--out",
        tmp_path / "new",
        because="mine.toml: no such file",
    )


def test_a_class_that_only_validation_has(refuses, class_folders: Path, small, tmp_path: Path):
    data = tmp_path / "data"
    for picture in sorted(class_folders.rglob("*.png")):
        target = data / picture.relative_to(class_folders)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture.read_bytes())
    (data / "val" / "mauve").mkdir()
    (data / "val" / "blue" / "20.png").rename(data / "val" / "mauve" / "20.png")
    command = (
        "train",
        "--data",
        data,
        "--out",
        tmp_path / "new",
        "--task",
        "classify",
        *small,
        "--hidden=",
        "--json",
    )
    refuses(
        *command,
        because="'mauve' is none of the 3 classes learnt (blue, green, red); leave those pictures out",
    )
    assert not (tmp_path / "new" / "checkpoint.npz").exists()


@pytest.mark.parametrize(
    ("options", "flag"),
    [(("--set", "lr=0.5"), "--lr"), (("--no-batch-norm",), "--batch-norm"), (("--task", "tag"), "--task")],
    ids=str,
)
def test_a_classifier_cannot_change_its_mind_while_resuming(refuses, class_run: Path, options, flag):
    refuses("train", "--out", class_run, "--resume", *options, because=f"{flag} cannot change while resuming")
