"""Mutants of convolutions and pooling."""

from __future__ import annotations

from minicap.gradcheck.zoo.mutant import GITHUB, UNLINKED, Mutant

_CROP = "dx = dx_pad[:, :, pad : pad + H, pad : pad + W]"
_WINDOW = "dx_pad[n, :, h : h + HH, ww : ww + WW] += w[f] * dout[n, f, i, j]"
_PADDED = "HH, WW = w.shape[2:]\n    x_pad = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))"
_TAPS = "taps = windows.transpose(0, 3, 4, 5, 1, 2)"


def _conv(
    name: str, layer: str, old: str, new: str, kind: str, gradient: str, words: str, source: str
) -> Mutant:
    return Mutant(name, "conv.py", layer, ((old, new),), kind, gradient, words, source)


def _fast(
    name: str, layer: str, old: str, new: str, kind: str, gradient: str, words: str, source: str
) -> Mutant:
    return Mutant(name, "conv_fast.py", layer, ((old, new),), kind, gradient, words, source)


def _pool(
    name: str, layer: str, old: str, new: str, kind: str, gradient: str, words: str, source: str
) -> Mutant:
    return Mutant(name, "pool.py", layer, ((old, new),), kind, gradient, words, source)


CONV = (
    _conv(
        "conv_no_crop",
        "conv",
        _CROP,
        "dx = dx_pad",
        "padding",
        "dx",
        "the padding is not cut off",
        GITHUB + "tinygrad/tinygrad/pull/73",
    ),
    _conv(
        "conv_crop_corner",
        "conv",
        _CROP,
        "dx = dx_pad[:, :, :H, :W]",
        "padding",
        "dx",
        "the crop starts at the padded corner",
        GITHUB + "apache/mxnet/issues/19043",
    ),
    _conv(
        "conv_padded_one_side",
        "conv",
        _PADDED,
        _PADDED.replace("(pad, pad), (pad, pad))", "(0, 2 * pad), (0, 2 * pad))"),
        "padding",
        "dw",
        "backward pads on one side only",
        GITHUB + "renmengye/np-conv2d/pull/2",
    ),
    _conv(
        "conv_dx_overwritten",
        "conv",
        _WINDOW,
        _WINDOW.replace("+=", "="),
        "overwrite",
        "dx",
        "windows that overlap overwrite each other",
        GITHUB + "0809zheng/CS231n-assignment2019/issues/19",
    ),
    _conv(
        "conv_dw_overwritten",
        "conv",
        "dw[f] += ",
        "dw[f] = ",
        "overwrite",
        "dw",
        "dw holds the last window's part",
        GITHUB + "riccardoandreoni0/CNN-from-scratch/issues/1",
    ),
    _conv(
        "conv_dx_float32",
        "conv",
        "dx_pad = np.zeros_like(x_pad)",
        "dx_pad = np.zeros(x_pad.shape, dtype=np.float32)",
        "dtype",
        "dx",
        "dx is summed in float32",
        GITHUB + "chainer/chainer/issues/6212",
    ),
    _conv(
        "conv_bias_every_tap",
        "conv_channels_last",
        "    total = np.sum(window * weights)\n    total = total + bias[0, 0, 0]\n",
        "    total = np.sum(window * weights + bias[0, 0, 0])\n",
        "factor",
        "db",
        "forward adds the bias C * KH * KW times (real library)",
        GITHUB + "Kulbear/deep-learning-coursera/pull/45",
    ),
    _conv(
        "conv_db_overwritten",
        "conv_channels_last",
        "db[:, :, :, c] += dZ",
        "db[:, :, :, c] = dZ",
        "overwrite",
        "db",
        "db holds the last pixel's part",
        GITHUB + "riccardoandreoni0/CNN-from-scratch/issues/1",
    ),
    _conv(
        "conv_crop_far_corner",
        "conv_channels_last",
        "da_prev_pad[pad : pad + n_H_prev, pad : pad + n_W_prev, :]",
        "da_prev_pad[2 * pad :, 2 * pad :, :]",
        "padding",
        "dA_prev",
        "twice the padding is cut off, all on one side",
        "https://community.deeplearning.ai/t/week-1-assignment-1-optional-backprop-exercise-5-7/209979",
    ),
    _conv(
        "conv_returns_in_loop",
        "conv_channels_last",
        "\n    return dA_prev, dW, db",
        "\n        return dA_prev, dW, db",
        "overwrite",
        "dW",
        "return stands inside the loop over samples",
        GITHUB + "riccardoandreoni0/CNN-from-scratch/issues/1",
    ),
    _conv("conv_dw_no_sign", "conv", "dw[f] += ", "dw[f] -= ", "sign", "dw", "dw is subtracted up", UNLINKED),
)

CONV_FAST = (
    Mutant(
        "conv_im2col_square_only",
        "conv_fast.py",
        "conv_im2col",
        (
            (_TAPS, "taps = windows.reshape(N, OH, OW, C, kh * kw).transpose(0, 3, 4, 1, 2)"),
            ("+= taps[:, :, i, j]", "+= taps[:, :, (i * kh + j) % (kh * kw)]"),
        ),
        "axes_swapped",
        "dx",
        "taps are counted with the height for the width: right for 2x2, wrong for 2x3 (real library)",
        GITHUB + "Maratyszcza/NNPACK/issues/15",
    ),
    _fast(
        "conv_kernel_axes_swapped",
        "conv_im2col",
        "dwindows = drows.reshape(N, OH, OW, C, kh, kw)",
        "dwindows = drows.reshape(N, OH, OW, C, kw, kh).transpose(0, 1, 2, 3, 5, 4)",
        "axes_swapped",
        "dx",
        "col2im takes kw for kh",
        GITHUB + "BVLC/caffe/pull/298",
    ),
    _fast(
        "conv_dw_axes_swapped",
        "conv_im2col",
        "self.dW = dW.T.reshape(F, C, kh, kw)",
        "self.dW = dW.T.reshape(F, C, kw, kh).transpose(0, 1, 3, 2)",
        "axes_swapped",
        "dW",
        "dW is unfolded as (kw, kh)",
        GITHUB + "mlpack/mlpack/pull/3376",
    ),
    _fast(
        "conv_dw_not_transposed",
        "conv_im2col",
        "self.dW = dW.T.reshape(F, C, kh, kw)",
        "self.dW = dW.reshape(F, C, kh, kw)",
        "transpose",
        "dW",
        "the matrix dW is reshaped without its transpose",
        GITHUB + "nntrainer/nntrainer/issues/705",
    ),
    _fast(
        "conv_db_by_batch",
        "conv_im2col",
        "self.db = dflat.sum(axis=0)",
        "self.db = dflat.sum(axis=0) / N",
        "missing_scale",
        "db",
        "db is divided by N though no mean was taken",
        GITHUB + "heyxhh/nnet-numpy/issues/1",
    ),
    _fast(
        "conv_not_flipped",
        "conv_closure",
        "w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)",
        "w.transpose(1, 0, 2, 3)",
        "not_flipped",
        "dx",
        "the kernel is not turned for dx",
        GITHUB + "ddbourgin/numpy-ml/issues/27",
    ),
    _fast(
        "conv_half_flipped",
        "conv_closure",
        "w[:, :, ::-1, ::-1]",
        "w[:, :, ::-1, :]",
        "not_flipped",
        "dx",
        "the kernel is turned upside down only",
        GITHUB + "amsukdu/SimplePythonCNN/issues/6",
    ),
    _fast(
        "conv_dw_flipped",
        "conv_closure",
        "dy.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)",
        "dy.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)[:, :, ::-1, ::-1]",
        "not_flipped",
        "dw",
        "dw is turned though it should not be",
        GITHUB + "rasmusbergpalm/DeepLearnToolbox/issues/169",
    ),
    _fast(
        "conv_db_a_sample",
        "conv_closure",
        "db = dy.sum(axis=(0, 2, 3))",
        "db = dy.sum(axis=(2, 3))",
        "missing_batch_sum",
        "db",
        "db is summed over pixels, not over the batch",
        GITHUB + "jimfleming/differentiation/issues/1",
    ),
)

POOL = (
    _pool(
        "max_pool_overwritten",
        "max_pool",
        "dx[n, c, r + row, s + col] += ",
        "dx[n, c, r + row, s + col] = ",
        "overwrite",
        "dx",
        "windows that overlap overwrite each other",
        GITHUB + "0809zheng/CS231n-assignment2019/issues/19",
    ),
    _pool(
        "max_pool_mask_ties",
        "max_pool_channels_last",
        "    mask = np.zeros(x.shape, dtype=bool)\n    mask[np.unravel_index(x.argmax(), x.shape)] = True\n",
        "    mask = x == np.max(x)\n",
        "ties",
        "dA_prev",
        "every maximum of a window gets the whole gradient",
        GITHUB + "Theano/Theano/issues/5248",
    ),
    Mutant(
        "max_pool_class_ties",
        "pool.py",
        "max_pool_class",
        (
            (
                "self.arg_max = windows.argmax(axis=-1)",
                "self.winners = windows == windows.max(axis=-1, keepdims=True)",
            ),
            (
                "dwindows = np.zeros((N, C, oh, ow, size), dtype=dout.dtype)\n        "
                "np.put_along_axis(dwindows, self.arg_max[..., None], dout[..., None], axis=-1)",
                "dwindows = self.winners * dout[..., None]",
            ),
        ),
        "ties",
        "dx",
        "every maximum of a window gets the whole gradient",
        GITHUB + "tensorflow/tensorflow/issues/4886",
    ),
    _pool(
        "max_pool_axes_swapped",
        "max_pool_class",
        "dwindows = dwindows.reshape(N, C, oh, ow, self.pool_h, self.pool_w)\n        "
        "dx = dwindows.transpose(0, 1, 2, 4, 3, 5)",
        "dwindows = dwindows.reshape(N, C, oh, ow, self.pool_w, self.pool_h)\n        "
        "dx = dwindows.transpose(0, 1, 2, 5, 3, 4)",
        "axes_swapped",
        "dx",
        "the window's height and width change places",
        GITHUB + "rosejn/cortex/pull/211",
    ),
    _pool(
        "max_pool_no_mask",
        "max_pool_channels_last",
        "+= mask * dA[i, h, w, c]",
        "+= dA[i, h, w, c]",
        "missing_mask",
        "dA_prev",
        "the whole window gets the gradient",
        GITHUB + "MatthieuHernandez/StraightforwardNeuralNetwork/issues/39",
    ),
    _pool(
        "avg_pool_not_divided",
        "avg_pool",
        "[:, :, None, None] / (ph * pw)",
        "[:, :, None, None]",
        "factor",
        "dx",
        "the gradient is not divided by the window's size",
        GITHUB + "mlpack/mlpack/pull/2865",
    ),
    _pool(
        "avg_pool_height_squared",
        "avg_pool",
        "/ (ph * pw)",
        "/ (ph * ph)",
        "factor",
        "dx",
        "the window's height is taken for its width",
        GITHUB + "mlpack/mlpack/pull/2865",
    ),
    _pool(
        "avg_pool_overwritten",
        "avg_pool",
        "j * stride : j * stride + pw] += share",
        "j * stride : j * stride + pw] = share",
        "overwrite",
        "dx",
        "windows that overlap overwrite each other",
        GITHUB + "0809zheng/CS231n-assignment2019/issues/19",
    ),
)
