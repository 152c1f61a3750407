"""Make ``captions.json``: what the standard evaluation code, nltk and sacrebleu say of human captions.

Run it in an environment that has them (``pip install pycocoevalcap nltk sacrebleu``), with the COCO annotations
whose captions are scored and a checkout of github.com/vrama91/cider, which has CIDEr without the D; the tests
themselves need none of these::

    python tests/golden/make_golden_captions.py captions_val2017.json path/to/cider

The captions are from the COCO data set, (c) COCO Consortium, CC BY 4.0. The first of each image is scored
against the others; now and then another image's caption stands in its place. They are split into words here,
so that no tokenizer is compared.
"""

from __future__ import annotations

import json
import re
import sys
import types
from collections import defaultdict
from pathlib import Path
from typing import Any

import nltk
import sacrebleu
from nltk.translate import bleu_score
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

FOLDER = Path(__file__).resolve().parent
N = 60


def captions(path: str) -> tuple[list[str], list[list[str]]]:
    """Return hypotheses and references, words separated by spaces."""
    several: dict[int, list[str]] = defaultdict(list)
    for row in sorted(json.loads(Path(path).read_text("utf-8"))["annotations"], key=lambda row: row["id"]):
        several[row["image_id"]].append(" ".join(re.findall(r"[a-z0-9']+", row["caption"].lower())))
    images = [several[i] for i in sorted(several)][:N]
    hypotheses = [images[(i + (i % 7 == 3)) % N][0] for i in range(N)]
    references = [texts[1 : 2 + i % 4] if i % 3 == 0 else texts[1:] for i, texts in enumerate(images)]
    hypotheses[5] += " dog dog dog dog"  # clipped
    hypotheses[6] = " ".join(hypotheses[6].split()[:3])  # no four words in a row
    hypotheses[8] = "zyx wvu"  # words of no reference
    return hypotheses, references


def standard(hypotheses: list[str], references: list[list[str]]) -> dict[str, Any]:
    """Return the scores of the standard COCO evaluation code."""
    results, truth = {i: [h] for i, h in enumerate(hypotheses)}, dict(enumerate(references))
    bleu, bleus = Bleu(4).compute_score(truth, results, verbose=0)
    rouge, rouges = Rouge().compute_score(truth, results)
    cider, ciders = Cider().compute_score(truth, results)
    return {
        "bleu": [bleu, bleus],
        "rouge_l": [rouge, rouges.tolist()],
        "cider": [cider, ciders.tolist()],
    }


def plain_cider(checkout: str, hypotheses: list[str], references: list[list[str]]) -> dict[str, Any]:
    """Return CIDEr of its authors' code, which was written for Python 2.

    Once with the document frequencies of the references scored, and once with those of the first half of them,
    which the code then takes for the whole of COCO's 40,504 validation images.
    """
    path = Path(checkout) / "pyciderevalcap" / "cider" / "cider_scorer.py"
    module = types.ModuleType("cider_scorer")
    source = path.read_text("utf-8").replace("iteritems", "items").replace("xrange", "range")
    exec(compile(source, str(path), "exec"), module.__dict__)
    found = {}
    for mode, counted in (("corpus", N), ("coco-val-df", N // 2)):
        scorer, corpus = module.CiderScorer(n=4), module.CiderScorer(n=4)
        for i, (hypothesis, several) in enumerate(zip(hypotheses, references, strict=True)):
            scorer += (hypothesis, several)
            if i < counted:
                corpus += ("", several)
        corpus.compute_doc_freq()
        scorer.document_frequency = corpus.document_frequency
        found[mode] = [float(value) for value in scorer.compute_cider(mode)]
    return found


def others(hypotheses: list[str], references: list[list[str]]) -> dict[str, Any]:
    """Return BLEU by nltk and sacrebleu: of all, and of each caption that shares four words in a row.

    nltk counts one n-gram in a caption that is too short for any, so it is asked about the longer ones only.
    """
    h, r = [x.split() for x in hypotheses], [[x.split() for x in several] for several in references]
    weights = [tuple([1 / n] * n) for n in (1, 2, 3, 4)]
    most = max(len(several) for several in references)
    streams = [[several[j] if j < len(several) else None for several in references] for j in range(most)]
    score = sacrebleu.corpus_bleu(hypotheses, streams, tokenize="none", smooth_method="none", force=True)
    long = [i for i, words in enumerate(h) if len(words) >= 4]
    each = {}
    for i, (words, several) in enumerate(zip(h, r, strict=True)):
        one = sacrebleu.sentence_bleu(hypotheses[i], references[i], tokenize="none", smooth_method="none")
        if one.counts[3]:
            each[str(i)] = [bleu_score.sentence_bleu(several, words, w) for w in weights] + [one.score / 100]
    return {
        "nltk_corpus, 4 words or more": [
            bleu_score.corpus_bleu([r[i] for i in long], [h[i] for i in long], w) for w in weights
        ],
        "sacrebleu_corpus": score.score / 100,
        "sacrebleu_counts": [score.counts, score.totals, score.sys_len, score.ref_len],
        "sentences: nltk 1 to 4, sacrebleu": each,
    }


def main(annotations: str, checkout: str) -> None:
    """Score the captions and write them with their scores."""
    hypotheses, references = captions(annotations)
    kept = {
        "what": "Captions of COCO val2017 (c) COCO Consortium, CC BY 4.0, lower-cased and split, with the scores of "
        f"pycocoevalcap 1.2, nltk {nltk.__version__} and sacrebleu {sacrebleu.__version__}",
        "hypotheses": hypotheses,
        "references": references,
        "standard": standard(hypotheses, references),
        "cider_plain": plain_cider(checkout, hypotheses, references),
        "peers": others(hypotheses, references),
    }
    (FOLDER / "captions.json").write_text(json.dumps(kept, indent=0), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
