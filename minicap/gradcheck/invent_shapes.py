"""The inputs that layers are known to take: a few lines a kind of layer, the one that shows most bugs first.

A line names roles, not arguments: ``x`` the data, ``w`` weights, ``b`` a bias, ``y`` targets. ``x(N,T,D)`` is a normal
array, ``y:int<V(N,T)`` holds integers, ``x[T](N,D)`` is a list of T arrays, ``in=D`` a number. ``!`` at its end makes
a line binding: a forward that takes it has to have a backward that does. The first line gives the sizes, all distinct
where a mix-up of axes would else go unseen.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

_RECURRENT = """
x(N,T,D) h(N,H) c(N,H) wx(D,G) wh(H,G) b(G) by(O) wy(H,O) w(D+H,G) wg(D+H,H) ug(H,H) bg(H) in=D hidden=H
x(T,N,D) h(N,H) c(N,H) wx(D,G) wh(H,G) b(G) by(O) wy(H,O) w(D+H,G) wg(D+H,H) ug(H,H) bg(H) in=D hidden=H
x(N,T,D) h(N,H) c(N,H) wx(G,D) wh(G,H) b(G) by(O) wy(O,H) w(G,D+H) wg(H,D+H) ug(H,H) bg(H) in=D hidden=H
x(T,N,D) h(N,H) c(N,H) wx(G,D) wh(G,H) b(G) by(O) wy(O,H) w(G,D+H) wg(H,D+H) ug(H,H) bg(H) in=D hidden=H
x(N,T,D) h(N,H) c(N,H) wx(D,G) wh(H,G) b(G) wg(D,H) ug(H,H) bg(H) in=D hidden=H
x(T,N,D) h(N,H) c(N,H) wx(D,G) wh(H,G) b(G) wg(D,H) ug(H,H) bg(H) in=D hidden=H
x(D,N,T) h(H,N) c(H,N) wx(G,D) wh(G,H) b(G,1) by(O,1) wy(O,H) w(G,D+H) wg(H,D+H) ug(H,H) bg(H,1) in=D hidden=H
x[T](N,D) h(N,H) c(N,H) wx(D,G) wh(H,G) b(G) w(D+H,G) wg(D+H,H) bg(H) in=D hidden=H
x[T](N,D) h(N,H) c(N,H) wx(G,D) wh(G,H) b(G) w(G,D+H) wg(H,D+H) bg(H) in=D hidden=H
x[T](D,N) h(H,N) c(H,N) wx(G,D) wh(G,H) b(G,1) w(G,D+H) wg(H,D+H) bg(H,1) in=D hidden=H
x[T](D) h(H) c(H) wx(G,D) wh(G,H) b(G) w(G,D+H) wg(H,D+H) bg(H) in=D hidden=H
x[T](D,1) h(H,1) c(H,1) wx(G,D) wh(G,H) b(G,1) w(G,D+H) wg(H,D+H) bg(H,1) in=D hidden=H
x[T](D) h(H) c(H) wx(D,G) wh(H,G) b(G) w(D+H,G) wg(D+H,H) bg(H) in=D hidden=H
x(T,D) h(H) c(H) wx(D,G) wh(H,G) b(G) w(D+H,G) wg(D+H,H) bg(H) in=D hidden=H
x(T,D) h(H) c(H) wx(G,D) wh(G,H) b(G) w(G,D+H) wg(H,D+H) bg(H) in=D hidden=H
"""
_STEP = """
x(N,D) h(N,H) c(N,H) wx(D,G) wh(H,G) b(G) wy(H,O) by(O) w(D+H,G) wg(D+H,H) ug(H,H) bg(H) in=D hidden=H
x(N,D) h(N,H) c(N,H) wx(G,D) wh(G,H) b(G) wy(O,H) by(O) w(G,D+H) wg(H,D+H) ug(H,H) bg(H) in=D hidden=H
x(N,D) h(N,H) c(N,H) wx(D,G) wh(H,G) b(G) wg(D,H) ug(H,H) bg(H) in=D hidden=H
x(N,D) h(N,H) c(N,H) wx(G,D) wh(G,H) b(G) wg(H,D) ug(H,H) bg(H) in=D hidden=H
x(D,N) h(H,N) c(H,N) wx(G,D) wh(G,H) b(G,1) wy(O,H) by(O,1) w(G,D+H) wg(H,D+H) ug(H,H) bg(H,1) in=D hidden=H
x(D,N) h(H,N) c(H,N) wx(G,D) wh(G,H) b(G,1) wg(H,D) ug(H,H) bg(H,1) in=D hidden=H
x(D) h(H) c(H) wx(G,D) wh(G,H) b(G) w(G,D+H) wg(H,D+H) bg(H) in=D hidden=H
x(D) h(H) c(H) wx(D,G) wh(H,G) b(G) w(D+H,G) wg(D+H,H) bg(H) in=D hidden=H
"""
_POOL = """
N=2 C=3 H=5 W=6 P=3 Q=2 K=3 I=7 J=8
x(N,C,H,W) k=P kh=P kw=Q
x(N,C,H,I) k=K kh=K kw=K
x(N,C,W,J) k=Q kh=P kw=Q
x(N,C,W,J) k=Q kh=Q kw=Q
x(N,H,I,C) k=K kh=K kw=Q
x(H,W) k=K kh=P kw=Q
"""
RECIPES = {
    "affine": """
N=3 D=4 M=5 A=2 B=3 T=2
x(N,A,B) w(A*B,M) b(M) gamma(M) beta(M) in=A*B out=M !
x(N,D) w(D,M) b(M) gamma(M) beta(M) in=D out=M
x(N,A,B) w(M,A*B) b(M) in=A*B out=M !
x(N,D) w(M,D) b(M) in=D out=M
x(D,N) w(M,D) b(M,1) in=D out=M
x(N,T,D) w(D,M) b(M) in=D out=M
x(N,T,D) w(M,D) b(M) in=D out=M
x(D) w(M,D) b(M) in=D out=M
x(D) w(D,M) b(M) in=D out=M
x(N,D) w(D) b(1) in=D out=M
""",
    "temporal_affine": """
N=2 T=3 D=4 M=5
x(N,T,D) w(D,M) b(M) in=D out=M
x(N,T,D) w(M,D) b(M) in=D out=M
x(N,D) w(D,M) b(M) in=D out=M
""",
    "activation": """
N=4 D=5 C=2 H=3 W=4
x(N,D)
x(N,C,H,W)
x(D)
""",
    "dropout": """
N=6 D=5
x(N,D)
""",
    "flatten": """
N=2 C=3 H=4 W=5
x(N,C,H,W)
x(N,H,W)
""",
    "conv": """
N=2 C=4 H=5 W=6 F=5 P=3 Q=2 K=3 I=7
x(N,C,H,W) w(F,C,P,Q) b(F) gamma(F) beta(F) in=C out=F k=K kh=P kw=Q
x(N,C,H,I) w(F,C,K,K) b(F) gamma(F) beta(F) in=C out=F k=K kh=K kw=K
x(N,C,I,K) w(F,C,K,K) b(F) gamma(F) beta(F) in=C out=F k=K kh=K kw=K
x(N,H,I,C) w(K,K,C,F) b(F) in=C out=F k=K kh=K kw=K
x(N,H,I,C) w(F,K,K,C) b(F) in=C out=F k=K kh=K kw=K
x(C,H,I) w(F,C,K,K) b(F) in=C out=F k=K kh=K kw=K
x(H,I) w(F,K,K) b(F) in=C out=F k=K kh=K kw=K
x(H,W) w(P,Q) b(1) in=C out=F k=K kh=P kw=Q
x(H,I) w(K,K) b(1) in=C out=F k=K kh=K kw=K
x(N,C,W) w(F,C,P) b(F) in=C out=F k=P
x(N,H,I) w(F,K,K) b(F) in=C out=F k=K kh=K kw=K
""",
    "depthwise_conv": """
N=2 C=3 H=5 W=6 P=3 Q=2 I=7 K=3
x(N,C,H,W) w(C,P,Q) b(C) in=C k=K kh=P kw=Q
x(N,C,H,W) w(C,1,P,Q) b(C) in=C k=K kh=P kw=Q
x(N,C,H,I) w(C,K,K) b(C) in=C k=K kh=K kw=K
""",
    "conv1d": """
N=2 C=3 W=7 F=4 K=3
x(N,C,W) w(F,C,K) b(F) in=C out=F k=K
x(N,W,C) w(K,C,F) b(F) in=C out=F k=K
x(W) w(K) b(1) k=K
""",
    "max_pool": _POOL,
    "avg_pool": _POOL,
    "global_avg_pool": """
N=2 C=3 H=4 W=5
x(N,C,H,W)
x(N,H,W,C)
""",
    "batch_norm": """
N=6 D=4 C=4 H=2 W=3
x(N,D) gamma(D) beta(D) in=D
x(N,C,H,W) gamma(C) beta(C) in=C
x(N,C,H,W) gamma(1,C,1,1) beta(1,C,1,1) in=C
x(D,N) gamma(D,1) beta(D,1) in=D
""",
    "spatial_batch_norm": """
N=3 D=4 C=4 H=2 W=5
x(N,C,H,W) gamma(C) beta(C) in=C
x(N,C,H,W) gamma(1,C,1,1) beta(1,C,1,1) in=C
x(N,H,W,C) gamma(C) beta(C) in=C
x(N,D) gamma(D) beta(D) in=D
""",
    "layer_norm": """
N=3 D=5 T=2 C=4 H=2 W=3
x(N,D) gamma(D) beta(D) in=D
x(N,T,D) gamma(D) beta(D) in=D
x(N,C,H,W) gamma(1,C,1,1) beta(1,C,1,1) in=C
x(N,C,H,W) gamma(C,H,W) beta(C,H,W) in=C
""",
    "group_norm": """
N=2 C=6 H=3 W=4
x(N,C,H,W) gamma(1,C,1,1) beta(1,C,1,1) in=C
x(N,C,H,W) gamma(C) beta(C) in=C
""",
    "rnn": "N=2 T=3 D=4 H=5 G=5 O=6" + _RECURRENT,
    "lstm": "N=2 T=3 D=4 H=5 G=20 O=6" + _RECURRENT,
    "gru": "N=2 T=3 D=4 H=5 G=15 O=6" + _RECURRENT,
    "rnn_step": "N=3 D=4 H=5 G=5 O=6" + _STEP,
    "lstm_step": "N=3 D=4 H=5 G=20 O=6" + _STEP,
    "gru_step": "N=3 D=4 H=5 G=15 O=6" + _STEP,
    "embedding": """
N=3 T=4 V=7 D=5 M=9
x:int<V(N,T) w(V,D) vocab=V in=V out=D
x:int<V(M) w(V,D) vocab=V in=V out=D
x:int<V(N,T) w(D,V) vocab=V in=V out=D
""",
    "attention": """
N=2 S=3 T=4 D=5 E=6 M=7
q(N,S,D) k(N,T,D) v(N,T,E) mask:bool(N,S,T) x(N,T,D) wq(D,E) wk(D,E) wv(D,M) wo(M,D) bq(E) bk(E) bv(M) in=D
q(S,D) k(T,D) v(T,E) mask:bool(S,T) x(T,D) wq(D,E) wk(D,E) wv(D,M) wo(M,D) in=D out=M hidden=E
q(N,D) k(N,T,D) v(N,T,E) mask:bool(N,T) x(N,T,D) wq(E,D) wk(E,D) wv(M,D) wo(D,M) in=D out=M hidden=E
q(N,D) k(N,T,D) v(N,T,D) x(N,T,D) wq(D,D) wk(D,D) wv(D,D) wo(D,D) in=D out=D hidden=D
""",
    "additive_attention": """
N=2 L=3 D=4 H=5 A=6
k(N,L,D) q(N,H) wk(D,A) wq(H,A) b(A) v(A)
k(N,L,D) q(N,H) wk(D,A) wq(H,A) b(A) v(A,1)
k(N,L,D) q(N,H) wk(A,D) wq(A,H) b(A) v(A)
""",
    "multi_head_attention": """
N=2 S=3 T=4 D=6
q(N,S,D) k(N,T,D) v(N,T,D) x(N,T,D) wq(D,D) wk(D,D) wv(D,D) wo(D,D) bq(D) bk(D) bv(D) bo(D) b(D) in=D out=D hidden=D
q(S,D) k(T,D) v(T,D) x(T,D) wq(D,D) wk(D,D) wv(D,D) wo(D,D) bq(D) bk(D) bv(D) bo(D) b(D) in=D out=D hidden=D
""",
    "softmax_loss": """
N=4 C=5 D=3
x(N,C) y:int<C(N) in=D out=C
x(N,C) y:onehot(N,C)
x:prob(N,C) y:int<C(N)
x:prob(N,C) y:onehot(N,C)
x(N,D) w(D,C) b(C) y:int<C(N) in=D out=C
x(N,D) w(C,D) b(C) y:int<C(N) in=D out=C
x(C,N) y:int<C(N)
x(C,N) y:onehot(C,N)
""",
    "temporal_softmax_loss": """
N=3 T=4 V=5
x(N,T,V) y:int<V(N,T) mask:bool(N,T)
x(N,T,V) y:int<V(N,T) mask:ones(N,T)
x(T,N,V) y:int<V(T,N) mask:bool(T,N)
""",
    "squared_loss": """
N=4 D=3
x(N,D) y(N,D)
x(N) y(N)
x(N,D) w(D) y(N) b(1)
""",
    "binary_loss": """
N=4 D=3
x(N,D) y:bit(N,D)
x:prob(N,D) y:bit(N,D)
x(N) y:bit(N)
x:prob(N) y:bit(N)
x:prob(1,N) y:bit(1,N)
""",
    "model": """
N=4 D=5 H=6 C=3 A=2 I=6 J=4 T=4 V=6
x(N,D) y:int<C(N) in=D hidden=H out=C vocab=V
x(N,D) y:bit(N) in=D hidden=H out=C
x(N,D) y(N,D) in=D hidden=H out=D
x(N,D) y:onehot(N,C) in=D hidden=H out=C
x(3,A,I,J) y:int<C(3) in=A*I*J hidden=H out=C k=3 kh=3 kw=3
x(N,D) y:int<V(N,T) in=D hidden=H out=D vocab=V
""",
    "same": """
N=3 D=4 C=2 H=3 W=4
*(N,D)
*(N,C,H,W)
*(D)
""",
}  # fmt: skip


class Item(NamedTuple):
    """What one role of a recipe gets: an array of a kind and a shape, a list of them, or a number."""

    kind: str
    shape: tuple[int, ...]
    length: int = 0  # of a list of arrays; 0 for one array
    number: int = 0


class Recipe(NamedTuple):
    """Inputs that belong together, by role."""

    items: dict[str, Item]
    binding: bool


_ITEM = re.compile(r"([\w*]+?)(?:\[(\w+)\])?(?::([a-z]+(?:<\w+)?))?\(([^)]*)\)|(\w+)=(\S+)")


@cache
def recipes(form: str) -> tuple[Recipe, ...]:
    """Return the recipes of a kind of layer, those that show most first.

    Parameters
    ----------
    form : str
        A key of ``RECIPES``.
    """
    sizes_line, *lines = RECIPES[form].strip().splitlines()
    sizes = {name: int(value) for name, value in (part.split("=") for part in sizes_line.split())}
    return tuple(_recipe(line, sizes) for line in lines)


def _recipe(line: str, sizes: dict[str, int]) -> Recipe:
    """Read one line."""
    items = {}
    for role, count, kind, shape, name, number in _ITEM.findall(line):
        if name:
            items[name] = Item("number", (), 0, _size(number, sizes))
            continue
        if "<" in kind:
            kind = f"int<{_size(kind.partition('<')[2], sizes)}"
        axes = tuple(_size(axis, sizes) for axis in shape.split(","))
        items[role] = Item(kind or "normal", axes, _size(count, sizes) if count else 0)
    return Recipe(items, line.endswith("!"))


def _size(text: str, sizes: dict[str, int]) -> int:
    """Return the length that ``N``, ``A*B``, ``D+H`` or ``1`` stands for."""
    if "+" in text:
        return sum(_size(part, sizes) for part in text.split("+"))
    product = 1
    for part in text.split("*"):
        product *= int(part) if part.isdigit() else sizes[part]
    return product
