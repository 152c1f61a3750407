"""The mathematics: pure functions in pairs, each forward directly above its backward.

Start with ``linear``, then ``softmax`` and ``loss``, ``conv``, ``rnn``, ``lstm``, ``attention``.
"""

from minicap.ops.activations import (
    relu6_backward,
    relu6_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from minicap.ops.attention import (
    additive_attention_backward,
    additive_attention_forward,
    additive_attention_step_backward,
    additive_attention_step_forward,
)
from minicap.ops.avg_pool import avg_pool2d_backward, avg_pool2d_forward
from minicap.ops.batch_norm import batch_norm_backward, batch_norm_forward
from minicap.ops.binary_loss import (
    sigmoid_binary_cross_entropy_backward,
    sigmoid_binary_cross_entropy_forward,
)
from minicap.ops.conv import conv2d_backward, conv2d_forward
from minicap.ops.conv_relu_pool import conv2d_relu_pool_backward, conv2d_relu_pool_forward
from minicap.ops.dot_product import (
    scaled_dot_product_attention_backward,
    scaled_dot_product_attention_forward,
)
from minicap.ops.dropout import dropout_backward, dropout_forward
from minicap.ops.embedding import embedding_backward, embedding_forward
from minicap.ops.gelu import gelu_backward, gelu_forward
from minicap.ops.gru import gru_backward, gru_forward, gru_step_backward, gru_step_forward
from minicap.ops.layer_norm import layer_norm_backward, layer_norm_forward
from minicap.ops.linear import linear_backward, linear_forward
from minicap.ops.loss import log_softmax, softmax_cross_entropy_backward, softmax_cross_entropy_forward
from minicap.ops.lstm import lstm_backward, lstm_forward, lstm_step_backward, lstm_step_forward
from minicap.ops.multi_head import multi_head_attention_backward, multi_head_attention_forward
from minicap.ops.pool import (
    global_avg_pool2d_backward,
    global_avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)
from minicap.ops.rnn import rnn_backward, rnn_forward, rnn_step_backward, rnn_step_forward
from minicap.ops.softmax import softmax_backward, softmax_forward

__all__ = [
    "additive_attention_backward",
    "additive_attention_forward",
    "additive_attention_step_backward",
    "additive_attention_step_forward",
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "batch_norm_backward",
    "batch_norm_forward",
    "conv2d_backward",
    "conv2d_forward",
    "conv2d_relu_pool_backward",
    "conv2d_relu_pool_forward",
    "dropout_backward",
    "dropout_forward",
    "embedding_backward",
    "embedding_forward",
    "gelu_backward",
    "gelu_forward",
    "global_avg_pool2d_backward",
    "global_avg_pool2d_forward",
    "gru_backward",
    "gru_forward",
    "gru_step_backward",
    "gru_step_forward",
    "layer_norm_backward",
    "layer_norm_forward",
    "linear_backward",
    "linear_forward",
    "log_softmax",
    "lstm_backward",
    "lstm_forward",
    "lstm_step_backward",
    "lstm_step_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "multi_head_attention_backward",
    "multi_head_attention_forward",
    "relu6_backward",
    "relu6_forward",
    "relu_backward",
    "relu_forward",
    "rnn_backward",
    "rnn_forward",
    "rnn_step_backward",
    "rnn_step_forward",
    "scaled_dot_product_attention_backward",
    "scaled_dot_product_attention_forward",
    "sigmoid_backward",
    "sigmoid_binary_cross_entropy_backward",
    "sigmoid_binary_cross_entropy_forward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
]
