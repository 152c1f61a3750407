"""All mutants: every known bug of the zoo, alone and two at once."""

from __future__ import annotations

from minicap.gradcheck.zoo.mutant import Mutant, both
from minicap.gradcheck.zoo.mutants_activations import ACTIVATIONS, DROPOUT
from minicap.gradcheck.zoo.mutants_affine import AFFINE, EMBEDDING
from minicap.gradcheck.zoo.mutants_conv import CONV, CONV_FAST, POOL
from minicap.gradcheck.zoo.mutants_gates import GRU, LSTM
from minicap.gradcheck.zoo.mutants_losses import LOSSES, NETS
from minicap.gradcheck.zoo.mutants_norms import ATTENTION, NORMS
from minicap.gradcheck.zoo.mutants_rnn import RNN

MUTANTS: tuple[Mutant, ...] = (
    *(*AFFINE, *ACTIVATIONS, *DROPOUT, *EMBEDDING),
    *(*CONV, *CONV_FAST, *POOL, *NORMS, *ATTENTION),
    *(*RNN, *LSTM, *GRU, *LOSSES, *NETS),
)
"""One bug each."""

_BY_NAME = {mutant.name: mutant for mutant in MUTANTS}

_PAIRS = (
    ("affine_bias_mean", "affine_dx_flat"),
    ("affine_dw_doubled", "affine_dx_sign"),
    ("affine_weight_transposed", "affine_bias_wrong_axis"),
    ("conv_crop_corner", "conv_dw_overwritten"),
    ("conv_not_flipped", "conv_db_a_sample"),
    ("conv_kernel_axes_swapped", "conv_db_by_batch"),
    ("batch_norm_no_mean_path", "batch_norm_dgamma_mean"),
    ("layer_norm_no_g", "layer_norm_db_batch_only"),
    ("dropout_no_mask", "dropout_no_scale"),
    ("attention_no_scale", "attention_dk_transposed"),
    ("attention_no_value_path", "attention_wk_sample_overwrites"),
    ("rnn_state_after", "rnn_dwx_overwritten"),
    ("rnn_not_through_time", "rnn_dx_before_tanh"),
    ("lstm_gates_permuted", "lstm_db_overwritten"),
    ("lstm_class_bias_gates", "lstm_class_cell_after"),
    ("gru_db_overwritten", "gru_state_after"),
    ("net_no_reg", "net_no_relu_mask"),
    ("net_reg_doubled", "net_no_b2"),
    ("logistic_reg_half", "logistic_sign"),
    ("avg_pool_not_divided", "avg_pool_overwritten"),
)

DOUBLES: tuple[Mutant, ...] = tuple(both(_BY_NAME[first], _BY_NAME[second]) for first, second in _PAIRS)
"""Two bugs at once in one layer; ``kind`` names both."""
