"""Attention."""

import numpy as np


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention_forward(Q, K, V):
    """Scaled dot-product attention: Q (N, S, D), K (N, T, D), V (N, T, E)."""
    scale = float(np.sqrt(Q.shape[-1]))
    scores = Q @ K.transpose(0, 2, 1) / scale
    A = softmax(scores)
    out = A @ V
    cache = (Q, K, V, A, scale)
    return out, cache


def attention_backward(dout, cache):
    """Backward pass of scaled dot-product attention."""
    Q, K, V, A, scale = cache
    dV = A.transpose(0, 2, 1) @ dout
    dA = dout @ V.transpose(0, 2, 1)
    dscores = A * (dA - np.sum(dA * A, axis=-1, keepdims=True))
    dscores = dscores / scale
    dQ = dscores @ K
    dK = dscores.transpose(0, 2, 1) @ Q
    return dQ, dK, dV


class SelfAttention:
    """One causal head over (N, T, D): no word looks at later words."""

    def __init__(self, Wq, Wk, Wv):
        self.params = {"Wq": Wq, "Wk": Wk, "Wv": Wv}
        self.grads = {}

    def forward(self, x):
        T = x.shape[1]
        self.x = x
        self.q = x @ self.params["Wq"]
        self.k = x @ self.params["Wk"]
        self.v = x @ self.params["Wv"]
        self.scale = self.q.shape[-1] ** -0.5
        scores = self.q @ self.k.transpose(0, 2, 1) * self.scale
        self.mask = np.triu(np.ones((T, T), dtype=bool), 1)
        scores = np.where(self.mask, -np.inf, scores)
        self.A = softmax(scores)
        return self.A @ self.v

    def backward(self, dout):
        x = self.x
        dv = self.A.transpose(0, 2, 1) @ dout
        dA = dout @ self.v.transpose(0, 2, 1)
        ds = self.A * (dA - (dA * self.A).sum(axis=-1, keepdims=True))
        ds = np.where(self.mask, 0, ds) * self.scale
        dq = ds @ self.k
        dk = ds.transpose(0, 2, 1) @ self.q
        self.grads["Wq"] = np.einsum("ntd,nte->de", x, dq)
        self.grads["Wk"] = np.einsum("ntd,nte->de", x, dk)
        self.grads["Wv"] = np.einsum("ntd,nte->de", x, dv)
        dx = dq @ self.params["Wq"].T
        dx = dx + dk @ self.params["Wk"].T
        dx = dx + dv @ self.params["Wv"].T
        return dx


def dot_attention(h, features):
    """A decoder's state h (N, D) looks at features (N, L, D); closure."""
    e = np.einsum("nd,nld->nl", h, features)
    a = softmax(e)
    context = np.einsum("nl,nld->nd", a, features)

    def backward(dcontext):
        da = np.einsum("nd,nld->nl", dcontext, features)
        de = a * (da - np.sum(a * da, axis=1, keepdims=True))
        dh = np.einsum("nl,nld->nd", de, features)
        dfeatures = a[:, :, None] * dcontext[:, None, :]
        dfeatures = dfeatures + de[:, :, None] * h[:, None, :]
        return dh, dfeatures

    return context, backward
