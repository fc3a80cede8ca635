"""A model as a folder or zip file: ``card.json`` and the files that it names."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from pydantic import ValidationError

from napari_medkd.errors import ModelUnavailable
from napari_medkd.models.card import ModelCard
from napari_medkd.models.checkpoint import check_digest

CARD = "card.json"
WEIGHTS = "model.safetensors"
ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
CHECKPOINTS = (".safetensors", ".pth", ".pt")


def read_card(folder: Path) -> ModelCard:
    """Read the card of a package, or say what is wrong with it."""
    try:
        return ModelCard.model_validate_json((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelUnavailable(f"{folder.name} has no {CARD}.", "Choose a model package.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ModelUnavailable(
            f"The {CARD} of {folder.name} is not valid: {where}: {first['msg']}.",
            "Remove the model and add it again.",
        ) from error
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"The {CARD} of {folder.name} cannot be read.", "Remove the model and add it again."
        ) from error


def check_package(folder: Path) -> ModelCard:
    """Return the card of a package that holds weights and nothing but the files it names, undamaged."""
    card = read_card(folder)
    names = set(card.files)
    if not ({ENCODER, DECODER} <= names or any(name.endswith(CHECKPOINTS) for name in names)):
        raise ModelUnavailable(
            f"The package of {card.title} holds no weights: expected {WEIGHTS}, or {ENCODER} and {DECODER}.",
            "Ask for a complete package.",
        )
    for name, digest in card.files.items():
        if Path(name).name != name:
            raise ModelUnavailable(f"The package of {card.title} names a file outside itself: {name!r}.")
        check_digest(folder / name, digest, card.title)
    return card


def unpack(archive: Path, folder: Path) -> None:
    """Extract the plain files at the top of a zip file, or of a folder in it; never outside `folder`."""
    try:
        with zipfile.ZipFile(archive) as package:
            for info in package.infolist():
                place = Path(info.filename)
                if info.is_dir() or len(place.parts) > 2 or not place.name:
                    continue
                with package.open(info) as source, (folder / place.name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except FileNotFoundError:
        raise ModelUnavailable(f"There is no file {archive.name}.", "Check the path.") from None
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise ModelUnavailable(
            f"{archive.name} is not a readable zip file.", "Get the file again from its source."
        ) from error
