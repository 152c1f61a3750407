"""Reports as HTML: a fragment for notebooks, and a page for a file with pictures of the errors."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from html import escape

import numpy as np

from minicap.gradcheck.file import FileReport, Layer
from minicap.gradcheck.file_text import entry, summary
from minicap.gradcheck.report import GradientResult, Report

Picture = Callable[[GradientResult], bytes | None]
MOST_PICTURES = 60
_SIGNS = {
    "PASS": "\N{CHECK MARK}",
    "KINK": "\N{CHECK MARK}",
    "INCONCLUSIVE": "?",
    "FAIL": "\N{BALLOT X}",
    "ERROR": "!",
}
# Whatever stood in the file, the page can load nothing and run nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { --paper: #fff; --raised: #f6f8fa; --ink: #1f2328; --muted: #59636e; --rule: #d8dee4; --good: #007a58;
  --bad: #bf5000; --doubt: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --paper: #0f1318; --raised: #181e25; --ink: #e8edf2; --muted: #9aa6b2;
  --rule: #2c353f; --good: #3fc79a; --bad: #f0883e; --doubt: #56b4e9; } }
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; }
h1 { margin: 0; font-size: clamp(1.5rem, 5vw, 2.25rem); line-height: 1.15; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.25rem; }
.lead { margin: .75rem 0 1.5rem; font-size: 1.1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; overflow-wrap: normal; }
th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--rule); text-align: left; }
thead th, .muted { color: var(--muted); font-size: .875rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.PASS, .KINK { color: var(--good); } .FAIL, .ERROR { color: var(--bad); } .INCONCLUSIVE { color: var(--doubt); }
.verdict { font-weight: 600; white-space: nowrap; }
.diagnosis { margin: .75rem 0; padding: .8rem 1rem; background: var(--raised); border-left: 4px solid var(--bad);
  border-radius: .3rem; }
.diagnosis p { margin: 0 0 .3rem; }
ul { padding-left: 1.2rem; }
.maps { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
figure { margin: 0; }
figcaption { font-weight: 600; }
img { display: block; width: 100%; height: auto; background: #fff; border-radius: .4rem; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .9em; }
@media (max-width: 30rem) { th, td { padding: .3rem; font-size: .8rem; } thead th { font-size: .75rem; } }
"""


def page(report: FileReport, picture: Picture | None = None) -> str:
    """Return a page of its own: the table of all layers, then each layer with its gradients.

    Parameters
    ----------
    report : FileReport
        With whole gradients, for pictures.
    picture : callable, optional
        Draws the error of a gradient as PNG, ``minicap.plots.gradcheck.error_map``.

    Returns
    -------
    str
    """
    left = [MOST_PICTURES]
    layers = sorted(report.layers, key=lambda layer: layer.report.passed)
    sections = "".join(_section(layer, picture, left) for layer in layers)
    rows = "".join(_layer_row(layer, i) for i, layer in enumerate(report.layers))
    title = f"{escape(report.file)}: gradients"
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{title}</h1><p class="lead">{escape(summary(report))}</p>'
        '<div class="scroll"><table><thead><tr><th>layer</th><th>verdict</th><th>worst gradient</th>'
        f'<th class="number">rel. error</th><th class="number">time</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        f"{f'<ul class=muted>{notes}</ul>' if notes else ''}<main>{sections}</main></body></html>\n"
    )


def fragment(report: Report) -> str:
    """Return one report as HTML without a page around it, as notebooks show it.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
    """
    return f"<div><p><b>{escape(report.name)}</b>: {_verdict(report.verdict)}</p>{_told(report)}{_table(report)}</div>"


def _layer_row(layer: Layer, number: int) -> str:
    """Return a layer's row of the table of all layers."""
    report, worst = layer.report, layer.report.worst
    name, error = (worst.name, _number(worst.max_error)) if worst else ("-", "-")
    return (
        f'<tr><th scope="row"><a href="#{_anchor(report.name)}" style="color:inherit">{escape(report.name)}</a></th>'
        f"<td>{_verdict(report.verdict)}</td><td>{escape(name)}</td>"
        f'<td class="number">{error}</td><td class="number">{layer.seconds:.1f} s</td></tr>'
    )


def _section(layer: Layer, picture: Picture | None, left: list[int]) -> str:
    """Return all there is to say about a layer."""
    report = layer.report
    inputs = f'<p class="muted">inputs: <code>{escape(layer.inputs)}</code></p>' if layer.inputs else ""
    maps = "".join(_map(gradient, picture, left) for gradient in report.gradients if not gradient.passed)
    return (
        f'<section id="{_anchor(report.name)}"><h2>{escape(report.name)} {_verdict(report.verdict)}</h2>'
        f"{_told(report)}{inputs}{_table(report)}"
        f"{f'<div class=maps>{maps}</div>' if maps else ''}</section>"
    )


def _told(report: Report) -> str:
    """Return diagnosis, problems and notes."""
    said = ""
    if report.diagnosis is not None:
        said = (
            f'<div class="diagnosis"><p><b>{escape(report.diagnosis.sentence)}</b></p>'
            f"<p>{escape(report.diagnosis.hint)}</p></div>"
        )
    items = [f"perhaps also: {other.sentence}" for other in report.further]
    items += dict.fromkeys(report.problems)
    items += [entry(g) for g in report.gradients if not g.passed and g.index is not None]
    lines = "".join(f"<li>{escape(item)}</li>" for item in items)
    notes = "".join(f'<li class="muted">{escape(note)}</li>' for note in report.notes)
    return said + (f"<ul>{lines}{notes}</ul>" if lines or notes else "")


def _table(report: Report) -> str:
    """Return the table of a layer's gradients."""
    if not report.gradients:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(g.name)}</th><td>{escape(str(g.shape))}</td><td>{_verdict(g.verdict)}</td>'
        f'<td class="number">{_number(g.max_error)}</td><td class="number">{_number(g.error_bar)}</td></tr>'
        for g in report.gradients
    )
    heading = '<th>gradient</th><th>shape</th><th>verdict</th><th class="number">rel. error</th>'
    return (
        f'<div class="scroll"><table><thead><tr>{heading}<th class="number">error bar</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _map(gradient: GradientResult, picture: Picture | None, left: list[int]) -> str:
    """Return a picture of a gradient's error, with words for those who cannot see it."""
    if picture is None or left[0] == 0:
        return ""
    content = picture(gradient)
    if content is None:
        return ""
    left[0] -= 1
    data = base64.b64encode(content).decode("ascii")
    return (
        f"<figure><figcaption>error of {escape(gradient.name)} {escape(str(gradient.shape))}</figcaption>"
        f'<img alt="{escape(in_words(gradient), quote=True)}" src="data:image/png;base64,{data}"></figure>'
    )


def in_words(gradient: GradientResult) -> str:
    """Return what the picture of an error shows.

    Parameters
    ----------
    gradient : GradientResult
        With whole gradients.
    """
    analytic, numeric = gradient.analytic_array, gradient.numeric_array
    assert analytic is not None
    assert numeric is not None
    error = np.abs(analytic - numeric)
    wrong = int((error > 1e-5 * (float(np.abs(numeric).max(initial=0.0)) or 1.0)).sum())
    return (
        f"Heat map of the error of {gradient.name}, shape {gradient.shape}: {wrong:,} of {error.size:,} entries are "
        f"wrong; the worst: {entry(gradient) if gradient.index is not None else 'unknown'}"
    )


def _verdict(verdict: str) -> str:
    """Return a verdict, told apart without colour."""
    return f'<span class="verdict {verdict}">{_SIGNS[verdict]} {verdict}</span>'


def _anchor(name: str) -> str:
    """Return a name that can be linked to."""
    return "layer-" + "".join(character if character.isalnum() else "-" for character in name)


def _number(value: float) -> str:
    """Return a number in few characters."""
    return f"{value:.1e}" if math.isfinite(value) else "-"
