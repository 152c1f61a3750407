"""The compiled kernels, built for x86-64-v3: AVX2 and FMA, 32-byte vectors."""
