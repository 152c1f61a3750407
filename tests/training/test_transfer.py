"""Two-stage training: what is taken over is the other run's to the bit, and everything else is new."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minicap.data import Vocabulary
from minicap.errors import InputError
from minicap.models import Captioner, Classifier, load_any
from minicap.training import InterruptedTraining, RunFolder, Splits, TrainConfig, Trainer, train_run
from minicap.training.session import TASKS, fit_preprocessing
from minicap.training.transfer import adopt, hand_on

NewRun = Callable[[str], RunFolder]
FEW = {"data": "in memory", "epochs": 1, "batch_size": 4, "threads": 1, "embed_size": 5, "hidden_size": 6}
CONVOLUTIONS = {"encoder": "4,M,R6,M", "batch_norm": True}
OWN = {"classify": {"hidden": "8"}, "tag": {}, "caption": {"captions_per_image": 2}}


@pytest.fixture(scope="module")
def data(classes: Splits, tags: Splits, splits: Splits) -> dict[str, Splits]:
    """Return the data of each task."""
    return {"classify": classes, "tag": tags, "caption": splits}


@pytest.fixture(scope="module")
def sources(data, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return a run of each task, and two language models, of one layer and of two, that know a part of the words."""
    folder = tmp_path_factory.mktemp("sources")
    few_words = Splits(data["caption"].train.subset(range(5)), None)
    language = {
        "task": "caption",
        **FEW,
        **OWN["caption"],
        "conditioning": "none",
        "encoder": "2,M",
        "image_size": 8,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINICAP_CACHE", str(tmp_path_factory.mktemp("cache")))
        for task, own in OWN.items():
            config = TrainConfig.for_task(
                {"task": task, **FEW, **CONVOLUTIONS, **own, "image_size": 12, "lr": 0.02}
            )
            train_run(config, RunFolder.create(folder / task), Splits(data[task].train, None))
        for name, layers in (("language", 1), ("tall", 2)):
            config = TrainConfig.for_task({**language, "layers": layers, "decoder": "gru"})
            train_run(config, RunFolder.create(folder / name), few_words)
    return {path.name: str(path) for path in folder.iterdir()}


@pytest.fixture
def begin(data, new_run: NewRun, monkeypatch) -> Callable[..., Any]:
    """Return a function that begins a run and returns the model as it is before the first step."""

    def start(config: TrainConfig) -> Any:
        begun = []

        def stop(trainer: Trainer) -> None:
            begun.append(trainer.model)
            trainer.model.save(trainer.run.best)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "fit", stop)
            train_run(config, new_run("begun"), Splits(data[config.task].train, None))
        return begun[0]

    return start


def settled(task: str, **choices: Any) -> TrainConfig:
    """Return the configuration of a small run with what other runs decide."""
    widths = {"embed_size", "hidden_size"} if choices.get("decoder_from") else set()
    few = {name: value for name, value in FEW.items() if name not in widths}
    return TrainConfig.for_task(adopt({"task": task, **few, **OWN[task], **choices}))


def fresh(config: TrainConfig, model: Any) -> Any:
    """Return the model that the run would have begun with if it had taken over nothing."""
    return TASKS[config.task].build(config, model.vocabulary, model.preprocessing)


def differing(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> set[str]:
    """Return the names of the arrays that are not the same to the bit."""
    assert a.keys() == b.keys()
    return {name for name in a if not np.array_equal(a[name], b[name])}


# Convolutions


PAIRS = [
    ("classify", "caption"),
    ("tag", "caption"),
    ("caption", "classify"),
    ("caption", "tag"),
    ("tag", "tag"),
]


@pytest.mark.parametrize(("source", "task"), PAIRS)
def test_convolutions_come_over_with_their_running_statistics(sources, begin, source: str, task: str):
    config = settled(task, encoder_from=sources[source])
    model, learnt = begin(config), load_any(sources[source]).trunk
    assert differing(model.trunk.params, learnt.params) == set()
    assert differing(model.trunk.buffers, learnt.buffers) == set()
    assert np.abs(learnt.buffers["norm1.running_mean"]).max() > 0.01  # they had moved


@pytest.mark.parametrize(("source", "task"), PAIRS)
def test_everything_behind_the_convolutions_is_new(sources, begin, source: str, task: str):
    config = settled(task, encoder_from=sources[source])
    model = begin(config)
    taken = differing(model.params, fresh(config, model).params)
    trunk = {
        name for name, array in model.params.items() if any(array is a for a in model.trunk.params.values())
    }
    assert taken <= trunk
    assert sum(name.endswith("weight") for name in taken) == 4  # a convolution, two in a block, one beside it


def test_a_file_will_do_for_a_run(sources, begin):
    by_file = begin(settled("caption", encoder_from=str(Path(sources["tag"]) / "checkpoint.npz")))
    learnt = load_any(Path(sources["tag"]) / "checkpoint.npz").trunk
    assert differing(by_file.trunk.params, learnt.params) == set()


def test_pictures_are_prepared_as_the_convolutions_are_used_to(sources, data, begin):
    model = begin(settled("caption", encoder_from=sources["tag"]))
    used = load_any(sources["tag"]).preprocessing
    assert model.preprocessing == used
    assert used.mean != fit_preprocessing(settled("caption"), data["caption"].train).mean


def test_size_and_way_of_resizing_may_be_chosen_anew(sources, begin):
    model = begin(settled("caption", encoder_from=sources["tag"], image_size=16, resize="crop"))
    used = load_any(sources["tag"]).preprocessing
    assert (used.size, used.resize) == (12, "squash")
    assert model.preprocessing == replace(used, size=16, resize="crop")


def test_convolutions_may_be_named_or_written_down(sources):
    written = adopt({"encoder_from": sources["tag"], "encoder": "4, M, R6, M"})
    assert written["encoder"] == "4, M, R6, M"
    adopted = adopt({"encoder_from": sources["tag"]})
    assert (adopted["encoder"], adopted["batch_norm"]) == ("4,M,R6,M", True)


# Frozen


@pytest.mark.parametrize("threads", [1, 2])
def test_frozen_convolutions_stay_to_the_bit(sources, data, new_run: NewRun, threads: int):
    config = settled("caption", encoder_from=sources["tag"], freeze=True, epochs=2, weight_decay=0.1)
    model = train_run(replace(config, threads=threads), new_run("run"), data["caption"])
    learnt = load_any(sources["tag"]).trunk
    assert differing(model.trunk.params, learnt.params) == set()
    assert differing(model.trunk.buffers, learnt.buffers) == set()
    moved = differing(model.params, fresh(config, model).params)
    assert {"encoder.where.linear.weight", "decoder.embed.weight", "decoder.to_vocab.weight"} <= moved


def test_convolutions_that_are_not_frozen_go_on_learning(sources, data, new_run: NewRun):
    model = train_run(settled("caption", encoder_from=sources["tag"]), new_run("run"), data["caption"])
    learnt = load_any(sources["tag"]).trunk
    assert {"conv1.weight", "block2.body.conv1.weight", "norm1.gamma"} <= differing(
        model.trunk.params, learnt.params
    )
    assert "norm1.running_mean" in differing(model.trunk.buffers, learnt.buffers)


@pytest.mark.parametrize("freeze", [False, True])
def test_a_two_stage_run_resumes_as_exactly_without_its_source(
    sources, data, new_run: NewRun, press_ctrl_c, assert_same, tmp_path: Path, freeze: bool
):
    moved = shutil.copytree(sources["classify"], tmp_path / "source")
    learnt = load_any(moved).trunk.params
    config = settled("tag", encoder_from=str(moved), freeze=freeze, epochs=2)
    straight, stopped = new_run("straight"), new_run("stopped")
    train_run(config, straight, data["tag"])
    press_ctrl_c(8, TASKS["tag"].model)
    with pytest.raises(InterruptedTraining):
        train_run(config, stopped, data["tag"])
    shutil.rmtree(moved)
    model = train_run(config, stopped, data["tag"], resume=True)
    assert_same(straight, stopped)
    assert (differing(model.trunk.params, learnt) == set()) == freeze


# A decoder


SHARED = ("embed.", "rnn.", "to_vocab.")


@pytest.mark.parametrize("source", ["language", "tall"])
@pytest.mark.parametrize("conditioning", ["par", "init", "pre", "none"])
def test_a_language_model_begins_a_captioner(sources, begin, source: str, conditioning: str):
    config = settled("caption", decoder_from=sources[source], conditioning=conditioning)
    model, learnt = begin(config), Captioner.load(sources[source])
    new = fresh(config, model)
    assert model.vocabulary == learnt.vocabulary
    for name, array in model.decoder.params.items():
        if name.startswith("conditioning."):
            assert np.array_equal(array, new.decoder.params[name])
            continue
        assert name.startswith(SHARED)
        rows = len(learnt.decoder.params[name])
        assert np.array_equal(array[:rows], learnt.decoder.params[name]), name
        assert np.array_equal(array[rows:], new.decoder.params[name][rows:]), name
        assert len(array) == rows + 5 * (name == "rnn.layer1.w_x" and conditioning == "par")
    assert differing(model.encoder.params, new.encoder.params) == set()


def test_its_vocabulary_comes_with_it(sources, data, begin):
    config = settled("caption", decoder_from=sources["language"])
    own = TASKS["caption"].vocabulary(config, data["caption"].train)
    model = begin(config)
    assert len(model.vocabulary) < len(own)
    assert isinstance(model.vocabulary, Vocabulary)
    assert (config.decoder, config.embed_size, config.hidden_size, config.layers) == ("gru", 5, 6, 1)


def test_a_captioner_may_go_on_as_a_captioner(sources, begin):
    model, learnt = (
        begin(settled("caption", decoder_from=sources["caption"])),
        Captioner.load(sources["caption"]),
    )
    assert differing(model.decoder.params, learnt.decoder.params) == set()


def test_of_a_captioner_a_language_model_keeps_what_reads_words(sources, begin):
    model = begin(settled("caption", decoder_from=sources["caption"], conditioning="none"))
    learnt = Captioner.load(sources["caption"]).decoder.params
    assert np.array_equal(model.decoder.params["rnn.layer1.w_x"], learnt["rnn.layer1.w_x"][:5])


@pytest.fixture
def write(data, tmp_path) -> Callable[..., str]:
    """Return a function that writes a Transformer of the data's words and returns its file's name."""
    texts = [text for captions in data["caption"].train.captions for text in captions]

    def build(way: str, **options: Any) -> str:
        sizes = {
            "encoder": "2,M",
            "image_size": 8,
            "embed_size": 6,
            "hidden_size": 5,
            "layers": 2,
            "heads": 3,
        }
        own = {"tied": True, "norm_first": False, "positions": "sinusoidal", "activation": "relu", "seed": 9}
        model = Captioner(
            Vocabulary.build(texts), decoder="transformer", conditioning=way, **sizes | own | options
        )
        model.save(tmp_path / f"{way}.npz")
        return str(tmp_path / f"{way}.npz")

    return build


@pytest.mark.parametrize("before", ["none", "attention", "par"])
@pytest.mark.parametrize("after", ["none", "attention", "par", "pre"])
def test_a_transformer_begins_another(write, begin, before: str, after: str):
    """Its options come along; what looks at the picture does where both look at places, and else is new."""
    source = write(before)
    config = settled("caption", decoder_from=source, conditioning=after)
    assert (config.decoder, config.heads, config.tied, config.norm_first) == ("transformer", 3, True, False)
    assert (config.positions, config.activation, config.embed_size) == ("sinusoidal", "relu", 6)
    model = begin(config)
    learnt, new = Captioner.load(source).decoder.params, fresh(config, model).decoder.params
    for name, array in model.decoder.params.items():
        looks = name.startswith("conditioning.") or (".cross." in name and before != after)
        assert np.array_equal(array, (new if looks else learnt)[name]), name
    assert differing(model.decoder.params, new)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"heads": 2}, "--heads: 2 is not what --decoder-from "),
        ({"tied": False}, "--tied: False is not what --decoder-from "),
        ({"decoder": "gru"}, "--decoder: 'gru' is not what --decoder-from "),
    ],
)
def test_a_transformer_taken_over_keeps_its_choices(write, choice, message):
    with pytest.raises(InputError, match=f"^{message}"):
        settled("caption", decoder_from=write("none"), **choice)


def test_a_gru_taken_over_keeps_its_reset(sources):
    assert settled("caption", decoder_from=sources["language"]).reset_after
    with pytest.raises(InputError, match=r"^--reset-after: False is not what --decoder-from "):
        settled("caption", decoder_from=sources["language"], reset_after=False)


def test_convolutions_and_decoder_may_be_of_two_runs(sources, begin):
    model = begin(settled("caption", encoder_from=sources["classify"], decoder_from=sources["language"]))
    assert differing(model.trunk.params, load_any(sources["classify"]).trunk.params) == set()
    learnt = Captioner.load(sources["language"]).decoder.params
    assert np.array_equal(model.decoder.params["embed.weight"], learnt["embed.weight"])


# What does not fit


CONTRADICTIONS = [
    (
        "classify",
        "encoder_from",
        {"encoder": "4,R6,M,M"},
        "--encoder: '4,R6,M,M' is not what --encoder-from ",
    ),
    (
        "classify",
        "encoder_from",
        {"encoder": "telepathy"},
        "--encoder: 'telepathy' is not what --encoder-from ",
    ),
    ("tag", "encoder_from", {"batch_norm": False}, "--batch-norm: False is not what --encoder-from "),
    ("language", "decoder_from", {"decoder": "lstm"}, "--decoder: 'lstm' is not what --decoder-from "),
    ("language", "decoder_from", {"embed_size": 6}, "--embed-size: 6 is not what --decoder-from "),
    ("language", "decoder_from", {"hidden_size": 5}, "--hidden-size: 5 is not what --decoder-from "),
    ("language", "decoder_from", {"layers": 2}, "--layers: 2 is not what --decoder-from "),
    ("tall", "decoder_from", {"layers": 1}, "--layers: 1 is not what --decoder-from "),
    ("language", "decoder_from", {"tokenizer": "char"}, "--tokenizer: 'char' is not what --decoder-from "),
]


@pytest.mark.parametrize(("source", "choice", "settings", "complaint"), CONTRADICTIONS)
def test_what_contradicts_the_other_run_is_one_line(sources, source, choice, settings, complaint):
    with pytest.raises(InputError) as caught:
        adopt({choice: sources[source], **settings})
    assert str(caught.value).startswith(complaint)
    assert str(caught.value).endswith("; leave it out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("source", "choice", "settings", "complaint"), CONTRADICTIONS[2:])
def test_a_contradiction_stops_a_run_before_it_writes_anything(
    sources, data, new_run: NewRun, source, choice, settings, complaint
):
    run, right = new_run("run"), adopt({choice: sources[source]})
    config = TrainConfig.for_task({**FEW, **right, **settings})
    with pytest.raises(InputError, match=complaint):
        train_run(config, run, data["caption"])
    assert list(run.path.iterdir()) == []


@pytest.mark.parametrize(
    ("choice", "name", "complaint"),
    [
        ("decoder_from", "classify", "it holds a Classifier but a Captioner is needed"),
        ("decoder_from", "tag", "it holds a Tagger but a Captioner is needed"),
        ("encoder_from", "nowhere", "nowhere: there is no such run folder or checkpoint"),
        ("decoder_from", "nowhere", "nowhere: there is no such run folder or checkpoint"),
    ],
)
def test_a_run_that_is_missing_or_another_is_one_line(sources, tmp_path: Path, choice, name, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        adopt({choice: sources.get(name, str(tmp_path / name))})
    assert "\n" not in str(caught.value)


def test_a_run_that_was_damaged_is_one_line(sources, tmp_path: Path):
    run = shutil.copytree(sources["tag"], tmp_path / "damaged")
    (run / "best.npz").write_text("not a checkpoint", encoding="utf-8")
    with pytest.raises(InputError, match="the file is damaged or no minicap checkpoint"):
        adopt({"encoder_from": str(run)})


@pytest.mark.parametrize("settings", [{"encoder_from": 3}, {"decoder_from": ["a"]}, {"batch_norm": "yes"}])
def test_a_setting_of_another_kind_is_refused_before_any_file_is_opened(settings):
    with pytest.raises(InputError, match=r"^--\S+: .* is no (str|bool)"):
        adopt(settings)


def test_nothing_is_adopted_where_nothing_is_taken_over():
    assert adopt({"lr": 0.5}) == {"lr": 0.5}


@pytest.mark.parametrize(
    ("encoder", "batch_norm", "complaint"),
    [
        ("4,M,R7,M", True, r"--encoder-from: block2\.\S+ is \(.*\) there but \(.*\) here"),
        ("4,M,R6,M,6", True, r"--encoder-from: conv3\.weight is missing there but \(6, 6, 3, 3\) here"),
        ("4,M", True, r"--encoder-from: block2\.\S+ is \(.*\) there but missing here"),
        ("4,M,R6,M", False, r"--encoder-from: norm1\.gamma is \(4,\) there but missing here"),
    ],
)
def test_shapes_that_do_not_fit_name_the_weight(sources, encoder: str, batch_norm: bool, complaint: str):
    model = Classifier(2, encoder=encoder, image_size=12, batch_norm=batch_norm, hidden="")
    config = TrainConfig(task="classify", encoder_from=sources["tag"], encoder=encoder, image_size=12)
    with pytest.raises(InputError, match=complaint):
        hand_on(config, model)
