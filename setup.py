"""The compiled kernels and the lessons; everything else about the package stands in pyproject.toml.

One source, several builds: every kernel is compiled for each instruction set that the compiler can serve,
and `minicap.kernels` chooses by what the processor has. A kernel that does not build is no failure:
minicap then runs that family on another build or on its reference kernels. What changes this build:

    MINICAP_REQUIRE_COMPILED=1   a kernel that does not build stops the installation
    MINICAP_CYTHON_DEBUG=1       array bounds and divisors are checked, for testing
    CFLAGS, LDFLAGS              further flags; with -fsanitize=... among them nothing else is optimised or stripped
"""

import os
import re
import shutil
import sys
import sysconfig
import tempfile
from functools import cache
from pathlib import Path
from textwrap import shorten
from threading import Lock

from setuptools import Extension, __version__, find_namespace_packages, setup
from setuptools.command.build_ext import build_ext

TRANSLATING = Lock()  # Cython's translator knows one thread only; the C compilers run beside each other
LESSONS = "minicap.tutorials.lessons"  # where the folder tutorials goes in an installed package
LESSON_FOLDERS = ("broken", "exercises", "solutions", "thumbnails")
PACKAGE = "minicap.kernels.compiled"
SOURCES = Path(*PACKAGE.split("."))
SHARED = f"{PACKAGE}._memory"  # Cython's code for memoryviews, once for all modules instead of in each
CPU = f"{PACKAGE}._cpu"  # asks the processor; it has to run on any
NARROW = "_unfold"  # serves narrow vectors, which only the generic build has
LEVELS = {
    "generic": [],
    "v3": ["-march=x86-64-v3"],
    "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
OWN_INLINE = re.compile(r"static CYTHON_INLINE (?=.*\b__pyx_(?:fuse_\d__pyx_)?f_7minicap)")
REQUIRED = os.environ.get("MINICAP_REQUIRE_COMPILED") == "1"
DEBUG = os.environ.get("MINICAP_CYTHON_DEBUG") == "1"
SANITIZED = "-fsanitize" in os.environ.get("CFLAGS", "")
# What there is to warn of is in generated code. The names of local functions are for reports only.
OPTIMIZED = ["-w"] if SANITIZED else ["-O3", "-w"]
if not (SANITIZED or DEBUG):
    OPTIMIZED += ["-g0", "-fno-asynchronous-unwind-tables"]
# Neither symbols that nobody asks for nor pages left half empty between code and data.
STRIPPED = [] if DEBUG or SANITIZED or sys.platform == "darwin" else ["-Wl,-s", "-Wl,-z,noseparate-code"]
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
    """Return what all modules share, what asks the processor, and every other module once a level."""
    stems = sorted(path.stem for path in SOURCES.glob("*.pyx") if path.stem not in ("_cpu", NARROW))
    names = [
        f"{PACKAGE}.generic.{NARROW}",
        *(f"{PACKAGE}.{level}.{stem}" for level in LEVELS for stem in stems),
    ]
    names = [SHARED, CPU, *names]
    return [Extension(name, [str(SOURCES / f"{name.rpartition('.')[2]}.pyx")]) for name in names]


def level_of(name: str) -> str | None:
    """Return the level that a module is built for, or None where there is one for all."""
    level = name.split(".")[-2]
    return level if level in LEVELS else None


@cache
def translate(stem: str) -> str:
    """Return the C source that Cython makes of a module; all levels compile the same."""
    from Cython.Build import cythonize  # here, because a machine without Cython is to get this far

    name = f"{PACKAGE}.{stem}"
    source = SOURCES / f"{stem}.{'c' if name == SHARED else 'pyx'}"  # Cython writes the shared one itself
    options = {"compiler_directives": DIRECTIVES, "shared_utility_qualified_name": SHARED}
    [made] = cythonize(Extension(name, [str(source)]), build_dir="build", force=True, quiet=True, **options)
    target = Path(made.sources[0])
    # A tile keeps its sums in registers only where it is really inlined, for which Cython has no word.
    code = target.read_text("utf-8")
    if "_vector.h" in code:
        target.write_text(OWN_INLINE.sub("static MINICAP_INLINE ", code), "utf-8")
    return made.sources[0]


def source_for(name: str) -> str:
    """Return the C source of one module: a copy for each level, as compilers name an object after its source."""
    made = Path(translate(name.rpartition(".")[2]))
    level = level_of(name)
    return str(made) if level is None else shutil.copy(made, made.with_stem(f"{made.stem}_{level}"))


def lesson_packages() -> list[str]:
    """Return the folder of lessons and those in it as packages, so that they are installed; none where it is absent."""
    folder = Path("tutorials")
    inside = sorted(path.name for path in folder.glob("*/") if path.name in LESSON_FOLDERS)
    return [LESSONS, *(f"{LESSONS}.{name}" for name in inside)] if folder.is_dir() else []


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
        self.built: set[Path] = set()

    def run(self) -> None:
        """Build, and remove what only an earlier build could make: nothing stale is ever imported."""
        super().run()
        for root in (Path(self.build_lib), *([Path()] if self.inplace else [])):
            for module in (root / SOURCES).rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"):
                if module.relative_to(root) not in self.built:
                    module.unlink()

    def build_extensions(self) -> None:
        """Set the flags that fit the compiler, leave out the levels that it does not know, and build."""
        msvc = self.compiler.compiler_type == "msvc"
        openmp = self._openmp(["/openmp"] if msvc else ["-fopenmp"])
        levels = [name for name, extra in LEVELS.items() if not extra or (not msvc and self._compiles(extra))]
        self.extensions = [e for e in self.extensions if level_of(e.name) in (*levels, None)]
        for extension in self.extensions:
            threads = [] if extension.name == SHARED else openmp
            level = LEVELS.get(level_of(extension.name), [])
            extension.include_dirs = [str(SOURCES)]
            small = [] if msvc or extension.name != SHARED else ["-Os"]  # nothing there is in a hot loop
            extension.extra_compile_args = [*(["/O2"] if msvc else OPTIMIZED), *small, *level, *threads]
            extension.extra_link_args = [] if msvc else [*threads, *STRIPPED]
            extension.optional = not REQUIRED
        super().build_extensions()

    def build_extension(self, extension: Extension) -> None:
        """Build one extension, or go on without it."""
        try:
            with TRANSLATING:
                extension.sources = [source_for(extension.name)]
            super().build_extension(extension)
            self.built.add(Path(self.get_ext_filename(extension.name)))
        except Exception as error:  # no Cython, no compiler, no headers ...: none of it is fatal here
            Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            give_up(extension.name, error)

    def _openmp(self, flags: list[str]) -> list[str]:
        """Return the flags for OpenMP, or none where the compiler or its library lacks it."""
        probe = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }"
        return flags if sys.platform != "darwin" and self._compiles(flags, probe) else []

    def _compiles(self, flags: list[str], code: str = "int main(void) { return 0; }") -> bool:
        """Tell whether the compiler makes a library of some code with these flags, as it is to make modules."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(code + "\n", encoding="ascii")
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, extra_postargs=list(flags))
                self.compiler.link_shared_object(
                    objects, "probe", output_dir=folder, extra_postargs=list(flags)
                )
            except Exception:  # each compiler class has its own
                return False
        return True


if int(__version__.split(".")[0]) < 77:
    raise SystemExit(
        f"minicap: setuptools {__version__} is too old to read pyproject.toml; get newer tools with "
        "`python -m pip install 'setuptools>=77' 'Cython>=3.2'`, or build with `python -m pip install -e .`"
    )
setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildWhatWorks},
    packages=[*find_namespace_packages(include=["minicap*"]), *lesson_packages()],
    package_dir={LESSONS: "tutorials"},
)
