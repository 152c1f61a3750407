"""Ask the processor which builds of the kernels it can run, and this build whether it has threads."""

cdef extern from "_cpu.h" nogil:
    int cpu_has_v3()
    int cpu_has_v4()
    int BUILT_WITH_OPENMP


def levels():
    """Return the builds that this processor can run, the fastest first."""
    found = ["generic"]
    if cpu_has_v3():
        found.insert(0, "v3")
    if cpu_has_v4():
        found.insert(0, "v4")
    return found


def has_openmp():
    """Say whether the kernels were compiled with OpenMP, without which each runs on one thread."""
    return bool(BUILT_WITH_OPENMP)
