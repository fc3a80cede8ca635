"""Going on when the session must know first: what becomes of a proposal, what of other classes under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from napari_medkd.session.state import OverlapConflict, OverlapRule, Pending, PendingProposal

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_medkd.session.session import Session
    from napari_medkd.widgets.dialogs import Asker

T = TypeVar("T")


class Kept(Exception):
    """The user would rather keep the proposal than go on; nothing was changed."""


def settle(session: Session, asker: Asker, action: Callable[[Pending | None], T]) -> T:
    """Do `action`, asking first what becomes of an uncommitted proposal where it would be lost.

    Raises
    ------
    Kept
        Where the user keeps the proposal.
    """
    try:
        return action(None)
    except PendingProposal as error:
        release(session, asker, asker.ask_pending(str(error)))
    return action(Pending.DISCARD)


def release(session: Session, asker: Asker, choice: Pending) -> None:
    """Commit or discard the proposal as chosen, or raise `Kept`."""
    if choice is Pending.KEEP:
        raise Kept
    if choice is Pending.DISCARD:
        session.discard()
        return
    try:
        session.commit()
    except OverlapConflict as conflict:
        rule = asker.ask_overlap(conflict)
        if rule not in (OverlapRule.KEEP, OverlapRule.OVERWRITE):
            raise Kept from None
        session.commit(rule)
