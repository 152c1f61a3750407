"""The choices of a run: one file, checked before anything is done."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minicap.data import Vocabulary
from minicap.data.labels import Labels
from minicap.errors import InputError
from minicap.models import ENCODERS
from minicap.training import TrainConfig
from minicap.training.config import MODELS, check_settings, read_setting, read_settings


def test_what_is_saved_is_loaded(tmp_path: Path):
    config = TrainConfig(data="pictures", decoder="gru", lr=1e-4, dropout=0.25, blind=True, seed=2**40)
    config.save(tmp_path / "config.toml")
    assert TrainConfig.load(tmp_path / "config.toml") == config


@given(
    data=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lr=st.floats(1e-12, 1e3),
    seed=st.integers(0, 2**63 - 1),
)
@example(data='"\\\x7f\0\n', lr=1.0, seed=0)
def test_any_folder_name_and_number_survive(tmp_path_factory, data, lr, seed):
    path = tmp_path_factory.mktemp("config") / "config.toml"
    config = TrainConfig(data=data, lr=lr, seed=seed)
    config.save(path)
    assert TrainConfig.load(path) == config


def test_a_folder_name_that_is_no_text_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"--data: .* is no Unicode name"):
        TrainConfig(data="pictures\udcff").save(tmp_path / "config.toml")


def test_the_file_lists_every_choice_in_order(tmp_path: Path):
    TrainConfig().save(tmp_path / "config.toml")
    lines = (tmp_path / "config.toml").read_text(encoding="utf-8").splitlines()
    assert [line.split(" = ")[0] for line in lines] == [field.name for field in fields(TrainConfig)]


def test_a_missing_choice_has_its_default(tmp_path: Path):
    (tmp_path / "config.toml").write_text('data = "pictures"\nepochs = 3\n', encoding="utf-8")
    assert TrainConfig.load(tmp_path / "config.toml") == TrainConfig(data="pictures", epochs=3)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("epocs = 3", "unknown setting epocs; did you mean epochs?"),
        ("epochs = ", "this is no TOML"),
        ("epochs = 3\nepochs = 4", "this is no TOML"),
        ('epochs = "3"', "--epochs: '3' is no int"),
        ("seed = true", "--seed: True is no int"),
        ("[data]\npath = 1", "--data: .* is no str"),
        ("blind = 1", "--blind: 1 is no bool"),
        ("lr = nan", "--lr: nan is not within"),
        ('task = ["tag"]', r"config\.toml: --task: \['tag'\] is no str"),
        ("encoder = 3", r"config\.toml: --encoder: 3 is no str"),
        ("layers = 2.0", r"--layers: 2\.0 is no int"),
        ('hed = "dense"', r"config\.toml: unknown setting hed; did you mean head\?"),
        ("zzz = 1", "unknown setting zzz; known are data, task, encoder,"),
        ("blind = true\ntask = 'tag'", "--blind: only captioners"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, complaint: str):
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=complaint) as caught:
        TrainConfig.load(tmp_path / "config.toml")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"config\.toml: no such file"):
        TrainConfig.load(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", 7),
        ("image_size", 100_000),
        ("hidden_size", 0),
        ("embed_size", 0),
        ("layers", 5),
        ("heads", 0),
        ("heads", 65),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("min_count", 0),
        ("epochs", 0),
        ("batch_size", 0),
        ("accumulate", 0),
        ("crop", -1),
        ("jitter", 1.5),
        ("captions_per_image", -1),
        ("lr", 0.0),
        ("lr", float("inf")),
        ("weight_decay", -0.1),
        ("step_every", -1.0),
        ("step_factor", 0.0),
        ("warmup", 1.5),
        ("clip_norm", float("nan")),
        ("patience", -1),
        ("val_images", 0),
        ("threads", -1),
        ("seed", -1),
        ("seed", 2**63),
    ],
)
def test_a_value_out_of_range_names_its_flag(name: str, value: float):
    with pytest.raises(InputError, match=f"^--{name.replace('_', '-')}: {value} is not within "):
        TrainConfig(**{name: value})


@pytest.mark.parametrize(
    "name",
    [
        "task",
        "decoder",
        "conditioning",
        "positions",
        "activation",
        "head",
        "resize",
        "normalize",
        "tokenizer",
        "optimizer",
        "schedule",
    ],
)
def test_an_unknown_choice_names_its_flag_and_what_there_is(name: str):
    known = getattr(TrainConfig(), name)
    with pytest.raises(InputError, match=f"^--{name}: 'telepathy' is not built; choose of .*{known}"):
        TrainConfig(**{name: "telepathy"})


def test_a_whole_number_will_do_where_a_fraction_may_stand():
    assert TrainConfig(lr=1, dropout=0).lr == 1


def test_a_changed_copy_is_checked_too():
    with pytest.raises(InputError, match="--epochs"):
        replace(TrainConfig(), epochs=-3)


def test_model_options_are_choices_of_the_config():
    config = TrainConfig(decoder="gru", hidden_size=12, seed=3, blind=True)
    assert config.model_options().items() <= asdict(config).items()


# Choices that do not go together


@pytest.mark.parametrize(
    ("choices", "complaint"),
    [
        ({"encoder": "telepathy"}, "^--encoder: there is no encoder 'telepathy'; choose one of small, classic, fine"),
        ({"encoder": ""}, "^--encoder: there is no encoder ''"),
        ({"encoder": "8,M,M,M,M", "image_size": 8}, "^--encoder: .* 4 halvings need at least 16 pixels"),
        ({"hidden": "512;128"}, "^--hidden: there are no widths '512;128'"),
        ({"hidden": "0"}, "^--hidden: there are no widths"),
        ({"freeze": True}, "^--freeze: .*name a run with --encoder-from"),
        ({"task": "tag", "decoder_from": "run"}, "^--decoder-from: .*not --task tag"),
        ({"task": "classify", "blind": True}, "^--blind: .*not --task classify"),
        (
            {"decoder": "transformer", "conditioning": "init"},
            "^--decoder transformer: a Transformer has no conditioning 'init'; choose one of par, pre, attention, none",
        ),
        ({"decoder": "transformer", "embed_size": 30}, "^--decoder transformer: embed_size 30 does not divide into 4"),
        (
            {"decoder": "transformer", "conditioning": "attention", "attention_gate": True},
            "^--attention-gate: only recurrent decoders have one",
        ),
        ({"decoder": "transformer", "task": "tag", "head": "sequence"}, "^--decoder: tags are said by rnn, lstm"),
        ({"crop": 64}, "^--crop: 64 pixels are no small shift of pictures of 64"),
        ({"crop": 8, "image_size": 8}, "^--crop: 8 pixels"),
    ],
)  # fmt: skip
def test_two_choices_that_do_not_go_together(choices, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        TrainConfig(**choices)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "choices",
    [
        {"encoder": "8,M,M,M,8", "image_size": 8},
        {"encoder": "8,M,M,8,M", "image_size": 8, "batch_norm": True},
        {"encoder": "8,M,M,M,8", "image_size": 8, "batch_norm": True, "freeze": True, "encoder_from": "run"},
        {"hidden": ""},
        {"crop": 7, "image_size": 8},
    ],
)
def test_choices_at_the_edge_go_together(choices):
    assert asdict(TrainConfig(**choices)).items() >= choices.items()


# Defaults by task


EXPECTED = {
    "caption": ("small", 64, "measured", "crop", False, "512,128", 20, 32, 1e-3, 500),
    "classify": ("classic", 28, "half", "crop", False, "512,128", 10, 64, 1e-3, 10_000),
    "tag": ("fine", 64, "measured", "squash", True, "512", 12, 32, 2e-3, 2000),
}


@pytest.mark.parametrize("task", EXPECTED)
def test_each_task_has_its_defaults(task):
    c = TrainConfig.for_task({"task": task})
    picture = (c.encoder, c.image_size, c.normalize, c.resize, c.batch_norm, c.hidden)
    assert (*picture, c.epochs, c.batch_size, c.lr, c.val_images) == EXPECTED[task]
    same = ("decoder", "conditioning", "head", "optimizer", "schedule", "dropout", "crop", "flip", "jitter")
    assert {name: getattr(c, name) for name in same} == {name: getattr(TrainConfig(), name) for name in same}


def test_without_a_task_it_is_captions():
    assert TrainConfig.for_task({}) == TrainConfig()


def test_what_is_chosen_goes_before_the_defaults_of_the_task():
    config = TrainConfig.for_task({"task": "tag", "lr": 0.5, "batch_norm": False})
    assert (config.lr, config.batch_norm, config.encoder) == (0.5, False, "fine")


@pytest.mark.parametrize("task", EXPECTED)
def test_every_task_survives_its_file(tmp_path: Path, task):
    config = TrainConfig.for_task({"task": task, "data": "pictures", "encoder_from": "run", "freeze": True})
    config.save(tmp_path / "config.toml")
    assert TrainConfig.load(tmp_path / "config.toml") == config
    assert TrainConfig.for_task(read_settings(tmp_path / "config.toml")) == config


@pytest.mark.parametrize("task", EXPECTED)
def test_every_task_builds_its_model(monkeypatch, task):
    monkeypatch.setitem(ENCODERS, "tiny", "2,M,3")
    config = TrainConfig.for_task(
        {"task": task, "encoder": "tiny", "image_size": 8, "hidden": "4", "seed": 7}
    )
    words = Vocabulary(["a"]) if task == "caption" else Labels(["a", "b"])
    model = MODELS[task](words, **config.model_options())
    assert model.config.items() >= config.model_options().items()
    assert model.config["seed"] == 7


@pytest.mark.parametrize("settings", [{"task": "sing"}, {"task": ["tag"]}, {"task": None}])
def test_a_task_that_there_is_not(settings):
    with pytest.raises(InputError, match=r"^--task: "):
        TrainConfig.for_task(settings)


def test_an_unknown_name_is_answered_with_the_one_that_was_meant():
    with pytest.raises(InputError, match=r"^unknown setting learning_rate; known are data, task"):
        TrainConfig.for_task({"learning_rate": 1.0})
    with pytest.raises(InputError, match=r"^file: unknown setting batchsize; did you mean batch_size\?"):
        check_settings({"batchsize": 4}, "file: ")


# One choice on the command line


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("lr=0.002", "lr", 0.002),
        ("lr=1", "lr", 1.0),
        ("lr = 2e-3 ", "lr", 0.002),
        ("epochs=7", "epochs", 7),
        ("batch-norm=true", "batch_norm", True),
        ("batch_norm=False", "batch_norm", False),
        ("encoder=32,M,R64", "encoder", "32,M,R64"),
        ("hidden=", "hidden", ""),
        ("data=a=b", "data", "a=b"),
        ("data=7", "data", "7"),
    ],
)
def test_a_choice_is_read_as_it_wants_to_be(text, name, value):
    found = read_setting(text)
    assert found == (name, value)
    assert type(found[1]) is type(value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("lr", r"^--set: 'lr' is no key=value, such as lr=0\.002"),
        ("", "^--set: '' is no key=value"),
        ("lr=fast", "^--set: lr = 'fast' is no float"),
        ("epochs=2.5", r"^--set: epochs = '2\.5' is no int"),
        ("epochs=", "^--set: epochs = '' is no int"),
        ("flip=yes", "^--set: flip = 'yes' is no true or false"),
        ("flip=1", "^--set: flip = '1' is no true or false"),
        ("batchsize=3", r"^--set: unknown setting batchsize; did you mean batch_size\?"),
        ("=3", "^--set: unknown setting ; known are data, task"),
    ],
)
def test_a_choice_that_cannot_be_read_is_one_line(text, complaint):
    with pytest.raises(InputError, match=complaint) as caught:
        read_setting(text)
    assert "\n" not in str(caught.value)


def test_a_choice_is_checked_where_all_of_them_are():
    name, value = read_setting("epochs=0")
    with pytest.raises(InputError, match=r"^--epochs: 0 is not within"):
        TrainConfig.for_task({name: value})
