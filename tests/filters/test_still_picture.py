"""Pictures in files: every kind of PNG, JPEG, and what is refused before or while it is decoded."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from tests.filters.sample_files import encoded, logo
from vidproc.filters import still_picture

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, kind: int, row: bytes, *extra: bytes) -> bytes:
    """By the specification: each row has a byte for its prediction first."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress((b"\0" + row) * min(height, 8)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + rows + chunk(b"IEND", b"")


COLOURS = chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255]))


@pytest.mark.parametrize(
    ("data", "bgr", "alpha"),
    [
        (png(2, 1, 8, RGB, bytes([255, 0, 0, 0, 255, 0])), [[0, 0, 255], [0, 255, 0]], [255, 255]),
        (png(2, 1, 8, RGBA, bytes([255, 0, 0, 10, 0, 255, 0, 20])), [[0, 0, 255], [0, 255, 0]], [10, 20]),
        (png(1, 1, 16, RGBA, struct.pack(">4H", 65535, 1, 2, 30000)), [[2, 1, 65535]], [30000]),
        (png(2, 1, 8, GRAY, bytes([16, 128])), [[16] * 3, [128] * 3], [255, 255]),
        (png(2, 1, 1, GRAY, b"\x80"), [[255] * 3, [0] * 3], [255, 255]),
        (png(1, 1, 16, GRAY, struct.pack(">H", 30000)), [[30000] * 3], [65535]),
        (png(2, 1, 8, GRAY_ALPHA, bytes([16, 64, 128, 255])), [[16] * 3, [128] * 3], [64, 255]),
        (png(2, 1, 8, PALETTE, bytes([0, 1]), COLOURS), [[0, 0, 255], [255, 0, 0]], [255, 255]),
        (
            png(2, 1, 8, PALETTE, bytes([0, 1]), COLOURS, chunk(b"tRNS", bytes([0, 128]))),
            [[0, 0, 255], [255, 0, 0]],
            [0, 128],
        ),
    ],
)
def test_pngs_of_each_kind(data: bytes, bgr: list[list[int]], alpha: list[int]) -> None:
    picture = still_picture.read(data)
    assert picture.bgr.reshape(-1, 3).tolist() == bgr
    assert picture.alpha.ravel().tolist() == alpha
    assert picture.size == (len(alpha), 1)


def test_a_jpeg_is_opaque_and_turned_as_it_says() -> None:
    left_black = np.repeat(np.array([[0], [255]], np.uint8), 32, 1).T.repeat(16, 1)  # 32 rows, black | white
    plain = encoded(left_black, ".jpg")
    quarter = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    turned = plain[:2] + quarter + plain[2:]
    upright, lying = still_picture.read(plain), still_picture.read(turned)
    assert upright.size == (32, 32)
    assert (upright.alpha == 255).all()
    assert (upright.bgr[:, 0] < 9).all()
    assert (lying.bgr[0] < 9).all()
    assert (lying.bgr[-1] > 246).all()


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpegs_size_is_read_as_opencv_finds_it(progressive: int) -> None:
    done, data = cv2.imencode(".jpg", logo(37, 21)[..., :3], [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])
    assert done
    assert still_picture.read(b"\xff\xd8\xff\xfe\x00\x04hi\xff" + data.tobytes()[2:]).size == (37, 21)


WHOLE = encoded(logo())
JPEG = encoded(np.zeros((16, 16, 3), np.uint8), ".jpg")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "this is neither a PNG nor a JPEG picture"),
        (b"GIF89a" + bytes(50), "this is neither a PNG nor a JPEG picture"),
        (encoded(logo()[..., :3], ".bmp"), "this is neither a PNG nor a JPEG picture"),
        (encoded(logo()[..., :3], ".webp"), "this is neither a PNG nor a JPEG picture"),
        (WHOLE[:20], "this is neither a PNG nor a JPEG picture"),
        (WHOLE[:33], "the picture can't be decoded: it is damaged or cut off"),
        (WHOLE[:-20], "the picture can't be decoded: it is damaged or cut off"),
        (JPEG[:10], "this JPEG picture has no frame: it is damaged or cut off"),
        (JPEG[: JPEG.index(b"\xff\xda")], "the picture can't be decoded: it is damaged or cut off"),
        (png(16000, 16000, 8, RGBA, b""), "the picture has 16000x16000 pixels; at most 4096x2304"),
        (png(0, 1, 8, RGBA, b""), "the picture has 0x1 pixels; at most 4096x2304"),
        (JPEG.replace(b"\0\x10\0\x10", b"\xff\xff\xff\xff"), "the picture has 65535x65535 pixels; at most 4096x2304"),
        (png(4096, 2304, 8, RGBA, b""), "the picture can't be decoded: it is damaged or cut off"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match="picture") as caught:
        still_picture.read(data)
    assert str(caught.value).startswith(words)


def test_a_damaged_byte_is_noticed() -> None:
    """In the rows; the checksum of a PNG's header is not looked at before."""
    at = WHOLE.index(b"IDAT") + 30
    with pytest.raises(ValueError, match="damaged"):
        still_picture.read(WHOLE[:at] + bytes([WHOLE[at] ^ 255]) + WHOLE[at + 1 :])


@pytest.mark.parametrize("broken", [WHOLE[:-20], WHOLE[:-1] + b"?", WHOLE[:60] + bytes([WHOLE[60] ^ 85]) + WHOLE[61:]])
def test_a_damaged_png_is_refused_without_a_word_on_standard_error(
    broken: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="damaged or cut off"):
        still_picture.read(broken)
    assert capfd.readouterr().err == ""


def test_of_what_is_beside_the_pixels_of_a_png_nothing_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    profile = chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"none"))
    beside = WHOLE[:33] + profile + chunk(b"tEXt", b"Title") + WHOLE[33:]
    picture, plain = still_picture.read(beside), still_picture.read(WHOLE)
    assert (picture.bgr == plain.bgr).all()
    assert (picture.alpha == plain.alpha).all()
    assert capfd.readouterr().err == ""
