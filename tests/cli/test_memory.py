"""The allocator is told to keep memory where it can be told, and nowhere else."""

import pytest

from minicap.cli import memory


class FakeLibrary:
    def __init__(self) -> None:
        self.told: dict[int, int] = {}

    def mallopt(self, option: int, size: int) -> int:
        self.told[option] = size
        return 1


def test_glibc_is_told_thresholds_and_padding(monkeypatch):
    library = FakeLibrary()
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: library)
    memory.keep_memory()
    assert set(library.told) == {-1, -2, -3}
    assert all(0 < size < 2**31 for size in library.told.values()), "mallopt takes a C int"


@pytest.mark.parametrize("platform", ["darwin", "win32", "linux"])
def test_other_libraries_are_left_alone(platform, monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", platform)
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.keep_memory()
