"""Make ``transformer.npz``: what PyTorch's decoder layer computes, forward and backward, in float64.

Run it in an environment that has PyTorch, from any folder; the tests themselves need none::

    ATEN_CPU_CAPABILITY=avx2 python tests/golden/make_transformer.py

There are two cases, ``before`` (norm first, GELU) and ``after`` (norm behind the sum, ReLU); an entry is called
``<case>/<array>``. The arrays are ``x``, ``features``, the parameters by minicap's names and in its layouts (in, out),
the output ``y``, its upstream ``dy``, and ``d<array>`` of every input and parameter. The words' attention is causal.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

N, T, L, D, WIDE, HEADS = 2, 4, 3, 6, 10, 3
NORMS = {"self": "norm1", "cross": "norm2", "feed": "norm3"}
ATTENTIONS = {"self": "self_attn", "cross": "multihead_attn"}
MAPS = {"wide": "linear1", "narrow": "linear2"}


def by_our_names(arrays: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return parameters, or their gradients, of PyTorch's layer under minicap's names."""
    found = {}
    for part, theirs in NORMS.items():
        for ours, name in (("gamma", "weight"), ("beta", "bias")):
            found[f"{part}.norm.{ours}"] = arrays[f"{theirs}.{name}"]
    for part, theirs in ATTENTIONS.items():
        weights = arrays[f"{theirs}.in_proj_weight"].chunk(3)
        biases = arrays[f"{theirs}.in_proj_bias"].chunk(3)
        for letter, weight, bias in zip("qkv", weights, biases, strict=True):
            found[f"{part}.attention.w_{letter}"], found[f"{part}.attention.b_{letter}"] = weight.T, bias
        found[f"{part}.attention.w_o"] = arrays[f"{theirs}.out_proj.weight"].T
        found[f"{part}.attention.b_o"] = arrays[f"{theirs}.out_proj.bias"]
    for part, theirs in MAPS.items():
        found[f"feed.{part}.weight"] = arrays[f"{theirs}.weight"].T
        found[f"feed.{part}.bias"] = arrays[f"{theirs}.bias"]
    return {name: array.detach().numpy().copy() for name, array in found.items()}


def case(norm_first: bool, activation: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Run a layer on random numbers and send a random upstream back."""
    layer = torch.nn.TransformerDecoderLayer(
        D, HEADS, WIDE, 0.0, activation, batch_first=True, norm_first=norm_first, dtype=torch.float64
    )
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.tensor(rng.normal(0.2, 0.6, parameter.shape)))
    x, features, dy = (torch.tensor(rng.standard_normal((N, steps, D))) for steps in (T, L, T))
    x.requires_grad_()
    features.requires_grad_()
    past = torch.nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)
    y = layer(x, features, tgt_mask=past)
    y.backward(dy)
    gradients = by_our_names({name: p.grad for name, p in layer.named_parameters()})
    return {
        "x": x.detach().numpy(),
        "features": features.detach().numpy(),
        "y": y.detach().numpy(),
        "dy": dy.numpy(),
        "dx": x.grad.numpy(),
        "dfeatures": features.grad.numpy(),
        **by_our_names(dict(layer.named_parameters())),
        **{f"d{name}": array for name, array in gradients.items()},
    }


def main() -> None:
    """Write every case."""
    rng, places = np.random.default_rng(17), {}
    for name, norm_first, activation in (("before", True, "gelu"), ("after", False, "relu")):
        places |= {f"{name}/{key}": array for key, array in case(norm_first, activation, rng).items()}
    np.savez_compressed(Path(__file__).resolve().parent / "transformer.npz", **places)


if __name__ == "__main__":
    main()
