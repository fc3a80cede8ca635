"""What a run tells, in words: the same on a terminal and in the panel."""

from __future__ import annotations

from napari_medkd.runs import events

_PLAN = ("planned_mb", "free_mb")  # said before a run; beside what it learns they are in the way


def spoken(event: events.Event) -> str:
    """Return an event as a sentence; empty where it says nothing by itself."""
    if isinstance(event, events.Warning):
        return f"{event.message} {event.hint}".strip()
    if isinstance(event, events.ModelExported):
        return f"The model {event.id} was exported."
    if isinstance(event, events.Started) and event.resumed:
        return "Resumed."
    return ""


def figures(values: dict[str, float]) -> str:
    """Return figures by name in one line, but for those of the plan."""
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items() if name not in _PLAN)


def left(seconds: float | None) -> str:
    """Return a time that is left, as people say it."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"
