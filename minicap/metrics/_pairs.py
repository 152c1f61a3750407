"""What every caption metric asks of its arguments."""

from __future__ import annotations

from collections.abc import Sequence

Tokens = Sequence[str]


def check_pairs(who: str, hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> None:
    """Raise ValueError unless each hypothesis is a list of tokens with at least one reference beside it."""
    if len(hypotheses) != len(references):
        raise ValueError(
            f"{who}: {len(hypotheses)} hypotheses but {len(references)} lists of references; "
            "each picture needs one of both"
        )
    if not len(hypotheses):
        raise ValueError(f"{who}: no captions to score; at least one picture is needed")
    for i, (hypothesis, several) in enumerate(zip(hypotheses, references, strict=True)):
        check_tokens(who, f"hypotheses[{i}]", hypothesis)
        check_references(who, i, several)


def check_references(who: str, i: int, several: Sequence[Tokens]) -> None:
    """Raise ValueError unless picture ``i`` has a list of at least one tokenised reference."""
    if isinstance(several, str) or not len(several):
        came = "a string" if isinstance(several, str) else "empty"
        raise ValueError(
            f"{who}: references[{i}] is {came}; a list of at least one tokenised caption is needed"
        )
    for j, reference in enumerate(several):
        check_tokens(who, f"references[{i}][{j}]", reference)


def check_tokens(who: str, what: str, tokens: Tokens) -> None:
    """Raise ValueError for a caption that has not been split."""
    if isinstance(tokens, str):
        raise ValueError(f"{who}: {what} is the string {tokens[:40]!r}; split it into tokens first")
