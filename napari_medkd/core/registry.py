"""A name → thing table whose errors list the valid names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from napari_medkd.errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and what they stand for.

    Parameters
    ----------
    kind : str
        What is registered, for the messages: ``"image encoder"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers its argument under `name`; a name is taken once."""
        if name in self._items:
            raise ValueError(f"{self.kind} {name!r} is registered already")

        def add(item: T) -> T:
            self._items[name] = item
            return item

        return add

    def __getitem__(self, name: str) -> T:
        try:
            return self._items[name]
        except KeyError:
            known = ", ".join(sorted(self._items)) or "none"
            raise UnknownName(f"There is no {self.kind} named {name!r}.", f"Known: {known}.") from None

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._items))

    def __len__(self) -> int:
        return len(self._items)
