"""Going on when the session must know first: what becomes of a proposal, what of other classes under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from napari_medkd.session.state import OverlapConflict, OverlapRule, Pending, PendingProposal

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.core.geometry import Plane
    from napari_medkd.session.session import Session
    from napari_medkd.widgets.dialogs import Asker

T = TypeVar("T")


class Kept(Exception):
    """The user would rather keep the proposal than go on; nothing was changed."""


def settle(
    session: Session, asker: Asker, action: Callable[[Pending | None], T], plane: Plane | None = None
) -> T:
    """Do `action`, asking first what becomes of an uncommitted proposal where it would be lost.

    Where `action` says something on a slice, `plane`, it may also be meant as one more of the same object.

    Raises
    ------
    Kept
        Where the user keeps the proposal.
    """
    try:
        return action(None)
    except PendingProposal as error:
        ask_and_release(session, asker, error, plane)
    return action(Pending.DISCARD)


def ask_and_release(session: Session, asker: Asker, question: PendingProposal, plane: Plane | None) -> None:
    """Ask what becomes of the proposal, and do it; raises `Kept`."""
    if plane is not None and session.can_join(plane):
        release(session, asker, asker.ask_pending(str(question), can_join=True))
    else:
        release(session, asker, asker.ask_pending(str(question)))


def release(session: Session, asker: Asker, choice: Pending) -> None:
    """Commit or discard the proposal as chosen, or raise `Kept`."""
    if choice is Pending.KEEP:
        raise Kept
    if choice is Pending.DISCARD:
        session.discard()
        return
    if choice is Pending.JOIN:
        session.join_slices()
        return
    try:
        session.commit()
    except OverlapConflict as conflict:
        rule = asker.ask_overlap(conflict)
        if rule not in (OverlapRule.KEEP, OverlapRule.OVERWRITE):
            raise Kept from None
        session.commit(rule)
