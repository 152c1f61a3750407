"""Mutants of vanilla recurrent layers."""

from __future__ import annotations

from minicap.gradcheck.zoo.mutant import DESIGN, GITHUB, UNLINKED, Mutant


def _rnn(
    name: str, layer: str, old: str, new: str, kind: str, gradient: str | None, words: str, source: str
) -> Mutant:
    return Mutant(name, "rnn.py", layer, ((old, new),), kind, gradient, words, source)


def _dict(
    name: str, layer: str, old: str, new: str, kind: str, gradient: str, words: str, source: str
) -> Mutant:
    return Mutant(name, "rnn_dicts.py", layer, ((old, new),), kind, gradient, words, source)


_DNEXT = "dnext_h = dh[:, t] + dprev_h"

_CLIP = "    return dxs, dhnext, dWxh, dWhh, dbh"


RNN = (
    _rnn(
        "rnn_state_after",
        "rnn",
        "dWh = prev_h.T.dot(dz)",
        "dWh = next_h.T.dot(dz)",
        "time_shift",
        "dWh",
        "h_t stands where h_{t-1} belongs",
        GITHUB + "VikParuchuri/zero_to_gpt/issues/9",
    ),
    _rnn(
        "rnn_dwx_overwritten",
        "rnn",
        "dWx += dWx_t",
        "dWx = dWx_t",
        "overwrite",
        "dWx",
        "a step overwrites the steps after it",
        GITHUB + "slds-lmu/lecture_i2dl/issues/10",
    ),
    _rnn(
        "rnn_not_through_time",
        "rnn",
        _DNEXT,
        "dnext_h = dh[:, t]",
        "missing_term",
        "dWh",
        "the gradient of later steps is not carried back",
        GITHUB + "CaptainE/RNN-LSTM-in-numpy/issues/1",
    ),
    _rnn(
        "rnn_upstream_ignored",
        "rnn",
        _DNEXT,
        "dnext_h = dprev_h",
        "never_written",
        "dWx",
        "dh is never used: all gradients are zero",
        "https://community.deeplearning.ai/t/question-on-backpropagation-week-1-prog-assignment-1/555129",
    ),
    _rnn(
        "rnn_adds_into_upstream",
        "rnn",
        _DNEXT,
        "dh[:, t] += dprev_h\n        dnext_h = dh[:, t]",
        "mutates_input",
        None,
        "the upstream gradient is added to in place",
        GITHUB + "Burton2000/CS231n-2017/issues/7",
    ),
    _rnn(
        "rnn_tanh_twice",
        "rnn_step",
        "dz = dnext_h * (1 - next_h**2)",
        "dz = dnext_h * (1 - np.tanh(next_h) ** 2)",
        "double_nonlinearity",
        "dx",
        "tanh of tanh in the derivative",
        GITHUB + "liashchynskyi/skynet/pull/1",
    ),
    _rnn(
        "rnn_dwh_transposed",
        "rnn",
        "dWh = prev_h.T.dot(dz)",
        "dWh = dz.T.dot(prev_h)",
        "transpose",
        "dWh",
        "dWh is transposed, which no shape tells",
        GITHUB + "nntrainer/nntrainer/issues/705",
    ),
    _rnn(
        "rnn_bias_whole_batch",
        "rnn_step",
        "db = np.sum(dz, axis=0)",
        "db = dz",
        "missing_batch_sum",
        "db",
        "db is not summed over the batch",
        GITHUB + "jimfleming/differentiation/issues/1",
    ),
    _rnn(
        "rnn_dx_before_tanh",
        "rnn",
        "dx = dz.dot(Wx.T)",
        "dx = dnext_h.dot(Wx.T)",
        "missing_term",
        "dx",
        "dx leaves out tanh's derivative (real library: dx wrong everywhere)",
        DESIGN,
    ),
    _rnn(
        "rnn_dx_float32",
        "rnn",
        "dx = np.zeros((N, T, D), dtype=dh.dtype)",
        "dx = np.zeros((N, T, D), dtype=np.float32)",
        "dtype",
        "dx",
        "dx is a float32 buffer",
        GITHUB + "tinygrad/tinygrad/pull/3613",
    ),
    _rnn(
        "rnn_time_major_db_steps",
        "rnn_time_major",
        "self.db = dzs.sum(axis=(0, 1))",
        "self.db = dzs.sum(axis=1)",
        "missing_time_sum",
        "db",
        "db is not summed over time",
        GITHUB + "Halfish/cs231n/issues/5",
    ),
    _rnn(
        "rnn_time_major_dwx_steps",
        "rnn_time_major",
        '"tnd,tnh->dh"',
        '"tnd,tnh->tdh"',
        "missing_time_sum",
        "dWx",
        "dWx is not summed over time",
        UNLINKED,
    ),
    _rnn(
        "rnn_time_major_state_after",
        "rnn_time_major",
        "self.states[:-1], dzs",
        "self.states[1:], dzs",
        "time_shift",
        "dWh",
        "h_t stands where h_{t-1} belongs",
        GITHUB + "VikParuchuri/zero_to_gpt/issues/9",
    ),
    _rnn(
        "rnn_lists_clipped",
        "rnn_lists",
        _CLIP,
        "    np.clip(dWhh, -0.1, 0.1, out=dWhh)\n" + _CLIP,
        "not_linear",
        "dWhh",
        "dWhh is clipped inside backward",
        "https://gist.github.com/karpathy/d4dee566867f8291f086",
    ),
    _rnn(
        "rnn_lists_wraps_around",
        "rnn_lists",
        "hs[t - 1] if t > 0 else h0",
        "hs[t - 1]",
        "time_shift",
        "dWhh",
        "the state before the first is taken from the end of the list",
        UNLINKED,
    ),
    _dict(
        "rnn_dict_bias_flat",
        "rnn_cell_dict",
        "dba = np.sum(dtanh, axis=1, keepdims=True)",
        "dba = np.sum(dtanh, axis=1)",
        "shape",
        "dba",
        "dba is (n_a,) for (n_a, 1)",
        UNLINKED,
    ),
    _dict(
        "rnn_dict_dwaa_overwritten",
        "rnn_dict",
        'dWaa += gradients["dWaa"]',
        'dWaa = gradients["dWaa"]',
        "overwrite",
        "dWaa",
        "a step overwrites the steps after it",
        GITHUB + "slds-lmu/lecture_i2dl/issues/10",
    ),
    _dict(
        "rnn_dict_no_da0",
        "rnn_dict",
        '"dx": dx, "da0": da_prevt, ',
        '"dx": dx, ',
        "missing_gradient",
        "da0",
        "da0 is not returned",
        GITHUB + "huggingface/candle/pull/3613",
    ),
    _dict(
        "rnn_dict_no_tanh",
        "rnn_cell_dict",
        "dtanh = (1 - a_next**2) * da_next",
        "dtanh = da_next",
        "missing_term",
        "dxt",
        "tanh's derivative is left out",
        GITHUB + "CaptainE/RNN-LSTM-in-numpy/issues/1",
    ),
)
