"""Every caption metric equals the standard code's on the golden files, and BLEU nltk's and sacrebleu's too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from minicap.metrics import Idf, corpus_bleu, corpus_cider, corpus_rouge, sentence_bleu
from minicap.metrics.bleu import bleu_counts, bleu_from_rows

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "captions.json").read_text("utf-8"))
HYPOTHESES = [text.split() for text in GOLDEN["hypotheses"]]
REFERENCES = [[text.split() for text in texts] for texts in GOLDEN["references"]]
STANDARD, PEERS = GOLDEN["standard"], GOLDEN["peers"]


def same(found, expected):
    """Hold two scores or two lists of them against each other."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_the_golden_captions_hold_what_is_hard():
    counts = bleu_counts(HYPOTHESES, REFERENCES)
    assert (counts[:, 3] == 0).any()
    assert (counts[:, 7] == 0).any()
    assert (counts[:, 0] == 0).any()
    assert {len(several) for several in REFERENCES} >= {1, 2, 3, 4}


def test_bleu():
    same(corpus_bleu(HYPOTHESES, REFERENCES).scores, STANDARD["bleu"][0])
    same(bleu_from_rows(bleu_counts(HYPOTHESES, REFERENCES)).T, STANDARD["bleu"][1])
    each = [sentence_bleu(*pair).scores for pair in zip(HYPOTHESES, REFERENCES, strict=True)]
    same(np.transpose(each), STANDARD["bleu"][1])


def test_rouge():
    score = corpus_rouge(HYPOTHESES, REFERENCES)
    same(score.rouge_l, STANDARD["rouge_l"][0])
    same(score.per_image, STANDARD["rouge_l"][1])


def test_cider_d():
    score = corpus_cider(HYPOTHESES, REFERENCES)
    same(score.cider, STANDARD["cider"][0])
    same(score.per_image, STANDARD["cider"][1])


def test_cider_as_its_authors_code_computes_it():
    score = corpus_cider(HYPOTHESES, REFERENCES)
    same(score.plain_per_image, GOLDEN["cider_plain"]["corpus"])
    same(score.plain, np.mean(GOLDEN["cider_plain"]["corpus"]))


def test_cider_with_document_frequencies_from_elsewhere():
    counted = Idf.from_references(REFERENCES[: len(REFERENCES) // 2])
    score = corpus_cider(HYPOTHESES, REFERENCES, idf=Idf(40504, counted.frequencies, "COCO val"))
    same(score.plain_per_image, GOLDEN["cider_plain"]["coco-val-df"])
    assert score.idf_source == "COCO val"


def test_nltk_agrees_on_captions_of_four_words_or_more():
    pairs = [(h, r) for h, r in zip(HYPOTHESES, REFERENCES, strict=True) if len(h) >= 4]
    assert len(pairs) < len(HYPOTHESES)
    same(corpus_bleu(*zip(*pairs, strict=True)).scores, PEERS["nltk_corpus, 4 words or more"])


def test_sacrebleu_agrees_and_counts_the_same():
    score = corpus_bleu(HYPOTHESES, REFERENCES)
    same(score.bleu_4, PEERS["sacrebleu_corpus"])
    lengths = score.hypothesis_length, score.reference_length
    assert [list(score.matches), list(score.totals), *lengths] == PEERS["sacrebleu_counts"]


@pytest.mark.parametrize(("i", "expected"), PEERS["sentences: nltk 1 to 4, sacrebleu"].items())
def test_both_agree_on_a_caption_that_shares_four_words_in_a_row(i, expected):
    scores = sentence_bleu(HYPOTHESES[int(i)], REFERENCES[int(i)]).scores
    same([*scores, scores[-1]], expected)


# The shared golden files


def flickr8k(shared_data):
    path = shared_data / "golden" / "golden_flickr8k_validation1000_danieljl.json"
    return json.loads(path.read_text("utf-8"))


def test_coco_captions_have_the_standard_rouge(shared_data):
    golden = json.loads((shared_data / "golden" / "golden_coco_fakecap126.json").read_text("utf-8"))
    keys = [str(i) for i in golden["image_ids"]]
    hypotheses = [golden["hyp_tok"][key].split() for key in keys]
    references = [[reference.split() for reference in golden["refs_tok"][key]] for key in keys]
    score = corpus_rouge(hypotheses, references, ids=keys)
    same(score.rouge_l, golden["corpus"]["ROUGE_L"])
    same(score.per_image, golden["per_image"]["ROUGE_L"])


@pytest.mark.parametrize(("end", "key"), [(["zeosz"], "with_eos_token"), ([], "without_eos_token")])
def test_the_published_rouge_counts_the_end_marker_and_the_honest_one_does_not(shared_data, end, key):
    golden = flickr8k(shared_data)
    hypotheses = [hypothesis.split() + end for hypothesis in golden["hyp"]]
    references = [[reference.split() + end for reference in several] for several in golden["refs"]]
    score = corpus_rouge(hypotheses, references, ids=golden["images"])
    same(score.rouge_l, golden["recomputed"][key]["ROUGE_L"])
    if end:
        same(score.rouge_l, golden["published_with_eos"]["rouge"])


def test_the_end_marker_alone_raises_every_published_figure(shared_data):
    with_it, without = (flickr8k(shared_data)["recomputed"][f"{w}_eos_token"] for w in ("with", "without"))
    assert all(with_it[name] > without[name] for name in without)
