"""Get a published checkpoint: from the offline folder, else from its address. The only module with a network.

pooch transfers (through proxies named by the environment, ``HTTPS_PROXY`` and the like); going on where an
earlier try stopped is done here, since pooch starts anew each time.
"""

from __future__ import annotations

import errno
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd.errors import MedkdError, ModelUnavailable, StorageError
from napari_medkd.models import catalogue
from napari_medkd.models.checkpoint import sha256
from napari_medkd.models.transfer import Cancelled, Unreachable, Watch, copy, download

if TYPE_CHECKING:
    import threading

    from napari_medkd.models.catalogue import CatalogueEntry
    from napari_medkd.models.transfer import Progress

__all__ = ["Cancelled", "fetch"]

logger = logging.getLogger(__name__)

PARTIAL = ".part"  # ending of a file that is not complete or not checked yet


def fetch(
    model_id: str,
    *,
    store_folder: Path | str,
    offline_folder: Path | str = "",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    accept_licence: bool = False,
    allow_unverified: bool = False,
    base_url: str | None = None,
) -> Path:
    """Bring the published file of a model into `store_folder`, checked.

    Parameters
    ----------
    model_id : str
        Model of the catalogue.
    store_folder : Path
        Where the file goes; a part of it stays there when the download is interrupted, and the next call
        goes on from it.
    offline_folder : Path
        Looked into for the file first; then no network is used.
    progress : callable, optional
        Called with (bytes so far, bytes in all or 0); returning False cancels, and what it raises is let
        through.
    cancel : threading.Event, optional
        Cancels when set.
    accept_licence : bool
        Whether the user agreed to a licence that forbids commercial use.
    allow_unverified : bool
        Take a file whose digest is not known, or is not the published one.
    base_url : str, optional
        Download from this folder of a mirror instead.

    Returns
    -------
    Path
        The complete file.

    Raises
    ------
    Cancelled
        The user stopped it.
    ModelUnavailable
        The licence was not accepted, the file cannot be had, or it is not the published one.
    StorageError
        It cannot be written.
    """
    entry = catalogue.entry(model_id)
    _check_licence(entry, accept_licence)
    _check_known(entry, allow_unverified)
    target = Path(store_folder) / entry.file_name
    if target.is_file() and _digest_is_right(target, entry):
        return target
    part = target.with_name(target.name + PARTIAL)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        _obtain(entry, part, offline_folder, base_url, Watch(entry.size, progress, cancel))
        _verify(part, entry, allow_unverified)
        part.replace(target)
    except OSError as error:
        raise _not_stored(entry, error) from error
    return target


def _check_licence(entry: CatalogueEntry, accepted: bool) -> None:
    if not (entry.card.commercial_use or accepted):
        raise ModelUnavailable(
            f"The weights of {entry.card.title} may not be used commercially: {entry.card.licence}.",
            f"Read the licence ({entry.licence_url}); if you agree, fetch again with --accept-licence.",
        )


def _check_known(entry: CatalogueEntry, allow_unverified: bool) -> None:
    if entry.assurance == "none" and not allow_unverified:
        raise ModelUnavailable(
            f"No digest of {entry.file_name} is known, so a download could not be checked.",
            f"If you trust its source, run medkd models fetch {entry.id} --allow-unverified, or download the "
            f"file in a browser ({', '.join(entry.urls) or entry.licence_url}) and add it.",
        )


def _obtain(
    entry: CatalogueEntry, part: Path, offline_folder: Path | str, base_url: str | None, watch: Watch
) -> None:
    """Fill `part` from the offline folder, or else from the first address that answers."""
    offline = Path(offline_folder) / entry.file_name
    if offline_folder and offline.is_file():
        _check_space(entry, part, offline.stat().st_size)
        part.unlink(missing_ok=True)
        copy(offline, part, watch)
        return
    urls = (f"{base_url.rstrip('/')}/{entry.file_name}",) if base_url else entry.urls
    if not urls:
        raise ModelUnavailable(f"{entry.card.title} has no address to download from.", entry.instructions)
    _check_space(entry, part, entry.size)
    failures = []
    for url in urls:
        try:
            download(url, part, watch)
            return
        except Unreachable as error:
            failures.append(error)
    raise _not_downloaded(entry, part, failures[-1])


def _check_space(entry: CatalogueEntry, part: Path, needed: int) -> None:
    there = part.stat().st_size if part.exists() else 0
    if shutil.disk_usage(part.parent).free < needed - there:
        raise OSError(errno.ENOSPC, f"{entry.file_name} takes {needed / 1e6:.0f} MB")


def _digest_is_right(path: Path, entry: CatalogueEntry) -> bool:
    return bool(entry.sha256) and sha256(path) == entry.sha256


def _verify(part: Path, entry: CatalogueEntry, allow_unverified: bool) -> None:
    """Compare the digest with the published one; what may not be kept is deleted."""
    if not entry.sha256:
        logger.warning("%s was not checked: no digest of it is known.", entry.file_name)
        return
    found = sha256(part)
    if found == entry.sha256:
        return
    seen = (
        f"The file for {entry.card.title} is not the published one: {part.stat().st_size} bytes with SHA-256 "
        f"{found[:12]}…, expected {entry.sha256[:12]}…"
    )
    if allow_unverified or entry.assurance == "advisory":
        logger.warning("%s. It is kept.", seen)
        return
    part.unlink()
    raise ModelUnavailable(
        f"{seen}; it was deleted.",
        "Something on the way may have changed it. Try again, or with --allow-unverified if you know why.",
    )


def _not_downloaded(entry: CatalogueEntry, part: Path, error: Unreachable) -> MedkdError:
    done = part.stat().st_size if part.exists() else 0
    kept = f" {done / 1e6:.1f} MB are kept, and the next try goes on from there." if done else ""
    return ModelUnavailable(
        f"{entry.card.title} could not be downloaded: {error}.{kept}",
        "Check the connection (and HTTPS_PROXY, where there is a proxy), or put "
        f"{entry.file_name} into the offline model folder.",
    )


def _not_stored(entry: CatalogueEntry, error: OSError) -> MedkdError:
    if error.errno == errno.ENOSPC:
        size = f" ({entry.size / 1e6:.0f} MB)" if entry.size else ""
        return StorageError(
            f"There is no space left for {entry.file_name}{size}.", "Free some space and fetch it again."
        )
    return StorageError(
        f"{entry.file_name} could not be stored: {error.strerror or error}.",
        "Check that the model folder can be written.",
    )
