"""A lesson that has been run, as one HTML file with text, mathematics, code and figures that fetches nothing."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from minicap.tutorials.mathml import with_mathml

STYLE = Path(__file__).with_name("page.css")
_LINK = re.compile(r'href="((?:\.\./)?(?:[\w-]+/)*)(\d\d_\w+)\.py"')
_HEADING = re.compile(r"<h([1-6]) id=\"([^\"]*)\">(.*?)<a class=\"anchor-link\".*?</a></h\1>", re.DOTALL)


def page(notebook: Any) -> str:
    """Return a notebook as a page.

    Parameters
    ----------
    notebook : NotebookNode
        Run; ``metadata.title`` is the page's title.

    Returns
    -------
    str
    """
    body = "\n".join(filter(None, map(_cell, notebook.cells)))
    title = html.escape(notebook.metadata["title"])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title} - minicap</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _cell(cell: Any) -> str:
    """Return one cell, with what it printed and drew."""
    if cell.cell_type == "markdown":
        return f"<section>\n{markdown(cell.source)}\n</section>"
    if cell.cell_type != "code" or not cell.source.strip():
        return ""
    from nbconvert.filters import Highlight2HTML

    code = Highlight2HTML(pygments_lexer="python")(cell.source)
    outputs = "\n".join(filter(None, map(_output, _joined(cell.outputs))))
    code = f'<div class="code" tabindex="0">{code}</div>'
    if "figure" in cell.metadata.get("tags", []):  # what draws it teaches less than what is drawn
        return f'<div class="cell">\n{outputs}\n<details><summary>Its code</summary>{code}</details>\n</div>'
    return f'<div class="cell">\n{code}\n{outputs}\n</div>'


def markdown(text: str) -> str:
    """Return Markdown with LaTeX as HTML with MathML; links to other lessons lead to their pages.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    from nbconvert.filters import markdown2html

    made = with_mathml(text, markdown2html)
    made = _HEADING.sub(r'<h\1 id="\2">\3</h\1>', made)
    made = made.replace("<table>", '<div class="wide" tabindex="0"><table>').replace(
        "</table>", "</table></div>"
    )
    return _LINK.sub(lambda m: m[0] if m[1] else f'href="{m[2]}.html"', made)


def _joined(outputs: list[Any]) -> list[Any]:
    """Return outputs with neighbouring pieces of printed text put together."""
    joined: list[Any] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1] = {**joined[-1], "text": joined[-1]["text"] + output.text}
            joined[-1] = _Stream(joined[-1])
        else:
            joined.append(output)
    return joined


class _Stream(dict[str, Any]):
    """Printed text, with attributes as a notebook's own output has them."""

    output_type = "stream"

    @property
    def text(self) -> str:
        """What was printed."""
        return str(self["text"])


def _output(output: Any) -> str:
    """Return one output: a figure, the library's code, or text."""
    from nbconvert.filters import ansi2html

    if output.output_type == "stream":
        return f'<pre class="printed" tabindex="0">{ansi2html(output.text)}</pre>'
    if output.output_type == "error":
        return f'<pre class="printed error" tabindex="0">{ansi2html(chr(10).join(output.traceback))}</pre>'
    data, about = output.data, output.metadata.get("image/png", {})
    if "image/png" in data:
        alt, width = html.escape(about.get("alt", "")), int(about.get("width", 640))
        image = f'<img src="data:image/png;base64,{data["image/png"].strip()}" alt="{alt}" width="{width}">'
        return f"<figure>{image}</figure>"
    if "text/markdown" in data:
        return f'<div class="library" tabindex="0">{markdown(data["text/markdown"])}</div>'
    return f'<pre class="printed" tabindex="0">{ansi2html(data.get("text/plain", ""))}</pre>'
