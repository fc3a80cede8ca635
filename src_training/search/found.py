"""What a search keeps in the folder of its run: costs, the way of α, the encoder, the front."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_medkd.errors import UnreadableFile
from napari_medkd.models.encoders.blueprint import Blueprint
from src_training.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

COSTS, FOUND, FRONT, TRAJECTORY = "costs.json", "architecture.json", "front.json", "alpha.jsonl"
_Form = TypeVar("_Form", bound=BaseModel)
_EVERY = 10  # steps between two notes of α


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Priced(_File):
    """What the operations of a space cost, kept for the run, so that a resumed search is the same."""

    schema_version: Literal[1] = 1
    unit: Literal["ms", "GMAC", ""] = Field(description="Milliseconds, 10⁹ multiply-accumulates, or nothing.")
    widths: str = Field(description="Name of the widths that were chosen.")
    costs: dict[str, dict[str, float]] = Field(description="Slot → operation → cost.")
    shared: float = Field(description="Cost of what all encoders of the space share.")
    scale: float = Field(1.0, gt=0, description="What whole encoders cost, per what their parts cost.")
    target: float = Field(0.0, ge=0, description="What the encoder may cost; 0 for anything.")
    measured_on: str = Field("", description="Device, threads and runtime.")


class Found(_File):
    """The encoder that a run trains."""

    schema_version: Literal[1] = 1
    how: str = Field(description="search, random, fixed, or the name of one of the paper's sizes.")
    encoder: Blueprint = Field(description="Its description.")
    choice: dict[str, tuple[str, ...]] = Field(
        description="Slot → operations; nothing for a size of the paper."
    )
    predicted: float = Field(description="Cost by the sum of its parts.")
    measured: float = Field(description="Milliseconds of the whole encoder, with weights of chance.")
    target: float = Field(description="What was wanted; 0 for nothing.")
    tries: int = Field(ge=1, description="How many encoders were derived and measured until one fitted.")


class Point(_File):
    """One trained network on the front of accuracy and time."""

    name: str = Field(description="What people read.")
    kind: Literal["found", "distilled", "random", "known"] = Field(description="Where it comes from.")
    milliseconds: float = Field(description="Of its image encoder for one image.")
    parameters: int = Field(description="Of its image encoder.")
    iou: float | None = Field(
        None, description="Mean overlap on the validation cases; null where not trained."
    )
    package: str = Field("", description="Its model in the run's folder; empty where it was not kept.")


class Front(_File):
    """Trained networks, by name."""

    schema_version: Literal[1] = 1
    points: tuple[Point, ...] = ()

    def with_point(self, point: Point) -> Front:
        """Return the front with a point in place of one of the same name."""
        kept = tuple(one for one in self.points if one.name != point.name)
        return Front(points=(*kept, point))


class Trajectory:
    """Notes softmax(α) of every slot as the search goes on.

    Parameters
    ----------
    folder : Path
        The run's.
    steps : int
        Of the search; the last one is noted too.
    """

    def __init__(self, folder: Path, steps: int) -> None:
        self._path, self._steps = folder / TRAJECTORY, steps

    def __call__(self, task: nn.Module, step: int) -> None:
        """Note the state after a step, every few steps."""
        if step % _EVERY and step not in (1, self._steps):
            return
        student: Any = task.student
        net = student.image_encoder
        alpha = {
            name: [round(float(value), 5) for value in probabilities.detach().cpu()]
            for name, probabilities in net.probabilities().items()
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, "alpha": alpha}) + "\n")


def read_trajectory(folder: Path) -> dict[int, dict[str, list[float]]]:
    """Return step → slot → softmax(α); of a step that a resumed run did again, the last note counts."""
    found: dict[int, dict[str, list[float]]] = {}
    path = folder / TRAJECTORY
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                note = json.loads(line)
            except ValueError:
                continue  # torn when the run was killed; its step is done again
            found[int(note["step"])] = note["alpha"]
    return dict(sorted(found.items()))


def keep(folder: Path, name: str, content: BaseModel) -> None:
    """Write one of these files, whole or not at all."""
    write_text(folder / name, content.model_dump_json(indent=1) + "\n")


def kept(folder: Path, name: str, form: type[_Form]) -> _Form | None:
    """Read one of these files; None where it is not there yet."""
    path = folder / name
    if not path.is_file():
        return None
    try:
        return form.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UnreadableFile(
            f"{name} of the run {folder.name} cannot be read.", "Start the run again from its beginning."
        ) from error
