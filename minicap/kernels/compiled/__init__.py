"""The kernels in Cython: the same functions as in `minicap.kernels.reference`, written to be fast.

The modules here exist once they are built: `python -m pip install .`, or in a checkout
`python setup.py build_ext --inplace`, with a C compiler at hand.
"""
