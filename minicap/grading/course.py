"""Make an exercise of a spec: starter file, public tests, rubric, and a solution for the teacher alone."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.data.files import read_text, write_atomically
from minicap.errors import InputError
from minicap.grading.source import call_of, conventions, solution, starter
from minicap.grading.spec import NO_SECRET, Part, Spec
from minicap.grading.values import Seed

TEACHER = "instructor"
_SECRET = re.compile(rf'^(\s*secret\s*=\s*)"{NO_SECRET}"', re.MULTILINE)
_PUBLIC_SEED = 20  # of the inputs in public tests, which everybody sees


def make_course(spec: Spec, out: str | Path) -> list[Path]:
    """Write an exercise.

    Parameters
    ----------
    spec : Spec
    out : str or Path
        A folder that is not there, or empty.

    Returns
    -------
    list of Path
        Starter file, public tests and rubric; then, in ``instructor``, the solution and the spec, with a secret of its
        own where it had none.

    Raises
    ------
    InputError
        If there is something in that folder already: a student's work is never written over.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is there already, and not an empty folder; give another --out")
    files = {
        spec.file: starter_file(spec),
        f"test_{spec.file}": public_tests(spec),
        "RUBRIC.md": rubric(spec),
        f"{TEACHER}/{spec.file}": solution_file(spec),
        f"{TEACHER}/spec.toml": _with_secret(spec),
    }
    (out / TEACHER).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_atomically(out / name, text.encode())
    return [out / name for name in files]


def starter_file(spec: Spec) -> str:
    """Return the file that students begin with.

    Parameters
    ----------
    spec : Spec
    """
    says = "Write every function below, with NumPy; no library that has the answer may be imported."
    functions = "\n\n\n".join(starter(part) for part in spec.parts)
    return f'"""{spec.title}.\n\n{says}\n"""\n\nimport numpy as np\n\n\n{functions}\n'


def solution_file(spec: Spec) -> str:
    """Return the solution.

    Parameters
    ----------
    spec : Spec
    """
    functions = "\n\n\n".join(solution(part) for part in spec.parts)
    return f'"""{spec.title}: the solution, for teachers."""\n\nimport numpy as np\n\n\n{functions}\n'


def _with_secret(spec: Spec) -> str:
    """Return the spec's text, with a secret of its own where it had the public one."""
    text = read_text(spec.path)
    if spec.is_secret:
        return text
    new, count = _SECRET.subn(rf'\g<1>"{secrets.token_hex(16)}"', text)
    return new if count else f'secret = "{secrets.token_hex(16)}"\n{text}'


def rubric(spec: Spec) -> str:
    """Return what is asked for and what it is worth.

    Parameters
    ----------
    spec : Spec
    """
    lines = [f"# {spec.title}", "", f"Hand in `{spec.file}`. {_text(spec.points)} points.", ""]
    for part in spec.parts:
        lines += [f"## {part.name}", "", f"`{call_of(part)}`: {part.term.title}.", ""]
        lines += [f"- `{line}`" for line in conventions(part)]
        shapes = part.term.shapes(part.variant)
        lines += [f"- {name}: {shapes[name]}" for name in (*part.term.arguments, *part.term.outputs)]
        if part.cache:
            lines.append(f"- the cache is the tuple of {', '.join(part.cache)}, in this order")
        if part.variant.get("upstream") == "last":
            lines.append("- the backward takes the cache first, then the upstream gradient")
        lines += ["", "| what | points |", "|---|---:|"]
        lines += [f"| {_item(part, name)} | {_text(points)} |" for name, points in part.points.items()]
        lines.append("")
    return "\n".join([*lines, ""]) + _HOW.format(
        cases=spec.cases, seconds=f"{spec.seconds:g}", file=spec.file
    )


_HOW = """## How it is graded

- Each item is right or not: it is compared on {cases} inputs that you do not see, drawn for you alone. Their shapes
  are not those of the public tests.
- A layer may take {seconds} s. What hangs, leaves Python, prints without end or raises gets nothing for that part; a
  forward is judged by itself where its backward fails, and so is every other layer.
- Your own tests belong in another file. `{file}` may import NumPy, and no library that has the answer.
- `pytest` runs the public tests: they check the forward on one example, and your backward against your forward.
"""


def _item(part: Part, name: str) -> str:
    """Return what is graded, in words."""
    if name != "forward":
        return f"`{name}`"
    return f"`{part.forward}`, what it returns first" if part.term.loss else f"`{part.forward}`"


def _text(points: float) -> str:
    """Return points without a needless fraction."""
    return f"{points:g}"


def public_tests(spec: Spec) -> str:
    """Return the public tests.

    Parameters
    ----------
    spec : Spec
    """
    module = spec.file.removesuffix(".py")
    tests = "\n\n\n".join(test for part in spec.parts for test in _tests(part, module))
    return (
        f'"""Public tests of {spec.file}: run `pytest` here. The inputs that count are others."""\n\n'
        f"import numpy as np\n\nimport {module}\n\n\n{tests}\n"
    )


def _tests(part: Part, module: str) -> Iterator[str]:
    """Yield a part's inputs and tests: the forward on one example, the backward against the forward."""
    arguments, lines = _example(part)
    given = f"{part.forward}_inputs"
    returned = f"({', '.join(arguments)},)" if len(arguments) == 1 else ", ".join(arguments)
    yield "\n".join([f"def {given}():", *lines, f"    return {returned}"])
    right = part.term.right(arguments, part.variant)[0]
    call = f"    returned = {module}.{part.forward}(*{given}())"
    yield "\n".join([f"def test_{part.forward}():", call, *_expected(part, right)])
    wiring = f"wiring={part.term.gradients!r}"
    if part.term.loss:
        check = f"gradcheck.loss({module}.{part.forward}, *{given}(), {wiring})"
        yield f"def test_{part.forward}_gradient(gradcheck):\n    {check}"
        return
    check = f"gradcheck(forward, backward, *{given}(), {wiring})"
    functions = f"    forward, backward = {module}.{part.forward}, {module}.{part.backward}"
    yield f"def test_{part.backward}(gradcheck):\n{functions}\n    {check}"


def _example(part: Part) -> tuple[dict[str, Any], list[str]]:
    """Return arguments that everybody sees, and the lines that make them."""
    drawn = part.term.draw(np.random.default_rng(_PUBLIC_SEED), part.variant)
    if not part.is_slope:  # the checker looks at slopes: padding is left to the hidden inputs
        padding = part.variant["padding_id"]
        drawn["ids"] = np.where(drawn["ids"] == padding, padding + 1, drawn["ids"])
    rng = np.random.default_rng(_PUBLIC_SEED)
    arguments, lines = {}, [f"    rng = np.random.default_rng({_PUBLIC_SEED})"]
    for name, value in drawn.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            arguments[name] = rng.standard_normal(value.shape)
            lines.append(f"    {name} = rng.standard_normal({value.shape})")
        else:
            arguments[name] = value
            # An argument may itself be called rng; it is the last one then.
            lines.append(f"    {name} = {_code(value)}")
    return arguments, lines


def _expected(part: Part, outputs: Sequence[Array]) -> Iterator[str]:
    """Yield the lines that compare outputs."""
    for i, (name, right) in enumerate(zip(part.term.outputs, outputs, strict=True)):
        yield f"    {name} = {_code(np.asarray(right))}"
        yield f"    np.testing.assert_allclose(returned[{i}], {name}, rtol=1e-6, atol=1e-7)"


def _code(value: Any) -> str:
    """Return code that makes a value, to eight digits behind the point."""
    if isinstance(value, Seed):
        return f"np.random.default_rng({value.number})"
    if not isinstance(value, np.ndarray):
        return repr(value)
    text = np.array2string(
        value, separator=", ", max_line_width=90, threshold=value.size + 1,
        formatter={"float": lambda number: f"{number + 0.0:.8f}"},
    )  # fmt: skip
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"np.array({lines[0]})" if len(lines) == 1 else _block(lines)


def _block(lines: Sequence[str]) -> str:
    """Return an array's code over several lines."""
    return "\n".join(["np.array(", *[f"        {line}" for line in lines], "    )"])
