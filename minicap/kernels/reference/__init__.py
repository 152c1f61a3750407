"""The kernels in plain NumPy: the specification, written to be read, and fast enough to use."""
