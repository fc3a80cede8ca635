"""From a pydantic model to a form and back: titles, tooltips, bounds and choices stand in its fields only.

Built from an instance, never from the class: magicgui would lose the defaults. Floats get a step as fine as
their value, since magicgui shows ``1e-3`` as ``0.0`` without one.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FileEdit,
    FloatSpinBox,
    LineEdit,
    SpinBox,
    create_widget,
)
from pydantic import BaseModel
from qtpy.QtWidgets import QLabel

from napari_medkd.errors import MedkdError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from magicgui.widgets.bases import ValueWidget
    from pydantic.fields import FieldInfo

M = TypeVar("M", bound=BaseModel)
_FINER = 2  # digits
_NO_BOUND = 2**31 - 1  # the widest that Qt's spin boxes take


def build_form(
    instance: BaseModel,
    *,
    exclude: Collection[str] = (),
    choices: Mapping[str, Sequence[Any]] | None = None,
) -> Container:
    """Return a form that shows `instance`.

    Parameters
    ----------
    instance : BaseModel
        Its fields with a title become rows; those without one are not for people.
    exclude : collection of str
        Fields to leave out.
    choices : mapping of str to sequence
        Values to offer for a field, instead of free text; the present one is added where it is missing.
    """
    rows = [
        _row(name, info, getattr(instance, name), (choices or {}).get(name))
        for name, info in type(instance).model_fields.items()
        if info.title and name not in exclude
    ]
    form = Container(labels=True)
    form.extend(rows)  # after it was made: only then does magicgui align the labels
    return form


def align_labels(form: Container) -> None:
    """Make the labels of a form equally wide; call it once it is shown, when the host's font is known."""
    labels = form.native.findChildren(QLabel)
    widest = max((label.sizeHint().width() for label in labels), default=0)
    for label in labels:
        label.setMinimumWidth(widest)


def read_form(form: Container, instance: M) -> M:
    """Return a validated copy of `instance` with the values of `form`."""
    values = instance.model_dump() | {row.name: row.value for row in form}
    try:
        return type(instance).model_validate(values)
    except ValueError as error:
        raise MedkdError(f"These settings cannot be: {error}.", "Correct them.") from error


def show_in_form(form: Container, instance: BaseModel) -> None:
    """Show the values of `instance` in a form made by `build_form`."""
    for row in form:
        row.value = getattr(instance, row.name)


def _row(name: str, info: FieldInfo, value: Any, choices: Sequence[Any] | None) -> ValueWidget:
    common = {"name": name, "label": info.title, "tooltip": info.description or info.title}
    if get_origin(info.annotation) is Literal:
        choices = get_args(info.annotation)
    if choices is not None:
        offered = [*choices, *([] if value in choices else [value])]
        return ComboBox(choices=offered, value=value, **common)
    if isinstance(value, bool):
        return CheckBox(value=value, **{**common, "label": "", "text": info.title})
    if isinstance(value, int):
        low, high = _bounds(info, 1)
        return SpinBox(value=value, min=int(low), max=int(high), step=1, **common)
    if isinstance(value, float):
        step = _step(value)
        low, high = _bounds(info, step)
        row = FloatSpinBox(value=value, min=low, max=high, step=step, **common)
        row.native.setDecimals(row.native.decimals() + _FINER)  # finer values than the default's can be typed
        return row
    if isinstance(value, Path):
        return FileEdit(value=value, **common)
    if isinstance(value, str):
        return LineEdit(value=value, **common)
    return create_widget(value=value, annotation=info.annotation, **common)


def _bounds(info: FieldInfo, step: float) -> tuple[float, float]:
    """Return the smallest and largest value; an open bound lies one `step` further in."""
    low, high = -float(_NO_BOUND), float(_NO_BOUND)
    for kind, shift in (("ge", 0.0), ("gt", step)):
        low = max([low, *(bound + shift for bound in _constraints(info, kind))])
    for kind, shift in (("le", 0.0), ("lt", step)):
        high = min([high, *(bound - shift for bound in _constraints(info, kind))])
    return low, high


def _constraints(info: FieldInfo, kind: str) -> list[float]:
    found = (getattr(constraint, kind, None) for constraint in info.metadata)
    return [float(value) for value in found if value is not None]


def _step(value: float) -> float:
    """Return a step of one in the last written digit of `value`, at most a hundredth."""
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return float(Decimal(1).scaleb(min(int(exponent), -2)))
