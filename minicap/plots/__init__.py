"""Figures: how a training went, pictures with their captions or tags, and which class is taken for which.

Every function returns a ``matplotlib.figure.Figure`` of its own and leaves pyplot's global state alone, so
it works without a display, in a notebook and in threads.
"""

from minicap.plots.bench import plot_bench as plot_bench
from minicap.plots.captions import plot_captions as plot_captions
from minicap.plots.confusion import plot_confusion as plot_confusion
from minicap.plots.history import plot_history as plot_history
from minicap.plots.style import save_figure as save_figure
from minicap.plots.tags import TagMark as TagMark
from minicap.plots.tags import plot_tags as plot_tags
