"""PyTorch's side of the rows: twins of minicap's models, layer for layer, from the same weights.

Nothing here imports torch: the worker does, and hands the module on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minicap._types import Array, Arrays
from minicap.bench.inputs import END, PAD, START, inputs_of
from minicap.bench.jobs import Call, Job, Way, plainly
from minicap.bench.our_models import LEARNING_RATE, NEVER, build_model
from minicap.bench.rows import Row

_SKIPPED = -100  # a target that cross_entropy leaves out
Layers = dict[str, Any]


class ClassifierTwin:
    """The classifier in PyTorch: its layers by minicap's names, its loss.

    Parameters
    ----------
    torch : module
    options : dict
        Of the row.
    """

    def __init__(self, torch: Any, options: dict[str, Any]) -> None:
        nn = torch.nn
        self.torch = torch
        widths = [64 * (options["image_size"] // 4) ** 2, *options["hidden"], options["classes"]]
        dense = {f"head.linear{i}": nn.Linear(widths[i - 1], widths[i]) for i in range(1, len(widths))}
        self.layers: Layers = {
            "encoder.conv1": nn.Conv2d(3, 32, 3, padding=1),
            "encoder.conv2": nn.Conv2d(32, 64, 3, padding=1),
            **dense,
        }
        steps = [self.layers["encoder.conv1"], nn.ReLU(), nn.MaxPool2d(2)]
        steps += [self.layers["encoder.conv2"], nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
        for layer in dense.values():
            steps += [layer, nn.ReLU()]
        self.net = nn.Sequential(*steps[:-1])

    def loss(self, given: dict[str, Any]) -> Any:
        """Return the mean negative log-probability of the right classes."""
        return self.torch.nn.functional.cross_entropy(self.net(given["images"]), given["labels"])


class CaptionerTwin:
    """The captioner in PyTorch: small encoder, its two readings, the features beside every word, LSTM.

    Parameters
    ----------
    torch : module
    options : dict
        Of the row.
    """

    def __init__(self, torch: Any, options: dict[str, Any]) -> None:
        nn, width, words = torch.nn, options["width"], options["words"]
        side = options["image_size"] // 8
        coarse = max(1, side // 8)  # a large map is pooled before every place of it is read
        self.torch = torch
        convs = [nn.Conv2d(*channels, 3, padding=1) for channels in ((3, 24), (24, 48), (48, 96))]
        self.layers: Layers = {
            **{f"encoder.conv{i}": conv for i, conv in enumerate(convs, 1)},
            "encoder.where.linear": nn.Linear(96 * (side // coarse) ** 2, width),
            "encoder.what.linear": nn.Linear(96, width),
            "decoder.embed": nn.Embedding(words, width),
            "decoder.rnn.layer1": nn.LSTM(2 * width, width, batch_first=True),
            "decoder.to_vocab": nn.Linear(width, words),
        }
        relu, pool = nn.ReLU(), nn.MaxPool2d(2)
        self.convs = nn.Sequential(convs[0], relu, pool, convs[1], relu, pool, convs[2], relu, pool)
        pooled = [nn.MaxPool2d(coarse)] if coarse > 1 else []
        self.where = nn.Sequential(*pooled, nn.Flatten(), self.layers["encoder.where.linear"])
        self.what = nn.Sequential(nn.MaxPool2d(side), nn.Flatten(), self.layers["encoder.what.linear"])

    def features(self, images: Any) -> Any:
        """Return the features (N, E) of pictures."""
        maps = self.convs(images)
        return (self.where(maps) + self.what(maps)).relu()

    def loss(self, given: dict[str, Any]) -> Any:
        """Return the mean negative log-probability of the captions' words."""
        words = self.layers["decoder.embed"](given["seen"])  # (N, T, D)
        beside = self.features(given["images"])[:, None].expand(-1, words.shape[1], -1)
        hs, _ = self.layers["decoder.rnn.layer1"](self.torch.cat([words, beside], 2))
        logits = self.layers["decoder.to_vocab"](hs)
        return self.torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), given["targets"].flatten(), ignore_index=_SKIPPED
        )

    def greedy(self, images: Any, length: int) -> tuple[Any, Any]:
        """Return the most probable words (N, T), one after the other, and their log-probabilities."""
        torch, features, state = self.torch, self.features(images), None
        tokens = torch.full((len(images),), START)
        said, scores = [], []
        for _ in range(length):
            word = torch.cat([self.layers["decoder.embed"](tokens), features], 1)
            h, state = self.layers["decoder.rnn.layer1"](word[:, None], state)
            log_probs = self.layers["decoder.to_vocab"](h[:, 0]).log_softmax(1)
            log_probs[:, PAD] = -torch.inf
            best, tokens = log_probs.max(1)
            said.append(tokens)
            scores.append(best)
        return torch.stack(said, 1), torch.stack(scores, 1)


def build_twin(torch: Any, kind: str, options: dict[str, Any]) -> Any:
    """Return the twin of a row's model, with weights of PyTorch's own.

    Parameters
    ----------
    torch : module
    kind : str
        ``classifier``; anything else means the captioner.
    options : dict

    Returns
    -------
    ClassifierTwin or CaptionerTwin
    """
    return ClassifierTwin(torch, options) if kind == "classifier" else CaptionerTwin(torch, options)


def parameters_of(twin: Any) -> list[Any]:
    """Return what an optimiser moves; of an LSTM's two biases, which add up, only one, as in minicap.

    Parameters
    ----------
    twin : ClassifierTwin or CaptionerTwin

    Returns
    -------
    list of Parameter
    """
    return [param for param, _ in named_parameters(twin).values()]


def named_parameters(twin: Any) -> dict[str, tuple[Any, bool]]:
    """Return the parameters by minicap's names, and whether each lies transposed.

    Parameters
    ----------
    twin : ClassifierTwin or CaptionerTwin

    Returns
    -------
    dict of str to (Parameter, bool)
    """
    found = {}
    for name, layer in twin.layers.items():
        if isinstance(layer, twin.torch.nn.LSTM):
            layer.bias_hh_l0.requires_grad_(False).zero_()
            found[f"{name}.w_x"], found[f"{name}.w_h"] = (
                (layer.weight_ih_l0, True),
                (layer.weight_hh_l0, True),
            )
            found[f"{name}.b"] = (layer.bias_ih_l0, False)
            continue
        found[f"{name}.weight"] = (layer.weight, isinstance(layer, twin.torch.nn.Linear))
        if getattr(layer, "bias", None) is not None:
            found[f"{name}.bias"] = (layer.bias, False)
    return found


def take_weights(twin: Any, params: Arrays) -> None:
    """Give a twin the weights of minicap's model.

    Parameters
    ----------
    twin : ClassifierTwin or CaptionerTwin
    params : dict of str to Array
        Of the model.

    Raises
    ------
    ValueError
        If the two have not the same parameters.
    """
    named = named_parameters(twin)
    ours = {name: array.shape for name, array in params.items()}
    theirs = {name: tuple(p.T.shape if turned else p.shape) for name, (p, turned) in named.items()}
    if ours != theirs:
        differing = sorted(set(ours.items()) ^ set(theirs.items()))
        raise ValueError(f"the twin in PyTorch has other parameters than the model: {differing}")
    with twin.torch.no_grad():
        for name, (param, turned) in named.items():
            param.copy_(twin.torch.from_numpy(params[name].T if turned else params[name]))


def tensors_of(torch: Any, kind: str, given: Arrays) -> dict[str, Any]:
    """Return a row's arrays as a twin takes them.

    Parameters
    ----------
    torch : module
    kind : str
        ``classifier``; anything else means the captioner.
    given : dict of str to Array
        From ``inputs_of``.

    Returns
    -------
    dict of str to Tensor
    """
    if kind != "classifier":
        tokens, mask = given["tokens"], given["mask"]
        targets = np.where(mask, tokens[:, 1:], _SKIPPED)
        given = {"images": given["images"], "seen": tokens[:, :-1].copy(), "targets": targets}
    return {name: torch.from_numpy(array) for name, array in given.items()}


def training_step(
    torch: Any, twin: Any, given: dict[str, Any], *, fused: bool, last: bool
) -> Callable[[], Any]:
    """Return a call that takes one step: loss, gradients, Adam.

    Parameters
    ----------
    torch : module
    twin : ClassifierTwin or CaptionerTwin
    given : dict of str to Tensor
    fused : bool
        Whether Adam is the fused one.
    last : bool
        Whether pictures and filters lie with the channels last.

    Returns
    -------
    callable
        Returns the loss.
    """
    if last:
        for layer in twin.layers.values():
            layer.to(memory_format=torch.channels_last)
        given = {**given, "images": given["images"].to(memory_format=torch.channels_last)}
    optimizer = torch.optim.Adam(parameters_of(twin), lr=LEARNING_RATE, **({"fused": True} if fused else {}))

    def step() -> Any:
        optimizer.zero_grad()
        loss = twin.loss(given)
        loss.backward()
        optimizer.step()
        return loss

    return step


def step_job(torch: Any, row: Row) -> Job:
    """Return a training step of a twin.

    Parameters
    ----------
    torch : module
    row : Row

    Returns
    -------
    Job
        Three ways: as written, with the fused Adam, and with the channels last as well.
    """
    params = build_model(row.kind, row.options).params
    given = tensors_of(torch, row.kind, inputs_of(row))

    def way(*, fused: bool, last: bool) -> Way:
        twin = build_twin(torch, row.kind, row.options)
        take_weights(twin, params)
        step = training_step(torch, twin, given, fused=fused, last=last)
        return plainly(lambda: (step(), twin))

    forms = {"eager": (False, False), "fused Adam": (True, False), "channels-last, fused Adam": (True, True)}
    ways = {name: way(fused=fused, last=last) for name, (fused, last) in forms.items()}
    return Job(ways, _gradients)


def _gradients(found: tuple[Any, Any]) -> dict[str, Array]:
    """Return loss and gradients by minicap's names."""
    loss, twin = found
    grads = {
        name: (param.grad.T if turned else param.grad).numpy().copy()
        for name, (param, turned) in named_parameters(twin).items()
    }
    return {"loss": loss.detach().numpy().copy(), **grads}


def greedy_job(torch: Any, row: Row) -> Job:
    """Return greedy captions of pictures by a twin.

    Parameters
    ----------
    torch : module
    row : Row

    Returns
    -------
    Job
        In inference mode, with the channels last and first.
    """
    params = build_model(row.kind, row.options).params
    params["decoder.to_vocab.bias"][END] = NEVER
    images = torch.from_numpy(inputs_of(row)["images"])

    def way(last: bool) -> Way:
        twin = build_twin(torch, row.kind, row.options)
        take_weights(twin, params)
        seen = images
        if last:
            twin.convs.to(memory_format=torch.channels_last)
            seen = images.to(memory_format=torch.channels_last)

        @contextmanager
        def inferring() -> Iterator[Call]:
            with torch.inference_mode():
                yield lambda: twin.greedy(seen, row.options["length"])

        return inferring

    names = ("tokens", "log_probs")
    return Job(
        {"inference mode": way(False), "channels-last, inference mode": way(True)},
        lambda found: {name: tensor.numpy().copy() for name, tensor in zip(names, found, strict=True)},
    )
