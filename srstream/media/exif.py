"""The EXIF data of a picture: taken out of the source, fitted to the enlargement.

Pixels are never turned. The orientation tag travels with them, so that whoever turns
the input upright also turns the output.
"""

from __future__ import annotations

from io import BytesIO

from PIL import ExifTags, Image

from srstream.media.tables import check_tables

_MARKER = b"Exif\0\0"

# A TIFF keeps its layout (strip offsets, sample formats) in the same table; only what
# describes the photograph is taken along.
_ABOUT_THE_PHOTOGRAPH = (
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Orientation,
    ExifTags.Base.XResolution,
    ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)


def exif_of(image: Image.Image) -> bytes | None:
    """Return the EXIF data of an opened picture, or none if there is none that holds.

    An orientation that is given by XMP or in a text chunk only is included.
    """
    try:
        check_tables(BytesIO(_found_in(image)))
        exif = image.getexif()
        if image.format == "TIFF":
            exif = _about_the_photograph(exif)
    except Exception:  # noqa: BLE001 - Pillow raises anything on a broken table
        return None
    return _bytes_of(exif) or None


def _found_in(image: Image.Image) -> bytes:
    """Return the EXIF data that Pillow would read; of a TIFF it was checked before."""
    exif = image.info.get("exif")
    if exif is None and (text := image.info.get("Raw profile type exif")):
        exif = bytes.fromhex("".join(text.split("\n")[3:]))  # as ImageMagick writes it
    return _without_marker(exif or b"")


def _without_marker(exif: bytes) -> bytes:
    while exif.startswith(_MARKER):
        exif = exif[len(_MARKER) :]
    return exif


def fit_exif(exif: bytes, *, width: int, height: int) -> bytes:
    """Return EXIF data that holds for a picture of another size.

    The size tags are corrected where there are any and the thumbnail is left out. Empty
    for data that cannot be understood: some readers refuse a whole picture for it.
    """
    try:
        table = _load(exif)
        for tag in (ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength):
            table.pop(tag, None)
        if ExifTags.IFD.Exif in table:
            details = table.get_ifd(ExifTags.IFD.Exif)
            for tag, side in (
                (ExifTags.Base.ExifImageWidth, width),
                (ExifTags.Base.ExifImageHeight, height),
            ):
                if tag in details:
                    details[tag] = side
    except Exception:  # noqa: BLE001 - Pillow raises anything on a broken table
        return b""
    return _bytes_of(table)


def only_orientation(exif: bytes) -> bytes:
    """Return EXIF data with nothing but the orientation; empty if there is none."""
    try:
        table = _load(exif)
    except Exception:  # noqa: BLE001 - Pillow raises anything on a broken table
        return b""
    return _orientation_of(table)


def _bytes_of(table: Image.Exif) -> bytes:
    if not len(table):
        return b""
    try:
        return table.tobytes()
    except Exception:  # noqa: BLE001 - a table that was read may still not be writable
        return _orientation_of(table)


def _orientation_of(table: Image.Exif) -> bytes:
    orientation = table.get(ExifTags.Base.Orientation)
    if orientation not in range(1, 9):
        return b""
    alone = Image.Exif()
    alone[ExifTags.Base.Orientation] = orientation
    return alone.tobytes()


def _load(exif: bytes) -> Image.Exif:
    table = Image.Exif()
    table.load(exif)
    return table


def _about_the_photograph(exif: Image.Exif) -> Image.Exif:
    kept = Image.Exif()
    for tag in _ABOUT_THE_PHOTOGRAPH:
        if tag in exif:
            kept[tag] = exif[tag]
    for part in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if table := exif.get_ifd(part):
            kept[part] = table
    return kept
