"""Cached pixels: right, rebuilt when broken, and never required."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from minicap.data import Preprocessing, cache_folder, load_image, save_png
from minicap.data import cache as cache_module
from minicap.data.cache import decode_images

SETTINGS = Preprocessing(6)


@pytest.fixture
def paths(tmp_path, picture) -> list[Path]:
    files = [tmp_path / f"{number}.png" for number in range(4)]
    for path in files:
        save_png(path, picture(9, 7))
    return files


@pytest.fixture
def expected(paths) -> np.ndarray:
    return np.stack([SETTINGS.pixels(load_image(path)) for path in paths])


@pytest.fixture
def no_decoding(monkeypatch):
    """Return a function after which every attempt to decode fails the test."""

    def forbid() -> None:
        monkeypatch.setattr(cache_module, "load_image", lambda path: pytest.fail(f"{path} was decoded again"))

    return forbid


def cached_files(cache: Path) -> list[str]:
    return sorted(path.suffix for path in cache.iterdir())


def test_the_second_time_comes_from_disk(paths, expected, cache, no_decoding):
    np.testing.assert_array_equal(decode_images(paths, SETTINGS).pixels, expected)
    assert cached_files(cache) == [".npy"]
    no_decoding()
    again = decode_images(paths, SETTINGS)
    np.testing.assert_array_equal(again.pixels, expected)
    assert again.broken == {}
    assert type(again.pixels) is np.ndarray
    assert not again.pixels.flags.writeable


def test_the_cached_file_is_plain_numpy(paths, expected, cache):
    decode_images(paths, SETTINGS)
    np.testing.assert_array_equal(np.load(next(cache.glob("*.npy"))), expected)


@pytest.mark.parametrize(
    "other", [Preprocessing(5), Preprocessing(6, mode="L"), Preprocessing(6, resize="squash")]
)
def test_other_settings_are_another_file(paths, cache, other):
    decode_images(paths, SETTINGS)
    result = decode_images(paths, other).pixels
    np.testing.assert_array_equal(result[0], other.pixels(load_image(paths[0])))
    assert cached_files(cache) == [".npy", ".npy"]


def test_mean_and_std_act_later_and_share_the_file(paths, no_decoding):
    decode_images(paths, SETTINGS)
    no_decoding()
    decode_images(paths, Preprocessing(6, mean=(0, 0, 0), std=(1, 1, 1)))


def test_an_edited_picture_is_seen(paths, picture):
    before = decode_images(paths, SETTINGS).pixels.copy()
    save_png(paths[2], picture(9, 7))
    os.utime(paths[2], ns=(1, 1))
    after = decode_images(paths, SETTINGS).pixels
    np.testing.assert_array_equal(after[2], SETTINGS.pixels(load_image(paths[2])))
    assert not np.array_equal(after[2], before[2])


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:40],
        lambda content: b"",
        lambda content: b"no array " * 100,
        lambda content: content + b"more",
        lambda content: content.replace(b"|u1", b"|i1"),
        lambda content: content.replace(b"'|u1'", b"'|O' "),
        lambda content: content.replace(b"(4, 6, 6, 3)", b"(4, 6, 3, 6)"),
    ],
)
def test_a_broken_file_is_made_again(paths, expected, cache, damage):
    decode_images(paths, SETTINGS)
    file = next(cache.glob("*.npy"))
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert file.read_bytes() != whole
    np.testing.assert_array_equal(decode_images(paths, SETTINGS).pixels, expected)
    assert file.read_bytes() == whole


def test_a_picture_that_changes_while_it_is_read_is_not_cached(paths, cache, monkeypatch):
    def load_and_touch(path: Path) -> np.ndarray:
        image = load_image(path)
        os.utime(path, ns=(1, 1))
        return image

    monkeypatch.setattr(cache_module, "load_image", load_and_touch)
    assert decode_images(paths, SETTINGS).pixels.shape == (4, 6, 6, 3)
    assert cached_files(cache) == []


def test_broken_pictures_are_named_and_remembered(paths, expected, cache, no_decoding):
    paths[1].write_bytes(paths[1].read_bytes()[:60])
    paths[3].write_text("no picture")
    first = decode_images(paths, SETTINGS)
    np.testing.assert_array_equal(first.pixels, expected[[0, 2]])
    assert list(first.broken) == [1, 3]
    assert "no picture that can be read" in first.broken[3]
    assert cached_files(cache) == [".json", ".npy"]
    no_decoding()
    again = decode_images(paths, SETTINGS)
    assert again.broken == first.broken
    np.testing.assert_array_equal(again.pixels, first.pixels)
    np.testing.assert_array_equal(decode_images([paths[0], paths[2]], SETTINGS).pixels, first.pixels)


def test_only_broken_pictures(paths, cache):
    for path in paths:
        path.write_text("no picture")
    result = decode_images(paths, SETTINGS)
    assert result.pixels.shape == (0, 6, 6, 3)
    assert len(result.broken) == 4
    assert not list(cache.glob("*.part"))


def test_no_pictures():
    assert decode_images([], SETTINGS).pixels.shape == (0, 6, 6, 3)


# A cache that cannot be used


def test_a_cache_folder_that_cannot_be_made(paths, expected, monkeypatch, tmp_path):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("MINICAP_CACHE", str(tmp_path / "a file" / "below"))
    np.testing.assert_array_equal(decode_images(paths, SETTINGS).pixels, expected)


def test_a_full_disk_seen_beforehand(paths, expected, cache, monkeypatch):
    full = shutil.disk_usage(cache)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
    np.testing.assert_array_equal(decode_images(paths, SETTINGS).pixels, expected)
    assert cached_files(cache) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_fails_midway(paths, expected, cache, monkeypatch, code):
    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", fail)
    np.testing.assert_array_equal(decode_images(paths, SETTINGS).pixels, expected)
    assert cached_files(cache) == []


def test_a_user_without_a_home(paths, expected, monkeypatch):
    def homeless() -> None:
        raise RuntimeError("could not determine the home folder")

    monkeypatch.delenv("MINICAP_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder() is None
    np.testing.assert_array_equal(decode_images(paths, SETTINGS).pixels, expected)


def test_too_little_memory_is_one_clear_line(paths, monkeypatch):
    def exhausted(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(cache_module, "cache_folder", lambda: None)
    monkeypatch.setattr(np, "empty", exhausted)
    with pytest.raises(ValueError, match=r"4 images of 6 px need 0.0 GB of memory; use a smaller size"):
        decode_images(paths, SETTINGS)


def test_an_interruption_leaves_nothing_behind(paths, cache, monkeypatch):
    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cache_module, "load_image", interrupt)
    with pytest.raises(KeyboardInterrupt):
        decode_images(paths, SETTINGS)
    assert cached_files(cache) == []


def test_what_a_killed_process_left_is_swept_after_a_day(paths, cache):
    for name, age in (("old.part", 1), ("new.part", None)):
        (cache / name).touch()
        if age is not None:
            os.utime(cache / name, (age, age))
    decode_images(paths, SETTINGS)
    assert [path.name for path in cache.glob("*.part")] == ["new.part"]


def test_two_processes_at_once(paths, expected, cache):
    program = (
        "import sys; from pathlib import Path; from minicap.data import Preprocessing\n"
        "from minicap.data.cache import decode_images\n"
        "print(int(decode_images([Path(p) for p in sys.argv[1:]], Preprocessing(6)).pixels.sum()))"
    )
    command = [sys.executable, "-c", program, *map(str, paths)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    sums = [int(process.communicate()[0]) for process in processes]
    assert sums == [int(expected.sum())] * 2
    assert cached_files(cache) == [".npy"]


# Where it is


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == Path(os.environ["MINICAP_CACHE"])
    monkeypatch.delenv("MINICAP_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "minicap"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the XDG rules tell to ignore
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    for platform, place in (("linux", ".cache"), ("darwin", "Library/Caches")):
        monkeypatch.setattr(sys, "platform", platform)
        assert cache_folder() == tmp_path / place / "minicap"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "minicap" / "Cache"


def test_progress_is_shown_on_request_where_somebody_watches(paths, capsys, monkeypatch):
    decode_images(paths[:2], SETTINGS, progress=True)
    assert capsys.readouterr().err == "", "a log file wants no bars"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    decode_images(paths[2:4], SETTINGS)
    assert capsys.readouterr().err == ""
    decode_images(paths[1:], SETTINGS, progress=True)
    assert "decoding images" in capsys.readouterr().err


def test_another_filter_is_another_file_and_bilinear_keeps_its_own(paths, cache, no_decoding):
    first = decode_images(paths, SETTINGS).pixels
    bicubic = decode_images(paths, Preprocessing(6, filter="bicubic")).pixels
    assert cached_files(cache) == [".npy", ".npy"]
    assert (first != bicubic).any()
    no_decoding()
    np.testing.assert_array_equal(decode_images(paths, Preprocessing(6, filter="bicubic")).pixels, bicubic)
    np.testing.assert_array_equal(decode_images(paths, SETTINGS).pixels, first)


def test_what_was_cached_before_there_were_filters_is_still_found(paths):
    key = cache_module._key(paths[:0], SETTINGS)
    look = [cache_module._LAYOUT, cache_module.decoder_version(), 6, "RGB", "crop"]
    assert key == hashlib.sha256(json.dumps(look).encode()).hexdigest()[:32]
