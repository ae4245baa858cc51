"""Zstandard: of the standard library since Python 3.14, of ``zstandard`` before."""

import sys
from typing import ClassVar, Final

from edge_contract.errors import PackageError, UnavailableError

__all__ = ["Zstd"]

_LEVEL: Final = 19
_MAX_WINDOW_LOG: Final = 27  # 128 MiB, what decoders take by default
_LEAST_DICTIONARY_BYTES: Final = 8


def _window_log(size_bytes: int) -> int:
    """Return the window that reaches over ``size_bytes``, where one may be so large."""
    return min(max(size_bytes.bit_length(), 10), _MAX_WINDOW_LOG)


if sys.version_info >= (3, 14):
    from compression import zstd

    def _compressed(data: bytes, known: bytes) -> bytes:
        options = {
            zstd.CompressionParameter.compression_level: _LEVEL,
            zstd.CompressionParameter.window_log: _window_log(len(data) + len(known)),
        }
        dictionary = zstd.ZstdDict(known, is_raw=True).as_prefix if known else None
        return zstd.compress(data, options=options, zstd_dict=dictionary)

    def _expanded(packed: bytes, known: bytes, size_bytes: int) -> bytes | None:
        dictionary = zstd.ZstdDict(known, is_raw=True).as_prefix if known else None
        options = {zstd.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG}
        inflater = zstd.ZstdDecompressor(dictionary, options)
        try:
            data = inflater.decompress(packed, size_bytes + 1)
        except zstd.ZstdError as error:
            raise PackageError(f"delta holds no readable zstd data: {error}") from error
        return data if inflater.eof and not inflater.unused_data else None

else:
    try:
        import zstandard
    except ImportError as error:
        raise UnavailableError(
            "zstd is missing: pip install zstandard, or use Python 3.14 or later"
        ) from error

    def _compressed(data: bytes, known: bytes) -> bytes:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            _LEVEL, window_log=_window_log(len(data) + len(known))
        )
        compressor = zstandard.ZstdCompressor(
            compression_params=parameters, dict_data=_dictionary(known)
        )
        return compressor.compress(data)

    def _expanded(packed: bytes, known: bytes, size_bytes: int) -> bytes | None:
        inflater = zstandard.ZstdDecompressor(
            dict_data=_dictionary(known), max_window_size=1 << _MAX_WINDOW_LOG
        )
        try:
            # What the frame says is allocated before anything is read, so it is asked first.
            if zstandard.frame_content_size(packed) != size_bytes:
                return None
            return inflater.decompress(packed, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise PackageError(f"delta holds no readable zstd data: {error}") from error

    def _dictionary(known: bytes) -> zstandard.ZstdCompressionDict | None:
        if not known:
            return None
        return zstandard.ZstdCompressionDict(known, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


class Zstd:
    """Zstandard at level 19, which sees what the receiver knows as if it had come before."""

    name: ClassVar[str] = "zstd"

    def compress(self, data: bytes, known: bytes = b"") -> bytes:
        """Return one zstd frame that says its size; nothing for nothing."""
        return b"" if not data else _compressed(data, _usable(known))

    def expand(self, packed: bytes, known: bytes = b"", *, size_bytes: int) -> bytes:
        """Return what was compressed, if it has ``size_bytes``."""
        if not packed and size_bytes == 0:
            return b""
        data = _expanded(packed, _usable(known), size_bytes) if size_bytes > 0 else None
        if data is None or len(data) != size_bytes:
            raise PackageError(
                f"delta holds zstd data that is cut off or does not have {size_bytes} bytes"
            )
        return data


def _usable(known: bytes) -> bytes:
    """Return a dictionary that every library takes: shorter ones are refused by some."""
    return known if len(known) >= _LEAST_DICTIONARY_BYTES else b""
