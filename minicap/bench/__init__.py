"""How fast minicap is, how close to what the processor can do, and how it compares with PyTorch.

Each library works in a process of its own (``worker``), and they take turns (``turns``): in one process the
idle threads of one would spin on the cores of the other. ``rows`` says what is measured, ``ours`` and
``our_models`` do it with minicap, ``torch_ops`` and ``torch_models`` with PyTorch, on the same numbers
(``inputs``); that both find the same results is checked in every run. ``ladder`` climbs from plain loops to
the kernels. PyTorch is imported in the worker's process only, and only on request.
"""

from minicap.bench.rows import Row as Row
from minicap.bench.rows import catalogue as catalogue
from minicap.bench.rows import choose as choose
from minicap.bench.run import Settings as Settings
from minicap.bench.run import run_bench as run_bench
from minicap.bench.table import describe as describe
from minicap.bench.talk import WorkerError as WorkerError
