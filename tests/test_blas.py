"""Which of OpenBLAS's kernels are taken for the fastest, and on what grounds."""

from __future__ import annotations

import pytest

from minicap import blas
from minicap.blas import AVX512, MEASURED, fastest_core, slower_core, wheel_has_openblas


def cpuinfo(vendor: str, family: int, *flags: str) -> str:
    """Return what Linux says of a processor with two cores."""
    core = f"vendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: 17\nflags\t\t: fpu {' '.join(flags)}\n"
    return f"{core}\n{core}\n"


@pytest.mark.parametrize(
    ("text", "core"),
    [
        (cpuinfo("AuthenticAMD", 25, *AVX512), "Haswell"),
        (cpuinfo("AuthenticAMD", 26, *AVX512), "SkylakeX"),
        (cpuinfo("GenuineIntel", 6, *AVX512, "avx2"), "SkylakeX"),
        (cpuinfo("AuthenticAMD", 25, "avx2"), None),  # Zen 3 belongs to the same family
        (cpuinfo("GenuineIntel", 6, *AVX512 - {"avx512bw"}), None),
        ("processor\t: 0\nFeatures\t: fp asimd\n", None),  # ARM
        ("", None),
    ],
)
def test_the_first_line_that_fits_a_processor_with_avx_512(text, core):
    found = fastest_core(text)
    assert (found.core if found else None) == core
    assert found is None or found in MEASURED


def test_a_system_without_cpuinfo_knows_nothing(monkeypatch):
    def gone(*_):
        raise FileNotFoundError

    monkeypatch.setattr(blas.Path, "read_text", gone)
    assert fastest_core() is None


def test_only_numpys_own_openblas_was_measured(tmp_path, monkeypatch):
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("")
    monkeypatch.setattr(blas, "find_spec", lambda name: None)
    assert not wheel_has_openblas()
    from importlib.machinery import ModuleSpec

    spec = ModuleSpec("numpy", None, origin=str(tmp_path / "numpy" / "__init__.py"))
    monkeypatch.setattr(blas, "find_spec", lambda name: spec)
    assert not wheel_has_openblas()
    (tmp_path / "numpy.libs").mkdir()
    (tmp_path / "numpy.libs" / "libscipy_openblas64_-1.so").write_text("")
    assert wheel_has_openblas()


def test_what_is_slower_is_said():
    fastest = MEASURED[0]._asdict()
    loaded = [{"library": "openblas", "core": "SkylakeX"}, {"library": "mkl", "core": None}]
    [said] = slower_core(loaded, fastest)
    assert "its kernels for SkylakeX" in said
    assert "OPENBLAS_CORETYPE=Haswell" in said
    assert slower_core(loaded, None) == slower_core(loaded[1:], fastest) == []
    assert slower_core([{"library": "openblas", "core": "Haswell"}], fastest) == []
