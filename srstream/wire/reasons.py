"""Why a message is refused: the words by which refusals are counted."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """All there are; what was found stands in the detail beside it."""

    PARTS = "wrong number of parts"
    HEADER_LENGTH = "header is too long"
    HEADER_JSON = "header is not JSON"
    HEADER_OBJECT = "header is not an object"
    FORMAT = "format is not known"
    VERSION = "version is not known"
    FIELD = "field of the header is wrong"
    DTYPE = "dtype is not taken"
    SHAPE = "shape is not taken"
    PIXELS = "too many pixels"
    LENGTH = "payload is not as long as declared"
    NO_PICTURE = "payload is neither JPEG nor PNG"
    NOT_DECODED = "picture cannot be decoded"
    RANGE = "floats are out of range"
