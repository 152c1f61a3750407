"""Make ``ptb_tokens.json``: how the tokenizer of the COCO caption evaluation splits captions and hostile lines.

Run it from any folder where Java is installed, in an environment that has ``pycocoevalcap``; the tests need
neither::

    MINICAP_SHARED_DATA=../shared/data python tests/golden/make_ptb.py

``captions`` and ``tokens`` are one run of it over all captions together, for a caption's tokens may depend on
the next one; ``alone`` holds captions that had a run each. The COCO captions (c) COCO Consortium, CC BY 4.0,
https://cocodataset.org; the other lines are made here.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

FOLDER = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("MINICAP_SHARED_DATA", FOLDER.parents[2] / "shared" / "data"))
COCO = 400
MIXED = 1200

PIECES = r"""
cannot CANNOT gonna Gotta lemme gimme wanna 'tis 'Twas d'ye y'all Y'know c'mon o'clock rock'n'roll 'n' 'em
ol' dunkin' s'mores li'l nat'l cont'd. nor'easter don't DON'T can't ain’t couldn`t it's it’s dogs' I'm we're
they've she'll 'S '90s '08 O'Neil don&apos;t it&apos;s l'eau D'Artagnan " '' `` ' ` “ ” ‘ ’ „ ‹ › « » &quot;
&apos; \u0091 \u0092 \u0093 \u0094 * ** \* # ## @ @@ _ __ @user #topic #tópic c++ C# A&W AT&T S&P-500
s&amp;ls A&amp;B &amp; &lt; &gt; &nbsp; &mdash; &HT; &#123; caf&eacute; &eacute; - -- --- ---- ----- – — ‐
-- . .. ... .... ...... … \u0085 ! ?! : ; , 、 。 ¡ ¿ = / \/ | ^ ~ % + < > << >> ( ) [ ] { } -LRB- -rrb-
-LSB- (555) 555-1212 +1 415.555.1234 1-800-555-1234 http://a.b/c https://x.com/y?z=1, www.example.com
www.a.co.uk/path. example.com foo.edu. me@x.org <me@x.org> x@y a@ file.txt image.jpg, a.tar.gz 1 12 1,000
1,000.50 .5 -7 +8 1:30 10:45pm 5% 50cm 10km/h 1/2 3-1/2 1\/2 1⁄2 ½ ¼ ⅔ ⅛ x² H₂O 10⁻³ 1/2/2003 2003-12-31 1st
90's 1990s $5 US$5 C$ #1 £5 €10 5¢ ¥ \u0080 10° 5'10" 5-year-old 3x4 Mr. Mrs. Miss. miss. Dr. St. Jr. Inc.
Ltd. Co. etc. al. vs. Jan. Az. az. Ph.D. Ph. Ed.D. U.S. u.s. U.S.A. a.m. a.k.a. i.e. C.D.s no. figs. ca. pp.
bldg. Pty. ltd pte. limited co. J. a. I. C. Canada-U.S. U.S.-U.K. Mfg. Comdr. <b> </b> <br/> <a href="x y">
<!-- hi --> <img src=x> <a <p x = "y" /> :) :-) ;-( :D :P =) <3 :@ :\ ^_^ -_- (-_-) (^.^) <.[^x=a<>] o_O
pro- anti- pro-life co-ed t-shirt state-of-the-art and/or a/b/c a-b/c-d Cap'n c'est word.word why?what
e\u0301 café Ångström İstanbul ıı ſs \u212a 日本語 中文。 カタカナ・ Привет שלום مرحبا ١٢٣ हिन्दी 😀
👨\u200d👩\u200d👧 ❤️ ★ → © ™ § • · soft\u00adhyphen \u00ad \u200b \ufeff \u0001 \u007f \ue000 \uffff \u00a0
\u2003 A The the He You ltd LIM a man dog
"""

ALONE = [
    *[
        "",
        " ",
        "vitamin c.",
        "a smile :)",
        "the U.S.",
        "etc.",
        "a.k",
        "notes.txt",
        "winter of '08",
        "see no.",
        "'tis",
    ],
    *["Canada-U.S", "Mon.5", "a b.", '"', "he said 'yes", "http://a.b/\u3000", "😀 😀", "(a) [b] {c}", "n't"],
    *["Pty. Ltd", "a co. limited", "A&B., c", "3-4., c"],
]


def pieces() -> list[str]:
    """Return the pieces with their escapes read."""
    words = PIECES.split()
    return [json.loads(f'"{word}"') if "\\u" in word and '"' not in word else word for word in words]


def hostile(count: int) -> list[str]:
    """Return lines of pieces thrown together, every piece alone first."""
    dice, parts = random.Random(20260), pieces()
    lines = list(parts)
    while len(lines) < count:
        chosen = dice.choices(parts, k=dice.randint(2, 6))
        lines.append("".join(part + dice.choice(["", " ", " ", " ", "  ", ".", ","]) for part in chosen))
    return lines


def coco(count: int) -> list[str]:
    """Return captions of COCO's small sample."""
    text = (SHARED / "coco_mini" / "annotations" / "captions_val2017.json").read_text("utf-8")
    return [annotation["caption"] for annotation in json.loads(text)["annotations"][:count]]


def run(captions: list[str]) -> list[str]:
    """Return each caption's tokens with spaces between."""
    table = {i: [{"caption": caption}] for i, caption in enumerate(captions)}
    return [lines[0] for lines in PTBTokenizer().tokenize(table).values()]


def main() -> None:
    """Run the original and write the file."""
    captions = coco(COCO) + hostile(MIXED)
    golden = {
        "what": "Tokens of pycocoevalcap's PTBTokenizer (CoreNLP 3.4.1), by make_ptb.py. "
        "COCO captions (c) COCO Consortium, CC BY 4.0.",
        "captions": captions,
        "tokens": run(captions),
        "alone": [[caption, run([caption])[0]] for caption in ALONE],
    }
    text = json.dumps(golden, indent=0, ensure_ascii=True)
    (FOLDER / "ptb_tokens.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
