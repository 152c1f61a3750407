"""The choices of a run: one file, checked before anything is done."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minicap.errors import InputError
from minicap.training import TrainConfig


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
        ("epocs = 3", "unknown setting epocs; remove the line"),
        ("epochs = ", "this is no TOML"),
        ("epochs = 3\nepochs = 4", "this is no TOML"),
        ('epochs = "3"', "--epochs: '3' is no int"),
        ("seed = true", "--seed: True is no int"),
        ("[data]\npath = 1", "--data: .* is no str"),
        ("blind = 1", "--blind: 1 is no bool"),
        ("lr = nan", "--lr: nan is not within"),
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
        ("layers", 5),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("min_count", 0),
        ("epochs", 0),
        ("batch_size", 0),
        ("captions_per_image", -1),
        ("lr", 0.0),
        ("lr", float("inf")),
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
    "name", ["task", "encoder", "decoder", "conditioning", "tokenizer", "optimizer", "schedule"]
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
