"""The checker on its own zoo, in short: every bug once, pairs of bugs, right layers, and what is printed of it."""

import json
from dataclasses import replace

import pytest

from minicap.cli.main import main
from minicap.gradcheck import self_test as testing
from minicap.gradcheck.diagnosis import families
from minicap.gradcheck.findings import KINDS
from minicap.gradcheck.self_test import Kill, SelfTest, self_test
from minicap.gradcheck.self_test_run import FEW, check_mutant
from minicap.gradcheck.self_test_text import describe
from minicap.gradcheck.zoo.catalogue import LAYERS
from minicap.gradcheck.zoo.mutants import DOUBLES, MUTANTS


@pytest.fixture(scope="module")
def short():
    """The self-test with small inputs; a hypothesis that crashes is an error here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "_attempt", lambda family: family())
        return self_test(cases=150, tries=12)


def test_nearly_every_bug_is_caught(short):
    assert len(short.kills) == len(MUTANTS) >= 60
    assert short.caught >= 0.95, [kill.name for kill in short.kills if not kill.caught]


def test_most_bugs_are_called_by_their_name(short):
    assert short.named >= 0.9, short.confusion


def test_no_bug_of_ours_hides_in_the_diagnosis(short):
    assert all(kill.named in KINDS for kill in short.kills)
    assert all(kill.sentence and kill.hint for kill in short.kills if kill.caught)


def test_a_wrong_name_is_rarer_than_unknown(short):
    wrong = [(k.name, k.named) for k in short.kills if not k.right and k.named != "unknown"]
    assert len(wrong) <= 4, wrong


def test_two_bugs_at_once_are_caught_and_one_of_them_named(short):
    assert len(short.doubles) == len(DOUBLES)
    assert all(kill.caught for kill in short.doubles)
    assert sum(kill.right for kill in short.doubles) >= 0.8 * len(short.doubles)
    assert sum(kill.complete for kill in short.doubles) >= 0.5 * len(short.doubles)


def test_right_layers_pass(short):
    assert short.cases == 150 > 2 * len(LAYERS)
    assert not short.alarms, "\n".join(short.alarms)


def test_the_gradient_named_is_the_one_that_shows_it(short):
    about = [kill for kill in short.kills if kill.right and kill.expected_gradient and kill.gradient]
    assert sum(kill.gradient == kill.expected_gradient for kill in about) >= 0.8 * len(about)


def test_sentences_name_the_gradient_and_nothing_of_the_zoo(short):
    for kill in short.kills:
        assert kill.name not in kill.sentence
        assert kill.gradient is None or kill.gradient.removeprefix("d") in kill.sentence, kill


def test_what_is_printed_and_what_is_json(short):
    text = describe(short)
    assert "false alarms 0 in 150 right layers" in text
    assert all(kill.name in text for kill in short.kills)
    form = json.loads(json.dumps(short.to_json()))
    assert form["passed"] is short.passed is True
    assert form["mutants"] == len(form["kills"])
    assert form["false_alarms"] == []


def kill(**changes):
    """Return the fate of a mutant."""
    usual = Kill("m", "affine", "words", "FAIL", "sign", "sign", (), "dw", "dw", "a sentence.", "a hint.")
    return replace(usual, **changes)


def test_shares_and_confusion_by_hand():
    kills = kill(), kill(named="factor"), kill(verdict="PASS", named="nothing"), kill(verdict="ERROR")
    test = SelfTest(kills, (kill(expected="sign+nan", further=("nan",)),), (), 10, 0, 1.0)
    assert (test.caught, test.named) == (0.75, 0.5)
    assert test.confusion == {("sign", "factor"): 1, ("sign", "nothing"): 1}
    assert not test.passed
    assert test.doubles[0].complete
    assert not kill(expected="sign+nan").complete
    text = describe(test)
    assert "1 x sign called factor" in text
    assert "self-test FAILED" in text
    assert " !! m" in text


def test_a_false_alarm_fails_it():
    assert SelfTest((kill(),), (), (), 10, 0, 1.0).passed
    broken = SelfTest((kill(),), (), ("relu (case 3): FAIL",), 10, 0, 1.0)
    assert not broken.passed
    assert "FALSE ALARM relu (case 3)" in describe(broken)


def test_the_same_seed_gives_the_same_diagnosis():
    mutant = next(m for m in MUTANTS if m.kind == "overwrite")
    one, two = (check_mutant(mutant, 5, FEW, 4) for _ in range(2))
    assert one.diagnosis == two.diagnosis is not None


def test_the_command_prints_it(monkeypatch, capsys):
    monkeypatch.setattr(testing, "MUTANTS", MUTANTS[:3])
    monkeypatch.setattr(testing, "DOUBLES", ())
    monkeypatch.setattr(testing, "_right", lambda case, tries: ("affine", check_right_once()))
    assert main(["gradcheck", "--self-test", "--json"]) == 0
    form = json.loads(capsys.readouterr().out)
    assert form["mutants"] == 3
    assert form["right_layers"] == 1000
    assert main(["gradcheck", "--self-test"]) == 0
    assert "self-test passed" in capsys.readouterr().out


def check_right_once(kept=[]):  # noqa: B006
    """Return one report for all right cases."""
    if not kept:
        kept.append(testing.check_right("affine", 0, "float64", FEW, 4))
    return kept[0]


def test_it_takes_no_file(capsys):
    assert main(["gradcheck", "--self-test", "layers.py"]) != 0
    assert "leave the file away" in capsys.readouterr().err
    assert main(["gradcheck"]) != 0
    assert "no file" in capsys.readouterr().err
