"""What each choice of a training run may be, and what it is for each task if nobody says."""

from __future__ import annotations

from typing import Any

from minicap.data.preprocessing import RESIZES
from minicap.layers.positions import POSITIONS
from minicap.models import CONDITIONINGS, DECODERS, HEADS, Captioner, Classifier, Tagger
from minicap.models.sublayers import ACTIVATIONS
from minicap.optim import OPTIMIZERS
from minicap.training.schedules import SCHEDULES

MODELS: dict[str, Any] = {"caption": Captioner, "tag": Tagger, "classify": Classifier}
DEFAULTS: dict[str, dict[str, Any]] = {
    "classify": {
        "encoder": "classic", "image_size": 28, "normalize": "half", "epochs": 10, "batch_size": 64,
        "val_images": 10_000,
    },
    "tag": {
        "encoder": "fine", "batch_norm": True, "hidden": "512", "resize": "squash", "epochs": 12, "lr": 2e-3,
        "val_images": 2000,
    },
}  # fmt: skip
CHOICES: dict[str, tuple[str, ...]] = {
    "task": tuple(MODELS),
    "decoder": DECODERS,
    "conditioning": tuple(CONDITIONINGS),
    "positions": tuple(POSITIONS),
    "activation": tuple(ACTIVATIONS),
    "head": HEADS,
    "resize": RESIZES,
    "normalize": ("measured", "half"),
    "tokenizer": ("word", "char"),
    "optimizer": tuple(OPTIMIZERS),
    "schedule": SCHEDULES,
}
RANGES: dict[str, tuple[float, float]] = {
    "image_size": (8, 1024),
    "embed_size": (1, 8192),
    "hidden_size": (1, 8192),
    "layers": (1, 4),
    "attention_penalty": (0, 1e6),
    "heads": (1, 64),
    "dropout": (0, 0.95),
    "min_count": (1, 10**9),
    "crop": (0, 1024),
    "jitter": (0, 1),
    "epochs": (1, 10**6),
    "batch_size": (1, 10**6),
    "accumulate": (1, 10**6),
    "captions_per_image": (0, 100),
    "lr": (1e-12, 1e3),
    "weight_decay": (0, 1e3),
    "warmup": (0, 1),
    "step_every": (0, 10**6),
    "step_factor": (1e-6, 1),
    "clip_norm": (1e-12, 1e12),
    "label_smoothing": (0, 0.99),
    "scheduled_sampling": (0, 1),
    "patience": (0, 10**6),
    "val_images": (1, 10**9),
    "threads": (0, 256),
    "seed": (0, 2**63 - 1),
}
