"""What an argument's name says: its role in a recipe, or the value of an option."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

KEEP = object()
"""Leave an argument at its default."""

# An argument's name, in lower case and without underscores, and the roles that it may have, the likeliest first.
_ROLES = (
    (r"xs?|xt|inp|inputs?|images?|imgs?|data|z|zs|aprev|a|scores|logits|preds?|predictions?|ypred|yhat|p|probs?|out|"
     r"batch", "x"),
    (r"ids|idx|indices|tokens|words|wordids|index", "x"),
    (r"ws?|weights?|kernels?|filters?|theta|table|emb|embeddings?|embeddingmatrix|wembed|we|matrix|wts", "w"),
    (r"bs?|bias|biases", "b"),
    (r"gamma|g|scale|gain", "gamma"),
    (r"beta|shift|offset", "beta"),
    (r"ys?|ts?|targets?|labels?|ytrue|truth|gt|captions|yt", "y"),
    (r"masks?|msk", "mask"),
    (r"hs?|h0|prevh|hprev|a0|hidden|state|hinit|hiddenstate|aprev|ht|htprev|hpre|htminus1", "h"),
    (r"cs?|c0|prevc|cprev|cell|cinit|cellstate|ct", "c"),
    (r"wx|wxh|wax|wih|weightih\w*|win|wi2h|kernel|u(?=$)|wxs|wxgates?|win2hidden", "wx"),
    (r"wh|whh|waa|weighthh\w*|wrec|wh2h|u|uh|recurrentkernel|whs|rh|wr", "wh"),
    (r"wy|why|wya|wout|v", "wy"),
    (r"by|bout", "by"),
    (r"(w|weight)(f|i|c|o|g|z|r|h|n|u|xf|xi|xc|xo|xg|xz|xr|fx|ix|cx|ox|gx)", "wg"),
    (r"(u|r)(f|i|c|o|g|z|r|h|n)|w(hf|hi|hc|ho|hg|hz|hr|fh|ih|ch|oh|gh)", "ug"),
    (r"(b|bias)(f|i|c|o|g|z|r|h|n|u|xh|hh|ih|a|x)(l\d)?", "bg"),
    (r"qs?|query|queries|h|hidden|decoderhidden|state|s", "q"),
    (r"ks?|keys?|features?|memory|encoderoutputs?|context|enc\w*", "k"),
    (r"vs?|values?", "v"),
    (r"wq|wquery|qproj|wqs", "wq"),
    (r"wk|wkey|kproj|wf", "wk"),
    (r"wv|wvalue|vproj", "wv"),
    (r"wo|wout|wproj|oproj", "wo"),
    (r"bq", "bq"), (r"bk", "bk"), (r"bv", "bv"), (r"bo", "bo"),
    (r"infeatures?|inputdims?|inputsize|nin|indim|inputs?|inchannels?|nfeatures?|numfeatures?|features?|dims?|d|din|"
     r"inunits|fanin|ninputs?|insize|embeddim|embedsize|dmodel|modeldim|channels?|numchannels?|cin|inc|ninput|size|"
     r"normalizedshape|inputdimension|c|n|nchannels|nx", "in"),
    (r"outfeatures?|outputdims?|outputsize|nout|outdim|outchannels?|numfilters?|nfilters?|filters|numclasses|nclasses|"
     r"outunits|units|fanout|noutputs?|outsize|embeddingdim|embeddim|wordvecdim|wordvec|dout|cout|classes|outc|dim|"
     r"embeddingsize|embedsize|dv|m|d|ny", "out"),
    (r"hiddendims?|hiddensize|nhidden|hidden|hiddenunits|units|h|hsize|dk|na|numhidden|hdim|nunits", "hidden"),
    (r"vocabsize|numembeddings?|vocab|v|numwords|nvocab|vocabulary|vocabularysize|dictsize", "vocab"),
    (r"kernelsize|poolsize|filtersize|ksize|k|f|size|window|kernelshape|windowsize|kernel|poolsz|hf|fsize", "k"),
    (r"poolheight|poolh|ph|kh|kernelh|hh|filterh|kernelheight|filterheight|hpool|heightpool", "kh"),
    (r"poolwidth|poolw|pw|kw|kernelw|ww|filterw|kernelwidth|filterwidth|wpool", "kw"),
)  # fmt: skip
_ROLE_PATTERNS = [(re.compile(rf"(?:{pattern})\d?$"), role) for pattern, role in _ROLES]

# Options: a pattern for the name and the value that shows most bugs.
_OPTIONS: tuple[tuple[str, Any], ...] = (
    (r"strides?|s", 2), (r"pads?|padding|padsize", 1),
    (r"eps|epsilon", 1e-5), (r"momentum|decay", 0.9),
    (r"dropprob|prob|rate|ratio|dropoutratio|droprate|dropout|pdrop|dropoutrate|dropoutp|p|dropoutprob", 0.3),
    (r"keepprob|keep|pkeep|keepratio|keeprate", 0.6),
    (r"mode", "train"), (r"training|train|trainflg|trainflag|istrain|istraining|trainmode", True),
    (r"seed|randomstate", 123), (r"reg|lambd?a?|lam|weightdecay|l2|l2reg|regstrength|regularization|wd", 0.1),
    (r"alpha|slope|negativeslope|leak|leakiness", 0.1), (r"delta|margin", 1.0),
    (r"axis", -1), (r"activation|act|nonlinearity", "relu"),
    (r"heads?|numheads?|nheads?", 2), (r"groups?|numgroups?|ngroups?|g", 2),
    (r"causal|iscausal", True), (r"weightscale|std|scale|initstd|sigma|weightinitstd", 0.3),
    (r"celltype", "rnn"), (r"temperature|tau", 1.5), (r"usebias|bias|hasbias", True), (r"n|t|steps|seqlen", 3),
    (r"stateful|inplace|debug|verbose|bidirectional", False), (r"dtype", np.float64), (r"lr|learningrate", 0.0),
)  # fmt: skip
_OPTION_PATTERNS = [(re.compile(rf"(?:{pattern})$"), value) for pattern, value in _OPTIONS]
# Defaults that hide bugs: these are replaced, others stay.
_HIDING = re.compile(
    r"(strides?|pads?|padding|mode|training|train\w*|istrain\w*|reg|lambd?a?|weightdecay|l2\w*|weightscale)$"
)
_ARRAYS = re.compile(r"(b|bias|biases|h0|c0|prevh|prevc|hprev|cprev|h|c|y|t|targets?|labels?)$")
_DICTS = re.compile(
    r"(\w*params?|hparams?\w*|hyperparameters?|parameters|\w*config|cfg|opts?|options|settings)$"
)
_USUAL_KEYS = {
    "conv": ("stride", "pad"), "pool": ("pool_height", "pool_width", "stride"), "bn": ("mode",), "batch": ("mode",),
    "dropout": ("p", "mode", "seed"), "ln": (), "gn": (), "layer": (),
}  # fmt: skip


def plain(name: str) -> str:
    """Return a name in lower case, without underscores.

    Parameters
    ----------
    name : str
    """
    return name.lower().replace("_", "")


def roles_of(name: str) -> list[str]:
    """Return the roles that an argument of this name may have, the likeliest first.

    Parameters
    ----------
    name : str
    """
    return [role for pattern, role in _ROLE_PATTERNS if pattern.match(plain(name))]


def option(name: str) -> Any:
    """Return the value of an option of this name, ``KEEP`` where none is known.

    Parameters
    ----------
    name : str
    """
    return next((value for pattern, value in _OPTION_PATTERNS if pattern.match(plain(name))), KEEP)


def is_dict(name: str, keys: Sequence[str]) -> bool:
    """Whether an argument is a dict, by its name and what is read from it.

    Parameters
    ----------
    name : str
    keys : sequence of str
        What its function takes out of it.
    """
    return bool(keys) or _DICTS.match(plain(name)) is not None


def usual_keys(name: str) -> tuple[str, ...]:
    """Return the keys of a dict such as ``conv_param`` that is only handed on.

    Parameters
    ----------
    name : str
    """
    return next((keys for start, keys in _USUAL_KEYS.items() if plain(name).startswith(start)), ())


def default_stays(name: str, default: Any, form: str | None) -> bool:
    """Whether an argument that has a default keeps it.

    Parameters
    ----------
    name : str
    default : object
    form : str or None
        Of the layer.
    """
    short = plain(name)
    if default is None:
        return _ARRAYS.match(short) is None
    if _HIDING.match(short):
        return isinstance(default, str) and short != "mode"  # "same", "valid"
    if form == "dropout":
        return option(name) is KEEP
    numbers = isinstance(default, (int, float)) and not isinstance(default, bool)
    if numbers and default > 0 and {"in", "out", "hidden", "vocab"} & set(roles_of(name)):
        return False  # a network of 3072 inputs is checked with few
    if isinstance(default, tuple) and "in" in roles_of(name):
        return False
    return not (isinstance(default, list) and "hidden" in roles_of(name))


def is_size(name: str) -> bool:
    """Whether an argument of this name is a number of features, channels or words, or a kernel's size.

    Parameters
    ----------
    name : str
    """
    sizes = {"in", "out", "hidden", "vocab", "k", "kh", "kw"}
    roles = roles_of(name)
    return bool(roles) and roles[0] in sizes
