#!/usr/bin/env bash
# Run the kernel tests with the address and undefined-behaviour sanitizers in every build that this processor runs:
#
#     bash tests/sanitize.sh [arguments of pytest]
#
# It builds a copy of the checkout, so nothing changes here. What a sanitizer finds stops the run with a report.
# Before that it must find a planted error, a read beyond the end of an array; otherwise a silent run would mean nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

CC=${CC:-gcc}
PYTHON=${PYTHON:-python}
runtime=$("$CC" -print-file-name=libasan.so 2> /dev/null || true)
if [ ! -e "$runtime" ]; then
    echo "skipped: $CC has no libasan here"
    exit 0
fi

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
tar -c --exclude=.git --exclude=build --exclude='*.so' --exclude=__pycache__ . | tar -x -C "$WORK"
cd "$WORK"

FLAGS="-O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export OPENBLAS_NUM_THREADS=1 PYTHONMALLOC=malloc # so that the address sanitizer sees every block of Python's
unset MINICAP_KERNELS MINICAP_SIMD MINICAP_CYTHON_DEBUG

# The planted error: the same flags, an index that is one too large.
cat > planted.pyx << 'PYX'
# cython: language_level=3, boundscheck=False, wraparound=False
def read(double[::1] array, Py_ssize_t index):
    return array[index]
PYX
cat > setup_planted.py << 'PY'
from Cython.Build import cythonize
from setuptools import setup
setup(name="planted", py_modules=[], ext_modules=cythonize("planted.pyx", quiet=True))
PY
sanitized() { LD_PRELOAD=$runtime "$@"; }

echo "building with $FLAGS"
export CC CFLAGS="$FLAGS" LDFLAGS="$FLAGS"
"$PYTHON" setup_planted.py -q build_ext --inplace
MINICAP_REQUIRE_COMPILED=1 "$PYTHON" setup.py -q build_ext --inplace
unset CFLAGS LDFLAGS

planted='import array, planted; print(planted.read(array.array("d", [1.0] * 8), '
sanitized "$PYTHON" -c "${planted}7))" > /dev/null
if sanitized "$PYTHON" -c "${planted}8))" > report 2>&1 || ! grep -q "AddressSanitizer: heap-buffer-overflow" report; then
    echo "the planted error was not found:"
    cat report
    exit 1
fi
echo "the planted error is found; now the kernels"

# `build` and `every_set` in tests/kernels go through every build; the rest runs on the best.
sanitized "$PYTHON" -m pytest -q -p no:cacheprovider --capture=sys tests/kernels "$@"
