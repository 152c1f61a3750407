"""The compiled kernels; everything else about the package stands in pyproject.toml.

A kernel that does not build is no failure: minicap then runs that family on its reference kernels.
Two environment variables change this build:

    MINICAP_REQUIRE_COMPILED=1   a kernel that does not build stops the installation
    MINICAP_CYTHON_DEBUG=1       array bounds and divisors are checked, for testing
"""

import os
import sys
from pathlib import Path
from textwrap import shorten
from threading import Lock

from setuptools import Extension, __version__, setup
from setuptools.command.build_ext import build_ext

TRANSLATING = Lock()  # Cython's translator knows one thread only; the C compilers run beside each other
PACKAGE = "minicap.kernels.compiled"
REQUIRED = os.environ.get("MINICAP_REQUIRE_COMPILED") == "1"
DEBUG = os.environ.get("MINICAP_CYTHON_DEBUG") == "1"
DIRECTIVES = {
    "language_level": 3,
    "binding": True,  # so that inspect sees the signatures
    "boundscheck": DEBUG,
    "initializedcheck": DEBUG,
    "cdivision": not DEBUG,
    "show_performance_hints": not DEBUG,  # they would only name the checks asked for
    "wraparound": False,  # also in a debug build, where a negative index must be an error
}


def extensions() -> list[Extension]:
    """Return one extension for each .pyx."""
    sources = sorted(Path(*PACKAGE.split(".")).glob("*.pyx"))
    return [Extension(f"{PACKAGE}.{source.stem}", [str(source)]) for source in sources]


def translate(extension: Extension) -> list[str]:
    """Return the C sources that Cython makes of an extension's, one extension at a time."""
    from Cython.Build import cythonize  # here, because a machine without Cython is to get this far

    modules = Extension(
        extension.name, [str(Path(source).with_suffix(".pyx")) for source in extension.sources]
    )
    with TRANSLATING:
        [made] = cythonize(modules, compiler_directives=DIRECTIVES, build_dir="build", force=True, quiet=True)
    return made.sources


def give_up(what: str, why: object) -> None:
    """Say in one line what is not built, or stop where everything is required."""
    line = f"minicap: could not build {what} ({shorten(str(why), 100)})"
    if REQUIRED:
        raise SystemExit(f"{line}, and MINICAP_REQUIRE_COMPILED=1 asks for it")
    print(f"{line}; the reference kernels will serve instead", file=sys.stderr, flush=True)


class BuildWhatWorks(build_ext):
    """Build each extension for itself, so that the failure of one leaves the others alone."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        """Set the flags that fit the compiler, and build."""
        flags = ["/O2"] if self.compiler.compiler_type == "msvc" else ["-O3", "-g0"]
        for extension in self.extensions:
            extension.extra_compile_args = flags
            extension.optional = not REQUIRED
        super().build_extensions()

    def build_extension(self, extension: Extension) -> None:
        """Build one extension, or go on without it, and without what an earlier build left of it."""
        try:
            extension.sources = translate(extension)
            super().build_extension(extension)
        except Exception as error:  # no Cython, no compiler, no headers ...: none of it is fatal here
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            give_up(extension.name, error)


if int(__version__.split(".")[0]) < 77:
    raise SystemExit(
        f"minicap: setuptools {__version__} is too old to read pyproject.toml; get newer tools with "
        "`python -m pip install 'setuptools>=77' 'Cython>=3.1'`, or build with `python -m pip install -e .`"
    )
setup(ext_modules=extensions(), cmdclass={"build_ext": BuildWhatWorks})
