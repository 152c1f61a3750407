"""Optimisers: gradients in, parameters moved in place, state in flat dicts that a checkpoint can hold."""

from minicap.optim.base import Optimizer
from minicap.optim.clipping import clip_by_global_norm, global_norm
from minicap.optim.rules import OPTIMIZERS, Adam, AdamW, RmsProp, Sgd

__all__ = [
    "OPTIMIZERS",
    "Adam",
    "AdamW",
    "Optimizer",
    "RmsProp",
    "Sgd",
    "clip_by_global_norm",
    "global_norm",
]
