"""Beam search: the best few beginnings are followed at once, for a batch of images at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.decoding.hypothesis import LENGTH_PENALTY, Hypothesis, normalised
from minicap.decoding.steps import Decoder, take_rows
from minicap.decoding.words import Rules, best_few, check_limits

BEAM = 5


def beam_search(
    decoder: Decoder,
    features: Array,
    *,
    start: int,
    end: int,
    beam: int = BEAM,
    length_penalty: float = LENGTH_PENALTY,
    banned: Collection[int] = (),
    min_length: int = 0,
    max_length: int = 40,
    no_repeat: int = 0,
) -> list[list[Hypothesis]]:
    """Follow the K best beginnings of each image's sentence, and rank the sentences that they end in.

    A beam has K places. At each step the places are filled in their order: place k takes the most probable beginning
    that is left among those that continue the places 1 to k of the step before. A sentence that has ended leaves its
    place empty for good, as in the beams of Sutskever et al. and of Xu et al., so at most K sentences are found.

    What holds, whatever the decoder, the rules and the lengths allowed:

    - Place 1 is greedy search, so a beam of 1 is greedy search.
    - A place looks at no later place: the beam of K + 1 finds what the beam of K finds, and one sentence more. So a
      wider beam never has a worse best score. (The textbook's beam, where place k may continue any place, can.)
    - A beam with as many places as there are beginnings and sentences drops none: it finds the best sentence of all.

    An image is done early when none of its beginnings can end in a better sentence than the best one found. Further
    words only make a sentence less probable, so log P of the beginning, divided by the power of the greatest length,
    bounds what it can become: this pruning is exact, the best sentence is the same without it.

    Parameters
    ----------
    decoder : Decoder
    features : Array, (N, E)
    start, end : int
        Ids of the markers.
    beam : int
        K.
    length_penalty : float
        The exponent alpha of the length by which log-probabilities are divided, see `normalised`.
    banned : collection of int
        Ids never to be said, such as padding.
    min_length : int
        Fewest words in front of the end marker.
    max_length : int
        Longest sentence in tokens, the end marker included. What is longer is cut there, and ranked among the others.
    no_repeat : int
        No run of so many words stands twice in a sentence; 0: it may.

    Returns
    -------
    list of N lists of 1 to K Hypothesis
        Of each image the sentences that were found, best score first. Only the first is sure to be what the search
        was for: an image that is done early may be without some of the others.

    Raises
    ------
    ValueError
        If the beam is narrower than 1, the exponent negative, or the limits contradict each other.

    References
    ----------
    Sutskever et al., "Sequence to sequence learning with neural networks" (2014), section 3.2; Xu et al., "Show, attend
    and tell" (2015); Lemons et al., "Beam search: faster and monotonic" (2022), for places that look at no later ones.
    """
    if beam < 1:
        raise ValueError(f"beam_search: beam is {beam} but at least 1 is needed")
    if not 0 <= length_penalty < np.inf:
        raise ValueError(f"beam_search: length_penalty is {length_penalty} but 0 or more is needed")
    check_limits("beam_search", min_length=min_length, max_length=max_length, no_repeat=no_repeat)
    rules = Rules(end, banned, min_length, no_repeat)
    found = _Found(len(features), beam, length_penalty)
    begun = _Begun.all(len(features))
    with np.errstate(invalid="ignore", over="ignore"):  # a search ends whatever the weights
        whole, state = decoder.start(features)
    memory, whose = whole, begun.image
    while len(begun.image) and len(found.trace) < max_length:
        if not np.array_equal(begun.image, whose):  # rows of a memory only move when a place falls empty
            memory, whose = take_rows(whole, begun.image), begun.image
        last = begun.said[:, -1] if found.trace else np.full(len(begun.image), start)
        with np.errstate(invalid="ignore", over="ignore"):
            logits, state, attention = decoder.step(last, state, memory)
            ids, log_probs = best_few(logits, rules.forbidden(begun.said, logits.shape[1]), beam)
        found.retire(begun, np.isneginf(log_probs[:, 0]))  # nothing may or can follow
        begun, parents = found.grow(begun, ids, log_probs, attention)
        ended = begun.said[:, -1] == end
        found.retire(begun, ended)
        going_on = np.flatnonzero(~ended & found.hopeful(begun, ~ended, max_length))
        begun, state = take_rows(begun, going_on), take_rows(state, parents[going_on])
    found.retire(begun, np.ones(len(begun.image), bool))
    return found.sentences()


class _Begun(NamedTuple):
    """The beginnings that are followed, a row each, in order of images and places."""

    image: Array  # (M,)
    place: Array  # (M,)
    total: Array  # (M,) log-probability so far
    said: Array  # (M, t) tokens so far
    row: Array  # (M,) in the last step of the trace

    @classmethod
    def all(cls, count: int) -> _Begun:
        """Return the empty beginning of every image, in the first place."""
        rows = np.arange(count)
        return cls(rows, np.zeros(count, int), np.zeros(count), np.empty((count, 0), int), rows)


class _Said(NamedTuple):
    """One step of all images: which row of the step before each word (M,) follows, and what is known of it."""

    before: Array
    tokens: Array
    log_probs: Array
    attention: Array | None


class _Found:
    """The places of every image, the way by which each word was reached, and the sentences that are whole."""

    def __init__(self, count: int, beam: int, length_penalty: float) -> None:
        self.open = np.ones((count, beam), bool)  # places that no sentence has ended in
        self.best = np.full(count, -np.inf)
        self.length_penalty = length_penalty
        self.trace: list[_Said] = []
        self.whole: list[list[tuple[float, int, int]]] = [[] for _ in range(count)]  # score, length, row

    def retire(self, begun: _Begun, which: Array) -> None:
        """Keep some beginnings as the sentences that they are, and close their places."""
        length = begun.said.shape[1]
        for r in np.flatnonzero(which):
            n = begun.image[r]
            score = float(normalised(begun.total[r], length, self.length_penalty))
            self.whole[n].append((score, length, int(begun.row[r])))
            self.best[n] = max(self.best[n], score)
            self.open[n, begun.place[r]] = False

    def grow(
        self, begun: _Begun, ids: Array, log_probs: Array, attention: Array | None
    ) -> tuple[_Begun, Array]:
        """Fill the places from the C best continuations (M, C) of each beginning; return whose they are, too."""
        (count, beam), c = self.open.shape, ids.shape[1]
        scores = np.full((count, beam, c), -np.inf)
        scores[begun.image, begun.place] = begun.total[:, None] + log_probs
        left = scores.reshape(count, beam * c)
        row_of = np.zeros((count, beam), int)
        row_of[begun.image, begun.place] = np.arange(len(begun.image))
        taken = np.full((count, beam), -1)
        for k in range(beam):
            best = left[:, : (k + 1) * c].argmax(axis=1)  # the first of equals
            images = np.flatnonzero(self.open[:, k] & (left[np.arange(count), best] > -np.inf))
            taken[images, k] = best[images]
            left[images, best[images]] = -np.inf
        image, place = np.nonzero(taken >= 0)
        parent, rank = np.divmod(taken[image, place], c)
        parents = row_of[image, parent]
        tokens, gained = ids[parents, rank], log_probs[parents, rank]
        maps = None if attention is None else attention[parents]
        self.trace.append(_Said(begun.row[parents], tokens, gained, maps))
        said = np.column_stack([begun.said[parents], tokens])
        return _Begun(image, place, begun.total[parents] + gained, said, np.arange(len(image))), parents

    def hopeful(self, begun: _Begun, going_on: Array, max_length: int) -> Array:
        """Tell (M,) whose image has a beginning left that may end in a better sentence than its best one."""
        bound = normalised(begun.total, max_length, self.length_penalty)
        images = np.zeros(len(self.best), bool)
        images[begun.image[going_on & (bound > self.best[begun.image])]] = True
        return images[begun.image]

    def sentences(self) -> list[list[Hypothesis]]:
        """Return every image's sentences, best first, of equals the one found first."""
        ranked = [sorted(whole, key=lambda one: -one[0]) for whole in self.whole]
        return [[self._sentence(length, row) for _, length, row in several] for several in ranked]

    def _sentence(self, length: int, row: int) -> Hypothesis:
        """Follow a sentence from its last word back to its first."""
        tokens, log_probs, maps = [], [], []
        for said in reversed(self.trace[:length]):
            tokens.append(int(said.tokens[row]))
            log_probs.append(float(said.log_probs[row]))
            if said.attention is not None:
                maps.append(said.attention[row])
            row = said.before[row]
        return Hypothesis(tokens[::-1], log_probs[::-1], np.stack(maps[::-1]) if maps else None)
