"""Where models are kept: those we ship, the user's own, and LiteMedSAM in its package."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_medkd import settings
from napari_medkd.errors import ModelUnavailable, StorageError, missing_extra
from napari_medkd.models import litemedsam
from napari_medkd.models.checkpoint import check_digest, load_state, read_state, sha256, write_state
from napari_medkd.models.package import (
    CARD,
    CHECKPOINTS,
    DECODER,
    ENCODER,
    WEIGHTS,
    check_package,
    read_card,
    unpack,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_medkd.models.card import ModelCard
    from napari_medkd.models.promptable import PromptableModel

logger = logging.getLogger(__name__)

_SHIPPED = Path(__file__).parent / "weights"


class ModelStore:
    """Models by id. A model is a folder of its card and files; adding one happens in one step or not at all.

    Parameters
    ----------
    folder : Path, optional
        The user's models; ``models`` in the user's data folder by default. It wins over what is shipped.
    shipped : Path, optional
        The models inside the package.
    """

    def __init__(self, folder: Path | None = None, shipped: Path = _SHIPPED) -> None:
        self.folder = folder or settings.home() / "models"
        self._shipped = shipped
        self._verified: dict[Path, tuple[int, int, str]] = {}

    def list(self) -> list[ModelCard]:
        """Return the cards of all models, by title; a folder with a damaged card is left out and logged."""
        cards: dict[str, ModelCard] = {}
        if litemedsam.checkpoint_path() is not None:
            cards[litemedsam.CARD.id] = litemedsam.CARD
        for root in (self._shipped, self.folder):
            for path in sorted(root.glob(f"[!.]*/{CARD}")):
                try:
                    cards[path.parent.name] = read_card(path.parent)
                except ModelUnavailable as error:
                    logger.warning("%s", error)
        return sorted(cards.values(), key=lambda card: card.title.lower())

    def get(self, model_id: str) -> ModelCard:
        """Return the card of a model; an unknown one is a `ModelUnavailable` that lists the known."""
        folder = self._package(model_id)
        if folder is not None:
            return read_card(folder)
        if model_id == litemedsam.CARD.id and litemedsam.checkpoint_path() is not None:
            return litemedsam.CARD
        known = ", ".join(card.id for card in self.list()) or "none"
        raise ModelUnavailable(
            f"The model {model_id!r} is not installed (installed: {known}).", _how_to_install(model_id)
        )

    def files(self, model_id: str) -> dict[str, Path]:
        """Return the files of a model that are there, by name; their digests are not looked at.

        The user's folder may hold only what was exported here, beside weights that are shipped.
        """
        found: dict[str, Path] = {}
        for name in self.get(model_id).files:
            places = [self.folder / model_id / name, self._shipped / model_id / name]
            if name == litemedsam.CHECKPOINT and (inside := litemedsam.checkpoint_path()):
                places.append(inside)
            place = next(filter(Path.is_file, places), None)
            if place is not None:
                found[name] = place
        return found

    def verified(self, model_id: str, name: str) -> Path:
        """Return a file of a model after comparing its digest with the card's."""
        expected = self.get(model_id).files.get(name, "")
        path = self.files(model_id).get(name)
        if path is None:
            raise ModelUnavailable(f"{model_id} has no file {name}.", "Remove the model and add it again.")
        status = path.stat()
        stamp = (status.st_size, status.st_mtime_ns, expected)
        if self._verified.get(path) != stamp:
            check_digest(path, expected, model_id)
            self._verified[path] = stamp
        return path

    def weights_name(self, model_id: str) -> str | None:
        """Return which file holds the weights for torch; None where the model is only there exported."""
        return next((name for name in self.files(model_id) if name.endswith(CHECKPOINTS)), None)

    def has_export(self, model_id: str) -> bool:
        """Tell whether the model can run on ONNX Runtime."""
        return {ENCODER, DECODER} <= self.files(model_id).keys()

    def build(self, model_id: str) -> PromptableModel:
        """Build the network with its weights. Imports torch."""
        name = self.weights_name(model_id)
        card = self.get(model_id)
        if name is None:
            raise ModelUnavailable(
                f"{card.title} is only installed as an exported model, without weights for torch.",
                "Choose the runtime onnx, or add its checkpoint.",
            )
        state = read_state(self.verified(model_id, name))
        try:
            from napari_medkd.models.promptable import build_model
        except ModuleNotFoundError as error:
            raise missing_extra(str(error.name), "torch", f"Running {card.title} with torch") from error
        model = build_model(card.architecture, card.preprocessing)
        load_state(model, state, card.title)
        return model

    def add(self, path: Path, *, replace: bool = False, model_id: str = "") -> ModelCard:
        """Take a model in.

        Parameters
        ----------
        path : Path
            A package (a folder or zip file with ``card.json`` and the files it names), or the bare checkpoint
            of a known model, which is recognised by its digest or its contents. A checkpoint imports torch.
        replace : bool
            Whether a model of the same id is replaced; otherwise that is an error.
        model_id : str
            Which model a bare checkpoint is, where the file alone does not tell.
        """
        path = Path(path)
        if path.is_dir():
            return self._add_package(path, replace)
        if path.suffix.lower() == ".zip":
            with self._staging() as staging:
                unpack(path, staging)
                return self._add_package(staging, replace)
        if path.suffix.lower() not in CHECKPOINTS:
            raise ModelUnavailable(
                f"{path.name} is not a model: expected a folder or zip file with {CARD}, or a checkpoint "
                f"({', '.join(CHECKPOINTS)}).",
                "Run medkd models list to see which models can be added.",
            )
        if not path.is_file():
            raise ModelUnavailable(f"There is no file {path.name}.", "Check the path.")
        return self._add_checkpoint(path, replace, model_id)

    def remove(self, model_id: str) -> None:
        """Delete a model of the user's folder; what is shipped cannot be removed."""
        if self._package(model_id) != self.folder / model_id:
            title = self.get(model_id).title
            raise ModelUnavailable(f"{title} came with the installation and cannot be removed.")
        try:
            shutil.rmtree(self.folder / model_id)
        except OSError as error:
            raise StorageError(
                f"{model_id} could not be removed: {error.strerror or error}.", "Close what uses it."
            ) from error

    def install(self, card: ModelCard, files: Mapping[str, Path], *, keep: bool = False) -> ModelCard:
        """Put a model in place in one step: copy its files and write its card with their digests.

        With `keep`, files of an installed model of the same id stay where `files` does not name them.
        """
        with self._staging() as staging:
            kept = self.folder / card.id
            if keep and kept.is_dir():
                shutil.copytree(kept, staging, dirs_exist_ok=True, copy_function=_link)
            for name, source in files.items():
                (staging / name).unlink(missing_ok=True)
                shutil.copyfile(source, staging / name)
            digests = {name: sha256(staging / name) for name in files}
            card = card.model_copy(update={"files": {**(card.files if keep else {}), **digests}})
            (staging / CARD).unlink(missing_ok=True)
            (staging / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
            self._swap(staging, card.id)
        return card

    def _package(self, model_id: str) -> Path | None:
        if not model_id or Path(model_id).name != model_id:  # never outside our folders
            return None
        folders = (self.folder / model_id, self._shipped / model_id)
        return next((folder for folder in folders if (folder / CARD).is_file()), None)

    def _add_package(self, folder: Path, replace: bool) -> ModelCard:
        card = check_package(folder)
        self._check_free(card, replace)
        return self.install(card, {name: folder / name for name in card.files})

    def _add_checkpoint(self, path: Path, replace: bool, model_id: str) -> ModelCard:
        from napari_medkd.models.adoption import adopt

        card, state = adopt(path, model_id)
        self._check_free(card, replace)
        with self._staging() as staging:
            write_state(state, staging / WEIGHTS)
            return self.install(card, {WEIGHTS: staging / WEIGHTS})

    def _check_free(self, card: ModelCard, replace: bool) -> None:
        if not replace and (self.folder / card.id / CARD).exists():
            raise ModelUnavailable(
                f"A model with the id {card.id} is installed already.",
                "Remove it first, or say that it should be replaced.",
            )

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """Give a hidden folder beside the models, gone afterwards whatever happens."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=".adding-", dir=self.folder))
        except OSError as error:
            raise StorageError(
                f"The model folder {self.folder} cannot be written: {error.strerror or error}.",
                "Free some space or set MEDKD_HOME to a folder that can be written.",
            ) from error
        try:
            yield staging
        except OSError as error:
            raise StorageError(
                f"The model could not be stored: {error.strerror or error}.", "Free some space."
            ) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _swap(self, staging: Path, model_id: str) -> None:
        """Rename a finished folder into place."""
        final, old = self.folder / model_id, staging.with_name(f"{staging.name}-old")
        if final.exists():
            final.rename(old)
        staging.rename(final)
        shutil.rmtree(old, ignore_errors=True)


def _link(source: str, target: str) -> None:
    """Link instead of copying where the file system can."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _how_to_install(model_id: str) -> str:
    if model_id == litemedsam.CARD.id:
        return 'Install it with: pip install "napari-medkd[all]"'
    return "Run medkd models list to see what is installed, and medkd models fetch or add to get another."
