from __future__ import annotations

import pytest

from napari_medkd.core.registry import Registry
from napari_medkd.errors import UnknownName


def test_what_is_registered_is_found_listed_and_returned_unchanged():
    shapes: Registry[type] = Registry("shape")

    @shapes.register("square")
    class Square:
        pass

    shapes.register("circle")(int)
    assert shapes["square"] is Square
    assert list(shapes) == ["circle", "square"] and len(shapes) == 2
    assert "square" in shapes and "cube" not in shapes


def test_a_name_is_taken_once():
    shapes: Registry[int] = Registry("shape")
    shapes.register("square")(1)
    with pytest.raises(ValueError, match="'square' is registered already"):
        shapes.register("square")


def test_an_unknown_name_lists_the_known_ones():
    shapes: Registry[int] = Registry("shape")
    with pytest.raises(UnknownName, match=r"no shape named 'cube'\. Known: none"):
        shapes["cube"]
    shapes.register("square")(1)
    with pytest.raises(UnknownName, match="Known: square"):
        shapes["cube"]
