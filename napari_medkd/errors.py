"""The errors that napari-medkd raises on purpose: a sentence for people and a hint on what to do."""

from __future__ import annotations


class MedkdError(Exception):
    """Something a person can act on.

    Parameters
    ----------
    message : str
        One sentence: what was seen and what was expected.
    hint : str
        What to do about it; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UnreadableFile(MedkdError):
    """A file is missing, damaged, empty, of an unknown kind, or holds no image."""


class UnknownName(MedkdError):
    """A name is not registered; the message lists those that are."""


class MissingExtra(MedkdError):
    """An optional package is not installed; the hint says the ``pip install`` line."""


class InvalidPrompt(MedkdError):
    """A prompt lies outside the image, is empty, or is not one that the model understands."""


class ModelUnavailable(MedkdError):
    """A model is not installed, its file is damaged or does not fit its description."""


class GeometryMismatch(MedkdError):
    """Two arrays that must share a grid do not."""


class InvalidSetting(MedkdError):
    """A setting was given a value that it cannot take, or is needed and was not given."""


class RunFailed(MedkdError):
    """A run ended without a result; the message is what the run itself said last."""


class StorageError(MedkdError):
    """Something could not be written or read back: a full disk, a locked or foreign database."""


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtra:
    """Return the error for an optional `package` of `extra`, needed for `purpose`."""
    return MissingExtra(
        f"{purpose} needs the package {package}, which is not installed.",
        f'Install it with: pip install "napari-medkd[{extra}]"',
    )
