"""Arrays as files named after what they hold, on this computer or on any place that fsspec reaches."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_medkd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_SUFFIX, _TEMPORARY = ".png", ".part"
_ABANDONED = 24 * 3600.0  # seconds: no write takes that long, so what is left of one is rubbish
_EDITS_ZERO = 1  # edits are -1, 0, 1, kept as 0, 1, 2


class ArrayStore:
    """Images, masks and edits, each kept once however many records share it.

    They are PNG files, which lose nothing and which any program opens. The name is a digest of the pixels, so
    a file that was damaged is known for it, and the same pixels are never stored twice.

    Parameters
    ----------
    location : str
        A folder, or a place in fsspec's words (``s3://bucket/corrections``).
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self._fs, self._root = _open(location)
        self._is_local = "file" in _protocols(self._fs)

    def put(self, array: NDArray[Any]) -> str:
        """Keep an array, on the disk for good when this returns; returns its digest.

        Raises `StorageError` where the place cannot be written; nothing half-written has its name then.
        """
        digest = digest_of(array)
        if not self.holds(digest):
            data = _encode(array)
            with self._errors("written"):
                (self._put_file if self._is_local else self._put_remote)(self._path(digest), data)
        return digest

    def get(self, digest: str) -> NDArray[Any]:
        """Read an array back; one that is missing or does not match its name is a `StorageError`."""
        with self._errors("read"):
            data = self._fs.cat_file(self._path(digest))
        try:
            array = _decode(data)
        except (OSError, SyntaxError, ValueError) as error:
            raise self._damaged(digest) from error
        for candidate in _readings(array):
            if digest_of(candidate) == digest:
                return candidate
        raise self._damaged(digest)

    def holds(self, digest: str) -> bool:
        """Tell whether an array is there."""
        with self._errors("read"):
            return bool(self._fs.exists(self._path(digest)))

    def remove(self, digest: str) -> None:
        """Delete an array; one that is gone already is fine."""
        with self._errors("deleted"), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(digest))

    def digests(self) -> Iterator[str]:
        """Yield what is there; what an interrupted write left a day ago is deleted on the way."""
        for name, path in self._files():
            if name.endswith(_SUFFIX):
                yield name.removesuffix(_SUFFIX)
            elif name.endswith(_TEMPORARY) and self._is_abandoned(path):
                with self._errors("deleted"), contextlib.suppress(FileNotFoundError):
                    self._fs.rm_file(path)

    def nbytes(self) -> int:
        """Bytes that the arrays take."""
        with self._errors("read"):
            return sum(int(self._fs.size(path) or 0) for _, path in self._files())

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}{_SUFFIX}"

    def _files(self) -> Iterator[tuple[str, str]]:
        with self._errors("listed"):
            self._fs.invalidate_cache()
            paths = self._fs.find(self._root) if self._fs.exists(self._root) else []
        for path in paths:
            yield str(path).rpartition("/")[2], str(path)

    def _is_abandoned(self, path: str) -> bool:
        try:
            written: float = self._fs.modified(path).timestamp()
        except (NotImplementedError, FileNotFoundError):
            return False
        return time.time() - written > _ABANDONED

    def _put_file(self, path: str, data: bytes) -> None:
        """Write beside the name, flush, rename, and flush the folder: there whole or not at all."""
        folder, temporary = os.path.dirname(path), f"{path}.{uuid.uuid4().hex}{_TEMPORARY}"
        os.makedirs(folder, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _flush_folder(folder)

    def _put_remote(self, path: str, data: bytes) -> None:
        temporary = f"{path}.{uuid.uuid4().hex}{_TEMPORARY}"
        try:
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(temporary, data)
            self._fs.mv(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                self._fs.rm_file(temporary)
            raise

    @contextlib.contextmanager
    def _errors(self, deed: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise StorageError(
                "An array of a correction is missing.",
                "Bring the folder of arrays back from a backup, or delete the correction.",
            ) from error
        except OSError as error:
            raise StorageError(
                f"The arrays of corrections could not be {deed}: {error.strerror or type(error).__name__}.",
                "Check that the place can be reached and written, and that it has space.",
            ) from error

    @staticmethod
    def _damaged(digest: str) -> StorageError:
        return StorageError(
            f"The array {digest[:8]} of a correction is damaged.",
            "Bring it back from a backup, or delete the correction.",
        )


def digest_of(array: NDArray[Any]) -> str:
    """Return the digest of an array's shape, type and values."""
    digest = hashlib.blake2b(f"{array.shape}{array.dtype}".encode(), digest_size=20)
    # A bool may hold any byte but 0 for true; packed, equal masks are equal bytes.
    digest.update((np.packbits(array) if array.dtype == np.bool_ else np.ascontiguousarray(array)).data)
    return digest.hexdigest()


def _encode(array: NDArray[Any]) -> bytes:
    from PIL import Image

    pixels = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if pixels.dtype == np.int8:
        pixels = (pixels + _EDITS_ZERO).astype(np.uint8)
    data = io.BytesIO()
    # The quickest level: a slice of 1024² takes 20 ms instead of 200, for a tenth more bytes.
    Image.fromarray(np.ascontiguousarray(pixels)).save(data, format="PNG", compress_level=1)
    return data.getvalue()


def _decode(data: bytes) -> NDArray[Any]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        pixels = np.array(image)
    return pixels.view(np.uint8) != 0 if pixels.dtype == np.bool_ else pixels  # Pillow's true is 255


def _readings(pixels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the arrays that a PNG may stand for; the digest tells which it was."""
    yield pixels
    if pixels.ndim == 2 and pixels.dtype == np.uint8:
        yield pixels[..., np.newaxis]
        yield pixels.astype(np.int8) - np.int8(_EDITS_ZERO)


def _open(location: str) -> tuple[Any, str]:
    """Return the file system of a location and the path in it."""
    import fsspec

    try:
        file_system, root = fsspec.core.url_to_fs(location, use_listings_cache=False)
    except (ValueError, ImportError) as error:
        raise StorageError(
            f"The place for arrays cannot be used: {error}.",
            "Give a folder or a URL that fsspec knows, and install the package that it names.",
        ) from error
    return file_system, str(root).rstrip("/")


def _protocols(file_system: Any) -> tuple[str, ...]:
    protocol = file_system.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _flush_folder(folder: str) -> None:
    """Make the new name last through a power cut, where the system knows how (Windows does not)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
