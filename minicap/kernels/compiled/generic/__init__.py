"""The compiled kernels, built for any processor that the compiler serves."""
