"""The Penn Treebank tokenizer: equal to the original on its golden file, worked examples, hostile input."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minicap.metrics import PtbTokenizer, ptb, ptb_tokenize
from minicap.metrics.ptb_automaton import Automaton
from minicap.metrics.ptb_patterns import Parser, Rule, width
from minicap.metrics.ptb_rules import RULES

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "ptb_tokens.json").read_text("utf-8"))
pieces = st.sampled_from(sorted({word for caption in GOLDEN["captions"] for word in caption.split(" ")}))
lines = st.one_of(
    st.text(), st.lists(pieces, max_size=8).map(" ".join), st.lists(pieces, max_size=8).map("".join)
)


def split(text):
    return PtbTokenizer().split(text)


def joined(captions):
    return [" ".join(tokens) for tokens in captions]


# The original


def test_captions_and_hostile_lines_split_as_the_original_splits_them():
    assert len(GOLDEN["captions"]) == len(GOLDEN["tokens"]) > 1500
    for caption, ours, theirs in zip(
        GOLDEN["captions"], joined(ptb_tokenize(GOLDEN["captions"])), GOLDEN["tokens"], strict=True
    ):
        assert (caption, ours) == (caption, theirs)


@pytest.mark.parametrize(("caption", "tokens"), GOLDEN["alone"])
def test_a_caption_alone_splits_as_the_original_splits_it(caption, tokens):
    assert " ".join(split(caption)) == tokens


def test_the_golden_lines_reach_every_rule(monkeypatch):
    used = set()
    longest = Automaton.longest

    def watched(self, *arguments):
        rule, end = longest(self, *arguments)
        used.add(RULES[rule - 1].rule.name)
        return rule, end

    monkeypatch.setattr(Automaton, "longest", watched)
    ptb_tokenize(GOLDEN["captions"])
    for caption, _ in GOLDEN["alone"]:
        split(caption)
    assert {made.rule.name for made in RULES} - used == set()


def test_raw_captions_of_the_coco_golden_file_split_into_its_tokens(shared_data):
    golden = json.loads((shared_data / "golden" / "golden_coco_fakecap126.json").read_text("utf-8"))
    for raw, tokenised in (("refs", "refs_tok"), ("hyp", "hyp_tok")):
        listed = [value if isinstance(value, list) else [value] for value in golden[raw].values()]
        expected = [value if isinstance(value, list) else [value] for value in golden[tokenised].values()]
        ours = joined(ptb_tokenize([caption for several in listed for caption in several]))
        assert ours == [caption for several in expected for caption in several]


# Examples worked by hand


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A man, riding a horse.", "a man riding a horse"),
        ("You cannot; we're GONNA!", "you can not we 're gon na"),
        ("the dogs' and the dog's ball isn't", "the dogs and the dog 's ball is n't"),
        ('He said "yes" -- twice...', "he said yes twice"),
        ("a (red) [big] {old} box", "a -lrb- red -rrb- -lsb- big -rsb- -lcb- old -rcb- box"),
        ("Mr. Smith of Smith Inc. in the U.S. at 5 p.m.", "mr. smith of smith inc. in the u.s. at 5 p.m."),
        ("a black-and-white T-shirt", "a black-and-white t-shirt"),
        ("1,000.50 dollars, $5 or £5", "1,000.50 dollars $ 5 or # 5"),
        ("see http://a.b/c?d=e, or me@x.org", "see http://a.b/c?d=e or me@x.org"),
        ("salt &amp; pepper & AT&amp;T", "salt & pepper & at&t"),
        ("a soft\u00adhyphen", "a softhyphen"),
        ("a 😀 face, \ue000 and \ufffd", "a face and"),
        ("two\nlines\rand \u2028 more\x0c", "two lines and more"),
    ],
)
def test_examples(text, tokens):
    assert " ".join(split(text)) == tokens


def test_a_number_with_a_space_is_one_token():
    assert split("1 1/2 cups") == ["1\u00a01/2", "cups"]


def test_a_lone_letter_at_the_end_depends_on_the_next_caption():
    assert ptb_tokenize(["vitamin c.", "A man"])[0] == ["vitamin", "c"]
    assert ptb_tokenize(["vitamin c.", "a man"])[0] == ["vitamin", "c."]
    assert ptb_tokenize(["see no.", "5 men"])[0] == ["see", "no."]
    assert ptb_tokenize(["see no.", "men"])[0] == ["see", "no"]


# Properties


@given(st.lists(lines, max_size=5))
def test_every_caption_has_its_list_of_tokens(captions):
    tokens = ptb_tokenize(iter(captions))
    assert len(tokens) == len(captions)
    for token in (token for several in tokens for token in several):
        assert token
        assert " " not in token
        assert "\n" not in token
        assert token not in ptb.PUNCTUATION
        assert not ptb.SURROGATES.search(token)


@given(lines, lines)
@example("<a b='", "c'>")
def test_captions_keep_to_themselves_behind_a_neutral_word(first, second):
    together = ptb_tokenize([first, "x " + second])
    assert together[1] == split("x " + second)
    assert together[0] == ptb_tokenize([first, "x"])[0]


@given(st.lists(lines, max_size=5))
def test_the_short_cut_for_plain_words_changes_nothing(captions):
    text = "\n".join(ptb._one_line(0, caption) for caption in captions)
    short = list(ptb._tokens(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ptb, "PLAIN", re.compile("(?!)"))
        assert list(ptb._tokens(text)) == short


def test_no_plain_word_sees_past_its_space():
    automaton = ptb._automaton()
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".translate(automaton.alphabet)
    space = " ".translate(automaton.alphabet)
    everything = {chr(code).translate(automaton.alphabet) for code in range(0x3000)}
    known, todo, cut = {automaton.start.number}, [automaton.start], set()
    while todo:
        state = todo.pop()
        for following in (state[letter] for letter in letters):
            if following.number not in known:
                known.add(following.number)
                todo.append(following)
        after = state[space]
        if state is not automaton.start and after.rule >= 0:
            assert all(after[letter].rule == -1 for letter in everything)
        cut |= {RULES[state.rule - 1].rule.name} if state.rule > 0 and RULES[state.rule - 1].back else set()
    assert cut == {"cannot", "gonna"}
    assert len(known) > 100


# Hostile input


@pytest.mark.parametrize(
    "unit",
    [
        "a,",
        "a",
        " ",
        "<a b='",
        "<!a",
        "a@.(",
        "http://(",
        "<.[^x=",
        ". ",
        "A.  ",
        "a- ",
        "cannot ",
        "日本",
        "😀",
        "&aacute",
    ],
)
def test_a_long_caption_takes_linear_time(unit):
    length = 60_000 // len(unit)  # where the time grew with the square, this would run for minutes
    once, twice = (len(split(unit * n)) for n in (length // 2, length))
    assert abs(twice - 2 * once) <= 2


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        ("a dog", "captions is the string 'a dog', not a list"),
        (["a dog", None], r"captions\[1\] is None, not text"),
        ([b"a dog"], r"captions\[0\] is b'a dog', not text"),
    ],
)
def test_what_is_not_text_is_named(captions, message):
    with pytest.raises(ValueError, match=f"ptb_tokenize: {message}"):
        ptb_tokenize(captions)


@pytest.mark.parametrize(
    ("text", "tokens"), [("a \ud800 b", ["a", "b"]), ("http://a\ud800b", ["http://a?b"]), ("\udc00", [])]
)
def test_half_a_surrogate_pair_is_survived(text, tokens):
    assert split(text) == tokens


def test_an_address_keeps_a_sign_beyond_16_bits():
    assert split("http://a/😀b") == ["http://a/😀b"]


# The automaton


def lex(rules, text, names=()):
    automaton = Automaton(rules, dict(names))
    return automaton.longest(text.translate(automaton.alphabet), 0, set())


def test_the_longest_match_wins_and_of_equals_the_first_rule():
    rules = [Rule("one", "ab"), Rule("two", "[a-z]+"), Rule("three", "abc")]
    assert lex(rules, "abx") == (2, 3)
    assert lex(rules, "ab1") == (1, 2)
    assert lex(rules, "abc") == (2, 3)
    assert lex(rules, "1") == (0, 0)


def test_what_has_to_follow_counts_for_length_and_is_not_consumed():
    rules = [Rule("word", "[a-z]+"), Rule("before a stop", "[a-z]+", "\\.")]
    assert lex(rules, "abc.") == (2, 3)
    assert lex(rules, "abc") == (1, 3)
    assert lex([Rule("fixed", "ab", "c+")], "abccc") == (1, 2)


@pytest.mark.parametrize(
    ("pattern", "matched", "longest"),
    [
        ("a{2,3}", "aaaa", 3),
        ("a{2}b?", "aab", 3),
        ("(ab|c)*d", "abcabd", 6),
        ("[^b\\n]+", "aA\u3000b", 3),
        ("[-x]+", "x-x", 3),
        (".\\u0041", "\nA", 2),
        ("k", "\u212a", 1),
        ("K", "k", 0),
        ("{two}+", "xyxyx", 4),
    ],
)
def test_patterns(pattern, matched, longest):
    assert lex([Rule("only", pattern)], matched, {"two": "xy"}.items())[1] == longest


def test_widths_and_wrong_patterns():
    parser = Parser({})
    assert [width(parser.parse(p)) for p in ("", "a[bc].", "ab|cd", "a|bc", "a{2}", "a+")] == [
        0,
        3,
        2,
        None,
        2,
        None,
    ]
    with pytest.raises(ValueError, match="stray '\\)' at 1"):
        parser.parse("a)b")
    with pytest.raises(ValueError, match="rule loose: neither the pattern nor what follows"):
        Automaton([Rule("loose", "a+", "b+")], {})
