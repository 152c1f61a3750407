"""Named parameters and their initialisation around ops."""

from minicap.layers.attention import (
    AdditiveAttention,
    AdditiveLook,
    MultiHeadAttention,
    ScaledDotProductAttention,
)
from minicap.layers.avg_pool import AvgPool2d, GlobalAvgPool2d
from minicap.layers.base import Composite, Layer, named
from minicap.layers.basic import Conv2d, Dropout, Embedding, Flatten, Linear, MaxPool2d, Relu, TiedLinear
from minicap.layers.batch_norm import BatchNorm
from minicap.layers.elementwise import Gelu, Relu6, Sigmoid, Tanh
from minicap.layers.layer_norm import LayerNorm
from minicap.layers.positions import LearnedPositions, SinusoidalPositions
from minicap.layers.recurrent import CELLS, Gru, Lstm, Rnn
from minicap.layers.residual import ResidualBlock
from minicap.layers.sequential import Sequential
from minicap.layers.stack import RecurrentStack, telling_stack_shapes

__all__ = [
    "CELLS",
    "AdditiveAttention",
    "AdditiveLook",
    "AvgPool2d",
    "BatchNorm",
    "Composite",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Gelu",
    "GlobalAvgPool2d",
    "Gru",
    "Layer",
    "LayerNorm",
    "LearnedPositions",
    "Linear",
    "Lstm",
    "MaxPool2d",
    "MultiHeadAttention",
    "RecurrentStack",
    "Relu",
    "Relu6",
    "ResidualBlock",
    "Rnn",
    "ScaledDotProductAttention",
    "Sequential",
    "Sigmoid",
    "SinusoidalPositions",
    "Tanh",
    "TiedLinear",
    "named",
    "telling_stack_shapes",
]
