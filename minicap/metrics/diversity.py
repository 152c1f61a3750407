"""How varied a set of captions is: a model may score well by saying the same few sentences about everything."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from minicap.metrics._pairs import Tokens, check_tokens
from minicap.metrics.bleu import ngrams


class Diversity(NamedTuple):
    """What ``diversity`` counts.

    ``distinct_1`` and ``distinct_2`` are different words (pairs of neighbours) over all of them; ``words`` the
    different words used and ``vocabulary_share`` their share of the vocabulary; ``captions`` the different
    captions and ``copied`` the share of captions that stand in the training split. None: not asked for.
    """

    distinct_1: float
    distinct_2: float
    words: int
    captions: int
    vocabulary_share: float | None
    copied: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures that were asked for, ready for ``metrics.json``."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def diversity(
    hypotheses: Sequence[Tokens],
    *,
    train_captions: Sequence[Tokens] | None = None,
    vocabulary: Collection[str] | None = None,
) -> Diversity:
    """Count different n-grams, words and captions.

    Distinct-n falls as more captions are scored, for words come back: compare it on equally many.

    Parameters
    ----------
    hypotheses : sequence of token lists
        One caption a picture.
    train_captions : sequence of token lists, optional
        The captions the model learnt from, split by the same tokenizer.
    vocabulary : collection of str, optional
        The words the model can say, without markers; without it the words of ``train_captions``.

    Returns
    -------
    Diversity
        Captions without any word have a distinct-n of 0.

    Raises
    ------
    ValueError
        If there is no caption, one is not split into tokens, or the vocabulary is empty.

    References
    ----------
    J. Li et al.: A diversity-promoting objective function for neural conversation models. NAACL 2016.
    """
    if not len(hypotheses):
        raise ValueError("diversity: no captions; at least one is needed")
    for i, hypothesis in enumerate(hypotheses):
        check_tokens("diversity", f"hypotheses[{i}]", hypothesis)
    used = {word for hypothesis in hypotheses for word in hypothesis}
    said = [tuple(hypothesis) for hypothesis in hypotheses]
    return Diversity(
        _distinct(hypotheses, 1),
        _distinct(hypotheses, 2),
        len(used),
        len(set(said)),
        _share_of(used, train_captions, vocabulary),
        _copied(said, train_captions),
    )


def _distinct(hypotheses: Sequence[Tokens], n: int) -> float:
    """Return different n-grams over all n-grams."""
    grams = [gram for hypothesis in hypotheses for gram in ngrams(hypothesis, n).elements() if len(gram) == n]
    return len(set(grams)) / max(1, len(grams))


def _share_of(
    used: set[str], train_captions: Sequence[Tokens] | None, vocabulary: Collection[str] | None
) -> float | None:
    """Return the share of the vocabulary that is used."""
    if vocabulary is None and train_captions is None:
        return None
    known = set(vocabulary if vocabulary is not None else (w for c in train_captions or () for w in c))
    if not known:
        raise ValueError("diversity: the vocabulary is empty; at least one word is needed")
    return len(used & known) / len(known)


def _copied(said: Sequence[tuple[str, ...]], train_captions: Sequence[Tokens] | None) -> float | None:
    """Return the share of captions that stand, word for word, among the training captions."""
    if train_captions is None:
        return None
    for i, caption in enumerate(train_captions):
        check_tokens("diversity", f"train_captions[{i}]", caption)
    known = {tuple(caption) for caption in train_captions}
    return sum(caption in known for caption in said) / len(said)
