"""Batch normalization and layer normalization."""

import numpy as np


def batchnorm_forward(x, gamma, beta, bn_param):
    """Batch normalization of x (N, D); in training it updates the running statistics in bn_param."""
    eps = bn_param.get("eps", 1e-5)
    mean = bn_param.setdefault("running_mean", np.zeros_like(gamma))
    var = bn_param.setdefault("running_var", np.ones_like(gamma))
    if bn_param["mode"] == "train":
        keep = bn_param.get("momentum", 0.9)
        bn_param["running_mean"] = keep * mean + (1 - keep) * x.mean(axis=0)
        bn_param["running_var"] = keep * var + (1 - keep) * x.var(axis=0)
        mean, var = x.mean(axis=0), x.var(axis=0)
    inv_std = 1 / np.sqrt(var + eps)
    centred = x - mean
    xhat = centred * inv_std
    out = gamma * xhat + beta
    cache = (xhat, centred, inv_std, gamma)
    return out, cache


def batchnorm_backward(dout, cache):
    """x acts on the output directly, through the variance and through the mean."""
    xhat, centred, inv_std, gamma = cache
    N = dout.shape[0]
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * centred, axis=0) * -0.5 * inv_std**3
    dmean = -np.sum(dxhat, axis=0) * inv_std
    dx = dxhat * inv_std
    dx = dx + dvar * 2 * centred / N
    dx = dx + dmean / N
    return dx, dgamma, dbeta


class BatchNorm2d:
    """Batch normalization over images (N, C, H, W), one mean and variance a channel."""

    def __init__(self, gamma, beta, momentum=0.9):
        self.params = {"gamma": gamma, "beta": beta}
        self.grads = {}
        self.momentum = momentum
        self.running_mean = 0.0
        self.running_var = 1.0

    def forward(self, x, train_flg=True):
        N, C, H, W = x.shape
        flat = x.transpose(0, 2, 3, 1).reshape(-1, C)
        if train_flg:
            mu = flat.mean(axis=0)
            var = flat.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mu, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + 1e-5)
        self.xn = (flat - mu) / self.std
        self.shape = x.shape
        out = self.params["gamma"] * self.xn + self.params["beta"]
        return out.reshape(N, H, W, C).transpose(0, 3, 1, 2)

    def backward(self, dout):
        N, C, H, W = self.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, C)
        M = dout.shape[0]
        self.grads["beta"] = dout.sum(axis=0)
        self.grads["gamma"] = np.sum(self.xn * dout, axis=0)
        dxn = dout * self.params["gamma"]
        dx = (dxn - dxn.sum(axis=0) / M - self.xn * np.sum(dxn * self.xn, axis=0) / M) / self.std
        return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2)


def layernorm_forward(x, gamma, beta, ln_param):
    """Forward pass for layer normalization of x (N, D): every row by its own mean and variance."""
    eps = ln_param.get("eps", 1e-5)
    mu = x.mean(axis=1, keepdims=True)
    var = x.var(axis=1, keepdims=True)
    std = np.sqrt(var + eps)
    xhat = (x - mu) / std
    out = gamma * xhat + beta
    cache = (xhat, gamma, std)
    return out, cache


def layernorm_backward(dout, cache):
    """Backward pass for layer normalization."""
    xhat, gamma, std = cache
    D = dout.shape[1]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    mean_part = dxhat.sum(axis=1, keepdims=True) / D
    var_part = xhat * np.sum(dxhat * xhat, axis=1, keepdims=True) / D
    dx = (dxhat - mean_part - var_part) / std
    return dx, dgamma, dbeta


class LayerNorm:
    """Layer normalization over the last axis of (N, T, D)."""

    def __init__(self, g, b, eps=1e-5):
        self.g, self.b, self.eps = g, b, eps

    def forward(self, x):
        centred = x - x.mean(-1, keepdims=True)
        self.inv = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + self.eps)
        self.xhat = centred * self.inv
        return self.g * self.xhat + self.b

    def backward(self, dy):
        self.db = dy.sum(axis=(0, 1))
        self.dg = (dy * self.xhat).sum(axis=(0, 1))
        dh = dy * self.g
        dh_mean = dh.mean(-1, keepdims=True)
        proj = (dh * self.xhat).mean(-1, keepdims=True)
        return self.inv * (dh - dh_mean - self.xhat * proj)
