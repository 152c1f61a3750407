"""Caption tables: every form of them, their splits and truth, and what is survived or refused."""

from __future__ import annotations

import codecs

import pytest

from minicap.data import Preprocessing, read_captions, scenes
from minicap.errors import InputError


def rows(*pairs: str) -> str:
    """Return a caption table with a header."""
    return "\n".join(["image,caption", *pairs]) + "\n"


def everything(corpus) -> dict[str, tuple[str, ...]]:
    """Return the captions of all the pictures of all splits."""
    return {
        n: c
        for s in corpus.splits
        for n, c in zip(corpus.split(s).names, corpus.split(s).captions, strict=True)
    }


# Tables


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("captions.csv", "image,caption\na.png,a dog\nb.png,a cat\n"),
        ("captions.csv", "image;caption\na.png;a dog\nb.png;a cat\n"),
        ("captions.csv", '"Image","Caption"\r\n"a.png","a dog"\r\n"b.png","a cat"\r\n'),
        ("captions.csv", "id,caption,image\n1,a dog,a.png\n2,a cat,b.png\n"),
        ("captions.csv", "a.png,a dog\nb.png,a cat\n"),
        ("captions.tsv", "image\tcaption\na.png\ta dog\nb.png\ta cat"),
        ("captions.txt", "image\tcaption\na.png\ta dog\nb.png\ta cat\n"),
        ("captions.txt", "image,caption\na.png,a dog\n\n\nb.png,  a   cat \n"),
        ("captions.txt", "image,caption\ra.png,a dog\rb.png,a cat\r"),
    ],
)
def test_tables_in_every_form(folder, name, text):
    path = folder("a.png b.png", texts={name: text})
    for place in (path, path / name, str(path)):
        corpus = read_captions(place)
        assert everything(corpus) == {"a.png": ("a dog",), "b.png": ("a cat",)}
        assert corpus.kind == "caption table"


def test_quotes_commas_and_line_breaks(folder):
    text = rows('a.png,"a sign that says ""stop"", in red"', 'a.png,"two\nlines"', 'b.png,"x"')
    corpus = read_captions(folder("a.png b.png", texts={"captions.csv": text}))
    assert everything(corpus)["a.png"] == ('a sign that says "stop", in red', "two lines")


def test_pictures_beside_the_table_in_images_or_by_a_longer_path(folder, tmp_path):
    path = folder("a.png b.png c.png", texts={"captions.csv": rows("a.png,x", "b.png,y", r"images\c.png,z")})
    (path / "images" / "a.png").rename(path / "a.png")
    corpus = read_captions(path)
    assert not [line for line in corpus.report.lines() if "there" in line]
    assert set(everything(corpus)) == {"a.png", "b.png", "images/c.png"}


def test_names_in_either_unicode_form(folder):
    corpus = read_captions(folder(["e\u0301.png"], texts={"captions.csv": rows("\u00e9.png,x")}))
    assert everything(corpus) == {"\u00e9.png": ("x",)}


def test_a_utf16_table_from_a_spreadsheet(folder):
    text = codecs.BOM_UTF16_LE + "image\tcaption\na.png\tein Mädchen\n".encode("utf-16-le")
    corpus = read_captions(folder("a.png", texts={"captions.txt": text}))
    assert everything(corpus) == {"a.png": ("ein Mädchen",)}


def test_everything_wrong_is_counted_once_and_survived(folder):
    table = rows(
        "good.png,fine",
        "good.png,   ",
        "gone.png,not there",
        "gone.png,still not there",
        "good.png,too,many",
        "good.png",
        "../../etc/passwd,escape",
        "/etc/passwd,escape",
        "noname,what",
        "text.png,no picture",
    )
    path = folder("good.png", texts={"captions.csv": table, "text.png": "no picture"})
    corpus = read_captions(path)
    assert everything(corpus) == {"good.png": ("fine",)}
    assert corpus.report.lines() == [
        "1 of 8 captions is empty (first: good.png in line 3 of captions.csv)",
        "2 rows have the wrong number of fields (first: line 6 of captions.csv, line 7 of captions.csv)",
        "1 of 6 images is not there (first: gone.png)",
        "3 names are broken (first: ../../etc/passwd, /etc/passwd, noname)",
        "1 of 6 images cannot be read (first: text.png is no picture that can be read)",
        "too few images to split (1): all are for training, and validation sees the same",
    ]


def test_an_unclosed_quote_does_not_swallow_in_silence(folder):
    names = [f"{i}.png" for i in range(60)]
    table = rows(*[f"{n},caption {n}" if i != 20 else f'{n},"open' for i, n in enumerate(names)])
    corpus = read_captions(folder(names, texts={"captions.csv": table}))
    assert corpus.report.lines()[0] == (
        "1 row has a quote that is never closed (first: line 22 of captions.csv)"
    )
    assert set(everything(corpus)) == set(names[:20])


def test_a_field_without_end(folder):
    table = rows("a.png,fine", 'b.png,"' + "x" * 200_000)
    corpus = read_captions(folder("a.png", texts={"captions.csv": table}))
    assert "1 row has a quote that is never closed" in corpus.report.lines()[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line must name the columns image and caption, but it is ''"),
        ("hello world\nfoo\n", "first line must name the columns"),
        ("image,text\na.png,a dog\n", "first line must name the columns"),
        ("image,caption\n", "holds no caption"),
        ("image,caption\na.png,\n", "holds no caption; 1 of 1 caption is empty"),
        (
            "image,caption\nz.png,a dog\n",
            "no captioned image remains: 1 of 1 image is not there .first: z.png.",
        ),
        ("image,caption\na.png,gr\xfcn\n".encode("latin-1"), "captions.csv: line 2 is not UTF-8 text"),
    ],
)
def test_tables_with_nothing_in_them(folder, text, message):
    with pytest.raises(InputError, match=message) as error:
        read_captions(folder("a.png", texts={"captions.csv": text}))
    assert "\n" not in str(error.value)


# Splits


NAMES = [f"{i}.png" for i in range(20)]
TABLE = rows(*[f"{name},a caption" for name in NAMES])


def test_splits_are_drawn_where_there_is_no_list(folder):
    corpus = read_captions(folder(NAMES, texts={"captions.csv": TABLE}))
    assert [len(corpus.split(s)) for s in ("train", "val", "test")] == [16, 2, 2]
    assert corpus.splits == ("train", "val", "test")
    assert "80 % train, 10 % val and 10 % test" in corpus.report.lines()[0]
    assert read_captions(corpus.path, split="dev").val.names == corpus.val.names


def test_two_pictures_are_all_for_training_and_validation_sees_the_same(folder):
    corpus = read_captions(folder("a.png b.png", texts={"captions.csv": rows("a.png,x", "b.png,y")}))
    assert sorted(corpus.train.names) == sorted(corpus.val.names) == ["a.png", "b.png"]
    assert corpus.val.split == "val"
    with pytest.raises(InputError, match="there is no split 'test' with pictures; there is train, val"):
        corpus.split("test")


def test_a_split_list_decides(folder):
    splits = "image,split\n" + "".join(
        f"{name},{split}\n"
        for name, split in zip(
            NAMES, ["train"] * 10 + ["dev"] * 4 + ["compositional"] * 3 + ["other"], strict=False
        )
    )
    splits += "0.png,val\nnobody.png,train\n"
    path = folder(NAMES, texts={"captions.csv": TABLE, "splits.csv": splits})
    corpus = read_captions(path)
    assert corpus.splits == ("train", "val", "compositional")
    assert corpus.train.names == tuple(NAMES[:10])
    assert corpus.val.names == tuple(NAMES[10:14])
    assert corpus.compositional.names == tuple(NAMES[14:17])
    assert corpus.report.lines() == [
        "1 split entry names no known split (first: other in line 19 of splits.csv)",
        "1 image stands in two splits and stays in the first (first: 0.png)",
        "3 of 20 images are in no split and were left out (first: 17.png, 18.png, 19.png)",
        "1 of 18 images of the split lists has no caption (first: nobody.png)",
    ]
    only = read_captions(path, split="compositional")
    assert only.splits == ("compositional",)
    with pytest.raises(InputError, match="there is no split 'test'; there is train, val, compositional"):
        read_captions(path, split="test")


def test_a_split_that_cannot_be(folder):
    path = folder(NAMES, texts={"captions.csv": TABLE})
    for name in ("holdout", "compositional"):
        with pytest.raises(InputError, match=f"there is no split '{name}'; there is train, val, test"):
            read_captions(path, split=name)
    path.joinpath("splits.csv").write_text("image,split\n0.png,x\n")
    with pytest.raises(InputError, match="names no split"):
        read_captions(path)


def test_a_name_too_long_for_any_disk_is_only_missing(folder):
    corpus = read_captions(folder("a.png", texts={"captions.csv": rows("a.png,x", f"{'b' * 5000}.png,y")}))
    assert "1 of 2 images is not there" in corpus.report.lines()[0]


def test_a_split_too_small_to_be_drawn(folder):
    path = folder("a.png", texts={"captions.csv": rows("a.png,x")})
    with pytest.raises(InputError, match=r"split 'test' is empty: too few usable images \(1\)"):
        read_captions(path, split="test")
    assert read_captions(path, split="val").splits == ("val",)


# Built-in scenes


def test_a_folder_of_scenes_brings_its_truth(tmp_path):
    scenes.write_scenes(tmp_path / "scenes", n=10, size=32, seed=3)
    corpus = read_captions(tmp_path / "scenes")
    assert corpus.splits == ("train", "val", "test", "compositional")
    assert corpus.report.lines() == []
    for split in corpus.splits:
        data = corpus.split(split)
        for captions, scene in zip(data.captions, data.scenes, strict=True):
            assert len(captions) == 5
            assert all(all(scenes.judge(caption, scene)) for caption in captions)


def test_a_split_whose_truth_is_incomplete_has_none(tmp_path):
    scenes.write_scenes(tmp_path / "scenes", n=10, size=32, seed=3)
    truth = tmp_path / "scenes" / "scenes.jsonl"
    truth.write_text("".join(truth.read_text().splitlines(keepends=True)[1:]))
    corpus = read_captions(tmp_path / "scenes")
    assert [corpus.split(split).scenes is None for split in corpus.splits].count(True) == 1
    assert corpus.report.lines()[0].startswith("1 image has no ground truth in scenes.jsonl (first: ")


# Real data


def test_real_emoji(shared_data):
    corpus = read_captions(shared_data / "emoji" / "twitter")
    assert sum(len(corpus.split(split)) for split in corpus.splits) == 3786
    assert len(corpus.report.lines()) == 1
    assert corpus.val.subset(range(3)).pixels(Preprocessing(64)).shape == (3, 64, 64, 3)
