"""Move one file, over HTTP or from a folder, with progress, cancelling and going on after an interruption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import pooch

from napari_medkd.errors import ModelUnavailable

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    Progress = Callable[[int, int], object]

_CHUNK = 64 * 1024
_TIMEOUT = (15, 60)  # seconds to connect, and without a byte
_TRIES = 3  # in a row that bring nothing


class Cancelled(ModelUnavailable):
    """The user stopped a download; what had arrived is kept."""


class Unreachable(Exception):
    """An address does not give the file; the message is the reason, without a full stop."""


class Watch:
    """Counts bytes, tells the caller, and stops when the caller wants to.

    Parameters
    ----------
    total : int
        Bytes expected; 0 where unknown until the server says.
    progress : callable, optional
        Called with (bytes so far, bytes in all or 0); returning False cancels.
    cancel : threading.Event, optional
        Cancels when set.
    """

    def __init__(
        self, total: int = 0, progress: Progress | None = None, cancel: threading.Event | None = None
    ) -> None:
        self.expected = total
        self._progress = progress
        self._cancel = cancel

    def tell(self, done: int) -> None:
        """Report that `done` bytes are there; raises `Cancelled`."""
        stopped = self._cancel is not None and self._cancel.is_set()
        if stopped or (self._progress is not None and self._progress(done, self.expected) is False):
            raise Cancelled("The download was stopped.", "What has arrived is kept for the next time.")


def copy(source: Path, target: Path, watch: Watch) -> None:
    """Copy a file; a part of `target` is written over."""
    watch.expected = source.stat().st_size
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(_CHUNK):
            writing.write(chunk)
            watch.tell(writing.tell())


def download(url: str, part: Path, watch: Watch) -> None:
    """Append to `part` what it lacks of the file at `url`.

    Interrupted connections are taken up again as long as each try brings something. Raises `Unreachable`.
    """
    import requests

    idle = 0
    most = _size(part)
    while True:
        try:
            _request(url, part, watch)
            return
        except requests.HTTPError as error:
            status = getattr(error.response, "status_code", 0)
            if status != 416 or not _size(part):
                raise Unreachable(_refusal(error.response)) from error
            part.unlink()  # what we have is not a beginning of what the server has
        except requests.RequestException as error:
            idle = 0 if _size(part) > most else idle + 1
            most = max(most, _size(part))
            if idle == _TRIES:
                raise Unreachable(_interruption(error)) from error


def _request(url: str, part: Path, watch: Watch) -> None:
    """Ask once for the rest of the file."""
    with part.open("ab") as output:
        start = output.tell()
        # Compressed on the way, the bytes to go on from would not be those of the file.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        bar = _Bar(output, watch)
        transfer = pooch.HTTPDownloader(
            progressbar=bar,
            chunk_size=_CHUNK,
            timeout=_TIMEOUT,
            headers=headers,
            hooks={"response": bar.started},
        )
        try:
            transfer(url, output, None)
        finally:
            bar.disconnect()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class _Bar:
    """What pooch sees as a progress bar, and requests calls with the response before its body is read."""

    total = 0  # set by pooch: bytes of this response, which are not those of the file

    def __init__(self, output: BinaryIO, watch: Watch) -> None:
        self._output = output
        self._watch = watch
        self._response: Any = None

    def started(self, response: Any, **_options: Any) -> None:
        """Start over where the server gives the whole file although the rest was asked for."""
        self._response = response
        if response.status_code == 200:
            self._output.seek(0)
            self._output.truncate()
        if response.status_code in (200, 206) and "Content-Length" in response.headers:
            self._watch.expected = self._output.tell() + int(response.headers["Content-Length"])

    def update(self, _bytes: int) -> None:
        self._watch.tell(self._output.tell())

    def reset(self) -> None:
        """Nothing to do: the count is the file's own."""

    def close(self) -> None:
        """Nothing to do: the file is closed by who opened it."""

    def disconnect(self) -> None:
        """Let go of the connection, which pooch leaves open when it is interrupted."""
        if self._response is not None:
            self._response.close()


def _refusal(response: Any) -> str:
    return f"{_host(response.url)} answers {response.status_code} {response.reason}".rstrip()


def _interruption(error: Any) -> str:
    import requests

    host = _host(error.request.url) if error.request is not None else "the server"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not let it through"
    if isinstance(error, requests.exceptions.SSLError):
        return f"the certificate of {host} is not trusted"
    if isinstance(error, requests.Timeout):
        return f"{host} does not answer"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"{host} broke off the connection"
    return f"{host} cannot be reached"


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(url).netloc
