"""Words and their numbers; the first four numbers are reserved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from minicap.data.files import shown
from minicap.data.stored import Stored
from minicap.data.tokenizers import get_tokenizer
from minicap.errors import InputError

PAD, START, END, UNK = range(4)
SPECIALS = ("<pad>", "<start>", "<end>", "<unk>")
_FORMAT = "minicap-vocabulary-1"


class Vocabulary(Stored):
    """Translate captions to token ids and back.

    Ids 0 to 3 are ``<pad>``, ``<start>``, ``<end>`` and ``<unk>``; the words follow in their order. Text
    never becomes a special token: a caption that says "<end>" is read by the tokenizer like any other.

    Parameters
    ----------
    words : sequence of str
        The words proper, without the special tokens.
    tokenizer : str
        Name of the tokenizer that reads captions and joins words.

    Raises
    ------
    ValueError
        If a word is empty, doubled, no text, or the name of a special token, or the tokenizer is unknown.
    """

    PAD, START, END, UNK = PAD, START, END, UNK

    def __init__(self, words: Sequence[str], tokenizer: str = "word") -> None:
        self.tokenizer = get_tokenizer(tokenizer)
        for word in words:
            if not isinstance(word, str) or not word or word in SPECIALS:
                raise ValueError(
                    f"Vocabulary: {shown(repr(word))} cannot be a word; words are text, not special tokens"
                )
        self.words: tuple[str, ...] = (*SPECIALS, *words)
        self._ids = {word: number for number, word in enumerate(words, start=len(SPECIALS))}
        if len(self._ids) != len(words):
            doubled = Counter(words).most_common(1)[0][0]
            raise ValueError(
                f"Vocabulary: the word {shown(repr(doubled))} stands there twice; give each word once"
            )

    @classmethod
    def build(cls, captions: Iterable[str], *, tokenizer: str = "word", min_count: int = 1) -> Vocabulary:
        """Collect the words of captions, the most frequent first, ties in alphabetical order.

        Parameters
        ----------
        captions : iterable of str
            The training captions.
        tokenizer : str
            ``"word"`` or ``"char"``.
        min_count : int
            How often a word must occur; rarer ones are read as ``<unk>``.

        Returns
        -------
        Vocabulary

        Raises
        ------
        InputError
            If no word remains.
        """
        split = get_tokenizer(tokenizer).split
        counts = Counter(token for caption in captions for token in split(caption))
        words = sorted((w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
        if not words and counts:
            word, most = counts.most_common(1)[0]
            raise InputError(
                f"vocabulary: no word occurs {min_count} times, and the most frequent, {shown(repr(word))}, "
                f"only {most}; use --min-count {most} or lower"
            )
        if not words:
            raise InputError(f"vocabulary: the captions hold no word that the {tokenizer} tokenizer can read")
        return cls(words, tokenizer)

    def __len__(self) -> int:
        """Return V, the number of ids, special tokens included."""
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        """Tell whether a word has an id of its own (a special token is no word)."""
        return word in self._ids

    def __eq__(self, other: object) -> bool:
        """Compare words, their order, and the tokenizer."""
        return isinstance(other, Vocabulary) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Hash like `__eq__` compares."""
        return hash((self.tokenizer.name, self.words))

    def __repr__(self) -> str:
        """Show the size and the first words."""
        first = ", ".join(self.words[4:8])
        return f"Vocabulary({len(self)} ids, tokenizer={self.tokenizer.name!r}: {shown(first, 60)}, ...)"

    def encode(self, caption: str) -> list[int]:
        """Return a caption's ids: ``<start>``, its words, ``<end>``.

        Parameters
        ----------
        caption : str
            Any text; words without an id become ``<unk>``.

        Returns
        -------
        list of int
            Two more than the caption has tokens.
        """
        return [START, *(self._ids.get(token, UNK) for token in self.tokenizer.split(caption)), END]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the caption that ids spell, up to the first ``<end>``.

        Parameters
        ----------
        ids : iterable of int
            Token ids; ``<pad>`` and ``<start>`` are skipped, an unknown word shows as ``<unk>``.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If an id is outside the vocabulary.
        """
        tokens = []
        for number in map(int, ids):
            if not 0 <= number < len(self):
                raise ValueError(
                    f"decode: there is no id {number}; this vocabulary has ids 0 to {len(self) - 1}"
                )
            if number == END:
                break
            if number not in (PAD, START):
                tokens.append(self.words[number])
        return self.tokenizer.join(tokens)

    def to_dict(self) -> dict[str, Any]:
        """Return the vocabulary as JSON-ready values; the place of a word gives its id."""
        return {"format": _FORMAT, "tokenizer": self.tokenizer.name, "words": list(self.words)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, source: str = "vocabulary") -> Vocabulary:
        """Rebuild a vocabulary from `to_dict`'s form, validating everything.

        Parameters
        ----------
        content : Mapping
            ``format``, ``tokenizer`` and ``words`` (special tokens first).
        source : str
            What to call it in an error.

        Returns
        -------
        Vocabulary

        Raises
        ------
        InputError
            If anything is missing or makes no sense.
        """
        if not isinstance(content, Mapping) or content.get("format") != _FORMAT:
            raise InputError(
                f"{source}: is not a vocabulary of the form {_FORMAT}; make it again by training"
            )
        words = content.get("words")
        if not isinstance(words, list | tuple) or tuple(words[:4]) != SPECIALS:
            raise InputError(f"{source}: 'words' must be a list that begins with {', '.join(SPECIALS)}")
        try:
            return cls(words[4:], content.get("tokenizer", ""))
        except (ValueError, TypeError) as error:
            raise InputError(f"{source}: {error}") from error
