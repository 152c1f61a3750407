"""The layers that a course can ask for, each in any term's convention."""

from minicap.grading.terms import affine, conv, gru, lookup, lstm, norms, relu, rnn
from minicap.grading.terms.base import Choice as Choice
from minicap.grading.terms.base import Term as Term

TERMS: dict[str, Term] = {
    term.op: term for module in (affine, relu, conv, norms, rnn, lstm, gru, lookup) for term in module.TERMS
}
"""Every term by the name that specs use."""
