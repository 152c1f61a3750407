"""Level 0: the loops that NumPy does badly, each written twice.

`reference/` holds them in plain NumPy, written to be read; `compiled/` holds the same functions in
Cython, written to be fast. `use_kernels` chooses, and everything above asks for a function through
its family:

    from minicap import kernels
    y = kernels.conv.conv2d_forward(x, w, b, stride, padding, dilation, groups)

A kernel knows arrays and not layers. It takes C-contiguous arrays of one float type, by position and
without defaults, trusts the op in front of it to have validated them, writes to none of them, and
returns new ones; the steps of `optim` alone write to what they move. Both sets return the same shapes,
dtypes and cache contents, so a forward under one and a backward under the other agree.
"""

from minicap.kernels._conv_choice import conv_choice as conv_choice
from minicap.kernels._loading import HOW_TO_BUILD as HOW_TO_BUILD
from minicap.kernels._loading import builds_here as builds_here
from minicap.kernels._loading import compiled_available as compiled_available
from minicap.kernels._loading import compiled_failures as compiled_failures
from minicap.kernels._loading import has_openmp as has_openmp
from minicap.kernels._loading import processor_levels as processor_levels
from minicap.kernels._peak import multiply_add_peak as multiply_add_peak
from minicap.kernels._switch import Family as Family
from minicap.kernels._switch import active_kernels as active_kernels
from minicap.kernels._switch import build_in_use as build_in_use
from minicap.kernels._switch import kernel_table as kernel_table
from minicap.kernels._switch import use_build as use_build
from minicap.kernels._switch import use_kernels as use_kernels
from minicap.kernels._threads import available_cores as available_cores
from minicap.kernels._threads import get_num_threads as get_num_threads
from minicap.kernels._threads import kernel_threads as kernel_threads
from minicap.kernels._threads import set_num_threads as set_num_threads
from minicap.kernels._workspace import Workspace as Workspace

conv = Family("conv")
pool = Family("pool")
embedding = Family("embedding")
recurrent = Family("recurrent")
norm = Family("norm")
loss = Family("loss")
decoding = Family("decoding")
sums = Family("sums")
elementwise = Family("elementwise")
optim = Family("optim")
