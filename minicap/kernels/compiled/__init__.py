"""The kernels in Cython: the same functions as in `minicap.kernels.reference`, written to be fast.

One source, several builds: each `.pyx` here is compiled once for every instruction set that the compiler
can serve, into the folders `generic`, `v3` and `v4`; `minicap.kernels` imports the best that the processor
has. The modules exist once they are built: `python -m pip install .`, or in a checkout
`python setup.py build_ext --inplace`, with a C compiler at hand.
"""
