# %% [markdown]
# # 1. One layer and its gradient
#
# **What you will do.** Write down the smallest network there is, one linear layer with a softmax behind it.
# Derive its gradients on paper, find the same lines in the library, prove them by finite differences, and
# train it. Then repair one that somebody broke.
#
# **What you will learn.**
#
# - how the chain rule turns into two matrix products and a sum;
# - why softmax and cross-entropy are differentiated together;
# - what a finite difference can prove, and why a smaller step is not always a better one;
# - one bug that no gradient check can find, and the number that gives it away.
#
# **Before you start.**
#
# - Time: 60 minutes, with pencil and paper; the code runs in a few seconds on two cores.
# - Needs: lesson 0; matrix products, partial derivatives and the chain rule.
# - All commands here are given in the folder of the lessons: `tutorials/` in a clone, or the folder that
#   `minicap tutorial copy` made.

# %%
import numpy as np

from minicap.gradcheck import check_op
from minicap.ops import (
    linear_backward,
    linear_forward,
    softmax_backward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    softmax_forward,
)
from minicap.tutorials.lesson import (
    BLUE,
    GREEN,
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
# ## The layer
#
# A linear layer takes $N$ examples of $D$ numbers each and gives $N$ rows of $M$ numbers:
#
# $$Y = X W + \mathbf{1} b, \qquad y_{nm} = \sum_{d=1}^{D} x_{nd} w_{dm} + b_m$$
#
# | symbol | in the code | shape | what it is |
# |---|---|---|---|
# | $X$ | `x` | $(N, D)$ | the examples, one a row |
# | $W$ | `w` | $(D, M)$ | the weights, laid out (in, out) |
# | $b$ | `b` | $(M,)$ | the bias, the same for every example |
# | $Y$ | `y` | $(N, M)$ | the outputs |
#
# $\mathbf{1}$ is a column of $N$ ones: it says on paper what broadcasting does in NumPy. This is the
# library's code:

# %%
source(linear_forward)

# %% [markdown]
# Two lines of it compute; the others see to it that a wrong shape is told in words instead of broadcasting
# into something meaningless. A value worked by hand: with $x = (1, 2)$, the columns of $W$ equal to $(1,
# 0)$ and $(3, -1)$, and $b = (10, 20)$, we get $1 \cdot 1 + 2 \cdot 0 + 10 = 11$ and $1 \cdot 3 + 2 \cdot
# (-1) + 20 = 21$.

# %%
x = np.array([[1.0, 2.0]])
w = np.array([[1.0, 3.0], [0.0, -1.0]])
b = np.array([10.0, 20.0])
y, cache = linear_forward(x, w, b)
print("y =", y)
assert y.tolist() == [[11.0, 21.0]]

# %% [markdown]
# ## Its gradient, on paper
#
# Training needs to know how a loss $L$, one number that is computed somewhere behind $Y$, moves when a
# weight moves. Call the derivative of $L$ by any quantity $z$ its *gradient* and write it `dz`: it has the
# shape of $z$. The layer does not know what is behind it. It is handed `dy`, with entries $\partial L /
# \partial y_{nm}$, the **upstream gradient**, of shape $(N, M)$, and has to return `dx` $(N, D)$, `dw` $(D,
# M)$ and `db` $(M,)$.
#
# **By the weights.** Where does $w_{dm}$ stand? In $y_{nm}$ of *every* row $n$, and in no other column. So
# the chain rule has one term a row:
#
# $$\frac{\partial L}{\partial w_{dm}} = \sum_{n=1}^{N} \frac{\partial L}{\partial y_{nm}} \frac{\partial
# y_{nm}}{\partial w_{dm}} = \sum_{n=1}^{N} \frac{\partial L}{\partial y_{nm}} x_{nd}$$
#
# A sum over $n$ of a product whose factors have the indices $nd$ and $nm$ is a matrix product with the
# first factor transposed:
#
# $$\mathrm{d}W = X^\top \mathrm{d}Y, \qquad (D, M) = (D, N) (N, M)$$
#
# **By the inputs.** $x_{nd}$ stands in row $n$ only, in all of its $M$ columns:
#
# $$\frac{\partial L}{\partial x_{nd}} = \sum_{m=1}^{M} \frac{\partial L}{\partial y_{nm}} w_{dm}
# \quad\Longrightarrow\quad \mathrm{d}X = \mathrm{d}Y\, W^\top, \qquad (N, D) = (N, M)(M, D)$$
#
# **By the bias.** $b_m$ stands in column $m$ of every row, with the factor one:
#
# $$\frac{\partial L}{\partial b_m} = \sum_{n=1}^{N} \frac{\partial L}{\partial y_{nm}}, \qquad (M,) =
# \text{the sum of the rows of } (N, M)$$
#
# Two habits to take from this. The shapes leave little choice: there is one way to multiply an $(N, D)$ and
# an $(N, M)$ matrix into a $(D, M)$ one. And **what was used many times gets the sum of its gradients**:
# the weights and the bias were used by every row, and the sum over $n$ is there for that. Forgetting it is
# the most common bug there is.

# %%
source(linear_backward)

# %% [markdown]
# The last line is the three equations, character by character. Once more by hand, with the upstream
# gradient $(1, -1)$: `dw` is the outer product of $(1, 2)$ and $(1, -1)$, and `dx` is $(1 \cdot 1 - 1 \cdot
# 3,\; 1 \cdot 0 + 1 \cdot 1) = (-2, 1)$.

# %%
grads = linear_backward(np.array([[1.0, -1.0]]), cache)
print(grads)
assert grads.dx.tolist() == [[-2.0, 1.0]]
assert grads.dw.tolist() == [[1.0, -1.0], [2.0, -2.0]]
assert grads.db.tolist() == [1.0, -1.0]

# %% [markdown]
# ## From scores to a loss: softmax and cross-entropy
#
# Let the layer's $M$ outputs be scores for $V$ classes, one a column: the **logits** $x_{nv}$, shape $(N,
# V)$. Softmax makes probabilities of a row, and the loss is the mean negative log-probability of the right
# classes $t_n$, the **targets**:
#
# $$p_{nv} = \frac{e^{x_{nv}}}{\sum_{u=1}^{V} e^{x_{nu}}}, \qquad L = -\frac{1}{N} \sum_{n=1}^{N} \ln p_{n
# t_n}$$
#
# Before it has learnt anything a network should give every class about the same probability, $1/V$. Its
# loss is then
#
# $$L = -\ln \frac{1}{V} = \ln V$$
#
# Keep this in mind: it is the cheapest test of a classifier, and of a captioner too, whose classes are
# words.
#
# **The derivative.** Take one row and leave out $n$. From $\ln p_t = x_t - \ln \sum_u e^{x_u}$,
#
# $$\frac{\partial \ln p_t}{\partial x_v} = [v = t] - \frac{e^{x_v}}{\sum_u e^{x_u}} = [v = t] - p_v$$
#
# where $[v = t]$ is 1 for the target and 0 elsewhere. With the sign and the mean over $N$ rows:
#
# $$\frac{\partial L}{\partial x_{nv}} = \frac{1}{N} \left(p_{nv} - [v = t_n]\right), \qquad \mathrm{d}X =
# \frac{P - Q}{N}, \quad (N, V)$$
#
# $Q$ has a one at the target of each row. What the network believes, minus what is true: each row sums to
# zero, the target is pulled up and all the others are pushed down, the surest of them most.
#
# Softmax alone has the derivative $\mathrm{d}x_v = p_v (\mathrm{d}p_v - \sum_u \mathrm{d}p_u p_u)$, and
# cross-entropy alone $\mathrm{d}p_t = -1 / p_t$. Multiplied, the $1 / p_t$ cancels. Computed one after the
# other it does not: where $p_t$ is rounded to zero, the computer divides by it. That is why the library has
# both in one op.

# %%
source(softmax_cross_entropy_forward, softmax_cross_entropy_backward)

# %%
with np.errstate(divide="ignore", invalid="ignore"):
    logits, targets = np.array([[0.0, 2000.0, 1.0]]), np.array([0])
    p, p_cache = softmax_forward(logits)
    dp = np.zeros_like(p)
    dp[0, 0] = -1 / p[0, 0]
    two_steps = softmax_backward(dp, p_cache).dx
loss, loss_cache = softmax_cross_entropy_forward(logits, targets)
together = softmax_cross_entropy_backward(1.0, loss_cache).dlogits
print("p =", p, " loss =", loss)
print("softmax, then cross-entropy:", two_steps)
print("both in one op:             ", together)
assert np.isnan(two_steps).any()
assert together.tolist() == [[-1.0, 1.0, 0.0]]

# %% [markdown]
# ## Proof by finite differences
#
# How do you know that a derivation is right, and the code too? Move one entry $x$ by a small step $h$ and
# look how far the loss moves. Taylor's theorem says what that measures:
#
# $$f(x + h) = f(x) + h f'(x) + \frac{h^2}{2} f''(x) + \frac{h^3}{6} f'''(x) + \dots$$
#
# $$\frac{f(x + h) - f(x)}{h} = f'(x) + \frac{h}{2} f''(x) + \dots \qquad\text{(forward difference)}$$
#
# $$\frac{f(x + h) - f(x - h)}{2h} = f'(x) + \frac{h^2}{6} f'''(x) + \dots \qquad\text{(central difference)}$$
#
# Of the central difference the terms with even powers cancel: its **truncation error** shrinks with $h^2$
# instead of $h$, for one more evaluation.
#
# So make $h$ tiny? A computer rounds $f$ to a relative precision $\varepsilon$, which is $2^{-52}$ for
# float64 and $2^{-23}$ for float32. Both values in the numerator are wrong by about $\varepsilon |f|$,
# their difference as well, and it is divided by $h$: the **rounding error** $\varepsilon |f| / h$ *grows*
# as $h$ shrinks. Together
#
# $$\text{error}(h) \approx \frac{|f'''|}{6} h^2 + \frac{\varepsilon |f|}{h}$$
#
# is least where its derivative by $h$ is zero, at $h = \left(3 \varepsilon |f| / |f'''|\right)^{1/3}$, so
# **near $\varepsilon^{1/3}$** where $f$ and its derivatives are about one. The error is then about
# $\varepsilon^{2/3}$: two thirds of the digits that there are. For the forward difference the same argument
# gives $\varepsilon^{1/2}$ for both, half of the digits.
#
# Do not believe it, measure it. The loss of a linear layer is differentiated by one of its weights, with
# steps from large to tiny:

# %%
rng = generator(1)
N, D, V = 8, 5, 4
x, w, b = rng.standard_normal((N, D)), rng.standard_normal((D, V)), rng.standard_normal(V)
targets = rng.integers(0, V, N)


def loss_at(w, x=x, b=b):
    """Return the loss of the layer with these weights, in the precision of the weights."""
    x, b = x.astype(w.dtype), b.astype(w.dtype)
    return softmax_cross_entropy_forward(linear_forward(x, w, b)[0], targets)[0]


logits, cache = linear_forward(x, w, b)
loss, loss_cache = softmax_cross_entropy_forward(logits, targets)
exact = linear_backward(softmax_cross_entropy_backward(1.0, loss_cache).dlogits, cache).dw[0, 0]


def differences(h, dtype):
    """Return the forward and the central difference by w[0, 0], measured in a precision."""
    values = []
    for step in (h, -h, 0.0):
        moved = w.astype(dtype)
        moved[0, 0] += dtype(step)
        values.append(float(loss_at(moved)))
    plus, minus, middle = values
    return (plus - middle) / h, (plus - minus) / (2 * h)


steps = 10.0 ** np.arange(-13, 0.01, choose(0.125, 0.25))
errors = {
    (name, column): np.array([abs(differences(h, dtype)[column] - exact) / abs(exact) for h in steps])
    for name, dtype in (("float64", np.float64), ("float32", np.float32))
    for column in (0, 1)
}

# %% tags=["figure"]
picture = figure(5.2, 4.2)
axes = label(
    picture.add_subplot(),
    "step h",
    "relative error of the derivative",
    "Too long a step truncates, too short a step rounds",
)
for key, name, colour, dash, marker in [
    (("float32", 1), "central, float32", VERMILION, ":", "s"),
    (("float64", 0), "forward, float64", GREEN, "--", "^"),
    (("float64", 1), "central, float64", BLUE, "-", "o"),
]:
    axes.loglog(steps, errors[key], color=colour, linestyle=dash, marker=marker, markersize=3.5, label=name)
axes.axvline(np.finfo(np.float64).eps ** (1 / 3), color=MUTED, linewidth=1)
axes.text(8e-6, 3e-13, r"$\varepsilon^{1/3}$ of float64", color=MUTED, fontsize=10)
axes.text(1e-12, 1e-9, "rounding:\nhalf the step,\ntwice the error", color=MUTED, fontsize=10)
axes.text(9e-3, 3e-10, "truncation:\nhalf the step,\na quarter\nof the error", color=MUTED, fontsize=10)
axes.set_ylim(1e-13, 1e5)
axes.legend(frameon=False, fontsize=10, loc="upper right", handlelength=2.4, borderpad=0)
show(
    picture,
    "01_error_against_step",
    "Relative error of a finite difference against the step, both on logarithmic scales, as three curves "
    "shaped like a V. The central difference in float64 falls with slope two down to a step near the cube "
    "root of the machine precision, then rises again as the step shrinks further; the forward difference "
    "turns earlier and higher up; in float32 all is far worse.",
)

# %% [markdown]
# Read the blue curve from the right. It falls with slope two on the logarithmic axes, as $h^2$ does, down
# to its best point, and climbs again with slope one on the left. The green one falls with slope one only.
# In float32, where deep learning lives, even the best step is poor, and a tiny one is lost altogether: $w +
# h$ is rounded to $w$, and the error is one. So **gradients are checked in float64**. The numbers:

# %%
best = {key: float(steps[np.argmin(error)]) for key, error in errors.items()}
least = {key: float(error.min()) for key, error in errors.items()}


def slope(key, low, high):
    """Return the slope of a curve between two steps, on logarithmic axes."""
    inside = (steps >= low * 0.99) & (steps <= high * 1.01)
    return float(np.polyfit(np.log(steps[inside]), np.log(errors[key][inside]), 1)[0])


print("difference           best step   least error")
for (name, column), step in best.items():
    print(f"{('forward', 'central')[column]}, {name}      {step:8.0e}      {least[name, column]:8.0e}")
truncation = slope(("float64", 1), 1e-3, 1e-1), slope(("float64", 0), 1e-5, 1e-2)
rounding = slope(("float64", 1), 1e-12, 1e-7)
print(f"slope where truncation rules: central {truncation[0]:.2f}, forward {truncation[1]:.2f}")
print(f"slope where rounding rules:   central {rounding:.1f}")

# %% [markdown]
# ## The checker
#
# `minicap.gradcheck` does this for every input of an op, with a step of $\varepsilon^{1/3}$ and one more
# trick (two central differences with different steps, combined so that their $h^2$ terms cancel too:
# Richardson's extrapolation). It hands the backward a *random* upstream gradient: with an upstream of ones,
# a wrong backward can be right by accident. Softmax is the example: its rows always sum to one, so the true
# gradient for ones is zero, and a backward that returns zeros would pass.

# %%
report = check_op(linear_forward, x, w, b)
print(report)
report_of_loss = check_op(softmax_cross_entropy_forward, logits, targets)
print(report_of_loss)


def lazy_softmax_backward(dy, cache):
    """Claim that softmax never changes."""
    return (np.zeros_like(dy),)


ones = np.ones_like(logits)
print(
    "the true gradient for an upstream of ones:",
    np.abs(softmax_backward(ones, softmax_forward(logits)[1]).dx).max(),
)
lazy = check_op(softmax_forward, logits, backward=lazy_softmax_backward)
print("zeros, asked with a random upstream:", lazy.verdict)

# %% [markdown]
# The error in the table is $\max |a - n| / \max |n|$ over all entries of one gradient, $a$ from the
# backward and $n$ from the differences. Rules of thumb for float64: below $10^{-7}$ it is right; around
# $10^{-3}$ it is probably wrong; 0.5, 1 or 2 is a forgotten factor.
#
# What finite differences cannot do: at a **kink**, such as ReLU at zero, there is no derivative to find;
# with random inputs one rarely sits there, and the checker says KINK where one does. They are slow, two
# evaluations for each number. And they prove only that the backward belongs to the forward. Whether the
# forward is what you *meant* they cannot know.
#
# ## Training it
#
# With the gradient at hand, learning is one line: go a little against it. Three clouds of points, three
# classes, and none of the clouds near the origin, so that the bias has something to do:

# %%
rng = generator(7)
V, PER_CLASS = 3, 40
centres = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]]) + np.array([3.0, 3.0])
targets = np.repeat(np.arange(V), PER_CLASS)
x = centres[targets] + 0.8 * rng.standard_normal((V * PER_CLASS, 2))


def train(loss_forward, loss_backward, steps, rate=0.2):
    """Train one linear layer from small weights; return the loss at every step and the accuracy."""
    w, b = 0.01 * generator(3).standard_normal((2, V)), np.zeros(V)
    losses = []
    for _ in range(steps):
        logits, cache = linear_forward(x, w, b)
        loss, loss_cache = loss_forward(logits, targets)
        grads = linear_backward(loss_backward(1.0, loss_cache).dlogits, cache)
        w, b = w - rate * grads.dw, b - rate * grads.db
        losses.append(float(loss))
    return losses, float((linear_forward(x, w, b)[0].argmax(axis=1) == targets).mean())


STEPS = choose(2000, 1000)
losses, accuracy = train(softmax_cross_entropy_forward, softmax_cross_entropy_backward, STEPS)
print(f"first loss {losses[0]:.3f}, ln V = {np.log(V):.3f}")
print(f"last loss {losses[-1]:.3f}, {accuracy:.0%} of the points are put into their class")

# %% [markdown]
# ## A bug that the checker passes
#
# Here is the same loss, written by somebody in a hurry. Its backward is checked, and it passes. Train with
# it, and far less is learnt. Look at it for a minute before you read on; look at the first loss too.

# %%


def hasty_forward(logits, targets):
    """Average the negative log-probability of the targets."""
    p, cache = softmax_forward(logits, axis=0)
    rows = np.arange(len(targets))
    return -np.log(p[rows, targets]).mean(), (p, targets, cache)


class HastyGrads(tuple):
    """The gradient, with the name that the training above asks for."""

    dlogits = property(lambda self: self[0])


def hasty_backward(dloss, cache):
    """Propagate through the loss."""
    p, targets, softmax_cache = cache
    rows = np.arange(len(targets))
    dp = np.zeros_like(p)
    dp[rows, targets] = -dloss / (len(targets) * p[rows, targets])
    return HastyGrads([softmax_backward(dp, softmax_cache).dx])


hasty_report = check_op(hasty_forward, logits, np.arange(len(logits)) % 4, backward=hasty_backward)
print("gradient check:", hasty_report.verdict)
hasty_losses, hasty_accuracy = train(hasty_forward, hasty_backward, STEPS)
print(f"first loss {hasty_losses[0]:.3f}, but ln V = {np.log(V):.3f}; ln N = {np.log(len(x)):.3f}")
print(f"last loss {hasty_losses[-1]:.3f}, {hasty_accuracy:.0%} of the points are put into their class")

# %% [markdown]
# The softmax runs along `axis=0`: down the batch instead of along the classes. The probabilities of each
# *class* sum to one over the $N$ examples, so before learning each is about $1/N$, and the first loss is
# $\ln N$ instead of $\ln V$. Adding the same number to all scores of a class changes nothing, so the bias
# gets no gradient and never moves. The backward is the right one *for this forward*; the checker can ask
# for no more. A batch of one shows it plainest:

# %%
alone, alone_cache = hasty_forward(np.array([[3.0, -1.0, 0.5]]), np.array([1]))
print("loss of a batch of one:", abs(alone), " gradient:", hasty_backward(1.0, alone_cache).dlogits)
bias_moved = linear_backward(hasty_backward(1.0, hasty_forward(logits, targets[:8])[1]).dlogits, cache).db
print("largest gradient of a bias:", f"{np.abs(bias_moved).max():.0e}")

# %% [markdown]
# Whatever it is shown, one example is right with certainty. **First loss against $\ln V$**: five seconds,
# every time.

# %% [markdown]
# ## A broken version to debug
#
# In `broken/01_linear_classifier.py` is a linear layer and a loss that another student wrote; the network
# learns, but so slowly that they believe the learning rate is to blame. Ask the checker:
#
#     minicap gradcheck broken/01_linear_classifier.py
#
# Read what it says about the numbers *before* you look for the line, and say why it is the number that it
# is. Repair the file until every layer passes.

# %% [markdown]
# ## Exercises
#
# Write your answers into `exercises/01_one_layer_and_its_gradient.py`, whose docstrings say what is asked,
# and let them be checked:
#
#     minicap exercise 1 exercises/01_one_layer_and_its_gradient.py
#
# 1. `squared_error_backward`: the loss of regression, differentiated.
# 2. `central_difference`: your own finite differences, by every entry of an array.
# 3. `relative_error`: the number that the checker prints.
# 4. `softmax_cross_entropy_gradient`: $P - Q$ over $N$, for logits of any size.
# 5. `tanh_layer_backward`: two ops in a row, so the chain rule twice.
#
# Solutions lie in `solutions/`. A gradient that passes is yours; one that was looked up is not.

# %% [markdown]
# ## Going further
#
# - D. Rumelhart, G. Hinton, R. Williams, "Learning representations by back-propagating errors", *Nature*
#   323 (1986): four pages, and nearly all of this lesson.
# - A. Baydin, B. Pearlmutter, A. Radul, J. Siskind, "[Automatic differentiation in machine learning: a
#   survey](https://arxiv.org/abs/1502.05767)", *JMLR* 18 (2018): what lies between symbols and differences.
# - N. Higham, *Accuracy and Stability of Numerical Algorithms* (2002), chapter 1: rounding, honestly.
# - In the library: `minicap/gradcheck/numeric.py` begins with the equations of its five-point difference
#   and of its error bar.
#
# Next: [lesson 2](02_convolution.py), where a layer looks at a picture.

# %%
# What this lesson claims, held to it.
eps = np.finfo(np.float64).eps
assert abs(truncation[0] - 2) < 0.1
assert abs(truncation[1] - 1) < 0.1
assert -1.3 < rounding < -0.7
assert eps ** (1 / 3) / 30 < best["float64", 1] < eps ** (1 / 3) * 30
assert least["float64", 1] < 1e-8 < least["float32", 1]
assert least["float64", 1] < least["float64", 0] / 10
assert report.passed
assert report_of_loss.passed
assert not lazy.passed
assert abs(losses[0] - np.log(V)) < 0.05
assert accuracy > 0.9
assert hasty_report.passed
assert abs(hasty_losses[0] - np.log(len(x))) < 0.1
assert hasty_accuracy < accuracy - 0.1
assert abs(alone) == 0.0
assert np.abs(bias_moved).max() < 1e-12
print("all claims of lesson 1 hold")
