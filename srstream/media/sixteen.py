"""16 bits a channel, by PyAV: Pillow silently narrows such colour pictures to 8."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from typing import Literal

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from srstream.errors import DecodeError

_PNG_FORMATS = {1: "gray16be", 2: "ya16be", 3: "rgb48be", 4: "rgba64be"}
_LARGEST_OPTION = 2**31 - 1  # FFmpeg takes no more pixels than that anyway
_PNG_SIGNATURE_BYTES = 8
_PNG_HEADER_BYTES = 33  # the signature, then IHDR: length, type, 13 bytes, CRC
_PNG_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def decode_16bit(
    data: bytes, codec: Literal["png", "tiff"], *, width: int, height: int
) -> NDArray[np.uint16]:
    """Return the first picture in the data as [H, W, C].

    Args:
        data: the content of the file.
        codec: what FFmpeg calls its format.
        width: what the header says.
        height: what the header says.

    Raises:
        DecodeError: it is not a picture of this size and 16 bits.
        av.FFmpegError: it is damaged.
    """
    context = _context(codec, "r")
    # FFmpeg reads the header anew; should it find another size in it than Pillow did,
    # it must not take the memory. It counts rows padded to 64 pixels.
    most = (width + 63) // 64 * 64 * height
    context.options = {"max_pixels": str(min(most, _LARGEST_OPTION))}
    packet = av.Packet(_only_pixels(data) if codec == "png" else data)
    frames = [*context.decode(packet), *context.decode(None)]
    if not frames:
        raise DecodeError("holds no picture")
    pixels = _pixels_of(frames[0])
    if pixels.shape[:2] != (height, width):
        raise DecodeError(f"says {width}x{height} and holds another size")
    return pixels


def encode_16bit_png(
    pixels: NDArray[np.uint16],
    *,
    compression: int,
    icc: bytes | None = None,
    exif: bytes | None = None,
) -> bytes:
    """Return the pixels, [H, W, C] with C from 1 to 4, as a lossless PNG.

    Raises:
        av.FFmpegError: the picture is too large for FFmpeg, some 16000 pixels a side.
    """
    height, width, channels = pixels.shape
    frame = av.VideoFrame(width, height, _PNG_FORMATS[channels])
    plane = frame.planes[0]
    rows = np.zeros((height, plane.line_size // 2), ">u2")  # PNG is big-endian
    rows[:, : width * channels] = pixels.reshape(height, -1)
    plane.update(rows.tobytes())

    context = _context("png", "w")
    context.width, context.height = width, height
    context.pix_fmt = _PNG_FORMATS[channels]
    context.time_base = Fraction(1)  # required, and of no effect on a still picture
    context.sample_aspect_ratio = Fraction(1)  # else pHYs says 0 by 1
    # paeth made the smallest files of all predictors on a photograph, as fast as any.
    context.options = {"pred": "paeth", "compression_level": str(compression)}
    packets = [*context.encode(frame), *context.encode(None)]
    png = b"".join(bytes(packet) for packet in packets)
    return _with_extras(png, icc=icc, exif=exif)


def _context(codec: Literal["png", "tiff"], mode: Literal["r", "w"]) -> VideoCodecContext:
    context = VideoCodecContext.create(codec, mode)
    context.thread_count = 1  # a single picture: more threads only take memory
    return context


def _pixels_of(frame: av.VideoFrame) -> NDArray[np.uint16]:
    height, width = frame.height, frame.width
    if frame.format.name == "ya16be":  # grey and alpha, which PyAV does not convert
        plane = frame.planes[0]
        rows = np.frombuffer(bytes(plane), ">u2").reshape(height, plane.line_size // 2)
        return rows[:, : width * 2].reshape(height, width, 2).astype(np.uint16)
    pixels = frame.to_ndarray()  # in native byte order
    if pixels.dtype != np.uint16:
        raise DecodeError(f"does not hold 16 bits a channel but {frame.format.name}")
    return pixels.astype(np.uint16, copy=False).reshape(height, width, -1)


def _only_pixels(png: bytes) -> bytes:
    """Leave out the chunks beside the pixels: FFmpeg refuses a file for broken EXIF."""
    kept = [png[:_PNG_SIGNATURE_BYTES]]
    start = _PNG_SIGNATURE_BYTES
    while start < len(png):
        length = int.from_bytes(png[start : start + 4], "big")
        end = start + 12 + length  # length, type and CRC take 4 bytes each
        if png[start + 4 : start + 8] in _PNG_PIXEL_CHUNKS:
            kept.append(png[start:end])
        start = end
    return b"".join(kept)


def _with_extras(png: bytes, *, icc: bytes | None, exif: bytes | None) -> bytes:
    """Insert the colour profile and the EXIF data right after the header.

    FFmpeg writes neither from what PyAV can hand it. A profile must stand before the
    pixels; EXIF data may stand there.
    """
    extras = b""
    if icc:
        # a name of our choice, its end, compression method 0 (deflate), the profile
        extras += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc))
    if exif:
        # PNG leaves out the marker that JPEG puts before the table
        extras += _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    return png[:_PNG_HEADER_BYTES] + extras + png[_PNG_HEADER_BYTES:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    """Length of the body, type, body, CRC of type and body."""
    return (
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
    )
