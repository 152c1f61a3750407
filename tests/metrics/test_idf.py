"""Document frequencies: counted by hand, kept in a file and read back, and refused where they do not fit."""

from __future__ import annotations

import json
import math
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import Idf, corpus_cider

REFERENCES = [[["a", "red", "dog"], ["a", "a", "dog"]], [["a", "cat"]], [["mäuse", "🦄"]]]
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \n"), min_size=1, max_size=4)
corpora = st.lists(st.lists(st.lists(words, max_size=6), min_size=1, max_size=3), min_size=1, max_size=4)


def test_a_picture_counts_once_however_many_of_its_references_say_it():
    idf = Idf.from_references(REFERENCES)
    assert idf.documents == 3
    assert idf.frequencies["a",] == 2
    assert idf.frequencies["a", "dog"] == idf.frequencies["a", "red", "dog"] == 1
    assert ("a", "cat", "x") not in idf.frequencies
    assert idf.unseen == math.log(3)
    assert idf.weights()["a",] == pytest.approx(math.log(3 / 2))
    assert idf.source == "references scored"


def test_the_references_own_frequencies_change_no_score():
    hypotheses = [["a", "dog"], ["a", "cat"], ["mäuse"]]
    assert corpus_cider(hypotheses, REFERENCES, idf=Idf.from_references(REFERENCES)) == corpus_cider(
        hypotheses, REFERENCES
    )


def test_with_a_corpus_one_picture_scores_something_and_its_neighbours_nothing_to_do_with_it():
    idf = Idf.from_references([*REFERENCES, [list("wxyz")]], "four pictures")
    own = list("wxyz")
    alone = corpus_cider([own], [[own]], idf=idf)
    assert alone.cider == pytest.approx(10.0)
    both = corpus_cider([own, ["a"]], [[own], [["b"]]], idf=idf)
    assert both.per_image[0] == alone.per_image[0]
    assert both.idf_source == "four pictures"


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@given(corpora)
def test_a_file_gives_back_what_was_saved(tmp_path, suffix, references):
    idf = Idf.from_references(references, "a corpus, größer")
    idf.save(tmp_path / f"idf{suffix}")
    assert Idf.load(str(tmp_path / f"idf{suffix}")) == idf


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("word", ["two words", "two\nlines", ""])
def test_a_word_that_a_file_cannot_hold_is_refused(tmp_path, suffix, word):
    with pytest.raises(
        ValueError, match=r"Idf.save: the n-gram \('x', .*an empty word, a space or a line break"
    ):
        Idf(2, {("x", word): 1}).save(tmp_path / f"idf{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ("[]", "holds no document frequencies"),
        ("{", "holds no document frequencies"),
        ("\udcff", "holds no document frequencies"),
        ("[" * 100_000, "holds no document frequencies"),
        ({"documents": 2, "source": "s"}, "'frequencies'"),
        ({"documents": 2.5, "source": "s", "frequencies": {}}, "a whole number a row"),
        ({"documents": 2, "source": "s", "frequencies": {"a": True}}, "a whole number a row"),
        ({"documents": 2, "source": 3, "frequencies": {}}, "a text as source"),
        ({"documents": 0, "source": "s", "frequencies": {}}, "documents is 0"),
        (
            {"documents": 2, "source": "s", "frequencies": {"a": 3}},
            "frequencies lie in 3..3 but an n-gram of 2",
        ),
        ({"documents": 2, "source": "s", "frequencies": {"a": 1, "b": 0}}, "frequencies lie in 0..1"),
        (
            {"documents": 2, "source": "s", "frequencies": {"a b c d e": 1}},
            "'a b c d e' is no n-gram of 1 to 4",
        ),
        ({"documents": 2, "source": "s", "frequencies": {"a  b": 1}}, "'a  b' is no n-gram"),
    ],
)
def test_a_json_file_of_something_else_is_refused(tmp_path, kept, message):
    path = tmp_path / "idf.json"
    text = kept if isinstance(kept, str) else json.dumps(kept)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(
        ValueError, match=f"^Idf.load: idf.json holds no document frequencies.*{message}|{message}"
    ):
        Idf.load(path)


GOOD = {"documents": np.int64(2), "source": np.frombuffer(b"s", np.uint8), "grams": np.frombuffer(b"a\nb", np.uint8),
        "frequencies": np.array([1, 2])}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frequencies": np.array([1])}, "2 n-grams but 1 frequencies"),
        ({"frequencies": np.array([1.0, 2.0])}, "wrong shape or type"),
        ({"frequencies": np.array([[1, 2]])}, "wrong shape or type"),
        ({"documents": np.array([2, 2])}, "wrong shape or type"),
        ({"grams": np.array(["a", "b"], object)}, "allow_pickle=False"),
        ({"grams": np.frombuffer(b"a\xff\nb", np.uint8)}, "utf-8"),
        ({"frequencies": np.array([1, 3])}, "frequencies lie in 1..3"),
    ],
)
def test_an_archive_of_something_else_is_refused(tmp_path, changed, message):
    np.savez(tmp_path / "idf.npz", **GOOD)
    assert Idf.load(tmp_path / "idf.npz").frequencies == {("a",): 1, ("b",): 2}
    np.savez(tmp_path / "idf.npz", **(GOOD | changed))
    with pytest.raises(ValueError, match=f"^Idf.load: idf.npz holds no document frequencies: .*{message}"):
        Idf.load(tmp_path / "idf.npz")


def test_a_damaged_archive_and_a_missing_array_are_refused(tmp_path):
    (tmp_path / "idf.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(ValueError, match=r"Idf.load: idf.npz holds no document frequencies"):
        Idf.load(tmp_path / "idf.npz")
    np.savez(tmp_path / "idf.npz", documents=2)
    with pytest.raises(ValueError, match=r"Idf.load: idf.npz holds no document frequencies: .*source"):
        Idf.load(tmp_path / "idf.npz")


@pytest.mark.parametrize("suffix", [".json", ".npz"])
def test_a_file_that_would_fill_the_memory_is_not_read(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"idf{suffix}"
    Idf.from_references([[["a"] * 2000 + [str(i) for i in range(500)]]]).save(path)
    if suffix == ".npz":
        with zipfile.ZipFile(path) as archive:
            assert sum(entry.file_size for entry in archive.infolist()) > 9000 > path.stat().st_size // 2
    monkeypatch.setattr("minicap.metrics.idf.LARGEST", 9000)
    with pytest.raises(ValueError, match=r"it has \d+ bytes; at most 9000 are read"):
        Idf.load(path)


def test_other_names_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"Idf.save: idf.pickle ends in neither .json nor .npz"):
        Idf(1, {}).save(tmp_path / "idf.pickle")
    with pytest.raises(FileNotFoundError):
        Idf.load(tmp_path / "idf.npz")


def test_references_are_checked():
    with pytest.raises(ValueError, match=r"Idf.from_references: references\[1\] is empty"):
        Idf.from_references([[["a"]], []])
    with pytest.raises(ValueError, match="documents is 0"):
        Idf.from_references([])
