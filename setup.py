"""The compiled kernels; everything else about the package stands in pyproject.toml.

One source, several builds: every kernel is compiled for each instruction set that the compiler can serve,
and `minicap.kernels` chooses by what the processor has. A kernel that does not build is no failure:
minicap then runs that family on another build or on its reference kernels. What changes this build:

    MINICAP_REQUIRE_COMPILED=1   a kernel that does not build stops the installation
    MINICAP_CYTHON_DEBUG=1       array bounds and divisors are checked, for testing
    CFLAGS, LDFLAGS              further flags, such as those of a sanitizer
"""

import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from textwrap import shorten
from threading import Lock

from setuptools import Extension, __version__, setup
from setuptools.command.build_ext import build_ext

TRANSLATING = Lock()  # Cython's translator knows one thread only; the C compilers run beside each other
PACKAGE = "minicap.kernels.compiled"
SOURCES = Path(*PACKAGE.split("."))
SHARED = f"{PACKAGE}._memory"  # Cython's code for memoryviews, once for all modules instead of in each
LEVELS = {
    "generic": [],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
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
    """Return what all modules share, what asks the processor, and each kernel once a level."""
    families = sorted(path.stem for path in SOURCES.glob("*.pyx") if not path.stem.startswith("_"))
    names = [SHARED, f"{PACKAGE}._cpu"]
    names += [f"{PACKAGE}.{level}.{family}" for level in LEVELS for family in families]
    return [Extension(name, [str(SOURCES / f"{name.rpartition('.')[2]}.pyx")]) for name in names]


@cache
def translate(stem: str) -> str:
    """Return the C source that Cython makes of a module; all levels compile the same."""
    from Cython.Build import cythonize  # here, because a machine without Cython is to get this far

    name = f"{PACKAGE}.{stem}"
    source = SOURCES / f"{stem}.{'c' if name == SHARED else 'pyx'}"  # Cython writes the shared one itself
    options = {"compiler_directives": DIRECTIVES, "shared_utility_qualified_name": SHARED}
    [made] = cythonize(Extension(name, [str(source)]), build_dir="build", force=True, quiet=True, **options)
    return made.sources[0]


def give_up(what: str, why: object) -> None:
    """Say in one line what is not built, or stop where everything is required."""
    line = f"minicap: could not build {what} ({shorten(str(why), 100)})"
    if REQUIRED:
        raise SystemExit(f"{line}, and MINICAP_REQUIRE_COMPILED=1 asks for it")
    print(f"{line}; another build or the reference kernels will serve instead", file=sys.stderr, flush=True)


class BuildWhatWorks(build_ext):
    """Build each extension for itself, so that the failure of one leaves the others alone."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        """Set the flags that fit the compiler, leave out the levels that it does not know, and build."""
        msvc = self.compiler.compiler_type == "msvc"
        flags = ["/O2"] if msvc else ["-O3", "-g0", "-w"]  # what there is to warn of is in generated code
        openmp = [] if sys.platform == "darwin" else ["/openmp"] if msvc else ["-fopenmp"]
        if not self._compiles(openmp, "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }"):
            openmp = []
        levels = [level for level, extra in LEVELS.items() if not extra or (not msvc and self._compiles(extra))]
        self.extensions = [e for e in self.extensions if self._level(e) in (*levels, None)]
        for extension in self.extensions:
            extension.include_dirs = [str(SOURCES)]
            level = self._level(extension)
            threads = openmp if level else []
            extension.extra_compile_args = [*flags, *LEVELS.get(level, []), *threads]
            extension.extra_link_args = [] if msvc else [*threads, *self._stripped()]
            extension.optional = not REQUIRED
        super().build_extensions()

    def build_extension(self, extension: Extension) -> None:
        """Build one extension, or go on without it, and without what an earlier build left of it."""
        try:
            with TRANSLATING:
                extension.sources = [translate(extension.name.rpartition(".")[2])]
            super().build_extension(extension)
        except Exception as error:  # no Cython, no compiler, no headers ...: none of it is fatal here
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            give_up(extension.name, error)

    def _level(self, extension: Extension) -> str | None:
        """Return the level that an extension is built for, or None where there is one for all."""
        level = extension.name.split(".")[-2]
        return level if level in LEVELS else None

    def _stripped(self) -> list[str]:
        """Return the flag that leaves out symbols nobody asks for, where the linker knows it."""
        return [] if DEBUG or sys.platform == "darwin" else ["-Wl,-s"]

    def _compiles(self, flags: list[str], code: str = "int main(void) { return 0; }") -> bool:
        """Tell whether the compiler makes a program of some code with these flags."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(code + "\n", encoding="ascii")
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, extra_postargs=list(flags))
                self.compiler.link_executable(objects, "probe", output_dir=folder, extra_postargs=list(flags))
            except Exception:  # each compiler class has its own
                return False
        return True


if int(__version__.split(".")[0]) < 77:
    raise SystemExit(
        f"minicap: setuptools {__version__} is too old to read pyproject.toml; get newer tools with "
        "`python -m pip install 'setuptools>=77' 'Cython>=3.2'`, or build with `python -m pip install -e .`"
    )
setup(ext_modules=extensions(), cmdclass={"build_ext": BuildWhatWorks})
