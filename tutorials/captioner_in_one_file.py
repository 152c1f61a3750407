"""An image captioner in one file: pixels to sentences with NumPy alone, every gradient by hand.

    picture -> (conv -> relu -> max-pool) x 3 -> features -> LSTM, word by word -> softmax -> loss

Each backward stands beneath its forward, takes dy, the gradient of the loss with respect to the output, and
returns those with respect to the inputs. Run it: it proves its gradients, trains, describes scenes whose
descriptions it has never met, and asks whether it looks at all. Shapes: N pictures, H x W pixels, C channels,
F filters, E features, T words, D numbers a word, V words in the vocabulary, S numbers of LSTM state.
"""

import os
import time

import numpy as np

FAST = os.environ.get("MINICAP_FAST") == "1"  # a taste of it, in seconds
STEPS, JUDGED = (100, 60) if FAST else (1800, 300)
BATCH, LEARNING_RATE, SIZE, F1, F2, F3, E, D, S = 32, 3e-3, 24, 16, 32, 48, 128, 32, 128

# ---- The world: scenes of two things, and what is true of them. ----
COLOURS = {"red": (0.9, 0, 0), "green": (0, 0.7, 0.2), "blue": (0.2, 0.3, 0.9), "yellow": (0.9, 0.9, 0)}
SHAPES = {  # what holds inside them, y below and x beside the middle, in radii
    "circle": lambda y, x: y**2 + x**2 <= 1,
    "square": lambda y, x: np.maximum(abs(y), abs(x)) <= 0.8,
    "triangle": lambda y, x: (abs(x) <= (y + 1) / 2) & (y <= 1),
    "cross": lambda y, x: (np.minimum(abs(y), abs(x)) <= 0.3) & (np.maximum(abs(y), abs(x)) <= 1),
}
OPPOSITE = {"above": "below", "left of": "right of"}
THINGS = [f"{colour} {shape}" for colour in COLOURS for shape in SHAPES]
DESCRIPTIONS = [(one, relation, other) for one in THINGS for relation in OPPOSITE for other in THINGS]
VOCABULARY = ["<pad>", "<start>", "<end>", "a", "of", "above", "below", "left", "right", *COLOURS, *SHAPES]
V, T = len(VOCABULARY), 9  # a red circle left of a blue square <end>


def true_captions(description):
    """Say it from either side."""
    one, relation, other = description
    return f"a {one} {relation} a {other}", f"a {other} {OPPOSITE[relation]} a {one}"


def draw(description, rng):
    """Draw a picture (H, W, 3): the place and the size of each thing are chance, and so is the noise."""
    one, relation, other = description
    image, line = rng.normal(0, 0.05, (SIZE, SIZE, 3)), rng.uniform(7, SIZE - 7)
    for thing, middle in ((one, SIZE / 4), (other, 3 * SIZE / 4)):
        colour, shape = thing.split()
        centre = [middle + rng.uniform(-1, 1), line + rng.uniform(-2, 2)]
        row, column = centre if relation == "above" else centre[::-1]
        y, x = (np.mgrid[:SIZE, :SIZE] - np.reshape([row, column], (2, 1, 1))) / rng.uniform(4, 5)
        image[SHAPES[shape](y, x)] += COLOURS[colour]
    return image


def draw_batch(descriptions, n, rng):
    """Draw n scenes: images (N, H, W, 3), tokens (N, T+1) <start> ... <end> <pad>, and the descriptions."""
    chosen = rng.choice(descriptions, n)
    captions = [f"<start> {rng.choice(true_captions(d))} <end>" + " <pad>" * T for d in chosen]
    tokens = [[VOCABULARY.index(word) for word in caption.split()[: T + 1]] for caption in captions]
    return np.array([draw(d, rng) for d in chosen], np.float32), np.array(tokens), chosen


# ---- The layers: each backward beneath its forward. ----
def conv_forward(x, w, b):
    """Slide F filters of 3x3 pixels over x (N, H, W, C), with zeros around it; w (3, 3, C, F), b (F,)."""
    N, H, W, C = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))  # (N, H+2, W+2, C)
    taps = [padded[:, i : i + H, j : j + W] for i, j in np.ndindex(3, 3)]  # nine shifted pictures
    columns = np.concatenate(taps, axis=3).reshape(-1, 9 * C)  # a row for each place: what the filters see
    y = columns @ w.reshape(9 * C, -1) + b  # (N*H*W, F): all of it is one matrix product
    return y.reshape(N, H, W, -1), (x.shape, columns, w)


def conv_backward(dy, cache):
    """A pixel was read at nine places: its gradient is the sum of what the nine send back."""
    (N, H, W, C), columns, w = cache
    dy = dy.reshape(len(columns), -1)  # (N*H*W, F)
    dcolumns = (dy @ w.reshape(9 * C, -1).T).reshape(N, H, W, 3, 3, C)
    dpadded = np.zeros((N, H + 2, W + 2, C), dy.dtype)
    for i, j in np.ndindex(3, 3):
        dpadded[:, i : i + H, j : j + W] += dcolumns[:, :, :, i, j]
    return dpadded[:, 1:-1, 1:-1], (columns.T @ dy).reshape(w.shape), dy.sum(axis=0)


def pool_forward(x):
    """Keep the largest of every 2x2 pixels of x (N, H, W, C)."""
    N, H, W, C = x.shape
    y = x.reshape(N, H // 2, 2, W // 2, 2, C).max(axis=(2, 4))  # (N, H/2, W/2, C)
    return y, (x, y)


def pool_backward(dy, cache):
    """Only the winner was heard, so the winner takes the gradient; of equals, the first."""
    x, y = cache
    dx, undecided = np.zeros_like(x), np.ones(y.shape, bool)
    for i, j in np.ndindex(2, 2):
        wins = undecided & (x[:, i::2, j::2] == y)
        dx[:, i::2, j::2] = dy * wins
        undecided &= ~wins
    return dx


def linear_forward(x, w, b):
    """Weigh every input for every output: x (..., I), w (I, O), b (O,)."""
    return x @ w + b, (x, w)


def linear_backward(dy, cache):
    """Each factor of a product gets dy times the other factor; what was used often gets the sum."""
    x, w = cache
    rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return dy @ w.T, rows.T @ drows, drows.sum(axis=0)


def lstm_forward(x, w, b):
    """Step by step, forget a part of the cell c, write a part, show a part as h; x (N, T, I), w (I+S, 4S)."""
    h = c = np.zeros((len(x), len(b) // 4), x.dtype)  # (N, S)
    hs, steps = [], []
    for t in range(x.shape[1]):
        read = np.concatenate([x[:, t], h], axis=1)  # (N, I+S)
        z_i, z_f, z_g, z_o = np.split(read @ w + b, 4, axis=1)  # (N, S) each
        i, f, o = ((1 + np.tanh(z / 2)) / 2 for z in (z_i, z_f, z_o))  # the sigmoid; tanh cannot overflow
        g, c_before = np.tanh(z_g), c
        c = f * c + i * g
        h = o * np.tanh(c)
        hs.append(h)
        steps.append((read, c_before, i, f, g, o, np.tanh(c)))
    return np.stack(hs, axis=1), (steps, w)  # (N, T, S)


def lstm_backward(dhs, cache):
    """Go back, last step first. Along c the gradient is only scaled, by f: that is how an LSTM remembers."""
    steps, w = cache
    dh, dc, dw, db, dxs = 0, 0, 0, 0, []
    for t in reversed(range(len(steps))):
        read, c_before, i, f, g, o, tanh_c = steps[t]
        dh = dh + dhs[:, t]  # two read h: the next step, and the layer above
        dc = dc + dh * o * (1 - tanh_c**2)  # two read c: the next step, and h
        di, df, dg, do = dc * g, dc * c_before, dc * i, dh * tanh_c
        dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)
        dx, dh = np.split(dz @ w.T, [-dh.shape[1]], axis=1)
        dc, dw, db = dc * f, dw + read.T @ dz, db + dz.sum(axis=0)  # every step reads the same weights
        dxs.append(dx)
    return np.stack(dxs[::-1], axis=1), dw, db


def loss_forward(logits, targets, mask):
    """Mean of -log softmax(logits)[target] over what the mask (N, T) keeps, in nats; logits (N, T, V)."""
    logits = logits - logits.max(axis=-1, keepdims=True)  # changes no probability, and exp cannot overflow
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    onehot = np.arange(log_p.shape[-1]) == targets[..., None]  # (N, T, V)
    weight = (mask / mask.sum())[..., None].astype(log_p.dtype)  # (N, T, 1)
    return -(log_p * onehot * weight).sum(), (log_p, onehot, weight)


def loss_backward(cache):
    """Softmax and logarithm leave the simplest of gradients: what was said, minus what should have been."""
    log_p, onehot, weight = cache
    return (np.exp(log_p) - onehot) * weight


# ---- The model: down the page forward, and the same lines up again backward. ----
def initial_parameters(rng, dtype=np.float32):
    """Draw weights of variance 1 / inputs, so that numbers keep their size from layer to layer."""
    shapes = {"conv1": (3, 3, 3, F1), "conv2": (3, 3, F1, F2), "conv3": (3, 3, F2, F3)}
    shapes |= {"features": ((SIZE // 8) ** 2 * F3, E), "lstm": (D + E + S, 4 * S), "logits": (S, V)}
    p = {"words.w": rng.normal(0, 1, (V, D)).astype(dtype)}
    for name, shape in shapes.items():
        p[f"{name}.w"] = rng.normal(0, np.sqrt(1 / np.prod(shape[:-1])), shape).astype(dtype)
        p[f"{name}.b"] = np.zeros(shape[-1], dtype)
    return p


def forward(p, images, seen):
    """Look at images (N, H, W, 3), read the words so far (N, T); return logits of the next ones (N, T, V)."""
    x, stages = images, []
    for k in (1, 2, 3):
        z, c_conv = conv_forward(x, p[f"conv{k}.w"], p[f"conv{k}.b"])
        x, c_pool = pool_forward(np.maximum(z, 0))  # relu lets pass what is positive ...
        stages.append((c_conv, z > 0, c_pool))
    flat = x.reshape(len(x), -1)  # each place keeps its own numbers: above is not below
    features, c_features = linear_forward(flat, p["features.w"], p["features.b"])  # (N, E)
    beside = np.repeat(features[:, None], seen.shape[1], axis=1)  # (N, T, E): the picture, beside every word
    x_and_words = np.concatenate([beside, p["words.w"][seen]], axis=2)  # (N, T, E+D)
    hs, c_lstm = lstm_forward(x_and_words, p["lstm.w"], p["lstm.b"])  # (N, T, S)
    logits, c_logits = linear_forward(hs, p["logits.w"], p["logits.b"])
    return logits, (stages, x.shape, c_features, seen, c_lstm, c_logits)


def backward(p, dlogits, cache):
    """Carry the gradient from the words to the first convolution; return that of every parameter."""
    (stages, shape, c_features, seen, c_lstm, c_logits), g = cache, {}
    dhs, g["logits.w"], g["logits.b"] = linear_backward(dlogits, c_logits)
    dx, g["lstm.w"], g["lstm.b"] = lstm_backward(dhs, c_lstm)
    g["words.w"] = np.zeros_like(p["words.w"])
    np.add.at(g["words.w"], seen, dx[:, :, E:])  # a word read twice learns twice: add, never assign
    dfeatures = dx[:, :, :E].sum(axis=1)
    dflat, g["features.w"], g["features.b"] = linear_backward(dfeatures, c_features)
    dx = dflat.reshape(shape)
    for k in (3, 2, 1):
        c_conv, passed, c_pool = stages[k - 1]
        dz = pool_backward(dx, c_pool) * passed  # ... and the gradient of what it let pass
        dx, g[f"conv{k}.w"], g[f"conv{k}.b"] = conv_backward(dz, c_conv)
    return g


def loss_and_gradients(p, images, tokens):
    """Predict each word from the picture and the words before it."""
    logits, cache = forward(p, images, tokens[:, :-1])
    loss, c_loss = loss_forward(logits, tokens[:, 1:], mask=tokens[:, 1:] != VOCABULARY.index("<pad>"))
    return loss, backward(p, loss_backward(c_loss), cache)


def describe(p, images):
    """Say the most probable next word, read it with the others, and so on; return N sentences."""
    said = np.full((len(images), 1), VOCABULARY.index("<start>"))
    for _ in range(T):
        said = np.append(said, forward(p, images, said)[0][:, -1:].argmax(axis=2), axis=1)
    return [" ".join(VOCABULARY[k] for k in ids[1:]).split(" <end>")[0] for ids in said]


def check_gradients(rng, nudge=1e-6):
    """Hold entries of every gradient to central differences, in float64; return the relative errors."""
    p, errors, (images, tokens, _) = initial_parameters(rng, np.float64), {}, draw_batch(DESCRIPTIONS, 2, rng)
    images = images + rng.normal(size=images.shape)  # plain black would leave every relu near its kink
    _, gradients = loss_and_gradients(p, images, tokens)
    for name, w in p.items():
        places, numeric = [tuple(rng.integers(w.shape)) for _ in range(6)], []
        for place in places:
            kept, losses = w[place], []
            for value in (kept + nudge, kept - nudge):
                w[place] = value
                losses.append(loss_and_gradients(p, images, tokens)[0])
            w[place] = kept
            numeric.append((losses[0] - losses[1]) / (2 * nudge))
        by_hand = [gradients[name][place] for place in places]
        errors[name] = np.max(np.abs(np.subtract(by_hand, numeric))) / max(1e-6, *np.abs(numeric))
        print(f"  {name:<11}{w.shape!s:<16} relative error {errors[name]:.0e}")
    return errors


def train(name, p, descriptions, steps, rng, light=1):
    """Train p in place by Adam, with new pictures at every step; without light they are black."""
    print(f"Training {name} on {len(descriptions)} descriptions:")
    mean, square = ({k: np.zeros_like(w) for k, w in p.items()} for _ in range(2))
    for step in range(1, steps + 1):
        images, tokens, _ = draw_batch(descriptions, BATCH, rng)
        loss, gradients = loss_and_gradients(p, images * light, tokens)
        for k, g in gradients.items():
            mean[k] += 0.1 * (g - mean[k])
            square[k] += 0.001 * (g**2 - square[k])
            unit = (mean[k] / (1 - 0.9**step)) / (np.sqrt(square[k] / (1 - 0.999**step)) + 1e-8)
            p[k] -= LEARNING_RATE * (1 - step / (steps + 1)) * unit  # smaller and smaller, to settle
        if step == 1 or step % (steps // 5) == 0:
            print(f"  step {step:>4}   loss {loss:.3f} nats a word", flush=True)


def judge(name, p, images, tokens, descriptions):
    """Print and return the share of captions that are true, and the loss."""
    captions, (loss, _) = describe(p, images), loss_and_gradients(p, images, tokens)
    share = np.mean([said in true_captions(d) for said, d in zip(captions, descriptions, strict=True)])
    print(f"  {name:<44}{share:>6.1%} true   loss {loss:.3f} nats a word")
    return share, loss


def show(p, images, descriptions):
    """Print pictures as letters, each the initial of the nearest colour, and what p says of them."""
    palette, letters = [(0, 0, 0), *COLOURS.values()], np.array([".", *(name[0] for name in COLOURS)])
    nearest = ((images[:, ::2, :, None] - palette) ** 2).sum(axis=4).argmin(axis=3)
    for rows in letters[nearest].swapaxes(0, 1):
        print(" ", "  ".join("".join(row) for row in rows))
    for k, said in enumerate(describe(p, images)):
        print(f"  {k + 1}. {said}: {'true' if said in true_captions(descriptions[k]) else 'not true'}")


def main(seed=0):
    """Prove, train, show, judge, and hold it all to what is claimed."""
    began, rng = time.perf_counter(), np.random.default_rng(seed)
    print("Gradients by hand against central differences of the loss:")
    errors = check_gradients(rng)
    unseen, known = np.split(rng.permutation(DESCRIPTIONS), [100])
    images, tokens, descriptions = draw_batch(unseen, JUDGED, rng)
    model, blind = initial_parameters(rng), initial_parameters(rng)
    first = judge(f"before training (ln V = {np.log(V):.3f})", model, images, tokens, descriptions)
    train("the model", model, known, STEPS, rng)
    train("the blind baseline, shown black pictures only,", blind, known, STEPS // 3, rng, light=0)
    print(f"Scenes of the {len(unseen)} descriptions it has never met:")
    show(model, images[:4], descriptions)
    judge("new pictures, descriptions learnt from", model, *draw_batch(known, JUDGED, rng))
    share, loss = judge("new pictures, descriptions never met", model, images, tokens, descriptions)
    others = judge("- shown one another's pictures", model, np.roll(images, 1, axis=0), tokens, descriptions)
    dark = judge("- by the blind baseline", blind, images * 0, tokens, descriptions)
    print(f"{time.perf_counter() - began:.0f} seconds")
    assert max(errors.values()) < 1e-5, "a backward does not fit its forward"
    assert abs(first[1] - np.log(V)) < 0.3, "who knows nothing should be as unsure as a die"
    assert loss < min(others[1], dark[1]) - (0.1 if FAST else 0.5), "it does not look at the picture"
    assert FAST or share > max(others[0], dark[0]) + 0.5, "its captions are not true"


if __name__ == "__main__":
    main()
