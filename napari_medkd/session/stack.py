"""The slices of an object besides the one in hand: what makes it an object of the volume."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from napari_medkd.core.geometry import Plane

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari_medkd.session.packing import PackedMask


@dataclass(frozen=True, slots=True)
class Section:
    """An object on one slice.

    Parameters
    ----------
    mask : PackedMask
        Its pixels.
    score : float or None
        How sure the model is; None for a mask that no model made.
    prompt : bytes
        What was said on this slice, packed; empty where it was found from its neighbours.
    """

    mask: PackedMask
    score: float | None = None
    prompt: bytes = b""

    @property
    def is_given(self) -> bool:
        """Whether the user prompted, drew or accepted it, so that its neighbours follow it."""
        return bool(self.prompt)

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.mask.nbytes + len(self.prompt)


@dataclass(frozen=True, slots=True)
class Stack:
    """Sections of one object along an axis, by slice; changing it returns a new one that shares the rest."""

    axis: int
    sections: Mapping[int, Section] = field(default_factory=lambda: MappingProxyType({}))

    def plane(self, index: int) -> Plane:
        """Return the slice of an index."""
        return Plane(self.axis, index)

    def get(self, plane: Plane) -> Section | None:
        """Return the section on a slice; None where there is none."""
        return self.sections.get(plane.index) if plane.axis == self.axis else None

    def having(self, sections: Mapping[int, Section]) -> Stack:
        """Return the stack with these sections in place of those that were there."""
        return replace(self, sections=MappingProxyType({**self.sections, **sections}))

    def without(self, indices: Iterable[int]) -> Stack:
        """Return the stack without the sections of some slices."""
        gone = set(indices)
        left = {index: one for index, one in self.sections.items() if index not in gone}
        return replace(self, sections=MappingProxyType(left))

    @property
    def given(self) -> tuple[int, ...]:
        """The slices that the user said something on, rising."""
        return tuple(sorted(index for index, one in self.sections.items() if one.is_given))

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return sum(one.nbytes for one in self.sections.values())


def sheets(plane: Plane, mask: PackedMask, stack: Stack | None) -> tuple[tuple[Plane, PackedMask], ...]:
    """Return every slice of an object with its pixels, the one in hand first; empty ones are left out."""
    others = () if stack is None else ((stack.plane(n), one.mask) for n, one in stack.sections.items())
    return tuple((where, one) for where, one in ((plane, mask), *others) if one.bits)
