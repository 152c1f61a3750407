"""Built-in scenes: little pictures with a known truth.

A scene shows one to three objects of six shapes, eight colours and two sizes, with five captions from a
small grammar (`minicap.data.scenes.grammar`). `generate` makes scenes, in splits that share no description;
`judge` decides whether a caption is grammatical, true and complete; `write_scenes` puts them in a folder
and `read_truth` reads it back.
"""

from minicap.data.scenes.export import write_scenes
from minicap.data.scenes.generation import generate, scene_at
from minicap.data.scenes.grammar import WORDS
from minicap.data.scenes.judging import Judgement, judge
from minicap.data.scenes.scene import COLOURS, SHAPES, SIZES, SPLITS, Scene, SceneObject
from minicap.data.scenes.splits import HELD_OUT, description, split_of
from minicap.data.scenes.truth import read_truth

__all__ = [
    "COLOURS",
    "HELD_OUT",
    "SHAPES",
    "SIZES",
    "SPLITS",
    "WORDS",
    "Judgement",
    "Scene",
    "SceneObject",
    "description",
    "generate",
    "judge",
    "read_truth",
    "scene_at",
    "split_of",
    "write_scenes",
]
