"""Small drawings as SVG, for a page that opens in any browser and needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377",
    "#bbbbbb", "#994455", "#004488", "#997700", "#6699cc", "#332288",
)  # fmt: skip  # told apart by people who see colours otherwise (Tol 2021)
_LEFT, _BOTTOM, _TOP, _RIGHT = 46, 34, 22, 14


@dataclass(frozen=True, slots=True)
class Line:
    """A series: places and values, and its colour's number."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with a name; without a value it is a dashed line over its place."""

    name: str
    x: float
    y: float | None
    colour: int


class Chart:
    """Axes with lines and marks on them.

    Parameters
    ----------
    title, across, up : str
        Of the chart and its axes.
    x, y : (float, float)
        Ranges.
    size : (int, int)
        Width and height, in pixels.
    """

    def __init__(
        self,
        title: str,
        across: str,
        up: str,
        x: tuple[float, float],
        y: tuple[float, float],
        size: tuple[int, int] = (300, 190),
    ) -> None:
        self._x, self._y, self._size = x, y, size
        width, height = size
        self._parts = [
            f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
            f"<title>{escape(title)}</title>",
            _text(_LEFT, 14, title, weight="bold"),
            _text((_LEFT + width - _RIGHT) / 2, height - 4, across, anchor="middle"),
        ]
        if up:
            self._parts.append(
                f'<text transform="rotate(-90)" x="{-(height - _BOTTOM + _TOP) / 2}" y="10" '
                f'text-anchor="middle">{escape(up)}</text>'
            )
        self._axes()

    def line(self, line: Line) -> None:
        """Draw a series."""
        points = " ".join(
            f"{self._at_x(x):.1f},{self._at_y(y):.1f}" for x, y in zip(line.x, line.y, strict=True)
        )
        colour = COLOURS[line.colour % len(COLOURS)]
        self._parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6">'
            f"<title>{escape(line.name)}</title></polyline>"
        )

    def mark(self, mark: Mark) -> None:
        """Draw a point, or a dashed line, with its name."""
        colour = COLOURS[mark.colour % len(COLOURS)]
        x = self._at_x(mark.x)
        if mark.y is None:
            top, bottom = _TOP, self._size[1] - _BOTTOM
            self._parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="{colour}" '
                'stroke-dasharray="4 3"/>'
            )
            self._parts.append(_text(x + 3, top + 10, mark.name, colour=colour))
            return
        y = self._at_y(mark.y)
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
        late = x > 0.75 * self._size[0]
        self._parts.append(
            _text(
                x - 6 if late else x + 6, y + 4, mark.name, anchor="end" if late else "start", colour=colour
            )
        )

    def svg(self) -> str:
        """Return the drawing."""
        return "\n".join([*self._parts, "</svg>"])

    def _axes(self) -> None:
        width, height = self._size
        for value in _ticks(*self._x):
            x = self._at_x(value)
            self._parts.append(_text(x, height - _BOTTOM + 13, f"{value:g}", anchor="middle"))
        for value in _ticks(*self._y):
            y = self._at_y(value)
            self._parts.append(
                f'<line x1="{_LEFT}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8884"/>'
            )
            self._parts.append(_text(_LEFT - 4, y + 4, f"{value:g}", anchor="end"))

    def _at_x(self, value: float) -> float:
        low, high = self._x
        return float(_LEFT + (value - low) / (high - low or 1) * (self._size[0] - _LEFT - _RIGHT))

    def _at_y(self, value: float) -> float:
        low, high = self._y
        return float(
            self._size[1] - _BOTTOM - (value - low) / (high - low or 1) * (self._size[1] - _TOP - _BOTTOM)
        )


def _ticks(low: float, high: float) -> list[float]:
    """Return about four round numbers within a range."""
    step = 10 ** np.floor(np.log10(max(high - low, 1e-9) / 3))
    step *= min((1, 2, 5, 10), key=lambda factor: abs((high - low) / (factor * step) - 4))
    return [
        round(float(value), 6) for value in np.arange(np.ceil(low / step) * step, high + step / 1e3, step)
    ]


def _text(
    x: float, y: float, text: str, anchor: str = "start", weight: str = "normal", colour: str = "currentColor"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">'
        f"{escape(text)}</text>"
    )
