# mypy: ignore-errors
"""Word embeddings."""

import numpy as np


def word_embedding_forward(x, W):
    """Looks up word vectors: x (N, T) of integers below V, W (V, D)."""
    out = W[x]
    cache = (x, W.shape)
    return out, cache


def word_embedding_backward(dout, cache):
    """Only the word vectors have a gradient."""
    x, shape = cache
    dW = np.zeros(shape, dtype=dout.dtype)
    np.add.at(dW, x, dout)
    return dW


class Embedding:
    """Embedding layer with a loop over the words of a minibatch."""

    def __init__(self, W):
        self.params = {"W": W}
        self.grads = {"W": np.zeros_like(W)}
        self.idx = None

    def forward(self, idx):
        self.idx = idx
        return self.params["W"][idx]

    def backward(self, dout):
        dW = np.zeros_like(self.params["W"])
        for i, word_id in enumerate(self.idx):
            dW[word_id] += dout[i]
        self.grads["W"] = dW
        return None


def scaled_embedding(ids, table):
    """Transformer embedding, times sqrt(D), as a closure."""
    vocab, D = table.shape
    scale = float(np.sqrt(D))
    y = table[ids] * scale

    def backward(dy):
        onehot = np.eye(vocab, dtype=dy.dtype)[ids.ravel()]
        dtable = onehot.T @ dy.reshape(-1, D) * scale
        return dtable

    return y, backward
