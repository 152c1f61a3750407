# ruff: noqa: NPY002
"""Whole networks whose loss returns the gradients of all parameters."""

import numpy as np


class TwoLayerNet:
    """affine - relu - affine - softmax, with L2 regularization of the weights."""

    def __init__(self, input_dim, hidden_dim, num_classes, reg=0.0):
        self.params = {}
        self.reg = reg
        self.params["W1"] = 0.1 * np.random.randn(input_dim, hidden_dim)
        self.params["b1"] = np.zeros(hidden_dim)
        self.params["W2"] = 0.1 * np.random.randn(hidden_dim, num_classes)
        self.params["b2"] = np.zeros(num_classes)

    def loss(self, X, y=None):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N = X.shape[0]
        hidden = X.dot(W1) + b1
        relu = np.maximum(0, hidden)
        scores = relu.dot(W2) + b2
        if y is None:
            return scores
        shifted = scores - scores.max(axis=1, keepdims=True)
        probs = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        loss = -np.log(probs[np.arange(N), y]).sum() / N
        loss += 0.5 * self.reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        grads = {}
        dscores = probs.copy()
        dscores[np.arange(N), y] -= 1
        dscores /= N
        grads["W2"] = relu.T.dot(dscores)
        grads["b2"] = dscores.sum(axis=0)
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads["W1"] = X.T.dot(dhidden)
        grads["b1"] = dhidden.sum(axis=0)
        grads["W2"] += self.reg * W2
        grads["W1"] += self.reg * W1
        return loss, grads


class LogisticRegression:
    """Two classes; the regularization has no half, so its gradient has a two."""

    def __init__(self, input_dim, reg=0.0):
        self.params = {"w": np.zeros(input_dim), "b": np.zeros(1)}
        self.reg = reg

    def loss(self, X, y):
        w, b = self.params["w"], self.params["b"]
        m = X.shape[0]
        y = y.astype(X.dtype)
        p = 1 / (1 + np.exp(-(X @ w + b)))
        loss = -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / m
        loss = loss + self.reg * np.sum(w * w)
        dz = (p - y) / m
        dw = X.T @ dz
        dw = dw + 2 * self.reg * w
        db = np.sum(dz, keepdims=True)
        return loss, {"w": dw, "b": db}


class TanhAutoencoder:
    """Encoder and decoder share one matrix; its gradient has a part from each."""

    def __init__(self, dim, hidden_dim, weight_decay=0.0):
        self.params = {"W": 0.1 * np.random.randn(dim, hidden_dim), "c": np.zeros(dim)}
        self.weight_decay = weight_decay

    def loss(self, X):
        W, c = self.params["W"], self.params["c"]
        N = X.shape[0]
        code = np.tanh(X @ W)
        diff = code @ W.T + c - X
        loss = 0.5 * np.sum(diff**2) / N + 0.5 * self.weight_decay * np.sum(W**2)
        ddiff = diff / N
        dcode = ddiff @ W
        dpre = dcode * (1 - code**2)
        dW = X.T @ dpre
        dW = dW + ddiff.T @ code
        dW = dW + self.weight_decay * W
        return loss, {"W": dW, "c": ddiff.sum(axis=0)}
