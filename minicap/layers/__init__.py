"""Named parameters and their initialisation around ops."""

from minicap.layers.base import Layer, named
from minicap.layers.basic import Conv2d, Dropout, Embedding, Flatten, Linear, MaxPool2d, Relu
from minicap.layers.recurrent import CELLS, Gru, Lstm, Rnn
from minicap.layers.sequential import Sequential
from minicap.layers.stack import RecurrentStack

__all__ = [
    "CELLS",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Gru",
    "Layer",
    "Linear",
    "Lstm",
    "MaxPool2d",
    "RecurrentStack",
    "Relu",
    "Rnn",
    "Sequential",
    "named",
]
