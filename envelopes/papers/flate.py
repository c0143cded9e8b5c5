"""Packed streams: whole, damaged, or cut; and what is left in them. RFC 1950 (head and sum) around RFC 1951 (data).

Readers are content with what they get out of a stream, so none of them says that something is missing.
"""

import zlib
from contextlib import suppress
from typing import Any, Final

from pikepdf import Name, Object

_HEAD: Final = 2  # bytes, RFC 1950 2.2
_CHUNK: Final = 1 << 20  # bytes unpacked at a time
_STEP: Final = 64  # packed bytes at a time where some are damaged: what comes before the fault is kept


def is_packed(stream: Object) -> bool:
    """Tell whether this is the one filter of the stream; nothing is said about pictures with their own."""
    return stream.get("/Filter") in (Name.FlateDecode, [Name.FlateDecode])


def is_whole(stream: Object) -> bool:
    """Tell whether the packed data come to their end. Head and sum are often wrong, and nothing is lost by that."""
    return _comes_to_its_end(zlib.decompressobj(-zlib.MAX_WBITS), stream.read_raw_bytes()[_HEAD:])


def is_sound(stream: Object) -> bool:
    """Tell whether head and sum are right too."""
    return _comes_to_its_end(zlib.decompressobj(), stream.read_raw_bytes())


def repack(stream: Object) -> None:
    """Pack what is left of a damaged stream anew."""
    packed, unpacking, left = stream.read_raw_bytes(), zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    with suppress(zlib.error):
        for at in range(_HEAD, len(packed), _STEP):
            left += unpacking.decompress(packed[at : at + _STEP])
    parameters: Any = stream.get("/DecodeParms")
    stream.write(zlib.compress(left), filter=Name.FlateDecode, decode_parms=parameters)


def _comes_to_its_end(unpacking: "zlib._Decompress", packed: bytes) -> bool:
    if not packed:
        return True
    with suppress(zlib.error):
        while packed and not unpacking.eof:
            unpacking.decompress(packed, _CHUNK)
            packed = unpacking.unconsumed_tail
    return unpacking.eof
