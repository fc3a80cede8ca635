"""The sentences about suggestions. No Qt: they are tested as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_medkd.inference.kinds import is_other, is_same
from napari_medkd.inference.routing import SURE

if TYPE_CHECKING:
    from napari_medkd.core.geometry import Geometry
    from napari_medkd.models.card import ModelCard
    from napari_medkd.session.session import Session
    from napari_medkd.session.suggestion import Suggestion


def name_of(one: Suggestion) -> str:
    """Return what a suggestion shows, where the model says."""
    return one.name or "object"


def reaches(one: Suggestion, lowest: float) -> bool:
    """Tell whether a suggestion's score is so high, as it is shown: 0.797 is 0.80 to who reads the table."""
    return round(one.score, 2) >= lowest


def size_of(one: Suggestion, geometry: Geometry) -> str:
    """Return the area of a suggestion, or its volume where it lies on several slices."""
    if not geometry.from_file:
        return f"{one.pixels:,} px"
    size = one.size(geometry)
    if len(one.parts) == 1:
        return f"{size:.3g} mm²" if size < 1000 else f"{size:,.0f} mm²"
    return f"{size:.3g} mm³" if size < 1000 else f"{size / 1000:.3g} ml"


def slices_of(one: Suggestion) -> str:
    """Return the slices of a suggestion: "12", or "12–30"."""
    first, last = one.planes
    return str(first) if first == last else f"{first}–{last}"


def found_text(session: Session) -> str:
    """Return what was found and what is left to decide; also that nothing was, and how sure that is."""
    suggestions, plane = session.suggestions, session.plane
    review = suggestions.review
    if review is None:
        if suggestions.is_looking:
            return "The model is looking…"
        return "Nobody has looked for objects in this image yet." if session.volume is not None else ""
    left, found = len(suggestions.new), len(suggestions.all)
    parts = []
    if found:
        parts.append(f"{found} suggestion{'' if found == 1 else 's'}, {left or 'none'} left to decide.")
    absent = [one for one in suggestions.nothing if one.plane == plane]
    parts += [f"No {one.name} on this slice ({one.sure:.0%} sure)." for one in absent]
    if not found and not absent:
        parts.append("Nothing was found.")
    if review.covered:
        parts.append(f"{len(review.covered)} left out: committed before.")
    parts.append(doubt_text(session))
    return " ".join(parts).strip()


def doubt_text(session: Session) -> str:
    """Return why the kind that an image was taken for may be wrong, and what to do; empty where it is not."""
    review, volume = session.suggestions.review, session.volume
    if review is None or volume is None or not review.kinds:
        return ""
    kind, share = next(iter(review.kinds.items()))
    advice = "Choose the kind, or let Everything look."
    if is_other(volume, review.modality):
        return f"The file says {volume.modality}, and it was taken for {review.modality}. {advice}"
    if review.modality == kind and share < SURE and not is_same(volume, kind):
        return (
            f"This may be none of the kinds of image that the model knows (taken for {kind}, {share:.0%} "
            f"sure). {advice}"
        )
    return ""


def looker_text(card: ModelCard | None) -> str:
    """Return how a model finds objects."""
    if card is None:
        return "No model is loaded."
    if card.targets:
        names = list(dict.fromkeys(target.name for target in card.targets))
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        return f"{card.title} finds by itself: {shown}."
    if "point" in card.capabilities:
        return f"{card.title} answers clicks, so it is asked at many points of the slice."
    return f"{card.title} neither finds objects by itself nor takes points: choose another model."
