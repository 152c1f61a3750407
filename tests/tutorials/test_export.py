"""A lesson as a page and as a notebook: whole, without network, and right in a real browser at a phone's width."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from minicap.errors import InputError
from minicap.tutorials import find_lesson
from minicap.tutorials.export import NEEDED, export, require_extra

MISSING = [name for name in NEEDED if find_spec(name) is None]
needs_extra = pytest.mark.skipif(
    bool(MISSING), reason=f"no {', '.join(MISSING)}: pip install 'minicap[tutorials]' to export lessons"
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PHONE = 390  # CSS pixels
# Puts the page into a frame as wide as a phone and writes what a reader would meet into the document.
HARNESS = """<body><iframe id="frame" style="width:{width}px;height:2000px;border:0" srcdoc="{page}"></iframe>
<pre id="found"></pre><script>
frame.onload = () => {{
  const page = frame.contentDocument, all = name => [...page.querySelectorAll(name)];
  found.textContent = JSON.stringify({{
    sideways: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    formulas: all("math").length,
    flat: all("math").filter(m => m.getBoundingClientRect().height < 5).length,
    taller: Math.max(...all(".equation math").map(m => m.getBoundingClientRect().height)),
    images: all("img").map(i => [i.naturalWidth, i.getBoundingClientRect().width, i.alt.length]),
    text: parseFloat(frame.contentWindow.getComputedStyle(page.body).fontSize),
  }});
}};</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return lesson 1 as a page."""
    return export(find_lesson(1), tmp_path_factory.mktemp("pages"), fast=True)


@needs_extra
def test_the_page_is_whole_and_fetches_nothing(page: Path):
    text = page.read_text("utf-8")
    assert page.name == "01_one_layer_and_its_gradient.html"
    assert "<title>1. One layer and its gradient - minicap</title>" in text
    assert '<meta name="viewport"' in text
    for fetched in ("<script", "<link", "@import", 'src="http', "url("):
        assert fetched not in text, fetched
    assert "all claims of lesson 1 hold" in text
    assert 'class="printed error"' not in text


@needs_extra
def test_mathematics_is_mathml_and_figures_have_words(page: Path):
    text = page.read_text("utf-8")
    assert text.count("<math ") > 50
    outside = re.sub(r"<pre.*?</pre>|<code.*?</code>|<math.*?</math>|<img[^>]*>", "", text, flags=re.DOTALL)
    assert "$" not in outside
    assert "\\frac" not in outside
    images = re.findall(r"<img [^>]*>", text)
    assert images
    for image in images:
        alt = re.search(r'alt="([^"]*)"', image)
        assert alt is not None
        assert len(alt[1].split()) >= 15


@needs_extra
def test_the_library_s_code_is_shown_and_links_lead_to_pages(page: Path):
    text = page.read_text("utf-8")
    assert "# minicap/ops/linear.py" in text
    assert 'href="02_convolution.html"' in text


@needs_extra
def test_it_is_good_in_a_browser_at_a_phone_s_width(page: Path, tmp_path: Path):
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no browser here: none of {', '.join(BROWSERS)}")
    framed = tmp_path / "frame.html"
    text = html.escape(page.read_text("utf-8"), quote=True)
    framed.write_text(HARNESS.format(width=PHONE, page=text), "utf-8")
    done = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--dump-dom",
            framed.as_uri(),
        ],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    said = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert said is not None, done.stderr[-1000:]
    found = json.loads(html.unescape(said[1]))
    assert found["sideways"] == 0, "the page scrolls sideways on a phone"
    assert found["formulas"] > 50
    assert found["flat"] == 0
    assert found["taller"] > 30, "no fraction is as tall as one: is the mathematics rendered?"
    assert found["images"]
    for natural, shown, alt in found["images"]:
        assert natural > 300
        assert 250 < shown <= PHONE
        assert alt > 50
    assert found["text"] >= 16


@pytest.mark.skipif(find_spec("jupytext") is None, reason="no jupytext: pip install 'minicap[tutorials]'")
def test_a_notebook_is_the_lesson_and_the_same_each_time(tmp_path: Path):
    path = export(find_lesson(2), tmp_path, to="ipynb")
    notebook = json.loads(path.read_text("utf-8"))
    kinds = {cell["cell_type"] for cell in notebook["cells"]}
    assert kinds == {"markdown", "code"}
    assert "".join(notebook["cells"][0]["source"]).startswith("# 2. Convolution\n")
    assert notebook["nbformat"] == 4
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    before = path.read_bytes()
    assert export(find_lesson(2), tmp_path, to="ipynb").read_bytes() == before


@needs_extra
def test_a_cell_that_fails_is_told_in_one_line(tmp_path: Path):
    lesson = find_lesson(1)
    wrong = tmp_path / "01_wrong.py"
    wrong.write_text("# %% [markdown]\n# # 1. Wrong\n\n# %%\nprint(1 / 0)\n", "utf-8")
    with pytest.raises(InputError, match="a cell failed: ZeroDivisionError"):
        export(lesson._replace(path=wrong), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_what_is_missing_is_named_with_the_way_to_get_it():
    with pytest.raises(
        InputError, match=r"needs no_such_package, not installed here; .*minicap\[tutorials\]"
    ):
        require_extra(("json", "no_such_package"))
