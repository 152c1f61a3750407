"""One paragraph that says how it went, for who reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PureWindowsPath
from typing import Any

from minicap.report.contents import Contents
from minicap.report.numbers import counted, decimal, percent

SPLITS = {"train": "training", "val": "validation", "test": "test", "compositional": "compositional"}
KINDS = {"classify": "A classifier", "tag": "A tagger"}


def summary(contents: Contents) -> str:
    """Return what was trained, how good it is, and of a captioner whether it looks at the pictures.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    str
    """
    metrics = contents.metrics
    sentences = [_what(contents)]
    if metrics:
        sentences += [_how_good(metrics), _does_it_look(metrics)]
    else:
        judged = "it" if contents.task in KINDS else "its captions"
        sentences.append(f"Nobody has judged {judged} yet.")
    return " ".join(sentence for sentence in sentences if sentence)


def _what(contents: Contents) -> str:
    """Say what was trained on what, and for how long."""
    data = PureWindowsPath(str(contents.config.get("data", ""))).name  # knows both separators
    source = f" on {data}" if data else ""
    done = len(contents.history)
    trained = f"trained for {counted(done, 'epoch')}{source}." if done else f"to be trained{source}."
    if contents.task in KINDS:
        return f"{KINDS[contents.task]} {trained}"
    return f"{_captioner(contents.config)}, {trained}"


def _captioner(config: Mapping[str, Any]) -> str:
    """Say what kind of captioner it is."""
    decoder = str(config.get("decoder", ""))
    decoder = decoder.title() if decoder == "transformer" else decoder.upper()
    article = "An" if decoder[:1] in tuple("AEFHILMNORSX") and decoder != "GRU" else "A"
    kind = f"{article} {decoder} captioner" if decoder else "A captioner"
    conditioning = f" with {config['conditioning']} conditioning" if config.get("conditioning") else ""
    return kind + conditioning


def _how_good(metrics: Mapping[str, Any]) -> str:
    """Say how good captions, classes or tags are, beside the strongest baseline."""
    baselines: Mapping[str, Any] = metrics.get("baselines", {})
    split = SPLITS.get(metrics.get("split", ""), metrics.get("split", ""))
    n = metrics.get("n_images")
    where = f"{counted(int(n), f'{split} picture'.strip())}" if n is not None and n == n else "pictures"
    if "accuracy" in metrics:
        return _how_many_right(metrics, where)
    if "map" in metrics:
        return _how_many_tags(metrics, where)
    if "truth" in metrics:
        said = f"Of its captions for {where}, {percent(metrics['truth'])} are true and complete"
        blind = baselines.get("blind", {}).get("truth")
        return said + (
            f"; a decoder that sees nothing reaches {percent(blind)}." if blind is not None else "."
        )
    if "bleu_4" in metrics:
        said = f"On {where} its captions reach a BLEU-4 of {decimal(metrics['bleu_4'])}"
        constant = baselines.get("constant_caption", {}).get("bleu_4")
        if constant is None:
            return said + "."
        return f"{said}; the best single caption for all of them reaches {decimal(constant)}."
    return ""


def _how_many_right(metrics: Mapping[str, Any], where: str) -> str:
    """Say how many pictures a classifier puts into their class."""
    said = f"Of {where} it puts {percent(metrics['accuracy'])} into the right class"
    usual = metrics.get("baselines", {}).get("most_frequent_class", {}).get("accuracy")
    if usual is None:
        return f"{said}."
    return f"{said}; the most frequent class alone would be right for {percent(usual)}."


def _how_many_tags(metrics: Mapping[str, Any], where: str) -> str:
    """Say how many of a tagger's tags are right, and how many of the right ones it says."""
    usual: Mapping[str, Any] = metrics.get("baselines", {}).get("most_frequent_tags", {})
    said = ""
    if {"precision", "recall"} <= metrics.keys():
        said = (
            f"On {where}, {percent(metrics['precision'])} of the tags it says are right, and it says "
            f"{percent(metrics['recall'])} of those that are there"
        )
        if {"precision", "recall"} <= usual.keys():
            said += (
                "; the most frequent tags, said every time, would be right for "
                f"{percent(usual['precision'])} and find {percent(usual['recall'])}"
            )
        said += ". "
    beside = f", theirs {decimal(usual['map'])}" if said and "map" in usual else ""
    return f"{said}Its mean average precision is {decimal(metrics['map'])}{beside}."


def _does_it_look(metrics: Mapping[str, Any]) -> str:
    """Say what the right picture is worth."""
    gap = metrics.get("image_gap")
    if gap is None or gap != gap:
        return ""
    low = metrics.get("image_gap_interval", [gap, gap])[0]
    if low > 0:
        return f"Given the wrong picture it loses {decimal(gap, 2)} nats a word: it does look."
    return "Given the wrong picture it does no worse that could be measured: it hardly looks."
