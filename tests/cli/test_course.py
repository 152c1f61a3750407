"""``minicap course``: an exercise from a spec to a grade."""

import json

import pytest

from minicap.grading.read import shipped


def test_from_a_spec_to_a_grade(cli, tmp_path):
    code, out, err = cli("course", "make", "relu", "--out", tmp_path / "hw")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"wrote {tmp_path / 'hw' / 'relu.py'}"
    assert "keep instructor/ to yourself" in out
    spec = tmp_path / "hw" / "instructor" / "spec.toml"
    assert f"next: minicap grade {spec} SUBMISSION --student ID" in out
    solved = json.loads(cli("grade", spec, tmp_path / "hw" / "instructor", "--json").out)
    assert (solved["points"], solved["notes"]) == (solved["max_points"], [])
    started = json.loads(cli("grade", spec, tmp_path / "hw" / "relu.py", "--json").out)
    assert started["points"] == 0


def test_json(cli, tmp_path):
    result = json.loads(cli("course", "make", "relu", "--out", tmp_path / "hw", "--json").out)
    assert result["points"] == 3
    assert len(result["files"]) == 5


def test_the_specs_are_named(cli):
    out = cli("course", "list").out
    assert [line.split()[0] for line in out.splitlines()] == shipped()
    assert "gates" in next(line for line in out.splitlines() if line.startswith("lstm"))
    assert [spec["name"] for spec in json.loads(cli("course", "list", "--json").out)] == shipped()


def test_a_spec_is_printed_to_be_changed(cli, tmp_path):
    out = cli("course", "spec", "gru").out
    (tmp_path / "mine.toml").write_text(out.replace('"rzn"', '"nzr"'), encoding="utf-8")
    assert cli("course", "make", tmp_path / "mine.toml", "--out", tmp_path / "hw").code == 0
    assert "n, z, r in this order" in (tmp_path / "hw" / "RUBRIC.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("make", "no", "--out", "hw"), "no: no such spec"),
        (("make", "relu", "--out", "."), ".: is there already, and not an empty folder; give another --out"),
        (("spec", "no"), "no: no such spec"),
    ],
)
def test_bad_input_is_one_line(cli, tmp_path, monkeypatch, arguments, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "something").write_text("")
    code, out, err = cli("course", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"minicap: {complaint}")
    assert err.count("\n") == 1
