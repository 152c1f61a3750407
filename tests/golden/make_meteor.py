"""Make ``meteor.json``: what the METEOR 1.5 program answers with ``-l en -norm -m "exact stem"``.

It needs Java, the program as the PyPI package ``pycocoevalcap`` carries it, and the COCO captions of the
development data; the tests themselves need none of them::

    python tests/golden/make_meteor.py path/to/meteor-1.5.jar path/to/coco_mini/annotations

The file holds ``captions`` (human ones from COCO 2017, CC BY 4.0, https://cocodataset.org, in lower case
without their stops), ``cases``, each ``[hypothesis, references, score]`` where a reference is a text or the number
of a caption, and ``corpus``, the score of all cases together. Tokens are separated by spaces.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
RANDOM = random.Random(20262)
IMAGES = 30

# Nothing that a tokenizer would leave, but the program has an answer, and ours is to be the same.
ODD = [
    *("", "' '", "...", "u.s. a.", "dog's toy", "it 's", "a-b-c", "10,000 birds", "1990's", "the St. Mary"),
    *(
        "No. 5",
        "no. five",
        "e.g. this",
        '"quoted" `x\'',
        "“fancy” ‘q’",
        "–dash—",
        "a.b.c. d",
        "x..y",
        "w.. .",
    ),
    *("İstanbul", "a naïve café", "𝒳𝒴 z", "日本 語", "a\u00a0b", "b\u2003c", "a,b , c,1", "''double''"),
    *("T-shirt.", "-rrb- -lrb-", "wait...what", "the end.", "Art. 7 pp. 8", "c2", "ap"),
]
# One stem in each row for the program; later versions of the stemmer part some of them.
STEMS = [
    *(("walk", "walks", "walking", "walked"), ("even", "evening"), ("past", "pasted"), ("skis", "ski")),
    *(("organ", "organized"), ("university", "universal"), ("internal", "intern"), ("ad", "adding")),
    *(("emergent", "emergency"), ("dies", "dying"), ("time", "times"), ("biologist", "biology")),
]
FAMILIES = [*STEMS, ("a", "the"), ("dog",), ("on", "of")]


def ask(jar: str, lines: list[str]) -> list[str]:
    """Return what the program answers to lines on its standard input."""
    command = ["java", "-Xmx2G", "-jar", jar, "-", "-", "-stdio", "-l", "en", "-norm", "-m", "exact stem"]
    answer = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, encoding="utf-8")
    return answer.stdout.split("\n")[:-1]


def human_captions(folder: Path) -> list[list[str]]:
    """Return the captions of some images, in lower case and without stops."""
    found: dict[int, list[str]] = {}
    for path in sorted(folder.glob("captions_*.json")):
        for annotation in json.loads(path.read_text("utf-8"))["annotations"]:
            words = annotation["caption"].lower().replace(".", " ").split()
            found.setdefault(annotation["image_id"], []).append(" ".join(words))
    return [found[key] for key in sorted(found)[:IMAGES]]


def human_cases(images: list[list[str]]) -> list[tuple[str, list[Any]]]:
    """Return one human against the others, words shuffled, doubled, left out, mixed and taken from others."""
    captions = [caption for several in images for caption in several]
    vocabulary = " ".join(captions).split()
    cases: list[tuple[str, list[Any]]] = []
    for several in images:
        numbers = [captions.index(caption) for caption in several]
        words = several[1].split()
        doubled = [word for word in words for _ in range(RANDOM.choice([1, 1, 2, 3]))]
        mixed = [RANDOM.choice(vocabulary) if RANDOM.random() < 0.4 else word for word in words]
        cases += [(caption, numbers[:n] + numbers[n + 1 :]) for n, caption in enumerate(several)]
        cases += [(" ".join(RANDOM.sample(words, len(words))), numbers), (" ".join(doubled), numbers)]
        cases += [(" ".join(words[: RANDOM.randrange(len(words))]), numbers), (" ".join(mixed), numbers)]
        many = [RANDOM.randrange(len(captions)) for _ in range(RANDOM.choice([1, 10, 20]))]
        cases.append((" ".join(RANDOM.choices(vocabulary, k=RANDOM.randrange(25))), many))
    return cases


def made_cases() -> list[tuple[str, list[Any]]]:
    """Return cases without sense: few words many times, pairs of one stem, odd marks."""
    cases: list[tuple[str, list[Any]]] = [("", [""]), ("", ["a dog"]), ("zzz", ["a dog", "a"]), ("a", ["a"])]
    cases += [(row[-1], [row[0]]) for row in STEMS]
    for _ in range(300):
        words = [word for row in RANDOM.sample(FAMILIES, RANDOM.randrange(1, 5)) for word in row]
        longest = RANDOM.choice([4, 8, 16, 28])
        lines = [" ".join(RANDOM.choices(words, k=RANDOM.randrange(longest))) for _ in range(3)]
        cases.append((lines[0], lines[1 : RANDOM.choice([2, 3])]))
    for _ in range(500):  # one in a hundred would be another with a beam of 39 or 41
        letters, length = RANDOM.sample("pqrs", RANDOM.randrange(2, 5)), RANDOM.choice([20, 28])
        lines = [" ".join(RANDOM.choices(letters, k=length)) for _ in range(2)]
        cases.append((lines[0], lines[1:]))
    for line in ODD:
        cases.append((line, [" ".join(RANDOM.choices(ODD, k=3)), line.replace(".", " .").replace("-", " ")]))
    return cases


def listed_cases(jar: str) -> list[tuple[str, list[Any]]]:
    """Return cases that tell whether a word is one of the program's function words, or keeps its dot."""
    with zipfile.ZipFile(jar) as archive:
        functions = archive.read("function/english.words").decode().split()
        prefixes = archive.read("nonbreaking/english.prefixes").decode().splitlines()
    cases: list[tuple[str, list[Any]]] = [(f"{word} x", [f"{word} y z"]) for word in functions]
    for line in prefixes:
        if line.strip() and not line.startswith("#"):
            word = line.split()[0]
            cases += [(f"{word}. Mary", [f"{word} . y"]), (f"{word}. 5", [f"{word} . 6 7"])]
    return cases


def main() -> None:
    """Ask the program about every case and write the answers."""
    jar, folder = sys.argv[1:]
    images = human_captions(Path(folder))
    captions = [caption for several in images for caption in several]
    cases = human_cases(images) + made_cases() + listed_cases(jar)
    lines = []
    for hypothesis, several in cases:
        texts = [captions[one] if isinstance(one, int) else one for one in several]
        lines.append(" ||| ".join(["SCORE", *texts, hypothesis]))
    counts = ask(jar, lines)
    *scores, corpus = map(float, ask(jar, ["EVAL ||| " + " ||| ".join(counts)]))
    golden = {
        "what": "METEOR 1.5, -l en -norm -m 'exact stem'; human captions from COCO 2017 (CC BY 4.0)",
        "captions": captions,
        "cases": [[*case, score] for case, score in zip(cases, scores, strict=True)],
        "corpus": corpus,
    }
    text = json.dumps(golden, ensure_ascii=True, separators=(",", ":")).replace("],[", "],\n[")
    (FOLDER / "meteor.json").write_text(text + "\n", "utf-8")
    print(f"{len(cases)} cases, {corpus}")


if __name__ == "__main__":
    main()
