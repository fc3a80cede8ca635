"""What classes are called in DICOM: SNOMED CT codes from a table that ships, and from the user's own.

The user's table is ``segment_codes.json`` in the folder of the settings, in the form of ``codes.json`` beside
this module; its entries come before ours.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from napari_medkd import settings
from napari_medkd.errors import InvalidSetting

if TYPE_CHECKING:
    from pathlib import Path

FILE = "segment_codes.json"
_SHORT, _LONG = 16, 64  # characters that DICOM allows for a code and for its meaning
_LOCAL = "99MEDKD"  # private schemes begin with 99


class Code(BaseModel):
    """One concept of a coding scheme."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: str = Field(min_length=1, max_length=_SHORT, description="The code.")
    scheme: str = Field("SCT", min_length=1, max_length=_SHORT, description="Its scheme; SCT is SNOMED CT.")
    meaning: str = Field(min_length=1, max_length=_LONG, description="What it says, for people.")


# Categories of a segmented property, context group 7150 of the standard.
_CATEGORIES = {
    "anatomy": Code(value="91723000", meaning="Anatomical Structure"),
    "abnormal": Code(value="49755003", meaning="Morphologically Abnormal Structure"),
    "tissue": Code(value="85756007", meaning="Tissue"),
    "substance": Code(value="91720002", meaning="Body Substance"),
    "object": Code(value="260787004", meaning="Physical object"),
}
_SIDES = {"left": Code(value="7771000", meaning="Left"), "right": Code(value="24028007", meaning="Right")}


class Coded(BaseModel):
    """How a class is coded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Literal["anatomy", "abnormal", "tissue", "substance", "object"] | Code = Field(
        "anatomy", description="What sort of thing it is: one of five words, or a code."
    )
    type: Code = Field(description="What it is.")
    modifier: Code | None = Field(None, description="What says it more exactly, mostly the side.")

    @property
    def category_code(self) -> Code:
        """The category as a code."""
        return _CATEGORIES[self.category] if isinstance(self.category, str) else self.category


_TABLE: TypeAdapter[dict[str, Coded]] = TypeAdapter(dict[str, Coded])


def user_table() -> Path:
    """Return where the user's own codes are, or would be."""
    return settings.home() / FILE


def load() -> dict[str, Coded]:
    """Return the codes by name of a class, in lower case; the user's before ours.

    Raises
    ------
    InvalidSetting
        The user's table is no JSON or not of the form.
    """
    shipped = resources.files("napari_medkd.io.dicom").joinpath("codes.json").read_text("utf-8")
    table = _TABLE.validate_json(shipped)
    path = user_table()
    if path.exists():
        try:
            own = _TABLE.validate_python(json.loads(path.read_text("utf-8")))
        except ValidationError as error:
            found = error.errors()[0]
            place = ", ".join(map(str, found["loc"]))
            raise _damaged(path, f"{place}: {found['msg'].lower()}") from error
        except ValueError as error:
            raise _damaged(path, str(error)) from error
        table |= {_plain(name): coded for name, coded in own.items()}
    return table


def find(name: str, table: dict[str, Coded]) -> Coded:
    """Return how a class is coded: from the table, with its side, else in a scheme of our own.

    A class that the table lacks keeps its name as the meaning, all that other programs can know of it.
    """
    words = _plain(name).split()
    for side, code in _SIDES.items():
        rest = " ".join(word for word in words if word != side)
        if side in words and rest in table and " ".join(words) not in table:
            return table[rest].model_copy(update={"modifier": code})
    plain = " ".join(words)
    if plain in table:
        return table[plain]
    value = hashlib.blake2b(plain.encode(), digest_size=_SHORT // 2).hexdigest()
    return Coded(category="tissue", type=Code(value=value, scheme=_LOCAL, meaning=name[:_LONG] or "Object"))


def _plain(name: str) -> str:
    """Return a name as the table has it: ``Left_Kidney`` is ``left kidney``."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def _damaged(path: Path, reason: str) -> InvalidSetting:
    return InvalidSetting(
        f"The codes in {path} cannot be taken: {reason}.",
        'Write {"liver": {"type": {"value": "10200004", "meaning": "Liver"}}}, or remove the file.',
    )
