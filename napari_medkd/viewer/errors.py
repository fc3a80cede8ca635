"""The one place where a MedkdError becomes a notification of the viewer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info, show_warning

from napari_medkd.errors import MedkdError

if TYPE_CHECKING:
    from collections.abc import Iterator


def notify(error: MedkdError) -> None:
    """Show what went wrong and what to do about it."""
    show_warning(str(error))


def tell(sentence: str) -> None:
    """Show a sentence that is good to know."""
    show_info(sentence)


@contextmanager
def reported() -> Iterator[None]:
    """Turn an error raised on purpose inside the block into a notification; the block ends there."""
    try:
        yield
    except MedkdError as error:
        notify(error)
