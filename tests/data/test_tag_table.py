"""Tag tables: every form of them, and what is survived and refused."""

from __future__ import annotations

import codecs

import pytest

from minicap.data import read_tags
from minicap.errors import InputError


def everything(corpus) -> dict[str, tuple[str, ...]]:
    """Return the tags of all the pictures of all splits."""
    return dict(zip(corpus.split("all").names, corpus.split("all").tags, strict=True))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tags.csv", "image,tags\na.png,cat;red hat\nb.png,\n"),
        ("tags.csv", "Image, Tags\na.png, cat ;  red   hat;\n b.png ,;;\n"),
        ("tags.csv", 'image;tags\na.png;"cat;red hat"\nb.png;\n'),
        ("tags.csv", 'image,tags\r\n"a.png","cat;red hat;cat"\r\n"b.png",""\r\n'),
        ("tags.csv", "id,tags,image\n1,cat;red hat,a.png\n2,,b.png\n"),
        ("tags.csv", "image,tags\na.png,cat\nb.png,\na.png,red hat;cat\n"),
        ("tags.csv", "a.png,cat;red hat\nb.png,\n"),
        ("tags.tsv", "image\ttags\na.png\tcat;red hat\nb.png\t"),
        ("tags.txt", "image\ttags\n\na.png\tcat;red hat\nb.png\t \n"),
        ("tags.csv", codecs.BOM_UTF8 + b"image,tags\na.png,cat;red hat\nb.png,\n"),
        ("tags.txt", codecs.BOM_UTF16_LE + "image\ttags\na.png\tcat;red hat\nb.png\t\n".encode("utf-16-le")),
    ],
)
def test_tables_in_every_form(folder, name, text):
    path = folder("a.png b.png", texts={name: text})
    for place in (path, path / name, str(path)):
        corpus = read_tags(place)
        assert everything(corpus) == {"a.png": ("cat", "red hat"), "b.png": ()}
        assert corpus.kind == "tag table"


def test_a_table_of_another_name_with_the_columns_named(folder):
    path = folder("a.png", texts={"mine.csv": "image,caption,tags\na.png,a cat,cat\n"})
    assert everything(read_tags(path / "mine.csv")) == {"a.png": ("cat",)}


def test_commas_and_quotes_in_tags(folder):
    text = 'image,tags\na.png,"one, two;say ""hi"""\n'
    assert everything(read_tags(folder("a.png", texts={"tags.csv": text}))) == {
        "a.png": ("one, two", 'say "hi"')
    }


def test_everything_wrong_is_counted_and_survived(folder):
    rows = [
        "good.png,cat",
        "good.png,too,many",
        "good.png",
        "gone.png,dog",
        "../../up.png,x",
        "/etc/passwd,x",
    ]
    text = "\n".join(["image,tags", *rows, "text.png,x", '"open,x', *["y,z"] * 40])
    path = folder("good.png", texts={"tags.csv": text, "text.png": "no picture"})
    corpus = read_tags(path)
    assert everything(corpus) == {"good.png": ("cat",)}
    assert corpus.report.lines() == [
        "2 rows have the wrong number of fields (first: line 3 of tags.csv, line 4 of tags.csv)",
        "1 row has a quote that is never closed (first: line 9 of tags.csv)",
        "1 of 5 images is not there (first: gone.png)",
        "2 names are broken (first: ../../up.png, /etc/passwd)",
        "1 of 5 images cannot be read (first: text.png is no picture that can be read)",
        "too few images to split (1): all are for training, and validation sees the same",
    ]
    assert len(corpus.val) == len(corpus.split("all")) == 1


def test_a_split_list_decides(folder):
    texts = {
        "tags.csv": "image,tags\na.png,x\nb.png,y\nc.png,z\n",
        "splits.csv": "image,split\na.png,train\nb.png,validation\nlost.png,test\n",
    }
    corpus = read_tags(folder("a.png b.png c.png", texts=texts))
    assert (corpus.train.tags, corpus.val.tags) == ((("x",),), (("y",),))
    assert corpus.report.lines() == [
        "1 of 3 images is in no split and was left out (first: c.png)",
        "1 of 3 images of the split lists is not in the tag table (first: lost.png)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line must name the columns image and tags, but it is ''"),
        ("hello\n", "first line must name the columns image and tags"),
        (
            "image,labels\na.png,x\n",
            "first line must name the columns image and tags, but it is 'image,labels'",
        ),
        ("image,tags\n", "tags.csv: holds no tag; give one row tags"),
        ("image,tags\na.png,\na.png, ; ;\n", "holds no tag; give one row tags"),
        ("image,tags\na.png,b,c\n", "holds no tag; 1 row has the wrong number of fields"),
        ("image,tags\nz.png,x\n", "no tagged image remains: 1 of 1 image is not there .first: z.png."),
        ("image,tags\na.png,gr\xfcn\n".encode("latin-1"), "tags.csv: line 2 is not UTF-8 text"),
        (b"image,tags\na.png,\0\n", "tags.csv: line 2 holds a NUL byte"),
        (codecs.BOM_UTF16_LE + b"i\0m\0a", "tags.csv: line 1 is not UTF-16 text"),
    ],
)
def test_tables_with_nothing_in_them(folder, text, message):
    with pytest.raises(InputError, match=message) as error:
        read_tags(folder("a.png", texts={"tags.csv": text}))
    assert "\n" not in str(error.value)


def test_a_table_that_is_a_folder(folder):
    path = folder("a.png")
    (path / "tags.csv").mkdir()
    with pytest.raises(InputError, match=r"has 1 image but no tags; recognised are tags.csv"):
        read_tags(path)


def test_real_emoji(shared_data):
    twitter, google = (read_tags(shared_data / "emoji" / artist) for artist in ("twitter", "google"))
    assert len(twitter.split("all")) == len(google.split("all")) == 3786
    assert [len(twitter.split(split)) for split in twitter.splits] == [3028, 379, 379]
    assert len(twitter.report.lines()) == 1
    assert twitter.train.names == google.train.names
    assert everything(twitter)["0023-fe0f-20e3.png"] == ("keycap", "symbols")
