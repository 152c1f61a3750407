# %% [markdown]
# # 2. Convolution
#
# **What you will do.** Slide a small filter over a picture: by hand on five by five pixels, then with
# loops, then as one matrix product, then with the library's kernels. Derive both gradients, see that each
# of them is a convolution again, and learn an unknown filter from nothing but its output. Measure how far a
# unit of a deep network sees.
#
# **What you will learn.**
#
# - what a convolution computes, and the size of what comes out;
# - why everybody's fast convolution is a matrix product in disguise;
# - why the gradient by the input needs the filter turned round, and the one by the weights a sum over the
#   batch;
# - what a receptive field is, and why the edge of it hardly counts.
#
# **Before you start.**
#
# - Time: 75 minutes, with pencil and paper; the code runs in a few seconds on two cores.
# - Needs: lesson 1, for upstream gradients and the checker.
# - All commands here are given in the folder of the lessons: `tutorials/` in a clone, or the folder that
#   `minicap tutorial copy` made.

# %%
import time

import numpy as np

import minicap
from minicap.data.scenes import generate
from minicap.gradcheck import check_op
from minicap.kernels.reference import conv as reference
from minicap.ops import conv2d_backward, conv2d_forward, relu_backward, relu_forward
from minicap.tutorials.lesson import (
    BLUE,
    INK,
    MUTED,
    VERMILION,
    choose,
    figure,
    generator,
    label,
    show,
    source,
)

# %% [markdown]
# ## By hand
#
# Why not a linear layer on the pixels? A layer that looks for an edge would have to learn it anew at every
# place, with weights of its own for each. A **filter** is a few weights that are used at *every* place: it
# slides over the picture, and at each place its weights are multiplied with the pixels beneath and summed.
#
# Here is a picture of five by five pixels, dark on the left and bright on the right, and a filter of three
# by three that takes what is on the right minus what is on the left:
#
# $$x = \begin{pmatrix} 0 & 0 & 1 & 1 & 1 \\ 0 & 0 & 1 & 1 & 1 \\ 0 & 0 & 1 & 1 & 1 \\ 0 & 0 & 1 & 1 & 1 \\
# 0 & 0 & 1 & 1 & 1 \end{pmatrix} \qquad w = \begin{pmatrix} -1 & 0 & 1 \\ -1 & 0 & 1 \\ -1 & 0 & 1
# \end{pmatrix}$$
#
# At the top left the filter covers the columns 0 0 1 of three rows: $3 \cdot (-1 \cdot 0 + 0 \cdot 0 + 1
# \cdot 1) = 3$. One step to the right it covers 0 1 1: 3 again. One more, and it covers 1 1 1: the right
# minus the left is 0. There is room for three places in each direction. Do all nine on paper, then:

# %%
x = np.tile([0.0, 0.0, 1.0, 1.0, 1.0], (5, 1))
w = np.tile([-1.0, 0.0, 1.0], (3, 1))
y, cache = conv2d_forward(x[None, None], w[None, None], np.zeros(1))
print(y[0, 0])
assert y[0, 0].tolist() == [[3.0, 3.0, 0.0]] * 3

# %% [markdown]
# The filter answers where the picture goes from dark to bright, and nowhere else.
#
# ## The equation
#
# A batch has $N$ pictures of $C$ channels (red, green, blue; deeper in the network, whatever the layer
# before has found), and a layer has $F$ filters. Each filter sees all the channels. With $y$ the output,
# $x$ the input and $w$ the filters:
#
# $$y_{nfpq} = b_f + \sum_{c=1}^{C} \sum_{i=0}^{KH-1} \sum_{j=0}^{KW-1} w_{fcij}\; x_{n,\,c,\,p s + i,\,q s
# + j}$$
#
# | symbol | shape | what it is |
# |---|---|---|
# | $x$ | $(N, C, H, W)$ | pictures |
# | $w$ | $(F, C, KH, KW)$ | filters, each with a weight for every channel and every **tap** $(i, j)$ |
# | $b$ | $(F,)$ | one bias a filter |
# | $y$ | $(N, F, OH, OW)$ | the **feature maps**, one a filter |
#
# $s$ is the **stride**, how many pixels the filter moves at a time. A border of $P$ zeros, the **padding**,
# lets it reach over the edge, so that the output need not shrink. The last place where the filter fits
# begins at $H + 2P - KH$, and the first at 0, so there are
#
# $$OH = \left\lfloor \frac{H + 2P - KH}{s} \right\rfloor + 1$$
#
# places, and $OW$ likewise. (Mathematicians call this *cross-correlation*, and convolution the same with
# the filter turned round by 180 degrees. As the weights are learnt it makes no difference which way round
# they are, and the field has settled on the shorter word. Turning will return, though, in the gradient.)
#
# ## As loops
#
# The equation can be typed. Seven indices, seven loops:

# %%


def conv_loops(x, w, b):
    """Convolve at stride 1 without padding, exactly as the equation says it."""
    (N, C, H, W), (F, _, KH, KW) = x.shape, w.shape
    OH, OW = H - KH + 1, W - KW + 1
    y = np.zeros((N, F, OH, OW))
    for n in range(N):
        for f in range(F):
            for p in range(OH):
                for q in range(OW):
                    y[n, f, p, q] = b[f]
                    for c in range(C):
                        for i in range(KH):
                            for j in range(KW):
                                y[n, f, p, q] += w[f, c, i, j] * x[n, c, p + i, q + j]
    return y


rng = generator(2)
x = rng.standard_normal((2, 3, 9, 8))
w, b = rng.standard_normal((4, 3, 3, 2)), rng.standard_normal(4)
y, cache = conv2d_forward(x, w, b)
print("largest difference to the library's:", f"{np.abs(conv_loops(x, w, b) - y).max():.0e}")

# %% [markdown]
# ## As one matrix product: im2col
#
# Each output is an inner product of $C \cdot KH \cdot KW$ weights with as many pixels. Copy the pixels
# below each place into a row of a matrix, one row a place (the name is short for *image to columns*, from a
# language that kept them as columns). Then *all* outputs are one matrix product:
#
# $$\underbrace{Y}_{(N \cdot OH \cdot OW,\; F)} = \underbrace{\mathrm{cols}(x)}_{(N \cdot OH \cdot OW,\; C
# \cdot KH \cdot KW)} \; \underbrace{W^\top}_{(C \cdot KH \cdot KW,\; F)}$$
#
# Matrix products are what processors do best, so this is fast, although every pixel is copied up to $KH
# \cdot KW$ times. And note what it says: **convolution is a linear layer** on patches. Its gradients will
# be those of lesson 1.

# %%


def im2col(x, KH, KW):
    """Return every patch (C, KH, KW) of x (N, C, H, W) as a row: (N * OH * OW, C * KH * KW)."""
    patches = np.lib.stride_tricks.sliding_window_view(x, (KH, KW), axis=(2, 3))  # (N, C, OH, OW, KH, KW)
    return patches.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * KH * KW)


def conv_im2col(x, w, b):
    """Convolve at stride 1 without padding by one matrix product."""
    (N, _, H, W), (F, _, KH, KW) = x.shape, w.shape
    y = im2col(x, KH, KW) @ w.reshape(F, -1).T + b  # (N * OH * OW, F)
    return y.reshape(N, H - KH + 1, W - KW + 1, F).transpose(0, 3, 1, 2)


print("patches:", im2col(x, 3, 2).shape)
print("largest difference to the library's:", f"{np.abs(conv_im2col(x, w, b) - y).max():.0e}")

# %% [markdown]
# ## As kernels
#
# The library's readable kernel takes the sums in another order: the taps outermost. For one tap $(i, j)$,
# take the pixel that it sees at each place, a shifted picture, and mix its $C$ channels into $F$ filters by
# the matrix $w_{\cdot\cdot ij}$, $(F, C)$. Nothing is copied nine times, and the loop has as many rounds as
# the filter has taps:

# %%
source(reference.conv2d_forward)

# %% [markdown]
# It has a twin in Cython under the same name, `minicap/kernels/compiled/conv.pyx`, written to be fast.
# `minicap.use_kernels` switches between the two, and a test holds them together. All four, on the same
# small pictures:

# %%
pictures = rng.standard_normal((choose(4, 1), 8, 20, 20))
filters, bias = rng.standard_normal((8, 8, 3, 3)), np.zeros(8)


def seconds(compute, repeats=3):
    """Return the shortest of a few times."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        compute()
        times.append(time.perf_counter() - began)
    return min(times)


measured = {
    "seven loops": seconds(lambda: conv_loops(pictures, filters, bias), 1),
    "im2col": seconds(lambda: conv_im2col(pictures, filters, bias)),
}
for name in ["reference", "compiled"] if minicap.kernels.compiled_available() else ["reference"]:
    with minicap.use_kernels(name):
        measured[f"{name} kernels"] = seconds(lambda: conv2d_forward(pictures, filters, bias))
for name, took in measured.items():
    print(
        f"{name:18} {1000 * took:10.3f} ms   {measured['seven loops'] / took:8.0f} times as fast as the loops"
    )

# %% [markdown]
# ## What filters see
#
# A scene of the built-in world, and four filters written by hand, one response map each: two edges, the
# grey of a neighbourhood, and one colour against another. In a trained network nobody writes them; the
# first layer of lesson 4 will find such filters by itself.

# %%
[scene] = generate(1, size=64, seed=42, split="train")
print("the scene:", scene.captions[0])
pixels = scene.image.transpose(2, 0, 1)[None] / 255.0  # (1, 3, H, W)
edge = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 12
by_hand = np.stack(
    [
        np.stack([edge] * 3),
        np.stack([edge.T] * 3),
        np.full((3, 3, 3), -1 / 27),
        np.array([1.0, 0.0, -1.0])[:, None, None] * np.full((3, 3), 1 / 9),
    ]
)  # (F, C, KH, KW)
maps, _ = conv2d_forward(pixels, by_hand, np.zeros(4), padding=1)
print("pictures", pixels.shape, "filters", by_hand.shape, "maps", maps.shape)

# %% tags=["figure"]
picture = figure(5.2, 4.0)
panels = picture.subplots(2, 3).ravel()
titles = [
    "the scene",
    "dark to bright,\nrightward",
    "dark to bright,\ndownward",
    "how dark",
    "red (+), blue (-)",
]
for axes, title in zip(panels, titles, strict=False):
    axes.set_title(title, fontsize=9.5, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
panels[0].imshow(scene.image)
for axes, response in zip(panels[1:], maps[0], strict=False):
    inside = response - response.max() if response.max() < 0 else response
    limit = np.abs(inside[1:-1, 1:-1]).max()  # each map on a scale of its own
    drawn = axes.imshow(inside, cmap="RdBu_r", vmin=-limit, vmax=limit)
panels[5].axis("off")
place = panels[5].inset_axes([0.1, 0.0, 0.12, 1.0])
bar = picture.colorbar(drawn, cax=place, ticks=[-limit, 0, limit])
bar.ax.set_yticklabels(["negative", "zero", "positive"], fontsize=10, color=MUTED)
show(
    picture,
    "02_filters",
    "A drawn scene and the responses of four filters of three by three pixels to it. The first marks left "
    "and right borders of the shapes, with opposite signs on opposite sides; the second marks upper and "
    "lower borders; the third is large where the picture is dark; the fourth is positive on reddish and "
    "negative on bluish surfaces.",
)

# %% [markdown]
# Look at the rim of the two edge maps as well: the padding is zero, which is black, so the filters find an
# edge between it and the bright ground. A network has to learn to ignore that, or it can use it to know
# where the picture ends.
#
# ## The two gradients
#
# The loss $L$ is somewhere behind $y$, and we are handed $\mathrm{d}y$, $(N, F, OH, OW)$. Look at *one*
# product of the forward,
#
# $$w_{fcij} \; x_{n,\,c,\,ps+i,\,qs+j} \quad\text{in}\quad y_{nfpq}$$
#
# It is a product of two factors, so it sends $\mathrm{d}y_{nfpq}$ times the one to the other. Each factor
# collects from all products that it takes part in.
#
# **By the weights.** The weight $w_{fcij}$ is used at every place of every picture:
#
# $$\mathrm{d}w_{fcij} = \sum_{n} \sum_{p} \sum_{q} \mathrm{d}y_{nfpq}\; x_{n,\,c,\,ps+i,\,qs+j}, \qquad (F,
# C, KH, KW)$$
#
# That is $X^\top \mathrm{d}Y$ of lesson 1 on the patches. It is also a convolution: $\mathrm{d}y$ slides
# over the picture as if it were the filter.
#
# **By the bias.** It was added everywhere: $\mathrm{d}b_f = \sum_{npq} \mathrm{d}y_{nfpq}$, $(F,)$.
#
# **By the input.** A pixel takes part in up to $KH \cdot KW$ places, each time below another tap. At stride
# 1, with $r = p + i$ its row and $t = q + j$ its column:
#
# $$\mathrm{d}x_{ncrt} = \sum_{f} \sum_{i} \sum_{j} w_{fcij}\; \mathrm{d}y_{n,\,f,\,r-i,\,t-j}, \qquad (N,
# C, H, W)$$
#
# where $\mathrm{d}y$ counts as zero outside. Mind the **minus**: the forward reads at $p + i$, the backward
# at $r - i$. Substitute $i' = KH - 1 - i$ and the same for $j$, and the minus becomes a plus, with the
# filter read backwards:
#
# $$\begin{aligned} \mathrm{d}x_{ncrt} = \sum_{f} \sum_{i'} \sum_{j'} \; & w_{f,\,c,\,KH-1-i',\,KW-1-j'} \\
# & \cdot \mathrm{d}y_{n,\,f,\,r-(KH-1)+i',\,t-(KW-1)+j'} \end{aligned}$$
#
# In words: pad $\mathrm{d}y$ with $KH - 1$ and $KW - 1$ zeros on each side and convolve with the filters
# **turned by 180 degrees**, with the roles of $C$ and $F$ exchanged. Two lines of NumPy prove it:

# %%
dy = rng.standard_normal(y.shape)
grads = conv2d_backward(dy, cache)
turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)  # (C, F, KH, KW)
dx, _ = conv2d_forward(dy, np.ascontiguousarray(turned), np.zeros(3), padding=(2, 1))
not_turned = np.ascontiguousarray(w.transpose(1, 0, 2, 3))
wrong_dx, _ = conv2d_forward(dy, not_turned, np.zeros(3), padding=(2, 1))
dw = (im2col(x, 3, 2).T @ dy.transpose(0, 2, 3, 1).reshape(-1, 4)).T.reshape(w.shape)
print("dx", grads.dx.shape, "dw", grads.dw.shape, "db", grads.db.shape)
print(f"dx by convolution with the turned filters: differs by {np.abs(dx - grads.dx).max():.0e}")
print(f"dx with filters that are not turned:       differs by {np.abs(wrong_dx - grads.dx).max():.0e}")
print(f"dw by the patches:                         differs by {np.abs(dw - grads.dw).max():.0e}")

# %% [markdown]
# The library's backward calls a kernel for each, and the readable kernel goes tap by tap as the forward
# does. Where the forward took a slice and multiplied by $w_{ij}$, the backward multiplies by $w_{ij}^\top$
# and *adds* into the same slice, with `+=`, as neighbouring places share pixels.

# %%
source(conv2d_backward, reference.conv2d_backward_input, reference.conv2d_backward_weight)

# %% [markdown]
# Odd sizes, a stride that does not divide them, a lopsided filter: that is where bugs live, so that is what
# is checked.

# %%
report = check_op(conv2d_forward, x, w, b, stride=(2, 1), padding=1)
print(report)

# %% [markdown]
# ## Learning a filter
#
# Somebody has put a picture through a filter and kept the filter. We have the picture and the result. Begin
# with zeros, compare, and go against the gradient:

# %%
hidden = np.array([[0.0, -1.0, 0.0], [-1.0, 4.0, -1.0], [0.0, -1.0, 0.0]])[None, None]
picture_in = rng.standard_normal((1, 1, 24, 24))
wanted, _ = conv2d_forward(picture_in, hidden, np.zeros(1))
guess, distance = np.zeros((1, 1, 3, 3)), []
for _ in range(60):
    seen, guess_cache = conv2d_forward(picture_in, guess, np.zeros(1))
    step = conv2d_backward((seen - wanted) / seen.size, guess_cache).dw
    guess = guess - 0.5 * step
    distance.append(float(np.abs(guess - hidden).max()))
print(np.round(guess[0, 0], 2) + 0.0)
print(f"largest error of a weight: {distance[0]:.2f} after the first step, {distance[-1]:.0e} at the end")

# %% [markdown]
# ## The receptive field
#
# One output of a filter of three by three sees three by three pixels. Put a second such layer on top, and
# one of *its* outputs sees three by three maps' entries, each of which sees three by three pixels: five by
# five in all. The pixels that an output can see are its **receptive field**. Let layer $l$ have filters of
# $k_l$ and the stride $s_l$. Two neighbouring outputs of layer $l - 1$ are $s_1 s_2 \cdots s_{l-1}$ pixels
# apart, and layer $l$ adds $k_l - 1$ such steps:
#
# $$r_0 = 1, \qquad r_l = r_{l-1} + (k_l - 1) \prod_{m < l} s_m$$
#
# Three layers of three by three see as much as one of seven by seven, with $3 \cdot 9 = 27$ weights a pair
# of channels instead of 49 and two nonlinearities more: that is why networks are built of small filters.
#
# A gradient measures it: send an upstream gradient of 1 into the middle output only, and ask which pixels
# get something. This is the very question of a saliency map, for one unit. We do it with random filters,
# many times, and average the absolute values:

# %%
SIDE, DEPTHS, CHANNELS = 31, (1, 3, 7), 8


def field(depth, draws):
    """Return the mean |d(middle output) / d(pixel)| of layers of 3x3 filters with ReLU, (SIDE, SIDE)."""
    total = np.zeros((SIDE, SIDE))
    for _ in range(draws):
        a, caches = rng.standard_normal((1, 1, SIDE, SIDE)), []
        for layer in range(depth):
            channels = 1 if layer == 0 else CHANNELS
            scale = np.sqrt(2 / (9 * channels))
            a, c_conv = conv2d_forward(
                a, scale * rng.standard_normal((CHANNELS, channels, 3, 3)), np.zeros(CHANNELS), padding=1
            )
            a, c_relu = relu_forward(a)
            caches.append((c_conv, c_relu))
        da = np.zeros_like(a)
        da[0, :, SIDE // 2, SIDE // 2] = rng.standard_normal(CHANNELS)
        for c_conv, c_relu in reversed(caches):
            da = conv2d_backward(relu_backward(da, c_relu).dx, c_conv).dx
        total += np.abs(da[0, 0]) / draws
    return total


fields = {depth: field(depth, choose(100, 30)) for depth in DEPTHS}
rule = {depth: 1 + depth * 2 for depth in DEPTHS}  # r_l with k = 3 and s = 1
reach = {depth: int(np.count_nonzero(field.max(axis=0))) for depth, field in fields.items()}
inner = {}
for depth, values in fields.items():
    near = slice(SIDE // 2 - rule[depth] // 4, SIDE // 2 + rule[depth] // 4 + 1)
    inner[depth] = float(values[near, near].sum() / values.sum())
    print(f"{depth} layers: the rule says {rule[depth]} pixels a side, the gradient reaches {reach[depth]}")
shares = f"{inner[7]:.0%} of it lies in the inner half of the side"
print(
    f"of {rule[7]} x {rule[7]} pixels, {(2 * (rule[7] // 4) + 1) ** 2 / rule[7] ** 2:.0%} are there: {shares}"
)

# %% tags=["figure"]
picture = figure(5.2, 4.6)
panels = picture.subplots(2, 2).ravel()
for axes, (depth, values) in zip(panels, fields.items(), strict=False):
    axes.imshow(np.sqrt(values / values.max()), cmap="Blues", vmin=0, vmax=1)
    low = SIDE / 2 - rule[depth] / 2 - 0.5
    frame = low + rule[depth] * np.array([[0, 1, 1, 0, 0], [0, 0, 1, 1, 0]])
    axes.plot(*frame, color=VERMILION, linewidth=1.5)
    axes.set_title(f"{depth} layer{'s' * (depth > 1)}: {rule[depth]} pixels", fontsize=11, color=INK)
    axes.set_xticks([])
    axes.set_yticks([])
line = label(panels[3], "pixels from the middle", "share of the largest", "along the middle row")
offsets = np.arange(SIDE) - SIDE // 2
for depth, colour, dash in zip(DEPTHS, (MUTED, VERMILION, BLUE), (":", "--", "-"), strict=True):
    profile = fields[depth][SIDE // 2]
    line.plot(offsets, profile / profile.max(), color=colour, linestyle=dash, label=f"{depth}")
line.legend(frameon=False, fontsize=10, title="layers", loc="upper left", handlelength=1.6, borderpad=0)
line.set_yticks([0, 0.5, 1])
line.set_box_aspect(1.0)
show(
    picture,
    "02_receptive_field",
    "Three maps of how much each input pixel moves the middle output of a stack of one, three and seven "
    "convolution layers, each with the square that the rule gives drawn around it: 3, 7 and 15 pixels "
    "wide. Nothing lies outside the square. In the deep stack most of the influence is in the middle, "
    "falling off like a bell towards the edge of the square, as the fourth panel shows.",
)

# %% [markdown]
# The gradient ends exactly where the rule says. But look at seven layers: a pixel in the middle is reached
# along many paths through the layers, one in the corner along a single one, and the sum over paths makes a
# bell. The *effective* field is much smaller than the receptive field. If your network has to see a whole
# object, be generous.
#
# ## A broken version to debug
#
# `broken/02_conv.py` holds a convolution with both gradients. The network that its author built with it
# *does* learn, as the last layers and all the weights get their right gradients, only worse the deeper it
# is. Ask:
#
#     minicap gradcheck broken/02_conv.py
#
# Which gradient is wrong, and why does a single layer never show it? The hint leads to one line. Repair it,
# and find the equation above that it forgot.

# %% [markdown]
# ## Exercises
#
#     minicap exercise 2 exercises/02_convolution.py
#
# 1. `output_size`: the formula, with stride, padding and dilation.
# 2. `correlate`: one channel, one filter; the loops.
# 3. `im2col`: with a stride.
# 4. `input_gradient`: of one channel, at stride 1.
# 5. `receptive_field`: of any stack of filters and strides.

# %% [markdown]
# ## Going further
#
# - V. Dumoulin, F. Visin, "[A guide to convolution arithmetic for deep
#   learning](https://arxiv.org/abs/1603.07285)" (2016): every size, with pictures.
# - Y. LeCun et al., "Gradient-based learning applied to document recognition", *Proc. IEEE* 86 (1998):
#   where it comes from.
# - W. Luo, Y. Li, R. Urtasun, R. Zemel, "[Understanding the effective receptive field in deep convolutional
#   neural networks](https://arxiv.org/abs/1701.04128)" (2016): the bell.
# - A. Lavin, S. Gray, "[Fast algorithms for convolutional neural
#   networks](https://arxiv.org/abs/1509.09308)" (2015): fewer multiplications than the loops have. It is in
#   `minicap/kernels/compiled/conv_winograd.pxi`.
# - `minicap bench --ladder` climbs from the loops to the kernels, rung by rung.
#
# Before this: [lesson 1](01_one_layer_and_its_gradient.py). Next: lesson 3, what keeps a deep net alive.

# %%
# What this lesson claims, held to it.
assert np.allclose(conv_loops(x, w, b), y, atol=1e-12)
assert np.allclose(conv_im2col(x, w, b), y, atol=1e-12)
assert np.allclose(dx, grads.dx, atol=1e-12)
assert np.allclose(dw, grads.dw, atol=1e-12)
assert np.abs(wrong_dx - grads.dx).max() > 0.1
assert np.isclose((dy * y).sum() - (grads.db * b).sum(), (grads.dx * x).sum())  # both are sum w x dy
assert report.passed
assert distance[-1] < 1e-3 < distance[0]
assert reach == rule == {1: 3, 3: 7, 7: 15}
assert inner[7] > 0.5
print("all claims of lesson 2 hold")
