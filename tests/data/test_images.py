"""Pictures from files: every accepted form, and every way in which a file can be bad."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from minicap.data import check_image, load_image, save_png
from minicap.errors import InputError


def one_line(error: pytest.ExceptionInfo, path) -> str:
    """Return the message after checking that it is one line and names the file."""
    message = str(error.value)
    assert "\n" not in message
    assert path.name in message
    return message


def png_header(width: int, height: int) -> bytes:
    """Return a PNG whose header announces a size, and which holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


# What is accepted


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.png", {}),
        ("x.bmp", {}),
        ("x.tiff", {}),
        ("x.tif", {"compression": "tiff_lzw"}),
        ("x.ppm", {}),
        ("x.webp", {"lossless": True}),
    ],
)
def test_lossless_formats_come_back_exactly(tmp_path, picture, name, options):
    image = picture(7, 5)
    Image.fromarray(image).save(tmp_path / name, **options)
    loaded = load_image(tmp_path / name)
    np.testing.assert_array_equal(loaded, image)
    assert loaded.dtype == np.uint8
    assert loaded.flags.writeable
    assert loaded.flags.c_contiguous


def test_jpeg_comes_back_nearly(tmp_path):
    ramp = np.repeat(np.arange(0, 240, 10, dtype=np.uint8)[:, None, None], 16, axis=1).repeat(3, axis=2)
    Image.fromarray(ramp).save(tmp_path / "x.jpg", quality=95)
    assert np.abs(load_image(tmp_path / "x.jpg").astype(int) - ramp).max() <= 4


def test_the_content_decides_and_not_the_name(tmp_path, picture):
    image = picture()
    Image.fromarray(image).save(tmp_path / "really_png.jpg", format="PNG")
    np.testing.assert_array_equal(load_image(tmp_path / "really_png.jpg"), image)


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert load_image(tmp_path / "x.gif").reshape(-1, 3).tolist() == [[255, 0, 0]] * 24


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_is_repeated(tmp_path, mode):
    Image.new(mode, (3, 2), 255).save(tmp_path / "x.png")
    np.testing.assert_array_equal(load_image(tmp_path / "x.png"), np.full((2, 3, 3), 255))


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "x.png")
    np.testing.assert_array_equal(load_image(tmp_path / "x.png")[0], [[10, 20, 30], [255] * 3, [127] * 3])


def test_grey_with_alpha_is_laid_on_white(tmp_path):
    Image.fromarray(np.array([[[50, 255], [50, 0]]], np.uint8), mode="LA").save(tmp_path / "x.png")
    np.testing.assert_array_equal(load_image(tmp_path / "x.png")[0], [[50] * 3, [255] * 3])


def test_palettes_with_and_without_transparency(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode="P")
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "clear.png", transparency=0)
    image.save(tmp_path / "bytes.png", transparency=b"\x00\xff")
    np.testing.assert_array_equal(load_image(tmp_path / "plain.png")[0], [[200, 0, 0], [0, 0, 200]])
    for name in ("clear.png", "bytes.png"):
        np.testing.assert_array_equal(load_image(tmp_path / name)[0], [[255] * 3, [0, 0, 200]])


def test_a_transparent_colour_of_an_rgb_picture(tmp_path):
    image = Image.new("RGB", (2, 1), (1, 2, 3))
    image.putpixel((1, 0), (9, 9, 9))
    image.save(tmp_path / "x.png", transparency=(1, 2, 3))
    np.testing.assert_array_equal(load_image(tmp_path / "x.png")[0], [[255] * 3, [9] * 3])


@pytest.mark.parametrize("name", ["x.jpg", "x.tif"])
def test_cmyk(tmp_path, name):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / name)
    red, green, blue = load_image(tmp_path / name)[4, 4].astype(int)
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path, name):
    values = np.array([[0, 257, 32768, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / name)
    assert load_image(tmp_path / name)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_sixteen_bit_pgm(tmp_path):
    values = np.array([0, 257, 32768, 65535], ">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5 4 1 65535\n" + values.tobytes())
    assert load_image(tmp_path / "x.pgm")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_floats_from_nought_to_one_and_beyond(tmp_path):
    Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32)).save(tmp_path / "unit.tif")
    Image.fromarray(np.array([[-10.0, np.nan, 10.0]], np.float32)).save(tmp_path / "wide.tif")
    assert load_image(tmp_path / "unit.tif")[0, :, 0].tolist() == [0, 128, 255]
    assert load_image(tmp_path / "wide.tif")[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("value", [3e38, 70_000.0])
def test_extreme_floats_do_not_overflow(tmp_path, value):
    Image.fromarray(np.array([[-value, value]], np.float32)).save(tmp_path / "two.tif")
    Image.fromarray(np.array([[value, value]], np.float32)).save(tmp_path / "flat.tif")
    assert load_image(tmp_path / "two.tif")[0, :, 0].tolist() == [0, 255]
    assert load_image(tmp_path / "flat.tif")[0, :, 0].tolist() == [0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.webp"])
def test_exif_orientation_is_applied(tmp_path, picture, orientation, name):
    upright = picture(4, 6)
    # The EXIF standard says where the stored row 0 and column 0 belong in the scene.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if name.endswith("webp") else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / name, exif=exif, **options)
    np.testing.assert_array_equal(load_image(tmp_path / name), upright)


def test_damaged_exif_leaves_the_picture(tmp_path):
    Image.new("RGB", (8, 8), "white").save(tmp_path / "x.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert load_image(tmp_path / "x.jpg").min() >= 254


# What is refused


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file") as error:
        load_image(tmp_path / "x.png")
    one_line(error, tmp_path / "x.png")


def test_a_folder(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        load_image(tmp_path)


def test_an_empty_file(tmp_path):
    (tmp_path / "x.png").touch()
    with pytest.raises(InputError, match="empty file"):
        load_image(tmp_path / "x.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(InputError, match="not a regular file"):
        load_image(tmp_path / "x.png")


@pytest.mark.parametrize("read", [load_image, check_image])
def test_a_text_file_called_jpg(tmp_path, read):
    (tmp_path / "x.jpg").write_text("this is no picture\n" * 20)
    with pytest.raises(InputError, match="no picture that can be read; use one of JPEG, PNG") as error:
        read(tmp_path / "x.jpg")
    one_line(error, tmp_path / "x.jpg")


def test_a_format_outside_the_list(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.pcx")
    with pytest.raises(InputError, match="no picture that can be read"):
        load_image(tmp_path / "x.pcx")


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.bmp", "x.tif", "x.ppm", "x.webp", "x.gif"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_file(tmp_path, picture, name, share):
    Image.fromarray(picture(64, 64)).save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match=r"damaged or truncated|no picture") as error:
        load_image(tmp_path / name)
    one_line(error, tmp_path / name)


def test_noise_after_every_signature(tmp_path, rng):
    noise = rng.bytes(200)
    starts = (
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM",
        b"RIFF\0\0\0\0WEBP",
        b"II*\0",
        b"P6 ",
    )
    for number, start in enumerate(starts):
        path = tmp_path / f"{number}.img"
        path.write_bytes(start + noise)
        with pytest.raises(InputError) as error:
            load_image(path)
        one_line(error, path)


@pytest.mark.parametrize("read", [load_image, check_image])
@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (8_000, 7_000)])
def test_a_giant_header_is_refused_without_taking_memory(tmp_path, read, width, height):
    (tmp_path / "x.png").write_bytes(png_header(width, height))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracemalloc.start()
        with pytest.raises(InputError, match="limit of 50,000,000") as error:
            read(tmp_path / "x.png")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 20e6
    one_line(error, tmp_path / "x.png")


def test_the_limit_can_be_set(tmp_path, picture):
    save_png(tmp_path / "x.png", picture(10, 10))
    assert load_image(tmp_path / "x.png", max_pixels=100).shape == (10, 10, 3)
    with pytest.raises(InputError, match="10 x 10 pixels are over the limit of 99"):
        load_image(tmp_path / "x.png", max_pixels=99)


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path):
    path = tmp_path / "two\nlines.png"
    path.write_text("nothing")
    with pytest.raises(InputError) as error:
        load_image(path)
    assert "\n" not in str(error.value)


def test_check_image_reads_the_header_only(tmp_path, picture):
    buffer = io.BytesIO()
    Image.fromarray(picture(30, 40)).save(buffer, format="JPEG")
    (tmp_path / "x.jpg").write_bytes(buffer.getvalue()[:-400])
    assert check_image(tmp_path / "x.jpg") == (30, 40)


# Writing


@pytest.mark.parametrize("shape", [(5, 4, 3), (5, 4)])
def test_save_png_loses_nothing(tmp_path, rng, shape):
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    save_png(tmp_path / "x.png", image)
    loaded = load_image(tmp_path / "x.png")
    np.testing.assert_array_equal(loaded if len(shape) == 3 else loaded[:, :, 0], image)


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8)])
def test_save_png_refuses_other_arrays(tmp_path, image):
    with pytest.raises(ValueError, match="image must be uint8"):
        save_png(tmp_path / "x.png", image)


def test_save_png_into_a_missing_folder(tmp_path, picture):
    with pytest.raises(InputError, match="cannot be written"):
        save_png(tmp_path / "nowhere" / "x.png", picture())
