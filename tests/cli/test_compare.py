"""``minicap compare``: what is trained, what is judged, what is refused."""

from __future__ import annotations

import json

import pytest

from minicap.cli.compare import comparison_table
from minicap.cli.main import main
from minicap.comparing import Variant, read_variants
from minicap.errors import InputError
from minicap.models import Captioner

TINY = ["--train", "24", "--test", "3", "--set", "epochs=1", "--set", "embed_size=6", "--set", "hidden_size=5",
        "--set", "image_size=32", "--set", "threads=1"]  # fmt: skip


def test_every_variant_is_trained_once_a_seed_and_judged_alike(tmp_path, capsys):
    out = tmp_path / "runs"
    arguments = ["compare", "--variants", "par,gru-dot", "--seeds", "2", "--out", str(out), *TINY, "--json"]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert [(row["decoder"], row["conditioning"]) for row in result["rows"]] == [
        ("lstm", "par"),
        ("gru", "dot"),
    ]
    assert (result["n_train"], result["n_test"], result["seeds"]) == (24, 9, 2)
    for row in result["rows"]:
        folders = [out / f"{row['decoder']}-{row['conditioning']}-{seed}" for seed in (0, 1)]
        models = [Captioner.load(folder) for folder in folders]
        assert [model.config["seed"] for model in models] == [0, 1]
        assert row["parameters"] == sum(array.size for array in models[0].params.values())
        shares = [row[f"truth_{count}"] for count in (1, 2, 3)] + [row["truth_compositional"]]
        assert all(0 <= share <= 1 for share in shares)
        found = [json.loads((folder / "metrics.json").read_text())["perplexity"] for folder in folders]
        assert row["perplexity"] == pytest.approx(sum(found) / 2)
        assert row["spread"]["perplexity"] == pytest.approx(abs(found[0] - found[1]) / 2**0.5)


def test_the_table_names_what_stands_in_it():
    scores = {"truth_1": 0.5, "perplexity": 2.0, "parameters": 1234, "seconds": 3.0}
    spread = {"truth_1": 0.25, "perplexity": 0.125, "seconds": 1.0}
    row = {"decoder": "gru", "conditioning": "dot", **scores, "spread": spread}
    text = comparison_table({"rows": [row], "seeds": 2, "epochs": 4, "n_train": 10, "n_test": 9})
    assert "50.0% ± 25.0%" in text
    assert "2.00 ± 0.12" in text
    assert "1,234" in text
    assert "BLEU" not in text
    assert "the standard deviation over 2 seeds" in text


def test_variants_are_read_with_and_without_a_decoder():
    assert read_variants("par, gru-init", "rnn") == [Variant("rnn", "par"), Variant("gru", "init")]
    assert Variant("gru", "init").name == "gru-init"


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ("post", "'post' is none; a variant is one of par"),
        ("lsm-par", "'lsm-par' is none"),
        ("par,lstm-par", "'lstm-par' is named twice"),
        (",", "name at least one"),
    ],
)
def test_variants_that_are_none(variants, message):
    with pytest.raises(InputError, match=f"^--variants: {message}"):
        read_variants(variants)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--variants", "post"], "--variants: 'post' is none"),
        (["--seeds", "0"], "--seeds: 0 is too few"),
        (["--set", "decoder=gru"], "--set: decoder is what is compared"),
        (["--set", "epoch=3"], "did you mean epochs"),
        (["--set", "image_size=4"], "image-size"),
    ],
)
def test_bad_choices_are_one_line_before_any_work(options, message, tmp_path, capsys):
    out = tmp_path / "runs"
    assert main(["compare", "--out", str(out), *options]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not out.exists()
