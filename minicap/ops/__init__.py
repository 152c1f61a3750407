"""The mathematics: pure functions in pairs, each forward directly above its backward.

Start with ``linear``, then ``softmax`` and ``loss``, ``conv``, ``rnn``, ``lstm``.
"""

from minicap.ops.activations import (
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from minicap.ops.conv import conv2d_backward, conv2d_forward
from minicap.ops.dropout import dropout_backward, dropout_forward
from minicap.ops.embedding import embedding_backward, embedding_forward
from minicap.ops.gru import gru_backward, gru_forward, gru_step_backward, gru_step_forward
from minicap.ops.linear import linear_backward, linear_forward
from minicap.ops.loss import log_softmax, softmax_cross_entropy_backward, softmax_cross_entropy_forward
from minicap.ops.lstm import lstm_backward, lstm_forward, lstm_step_backward, lstm_step_forward
from minicap.ops.pool import (
    global_avg_pool2d_backward,
    global_avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from minicap.ops.rnn import rnn_backward, rnn_forward, rnn_step_backward, rnn_step_forward
from minicap.ops.softmax import softmax_backward, softmax_forward

__all__ = [
    "conv2d_backward",
    "conv2d_forward",
    "dropout_backward",
    "dropout_forward",
    "embedding_backward",
    "embedding_forward",
    "global_avg_pool2d_backward",
    "global_avg_pool2d_forward",
    "gru_backward",
    "gru_forward",
    "gru_step_backward",
    "gru_step_forward",
    "linear_backward",
    "linear_forward",
    "log_softmax",
    "lstm_backward",
    "lstm_forward",
    "lstm_step_backward",
    "lstm_step_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "relu_backward",
    "relu_forward",
    "rnn_backward",
    "rnn_forward",
    "rnn_step_backward",
    "rnn_step_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
]
