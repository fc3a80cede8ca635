"""Look up the public checkpoints, and tell which one a file is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari_medkd.errors import ModelUnavailable, UnknownName
from napari_medkd.models.checkpoint import read_state, sha256
from napari_medkd.models.published import PUBLISHED, CatalogueEntry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["CatalogueEntry", "entries", "entry", "identify"]


class Shaped(Protocol):
    """Anything with a shape: a tensor, without importing torch."""

    @property
    def shape(self) -> Sequence[int]:
        """Elements along each axis."""
        ...


def entries() -> tuple[CatalogueEntry, ...]:
    """Return every entry, in the order in which they are best listed."""
    return PUBLISHED


def entry(model_id: str) -> CatalogueEntry:
    """Return the entry of a model; an unknown name is an error that lists the known."""
    for known in PUBLISHED:
        if known.id == model_id:
            return known
    names = ", ".join(sorted(known.id for known in PUBLISHED))
    raise UnknownName(f"There is no checkpoint named {model_id!r} in the catalogue.", f"Known: {names}.")


def identify(source: Path | Mapping[str, Shaped], name: str = "") -> CatalogueEntry | None:
    """Tell which checkpoint a file or a state dict is: by its digest, else by its tensors.

    Parameters
    ----------
    source : Path or mapping of str to tensor
        The file, or what is in it under the published tensor names.
    name : str
        File name of a state dict, for the case below.

    Returns
    -------
    CatalogueEntry or None
        None where it is none of the catalogue's.

    Raises
    ------
    ModelUnavailable
        Where several models have the same tensors (SAM ViT-B and MedSAM, for one), the digest is not known
        and the file's name is not a published one: only the user can tell.
    """
    if isinstance(source, Path):
        digest = sha256(source)
        for known in PUBLISHED:
            if known.sha256 == digest:
                return known
        return identify(read_state(source), source.name)
    shapes = {key: tuple(value.shape) for key, value in source.items()}
    found = [known for known in PUBLISHED if known.matches(shapes)]
    named = [known for known in found if known.file_name == name]
    if len(found) > 1 and not named:
        raise ModelUnavailable(
            f"{name or 'The checkpoint'} can be {' or '.join(known.card.title for known in found)}: their "
            "networks are the same, and neither the digest nor the file name tells.",
            f"Give the file its published name ({' or '.join(known.file_name for known in found)}), or say "
            f"which it is: medkd models add FILE --as {'|'.join(known.id for known in found)}",
        )
    return next(iter(named or found), None)
