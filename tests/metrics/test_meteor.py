"""METEOR: worked by hand, equal to the program on golden files, and with the properties it must have."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics.meteor import corpus_meteor, meteor_from_counts, sentence_meteor
from minicap.metrics.meteor.aligner import BEAM, align, count_chunks
from minicap.metrics.meteor.matches import EXACT, STEM, certain_matches, places_of, possible_matches
from minicap.metrics.meteor.normalizer import normalize
from minicap.metrics.meteor.words import look_up, string_hash

GOLDEN = Path(__file__).parents[1] / "golden" / "meteor.json"

words = st.sampled_from(["a", "the", "dog", "dogs", "walks", "walking", "grass", "is", ".", "it 's"])
captions = st.lists(words, max_size=9)
pictures = st.lists(st.tuples(captions, st.lists(captions, min_size=1, max_size=3)), min_size=1, max_size=5)


def unzip(pairs):
    return [hypothesis for hypothesis, _ in pairs], [references for _, references in pairs]


def score(hypothesis, *references):
    return sentence_meteor(hypothesis.split(), [reference.split() for reference in references]).meteor


def options(hypothesis, reference):
    known = [[look_up(word) for word in caption.split()] for caption in (hypothesis, reference)]
    return possible_matches(places_of(known[0]), known[1])


def alignment(hypothesis, reference):
    return align(options(hypothesis, reference))


def test_an_example_worked_by_hand():
    # "dog" matches exactly and "runs" by its stem, side by side: two matches, one chunk
    matched = 0.75 * (1 + 0.6)
    precision, recall = matched / (0.75 * 2 + 0.25 * 1), matched / (0.75 * 3 + 0.25 * 1)
    mean = 1 / (0.15 / precision + 0.85 / recall)
    expected = mean * (1 - 0.6 * (1 / 2) ** 0.2)
    assert score("a dog runs", "the big dog running") == pytest.approx(expected, abs=1e-12)


def test_the_score_of_a_set_is_that_of_the_sums_worked_by_hand():
    result = corpus_meteor([["a", "cat"], ["x"]], [[["a", "cat"]], [["y", "z"]]])
    assert result.per_image == (1.0, 0.0)
    # captions that agree word by word bring no chunk, so nothing is taken off
    precision, recall = 1 / (1 + 0.75), 1 / (1 + 1.5)
    assert result.meteor == pytest.approx(1 / (0.15 / precision + 0.85 / recall), abs=1e-12)
    assert result.as_dict() == {"meteor": result.meteor}


def test_order_counts_through_chunks():
    together, apart = score("w x y z", "w x y z q"), score("x z w y", "w x y z q")
    assert together == pytest.approx((1 / (0.15 + 0.85 * 5 / 4)) * (1 - 0.6 * (1 / 4) ** 0.2))
    assert apart == pytest.approx((1 / (0.15 + 0.85 * 5 / 4)) * (1 - 0.6))


def test_the_best_reference_is_taken():
    assert score("a dog", "x y z", "a dog", "a") == 1.0
    assert score("dog", "a dog here", "a dog") == score("dog", "a dog") > score("dog", "a dog here")


# The normaliser


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A man's T-shirt", "a man 's t shirt"),
        ("don't", "don 't"),
        ("the 1990's , 'tis", "the 1990 's , ' tis"),
        ("10,000 cats,dogs", "10,000 cats , dogs"),
        ("“a” ‘b’ ''c''", '" a " \' b \' " c "'),
        ("the U.S. of e.g. cats", "the us of eg cats"),
        ("the end.", "the end ."),
        ("the end. of it", "the end. of it"),  # a small letter follows
        ("St. Mary", "st. mary"),
        ("Dog. Mary", "dog . mary"),
        ("No. 5, No. Six", "no. 5 , no . six"),
        ("wait...what..", "wait ... what .."),
        ("a/b&c", "a / b & c"),
        ("naïve café Жук", "naïve café жук"),
        ("日本", "日 本"),
        ("a\u00a0b\u2003c\td", "a b c d"),
        ("\x01 a \x02", "a"),
        ("a -- b – c", "a - b - c"),
        ("", ""),
        (" . ", "."),
    ],
)
def test_lines_become_words(line, expected):
    assert normalize(line) == expected.split()


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_becomes_words_without_spaces(text):
    assert all(word and word == word.lower() and " " not in word for word in normalize(text))


# Words and matches


def test_words_are_told_apart_by_javas_hash():
    assert string_hash("") == 0
    assert string_hash("dog") == (ord("d") * 31 + ord("o")) * 31 + ord("g")
    assert string_hash("a red dog on green grass") < 2**32
    assert string_hash("ap") == string_hash("c2")  # as the program has it, too
    assert string_hash("\U0001d4b3") == 0xD835 * 31 + 0xDCB3  # two units


def test_function_words_are_known_and_stems_are_those_of_2014():
    assert look_up("the").is_function
    assert look_up("'s").is_function
    assert not look_up("dog").is_function
    for one, other in (("walks", "walking"), ("even", "evening"), ("organ", "organized")):
        assert look_up(one).stem == look_up(other).stem
        assert look_up(one).key != look_up(other).key


def test_matches_are_exact_ones_first_and_only_those_in_equal_captions():
    assert options("walks walk x", "walk y") == [[(1, EXACT), (0, STEM)], []]
    assert options("walks walk", "walks walk") == [[(0, EXACT)], [(1, EXACT)]]


def test_a_match_is_certain_where_both_words_have_only_each_other():
    assert certain_matches(options("a dog and a cat", "the dog and a cat")) == [
        False,
        True,
        True,
        False,
        True,
    ]
    assert certain_matches(options("dog", "dog dog")) == [False, False]


# The aligner


def test_the_alignment_has_the_fewest_chunks():
    assert alignment("a dog saw a cat", "a cat") == [(3, 0, EXACT), (4, 1, EXACT)]
    pairs = alignment("the cat on the mat", "on the mat the cat")
    assert pairs == [(2, 0, EXACT), (3, 1, EXACT), (4, 2, EXACT), (0, 3, EXACT), (1, 4, EXACT)]
    assert count_chunks(pairs) == 2
    # what goes on with the chunk is found behind more matches than the beam is wide
    assert alignment("a " * 2 * BEAM + "z a", "z a") == [(2 * BEAM, 0, EXACT), (2 * BEAM + 1, 1, EXACT)]


def test_an_uncertain_stem_match_is_taken_only_where_it_costs_no_chunk():
    # "walking" could be either; alone it would begin a chunk
    assert alignment("walks x walked", "walking y") == []
    assert alignment("x walks y walked", "x walking") == [(0, 0, EXACT), (1, 1, STEM)]
    assert alignment("walks x", "walking y") == [(0, 0, STEM)]  # certain: always taken


def test_distance_is_charged_to_the_alternatives_tried_later():
    # both take one match and one chunk; the first one is charged nothing, however far it is
    assert alignment("a x y z a", "q w a") == [(0, 2, EXACT)]


def test_a_chunk_goes_on_only_without_a_gap():
    assert count_chunks([]) == 0
    assert count_chunks([(0, 0, 0), (1, 1, 0), (2, 3, 0), (3, 4, 0)]) == 2
    assert count_chunks([(1, 0, 0), (0, 1, 0)]) == 2


def test_leaving_out_hopeless_matches_changes_nothing():
    draw = random.Random(3)
    for _ in range(20):
        hypothesis = " ".join(draw.choices("ab", k=2 * BEAM + draw.randrange(30)))
        reference = " ".join(draw.choices("abc", k=12))
        assert alignment(hypothesis, reference) == every_match_tried(options(hypothesis, reference))


def every_match_tried(found):
    """The same search written without a thought for speed."""
    certain, paths = (
        certain_matches(found),
        [(0, 0, 0, None, [])],
    )  # minus exact, chunks, distance, end, pairs
    for j, matches in enumerate(found):
        grown = []
        for exact, chunks, distance, end, pairs in sorted(paths, key=lambda path: path[:3])[:BEAM]:
            for i, stage in matches:
                if certain[j]:
                    distance += abs(i - j)
                if all(i != other for other, _, _ in pairs):
                    new = chunks + (end is not None and end != i)
                    grown.append((exact - (stage == EXACT), new, distance, i + 1, [*pairs, (i, j, stage)]))
                    distance += abs(i - j)
            if not certain[j]:
                grown.append((exact, chunks + (end is not None), distance, None, pairs))
        paths = grown
    best = sorted(paths, key=lambda path: path[:3])[:BEAM]
    return min(best, key=lambda path: (path[0], path[1] + (path[3] is not None), path[2]))[4]


# Properties


@given(pictures)
def test_scores_lie_between_0_and_1(pairs):
    result = corpus_meteor(*unzip(pairs))
    assert 0 <= result.meteor <= 1
    assert all(0 <= value <= 1 for value in result.per_image)
    assert len(result.per_image) == len(pairs)


@given(st.lists(words, min_size=1, max_size=40))
def test_identical_captions_score_one(caption):
    assert sentence_meteor(caption, [["x"], caption]).per_image == (1.0,)
    assert corpus_meteor([caption] * 3, [[caption]] * 3).meteor == 1.0


@given(pictures, st.randoms(use_true_random=False))
def test_the_order_of_references_changes_no_picture_and_that_of_pictures_nothing(pairs, draw):
    result = corpus_meteor(*unzip(pairs))
    mixed = [(hypothesis, draw.sample(several, len(several))) for hypothesis, several in pairs]
    assert corpus_meteor(*unzip(mixed)).per_image == pytest.approx(result.per_image, abs=1e-12)
    order = draw.sample(range(len(pairs)), len(pairs))
    again = corpus_meteor(*unzip([pairs[i] for i in order]))
    assert again.meteor == result.meteor
    assert again.per_image == pytest.approx([result.per_image[i] for i in order], abs=1e-12)


def test_where_nothing_matches_the_first_reference_counts_in_the_set():
    pairs = [["dog"], ["zzz"]], [["dog", "y"]], [["a", "b", "c"], ["a"]]
    one = corpus_meteor(pairs[0], [[pairs[1][0]], pairs[2]])
    other = corpus_meteor(pairs[0], [[pairs[1][0]], pairs[2][::-1]])
    assert one.per_image == other.per_image
    assert one.meteor < other.meteor


@given(captions, st.lists(captions, min_size=1, max_size=3))
def test_a_further_reference_never_lowers_a_score(hypothesis, references):
    fewer, more = (sentence_meteor(hypothesis, several).meteor for several in (references[:1], references))
    assert more >= fewer - 1e-12
    assert sentence_meteor(hypothesis, references * 7).meteor == pytest.approx(more, abs=1e-12)


@pytest.mark.parametrize(
    "hypothesis", [[], [""], [" "], ["zzz"], ["q"] * 50, ["—"], ["\u2003"], ["日", "本"]]
)
def test_empty_captions_and_unknown_words_score_nothing(hypothesis):
    for references in ([["a", "dog"]], [[]], [[], ["a"]] * 10):
        assert sentence_meteor(hypothesis, references).per_image == (0.0,)


@given(pictures, st.integers(0, 99))
def test_counts_score_any_choice_of_pictures(pairs, seed):
    hypotheses, references = unzip(pairs)
    result = corpus_meteor(hypotheses, references)
    assert result.counts.shape == (len(pairs), 13)
    np.testing.assert_allclose(meteor_from_counts(result.counts), result.per_image, rtol=0, atol=1e-12)
    drawn = np.random.default_rng(seed).integers(len(pairs), size=(4, len(pairs)))
    sums = result.counts[drawn].sum(axis=1).astype(float)
    expected = [corpus_meteor([hypotheses[i] for i in d], [references[i] for i in d]).meteor for d in drawn]
    np.testing.assert_allclose(meteor_from_counts(sums), expected, rtol=0, atol=1e-12)


# Errors


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([["a"]], [], "1 hypotheses but 0 lists of references"),
        ([["a"], ["b"]], [[["a"]], []], r"references\[1\].* is empty"),
        (["a dog"], [[["a", "dog"]]], r"hypotheses\[0\].* is the string 'a dog'"),
        ([["a"], ["b"] * 2000], [[["a"]], [["c"] * 1000]], r"hypotheses\[1\] has 2,000 words .* 1,000;"),
    ],
)
def test_bad_input_names_the_index(hypotheses, references, message):
    with pytest.raises(ValueError, match=f"corpus_meteor: .*{message}"):
        corpus_meteor(hypotheses, references)


def test_bad_input_names_the_picture_where_it_has_a_name():
    with pytest.raises(ValueError, match=r"hypotheses\[0\] \(image 'beach.jpg'\) has 2,000 words"):
        corpus_meteor([["b"] * 2000], [[["c"] * 1000]], ids=["beach.jpg"])
    with pytest.raises(ValueError, match=r"sentence_meteor: references\[0\] is empty"):
        sentence_meteor(["a"], [])


# Golden files: scores of the METEOR 1.5 program


def test_captions_score_as_the_program_scores_them():
    golden = json.loads(GOLDEN.read_text("utf-8"))
    known = golden["captions"]
    hypotheses = [hypothesis.split(" ") for hypothesis, _, _ in golden["cases"]]
    texts = [[known[r] if isinstance(r, int) else r for r in several] for _, several, _ in golden["cases"]]
    result = corpus_meteor(hypotheses, [[text.split(" ") for text in several] for several in texts])
    np.testing.assert_allclose(result.per_image, [case[2] for case in golden["cases"]], rtol=0, atol=1e-12)
    assert result.meteor == pytest.approx(golden["corpus"], rel=0, abs=1e-12)


def test_coco_captions_score_as_the_program_scores_them(shared_data):
    golden = json.loads((shared_data / "golden" / "golden_coco_fakecap126.json").read_text("utf-8"))
    keys = [str(i) for i in golden["image_ids"]]
    hypotheses = [golden["hyp_tok"][key].split() for key in keys]
    references = [[reference.split() for reference in golden["refs_tok"][key]] for key in keys]
    # what the program answers with -m "exact stem"; with its tables of synonyms and paraphrases it is 0.2051
    assert corpus_meteor(hypotheses, references).meteor == pytest.approx(
        0.19132852971820669, rel=0, abs=1e-12
    )
