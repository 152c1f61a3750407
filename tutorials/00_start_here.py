# %% [markdown]
# # 0. Start here
#
# **What you will do.** Train a machine that describes pictures, with one command. Look inside it, from the
# pixels to the words. Learn how this library's code is laid out, and refresh the one page of matrix
# calculus that all of it stands on.
#
# **What you will learn.**
#
# - what a captioner consists of, and how to see whether it looks at its picture at all;
# - the convention that every derivative here follows, so that any file of it can be read;
# - three patterns from which every gradient in these lessons is put together.
#
# **Before you start.**
#
# - Time: 30 minutes; the code trains for about a minute on two cores.
# - Needs: Python, NumPy, and what a partial derivative is.
# - Get the lessons: in a clone of the repository `python -m pip install .` and `cd tutorials`; with minicap
#   installed already, `minicap tutorial copy` and `cd tutorials`. All commands in the lessons are given in
#   that folder.
# - Run a lesson with `python 00_start_here.py`, or cell by cell in VS Code or in Jupyter (`minicap tutorial
#   open 0`). With `MINICAP_FAST=1` set in the environment every lesson runs a small version of itself in
#   seconds.

# %%
import tempfile
from dataclasses import replace

import numpy as np

import minicap
from minicap.data.scenes import generate, judge
from minicap.demo import FAST as SMALL
from minicap.demo import DemoSize, run_demo
from minicap.gradcheck import check_op, numerical_gradient
from minicap.ops import sigmoid_backward, sigmoid_forward
from minicap.tutorials.lesson import BLUE, FAST, INK, figure, generator, label, show, source

# %% [markdown]
# ## The job, in one command
#
# On a command line it is `minicap demo`. It draws a few thousand little scenes with sentences about them,
# trains a network on pairs of picture and sentence, and then asks it about scenes whose descriptions never
# occurred in the training. From Python:

# %%
folder = tempfile.mkdtemp(prefix="minicap-")
tiny = DemoSize(200, 8, 8, replace(SMALL.config, epochs=1))
result = run_demo(folder, size=tiny if FAST else None)
print(f"{'scenes never seen':22} {'true and complete':>18} {'blind baseline':>15}")
for kind, row in result["table"].items():
    print(f"{kind:22} {row['truth']:>18.1%} {row['blind']:>15.1%}")

# %% [markdown]
# A sentence counts only if it is grammatical, true, and leaves nothing out. The **blind baseline** is the
# same decoder, trained in the same way, that is shown one grey picture always. It has learnt what sentences
# sound like and nothing else; whatever the captioner has above it comes from looking. You will meet this
# comparison again and again: a fluent sentence proves nothing.
#
# One object is nearly always described rightly, several less often; and least often scenes of the last
# kind, with pairs of colour and shape that never occurred together in the training. They ask whether the
# machine has learnt *pink* and *star*, or only *pink star*.
#
# ## What is inside
#
# Two halves, trained together by one loss:
#
# - the **encoder**, a convolutional network: picture in, **features** out, a vector of numbers for the
#   picture or, as here, one for each place of it;
# - the **decoder**, a recurrent network: it reads the features and the words so far, and gives a
#   probability to each word of its **vocabulary** as the next one.
#
# All that they have learnt is in some arrays with names:

# %%
model = minicap.Captioner.load(folder)
for name, value in model.params.items():
    print(f"{name:28} {value.shape!s:18} {value.size:>9,}")
print(f"{'together':28} {'':18} {sum(value.size for value in model.params.values()):>9,}")
print("vocabulary:", len(model.vocabulary), "words")

# %% [markdown]
# Follow one scene through. The pixels become maps, one for each filter, ever coarser; the numbers of all
# maps at one place become a vector; and the vectors become words, one at a time, each with a probability.

# %%
[scene] = generate(1, size=model.config["image_size"], seed=5, split="test", objects=1)
tensor = model.preprocessing.tensor(scene.image)[None]  # (N, C, H, W) with N = 1
maps, _ = model.trunk.forward(tensor)  # (N, F, H', W')
features = model.features(scene.image)  # (N, L, E): L places, E numbers each
[caption] = model.caption(scene.image)
print("picture ", scene.image.shape)
print("tensor  ", tensor.shape)
print("maps    ", maps.shape)
print("features", features.shape)
print("caption :", caption)
print("truth   :", scene.captions[0])
grammatical, true, complete = judge(str(caption), scene)
print(f"grammatical: {grammatical}, true: {true}, complete: {complete}")
words = [*str(caption).split(), "(end)"][:12]
chances = np.exp(caption.word_log_probs)[: len(words)]
for word, chance in zip(words, chances, strict=True):
    print(f"  {word:10} {chance:.3f}")

# %% tags=["figure"]
picture = figure(5.2, 4.4)
left, middle, strip, right = picture.subplots(2, 2).ravel()
left.imshow(scene.image)
strongest = np.argsort(maps[0].max(axis=(1, 2)))[::-1][:9]
side = maps.shape[-1]
mosaic = np.full((3 * side + 2, 3 * side + 2), np.nan)
for k, filter_number in enumerate(strongest):
    row, column = divmod(k, 3)
    place = (
        slice(row * (side + 1), row * (side + 1) + side),
        slice(column * (side + 1), column * (side + 1) + side),
    )
    mosaic[place] = maps[0, filter_number] / maps[0, filter_number].max()
middle.imshow(mosaic, cmap="Blues")
limit = np.quantile(np.abs(features), 0.99)
strip.imshow(np.abs(features[0]), cmap="Blues", vmin=0, vmax=limit, aspect="auto")
for axes, title in ((left, "picture"), (middle, "9 of the last maps"), (strip, "features, one row a place")):
    axes.set_title(title, fontsize=11, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
right.barh(range(len(words)), chances, color=BLUE)
label(right, "probability", "", "")
right.set_title("words, one by one", fontsize=11, color=INK)
right.set_yticks(range(len(words)), words, color=INK, fontsize=10)
right.set_xlim(0, 1)
right.set_xticks([0, 0.5, 1])
right.invert_yaxis()
right.grid(axis="y", visible=False)
show(
    picture,
    "00_from_pixels_to_words",
    "Four panels: a drawn scene with one shape; nine coarse maps, each lit up where some filter found "
    "something, mostly where the shape is; a table of numbers, the features, most of them near zero, with "
    "one row for each place of the maps; and a bar for every word of the caption, from first to last, as "
    "long as the probability that the decoder gave it.",
)

# %% [markdown]
# ## How to read the code
#
# Every piece of mathematics is a pair of functions that stand below each other, in a file of `minicap/ops`:
#
#     y, cache = f_forward(x, parameters)          compute, and keep what the way back needs
#     grads = f_backward(dy, cache)                given dL/dy, return dL/d(every input)
#
# No classes, no hidden state, no tape. What is behind the layer arrives as `dy`; what the layer needs to
# remember is in the `cache`, which you can print. The field `dx` of the result belongs to the argument `x`,
# and has its shape. The smallest pair that there is:

# %%
source(sigmoid_forward, sigmoid_backward)

# %%
y, cache = sigmoid_forward(np.array([-1.0, 0.0, 2.0]))
print("y    ", y)
print("cache", cache)
print("dx   ", sigmoid_backward(np.ones(3), cache).dx)

# %% [markdown]
# Whenever you want to know whether a derivative is right, one line measures it. It moves every input a
# little and looks how far the output moves; lesson 1 shows how, and how exact that is.

# %%
report = check_op(sigmoid_forward, generator(0).standard_normal((3, 4)))
print(report)

# %% [markdown]
# Around the pairs: `minicap/layers` gives parameters names, `minicap/models` joins layers,
# `minicap/training` is the loop, and `minicap/kernels` holds the few loops that NumPy does badly, twice:
# once to be read, once to be fast. Shapes are written with the same letters everywhere, $N$ for the batch,
# $C$ for channels, $T$ for time, $V$ for the vocabulary; `glossary.md` lists them, and every term.
#
# ## One page of matrix calculus
#
# **A gradient.** $L$ is one number, the loss. The gradient by an array $z$ holds the derivative of $L$ by
# each of its entries, and so has the shape of $z$:
#
# $$\mathrm{d}z := \frac{\partial L}{\partial z}, \qquad (\mathrm{d}z)_i = \frac{\partial L}{\partial z_i}$$
#
# **The chain rule.** If $y$ is computed from $x$ and $L$ from $y$, an entry $x_i$ moves $L$ through every
# $y_j$ that it moves:
#
# $$\mathrm{d}x_i = \sum_j \mathrm{d}y_j \, \frac{\partial y_j}{\partial x_i}$$
#
# This sum, written for one kind of function after the other, is all of backpropagation. Three patterns come
# back in every lesson.
#
# **1. Entry by entry.** $y_i = f(x_i)$ for a function of one number, such as the sigmoid $\sigma$ with
# $\sigma' = \sigma (1 - \sigma)$. Each $x_i$ moves its own $y_i$ only, the sum has one term, and the
# gradient is a product entry by entry:
#
# $$\mathrm{d}x = \mathrm{d}y \odot f'(x), \qquad \text{all three of the same shape}$$
#
# **2. A matrix product.** $Y = X W$ with $X$ $(N, D)$, $W$ $(D, M)$, $Y$ $(N, M)$:
#
# $$\mathrm{d}X = \mathrm{d}Y\, W^\top, \qquad \mathrm{d}W = X^\top \mathrm{d}Y$$
#
# Lesson 1 derives both. Until then remember them by their shapes: $(N, M)(M, D) = (N, D)$ and $(D, N)(N, M)
# = (D, M)$. No other product fits.
#
# **3. What is used several times gets a sum.** Let a bias $b$ $(M,)$ be added to every row of a matrix:
# $y_{nm} = x_{nm} + b_m$. The one number $b_m$ moves $N$ outputs, and the chain rule sums over them:
#
# $$\mathrm{d}b_m = \sum_{n=1}^{N} \mathrm{d}y_{nm}$$
#
# The reverse of a broadcast is a sum, over the axes that were repeated. The reverse of a sum is a
# broadcast: of $s = \sum_i x_i$ every $x_i$ gets $\mathrm{d}s$. A filter that slides over a picture, a word
# vector that occurs twice, the weights of a recurrent network at every step: all of them are this third
# pattern.
#
# All three at once, for $L = \sum r \odot \sigma(X W + b)$ with a fixed random $r$, against the measured
# slope:

# %%
rng = generator(4)
x, w, b = rng.standard_normal((5, 3)), rng.standard_normal((3, 2)), rng.standard_normal(2)
r = rng.standard_normal((5, 2))


def loss(b):
    """Return L for some bias."""
    return (r * sigmoid_forward(x @ w + b)[0]).sum()


s = sigmoid_forward(x @ w + b)[0]  # (N, M)
da = r * s * (1 - s)  # pattern 1, (N, M)
dw, dx = x.T @ da, da @ w.T  # pattern 2
db = da.sum(axis=0)  # pattern 3, (M,)
measured = numerical_gradient(loss, b)
print("db by hand ", db)
print("db measured", measured)
print("dw", dw.shape, "like w", w.shape, "  dx", dx.shape, "like x", x.shape)

# %% [markdown]
# ## A broken version to debug
#
# Each lesson has one. `broken/00_centre.py` holds two layers; one of them subtracts from each row its mean.
# Its author reasoned: "what I subtract is a constant, so the gradient passes as it is".
#
#     minicap gradcheck broken/00_centre.py
#
# What was subtracted is no constant. Repair the backward (the equation: $y_i = x_i - \frac{1}{D} \sum_j
# x_j$; which outputs does $x_i$ move?), and ask again until both layers pass.

# %% [markdown]
# ## Exercises
#
# To warm up, four gradients that take one line each. Write them into `exercises/00_start_here.py`, then:
#
#     minicap exercise 0 exercises/00_start_here.py
#
# 1. `sum_of_squares_gradient`: the smallest loss.
# 2. `scale_gradients`: a number that is used at every entry.
# 3. `mean_gradient`: the reverse of a mean.
# 4. `product_gradients`: the second pattern.
#
# Solutions lie in `solutions/`, for afterwards.

# %% [markdown]
# ## Going further
#
# - O. Vinyals, A. Toshev, S. Bengio, D. Erhan, "[Show and tell: a neural image caption
#   generator](https://arxiv.org/abs/1411.4555)" (2015): the machine that you have just trained.
# - A. Karpathy, L. Fei-Fei, "[Deep visual-semantic alignments for generating image
#   descriptions](https://arxiv.org/abs/1412.2306)" (2015).
# - T. Parr, J. Howard, "[The matrix calculus you need for deep learning](https://arxiv.org/abs/1802.01528)"
#   (2018): the page above, in thirty.
# - `tutorials/captioner_in_one_file.py`: all of it in one short file, without the library.
#
# Next: [lesson 1](01_one_layer_and_its_gradient.py), one layer and its gradient.

# %%
# What this lesson claims, held to it.
assert report.passed
assert np.allclose(db, measured, rtol=1e-8)
assert (dw.shape, dx.shape) == (w.shape, x.shape)
assert sum(value.size for value in model.params.values()) > 10_000
assert features.shape == (1, maps.shape[2] * maps.shape[3], model.encoder.feature_size)
assert len(chances) >= 1
assert ((chances > 0) & (chances <= 1)).all()
if not FAST:  # a network that has hardly been trained says little that is true
    assert result["table"]["one object"]["truth"] > 0.8
    assert result["table"]["one object"]["blind"] < 0.2
    assert result["table"]["one object"]["truth"] > result["table"]["compositional"]["truth"]
print("all claims of lesson 0 hold")
