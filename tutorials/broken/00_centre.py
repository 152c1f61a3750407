"""Two small layers, one of them wrong.

    minicap gradcheck broken/00_centre.py

Shapes: N examples of D numbers each.
"""


def centre_forward(x):
    """Subtract from each row of x (N, D) its mean."""
    return x - x.mean(axis=1, keepdims=True), None


def centre_backward(dy, cache):
    """Return the gradient by x for dy (N, D)."""
    return dy


def square_forward(x):
    """Return the squares of x (N, D)."""
    return x**2, x


def square_backward(dy, x):
    """Return the gradient by x for dy (N, D)."""
    return 2 * x * dy
