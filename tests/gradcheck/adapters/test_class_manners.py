"""What a class must not do besides computing the right numbers, and what is a convention."""

import numpy as np

from minicap.gradcheck import check_layer


class Affine:
    """Attributes with gradients beside them."""

    def __init__(self, rng):
        self.W, self.b = rng.standard_normal((3, 4)), rng.standard_normal(4)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return dout @ self.W.T


class Dropout:
    """Draws from a generator of its own."""

    def __init__(self, rng):
        self.rng = np.random.default_rng(3)

    def forward(self, x):
        self.mask = self.rng.random(x.shape) > 0.5
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


def kinds(report):
    return [problem.kind for problem in report.problems]


# Manners


def test_a_step_in_place_and_a_step_by_assignment_are_told(rng):
    class InPlace(Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.W -= 0.1 * self.dW
            return dx

    class Rebinds(Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.W = self.W - 0.1 * self.dW
            return dx

    for kind in (InPlace, Rebinds):
        report = check_layer(kind(rng), rng.standard_normal((5, 3)))
        assert kinds(report) == ["mutates_input"]
        assert report.problems[0].startswith("backward changes the parameter W")
        assert report.problems[0].gradient == "dW"
        assert all(g.passed for g in report.gradients)  # the numbers are judged all the same


def test_gradients_that_were_never_shown_are_read_off_the_step(rng):
    class Trained(Affine):
        factor = 1.0

        def backward(self, output_gradient, learning_rate):
            dx = output_gradient @ self.W.T
            self.W = self.W - learning_rate * self.factor * (self.x.T @ output_gradient)
            self.b = self.b - learning_rate * output_gradient.sum(0)
            return dx

    report = check_layer(Trained(rng), rng.standard_normal((5, 3)))
    assert set(kinds(report)) == {"mutates_input"}
    assert [(g.name, g.verdict) for g in report.gradients] == [("dx", "PASS"), ("dW", "PASS"), ("db", "PASS")]
    Trained.factor = 2.0
    assert check_layer(Trained(rng), rng.standard_normal((5, 3)))["dW"].verdict == "FAIL"


class Adds(Affine):
    """Gradients that add up, with nothing to reset them."""

    def __init__(self, rng):
        super().__init__(rng)
        self.dW, self.db = np.zeros((3, 4)), np.zeros(4)

    def backward(self, dout):
        self.dW += self.x.T @ dout
        self.db += dout.sum(0)
        return dout @ self.W.T


def test_gradients_that_only_ever_grow_are_told_and_zero_grad_makes_it_a_convention(rng):
    x = rng.standard_normal((5, 3))
    report = check_layer(Adds(rng), x)
    assert kinds(report) == ["nondeterministic"]
    assert report.problems[0].startswith("dW, db keeps growing: each backward adds")

    class WithReset(Adds):
        def zero_grad(self):
            self.dW[...] = 0
            self.db[...] = 0

    class ResetByForward(Adds):
        def forward(self, x):
            self.dW, self.db = np.zeros((3, 4)), np.zeros(4)
            return super().forward(x)

    for kind in (WithReset, ResetByForward):
        report = check_layer(kind(rng), x)
        assert report.verdict == "PASS", report
        assert "gradients add up over calls of backward, until they are reset" in report.notes


def test_a_backward_that_spoils_what_forward_kept_is_told(rng):
    class Spoils(Dropout):
        def backward(self, dout):
            self.mask = self.mask * 0.5
            return dout * self.mask * 2

    report = check_layer(Spoils(rng), rng.standard_normal((5, 3)))
    assert kinds(report) == ["mutates_input"]
    assert "it changes what forward kept" in report.problems[0]


def test_not_zero_at_zero_and_not_linear(rng):
    class Decays(Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.dW = self.dW + 0.1 * self.W
            return dx

    report = check_layer(Decays(rng), rng.standard_normal((5, 3)))
    assert kinds(report) == ["not_linear"]
    assert report.problems[0].gradient == "dW"
    assert report["dW"].verdict == "FAIL"


def test_a_cache_that_is_used_up_is_noted(rng):
    class Pops(Dropout):
        def __init__(self, rng):
            super().__init__(rng)
            self.masks = []

        def forward(self, x):
            y = super().forward(x)
            self.masks.append(self.mask)
            return y

        def backward(self, dout):
            return dout * self.masks.pop()

    report = check_layer(Pops(rng), rng.standard_normal((5, 3)))
    assert report.verdict == "PASS"
    assert "backward uses up what forward kept: forward runs again before each backward" in report.notes


def test_a_forgotten_gradient_is_missing_and_a_fixed_array_is_not(rng):
    class Forgets(Affine):
        def __init__(self, rng):
            super().__init__(rng)
            self.weights_of_loss = np.ones(3)  # called like a parameter, used by nothing

        def backward(self, dout):
            self.dW = self.x.T @ dout
            return dout @ self.W.T

    report = check_layer(Forgets(rng), rng.standard_normal((5, 3)))
    assert [(p.kind, p.gradient) for p in report.problems] == [("missing_gradient", "db")]
    assert [g.name for g in report.gradients] == ["dx", "dW", "db"]


def test_nothing_exercised_is_never_silent(rng):
    class Dead(Affine):
        def forward(self, x):
            self.x = x
            return np.maximum(x @ self.W * 0 - 1, 0)

        def backward(self, dout):
            self.dW, self.db = np.zeros((3, 4)), np.zeros(4)
            return np.zeros_like(self.x)

    report = check_layer(Dead(rng), rng.standard_normal((5, 3)))
    assert any(note.startswith("nothing was exercised") for note in report.notes)
    alive = check_layer(Affine(rng), rng.standard_normal((5, 3)))
    assert not any(note.startswith("nothing was exercised") for note in alive.notes)
