"""What the scores are called, what they mean, and how they compare with baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from minicap.report.html import Child, Html, element, join, quoted
from minicap.report.numbers import chance, decimal, percent


class Score(NamedTuple):
    """A score's title, its meaning in one line, and how its number is written."""

    title: str
    meaning: str
    written: Callable[[float | None], str] = decimal


SCORES = {
    "truth": Score("True and complete", "captions that are true and name every object", percent),
    "truth_loose": Score("True", "captions that are true, though some leave an object out", percent),
    "exact_match": Score("Exact match", "captions that equal a reference word for word", percent),
    "bleu_1": Score("BLEU-1", "words shared with the references, 0 to 1"),
    "bleu_2": Score("BLEU-2", "the same with pairs of words"),
    "bleu_3": Score("BLEU-3", "the same with runs of three words"),
    "bleu_4": Score("BLEU-4", "runs of up to four words shared with the references, 0 to 1"),
    "rouge_l": Score("ROUGE-L", "longest common sequence of words with a reference, 0 to 1"),
    "meteor": Score("METEOR", "words matched by form and stem, in order, 0 to 1"),
    "cider": Score("CIDEr-D", "telling words shared with the references; rare words count more"),
    "accuracy": Score("Accuracy", "pictures put into the right class", percent),
    "map": Score("Mean AP", "average precision of the tags, each counted alike, 0 to 1"),
    "precision": Score("Precision", "tags it says that are right", percent),
    "recall": Score("Recall", "tags there are that it says", percent),
    "f1": Score("F1", "harmonic mean of precision and recall", percent),
    "recalled": Score("Tags recalled", "different tags that it rightly says at least once", percent),
    "loss": Score("Loss", "nats lost on what is right; lower is better"),
    "perplexity": Score(
        "Perplexity", "words it wavers between at each step; lower is better", lambda v: decimal(v, 2)
    ),
    "image_gap": Score("Image gap", "nats a word lost with the wrong picture; 0 if it never looks"),
}
HEADLINES = (
    "truth", "bleu_4", "exact_match", "accuracy", "map", "f1", "recalled", "loss", "perplexity", "image_gap",
)  # fmt: skip
BASELINES = {
    "blind": ("blind", "the same decoder, trained on one grey picture for all"),
    "constant_caption": (
        "one for all",
        "the one caption that does best on the training pictures, for every picture",
    ),
    "random_caption": ("at random", "a training caption drawn for each picture"),
    "most_frequent_class": (
        "most frequent class",
        "the class that most training pictures are of, for every picture",
    ),
    "most_frequent_tags": (
        "most frequent tags",
        "the most frequent tags of the training pictures, as many as they have on average, for every picture",
    ),
}


def headline_cards(metrics: Mapping[str, Any]) -> Html | None:
    """Return the figures to look at first, each with what it means.

    Parameters
    ----------
    metrics : mapping
        As ``metrics.json`` holds them.

    Returns
    -------
    Html or None
        None where there is no figure.
    """
    cards: list[Child] = []
    for name in HEADLINES:
        if name in metrics:
            score = SCORES[name]
            cards.append(
                _card(score.title, score.written(metrics[name]), score.meaning, _details(name, metrics))
            )
        if name == "accuracy" and metrics.get("per_class"):
            cards.append(_weakest_card(metrics["per_class"]))
    return element("dl", cards, class_="cards") if cards else None


def _card(title: str, figure: str, meaning: Child, details: Sequence[str] = ()) -> Html:
    """Return one figure with its meaning and, where there are such, its details."""
    detail = join([element("span", text) for text in details], " ") if details else None
    return element(
        "div",
        element("dt", title),
        element("dd", figure, class_="figure"),
        element("dd", meaning, class_="meaning"),
        element("dd", detail, class_="detail") if detail else None,
    )


def _weakest_card(shares: Mapping[str, float]) -> Html:
    """Return the class that is found least often."""
    name = min(shares, key=lambda name: shares[name] if shares[name] == shares[name] else 2.0)
    return _card("Weakest class", percent(shares[name]), ["pictures of ", quoted(name), " that it finds"])


def _details(name: str, metrics: Mapping[str, Any]) -> list[str]:
    """Return what stands small below a figure."""
    if name == "bleu_4":
        return [_titled(key, metrics) for key in ("bleu_1", "bleu_2", "bleu_3") if key in metrics]
    if name == "image_gap" and "image_gap_interval" in metrics:
        low, high = metrics["image_gap_interval"]
        return ["95 % interval", f"{decimal(low)} to {decimal(high)}"]
    if name == "f1":
        details = [_titled(key, metrics) for key in ("precision", "recall") if key in metrics]
        return details + ([f"said from {chance(metrics['threshold'])} on"] if "threshold" in metrics else [])
    return []


def _titled(name: str, metrics: Mapping[str, Any]) -> str:
    """Return a score with its title."""
    return f"{SCORES[name].title} {SCORES[name].written(metrics[name])}"


def comparison_table(metrics: Mapping[str, Any]) -> Html | None:
    """Return every score of the model beside those of its baselines.

    Parameters
    ----------
    metrics : mapping

    Returns
    -------
    Html or None
        None where there is no score.
    """
    baselines: Mapping[str, Any] = metrics.get("baselines", {})
    columns = [metrics, *baselines.values()]
    names = [name for name in SCORES if name in metrics]
    if not names:
        return None
    titles = ["this model", *(BASELINES.get(name, (name.replace("_", " "), ""))[0] for name in baselines)]
    head = [element("th", "Score", scope="col"), *(element("th", title, scope="col") for title in titles)]
    rows = [
        element(
            "tr",
            element("th", SCORES[name].title, scope="row"),
            [element("td", SCORES[name].written(column.get(name)), class_="number") for column in columns],
        )
        for name in names
    ]
    table = element("table", element("thead", element("tr", head)), element("tbody", rows), class_="scores")
    return join([scrolling(table, "Scores beside baselines"), _baseline_notes(baselines)])


def scrolling(table: Html, label: str) -> Html:
    """Return a table in a box of its own that scrolls sideways on a narrow screen, also by keyboard.

    Parameters
    ----------
    table : Html
    label : str
        What a screen reader calls the box.

    Returns
    -------
    Html
    """
    return element("div", table, class_="scroll", tabindex=0, role="region", aria_label=label)


def _baseline_notes(baselines: Mapping[str, Any]) -> Html | None:
    """Say what each baseline is."""
    notes: list[Child] = []
    for name, scores in baselines.items():
        title, meaning = BASELINES.get(name, ("", ""))
        said = scores.get("caption")
        if meaning:
            words = [": ", quoted(said)] if said else []
            notes.append(element("li", element("b", title), f": {meaning}", words, "."))
    return element("ul", notes, class_="notes") if notes else None
