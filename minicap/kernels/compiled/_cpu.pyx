"""Ask the processor which builds of the kernels it can run."""

cdef extern from "_cpu.h" nogil:
    int cpu_has_v3()
    int cpu_has_v4()


def levels():
    """Return the builds that this processor can run, the fastest first."""
    found = ["generic"]
    if cpu_has_v3():
        found.insert(0, "v3")
    if cpu_has_v4():
        found.insert(0, "v4")
    return found
