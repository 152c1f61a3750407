"""The doctor finds what is there, says it in lines, and ends with what to do."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minicap
from minicap import doctor
from minicap.doctor import advise, describe, examine
from minicap.kernels._loading import FAMILIES

HEALTHY = {
    "version": "0.1.0",
    "python": "3.11.7",
    "platform": "Linux x86_64",
    "libraries": {"numpy": "2.4.0", "scipy": "1.17.0"},
    "location": {"path": "/place/site-packages/minicap", "kind": "site-packages"},
    "kernels": {
        "in_use": {"conv": "compiled", "pool": "compiled"}, "failures": {}, "chosen": "", "problem": None,
        "builds": {"conv": "v3", "pool": "v3"}, "possible": ["v3", "generic"], "forced": "",
        "threads": 2, "openmp": True,
    },
    "cpu": {"name": "Some Processor", "cores": 2, "simd": ["X86_V2", "X86_V3"], "fastest_blas": None},
    "memory": {"total": 16_000_000_000, "available": 8_000_000_000},
    "blas": [{"library": "openblas", "version": "0.3.31", "threads": 2, "core": "Haswell", "chosen": None}],
    "cache": {"path": "/place/cache", "bytes": 12_345_678, "files": 3, "free": 9_000_000_000, "writable": True},
    "tools": {"torch": False, "chromium": True, "C compiler": True},
    "advice": [],
}  # fmt: skip
FASTEST = {"vendor": None, "family": None, "core": "SkylakeX", "facts": "1 against 2"}


def facts(**changes):
    """Return a healthy machine with some facts changed: `facts(cpu={"cores": 1})`."""
    changed = copy.deepcopy(HEALTHY)
    for name, value in changes.items():
        changed[name] = {**changed[name], **value} if isinstance(value, dict) else value
    changed["advice"] = advise(changed)
    return changed


@pytest.fixture
def child_doctor(tmp_path):
    """Return a function that asks a new process, with no other variables of minicap's than given."""

    def ask(**environment):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MINICAP_")}
        inherited["PYTHONPATH"] = str(Path(minicap.__file__).resolve().parent.parent)
        command = [sys.executable, "-m", "minicap", "doctor", "--json"]
        environment = inherited | {"MINICAP_CACHE": str(tmp_path / "cache")} | environment
        answer = subprocess.run(
            command, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return json.loads(answer.stdout)

    return ask


def test_a_healthy_machine_needs_no_advice():
    assert advise(HEALTHY) == []
    assert describe(HEALTHY).endswith("\n\nAll is well. Next: minicap demo")


def test_every_fact_is_in_the_text():
    text = describe(HEALTHY)
    for part in (
        "0.1.0 from /place/site-packages/minicap (site-packages)",
        "3.11.7, numpy 2.4.0, scipy 1.17.0, Linux x86_64",
        "compiled (conv, pool)",
        "Some Processor, 2 cores, SSE4.2, AVX2",
        "v3 (this processor runs v3, generic), 2 threads",
        "openblas 0.3.31, 2 threads, kernels for Haswell",
        "16.0 GB, 8.0 GB free",
        "/place/cache (3 files, 12 MB; 9.0 GB free on the disk)",
        "torch absent, chromium found",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"blas": []}, "NumPy has no BLAS"),
        (
            {"blas": [{"library": "mkl", "version": None, "threads": 64, "core": None}]},
            "64 threads on 2 cores",
        ),
        ({"cpu": {"fastest_blas": FASTEST}}, "OpenBLAS works with its kernels for Haswell, though"),
        ({"cpu": {"fastest_blas": FASTEST}}, "were mostly faster (1 against 2, in GFLOP/s a core)"),
        (
            {"cpu": {"fastest_blas": FASTEST}},
            "OPENBLAS_CORETYPE=SkylakeX by itself; elsewhere set it before Python",
        ),
        (
            {"kernels": {"possible": ["v4", "v3"]}},
            "can run the v4 build of the kernels, which conv, pool lacks",
        ),
        ({"kernels": {"possible": ["v4", "v3"], "forced": "v3"}}, "MINICAP_SIMD=v3 holds the kernels back"),
        ({"kernels": {"openmp": False}}, "built without OpenMP and use one core each"),
        ({"memory": {"available": 300_000_000}}, "Only 300 MB of memory are free"),
        ({"cache": {"free": 20_000_000}}, "Only 20 MB of disk are free at /place/cache"),
        ({"cache": {"writable": False}}, "/place/cache cannot be written; name another with MINICAP_CACHE"),
        ({"cache": {"path": None}}, "no place for a cache"),
        ({"kernels": {"problem": "MINICAP_KERNELS='x' names no kernel set"}}, "MINICAP_KERNELS='x' names no"),
        ({"kernels": {"in_use": {"conv": "reference"}, "chosen": "reference"}}, "MINICAP_KERNELS=reference"),
    ],
)
def test_what_ails_is_named_with_the_way_out(changes, said):
    sick = facts(**changes)
    assert len(sick["advice"]) == 1
    assert said in describe(sick)
    assert "All is well" not in describe(sick)


def test_kernels_that_were_not_built_are_named_with_the_reason_and_the_cure():
    missing = {
        "in_use": {"conv": "reference", "pool": "compiled"},
        "failures": {"conv": "No module named conv"},
    }
    installed = describe(facts(kernels=missing))
    assert "reference (conv); compiled (pool)" in installed
    assert "conv is not compiled: No module named conv" in installed
    assert "python -m pip install ." in installed
    checkout = describe(facts(kernels=missing, location={"kind": "checkout"}))
    assert "python setup.py build_ext --inplace" in checkout
    without_compiler = describe(facts(kernels=missing, tools={"C compiler": False}))
    assert "No C compiler was found" in without_compiler
    assert "No C compiler was found" not in checkout


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu": {"fastest_blas": {**FASTEST, "core": "Haswell"}}},  # it has them
        {
            "cpu": {"fastest_blas": FASTEST},
            "blas": [{"library": "mkl", "version": "1", "threads": 2, "core": None}],
        },
        {"kernels": {"openmp": False}, "cpu": {"cores": 1}, "blas": [{**HEALTHY["blas"][0], "threads": 1}]},
    ],
)
def test_what_is_as_it_should_be_needs_no_advice(changes):
    assert facts(**changes)["advice"] == []


def test_builds_and_the_choice_of_blas_kernels_are_said():
    text = describe(
        facts(
            kernels={"builds": {"conv": "v3", "pool": "generic"}, "openmp": False},
            blas=[{**HEALTHY["blas"][0], "chosen": "Haswell"}],
        )
    )
    assert "generic, v3 (this processor runs v3, generic), no OpenMP: 1 thread" in text
    assert "kernels for Haswell (chosen by OPENBLAS_CORETYPE=Haswell)" in text
    nothing = describe(facts(kernels={"builds": {"conv": None, "pool": None}, "threads": 1}))
    assert "none in use (this processor runs v3, generic), 1 thread\n" in nothing


def test_a_bad_variable_is_a_problem_and_not_a_crash(child_doctor):
    for name, value in (("MINICAP_SIMD", "x"), ("MINICAP_NUM_THREADS", "x"), ("MINICAP_KERNELS", "x")):
        found = child_doctor(**{name: value})
        assert found["kernels"]["problem"].startswith(f"{name}='x'")
        assert found["advice"][0] == f"The kernels cannot be chosen: {found['kernels']['problem']}."


def test_unknown_facts_are_said_to_be_unknown():
    text = describe(
        facts(
            memory={"total": None, "available": None}, cpu={"cores": None, "simd": []}, cache={"free": None}
        )
    )
    assert "unknown, unknown free" in text
    assert "unknown cores" in text


def test_this_installation_can_be_examined():
    found = examine()
    assert found["version"] == minicap.__version__
    assert set(found["kernels"]["in_use"]) == set(FAMILIES)
    assert found["kernels"]["builds"].keys() == found["kernels"]["in_use"].keys()
    assert found["kernels"]["threads"] == minicap.get_num_threads()
    assert found["cpu"]["cores"] >= 1
    assert found["cpu"]["name"]
    assert found["advice"] == advise(found)
    assert json.loads(json.dumps(found)) == found  # fit for --json
    assert found["location"]["path"] in describe(found)


def test_optional_tools_are_found_but_not_imported():
    examine()
    assert "torch" not in sys.modules


def test_the_cache_is_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICAP_CACHE", str(tmp_path / "cache"))
    empty = examine()["cache"]
    assert (empty["path"], empty["bytes"], empty["files"]) == (str(tmp_path / "cache"), 0, 0)
    assert empty["writable"]  # it can be made
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "a.npy").write_bytes(b"x" * 1500)
    full = examine()["cache"]
    assert (full["bytes"], full["files"]) == (1500, 1)
    assert full["free"] > 0


def test_a_cache_path_that_is_a_file_is_no_folder_to_write(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("MINICAP_CACHE", str(tmp_path / "file"))
    assert "cannot be written" in " ".join(examine()["advice"])


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    monkeypatch.setattr(doctor, "cache_folder", lambda: None)
    assert "no place for a cache" in describe(examine())


def test_a_blas_that_keeps_silent_is_named_as_numpy_knows_it(monkeypatch):
    monkeypatch.setattr(doctor, "threadpool_info", list)
    built = {"Build Dependencies": {"blas": {"name": "accelerate", "found": True, "version": "unknown"}}}
    monkeypatch.setattr(doctor.np, "show_config", lambda mode: built)
    assert examine()["blas"] == [
        {"library": "accelerate", "version": "unknown", "threads": None, "core": None}
    ]
