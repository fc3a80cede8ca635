"""Anything a user can do, in any order: undo goes back to the start, redo to the end, the journal agrees."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Point, Prompt
from napari_medkd.core.volume import Volume
from napari_medkd.errors import MedkdError
from napari_medkd.session.session import Session
from napari_medkd.session.state import OverlapRule, Pending
from napari_medkd.session.worker import SyncWorker
from tests.doubles import ThresholdSegmenter
from tests.session.conftest import let_go

if TYPE_CHECKING:
    from napari_medkd.session.journal import Journal

SHAPE = (6, 24, 28)


class User:
    """Does random things to a session."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session = session
        self.rng = np.random.default_rng(seed)
        self.done: Counter[str] = Counter()

    def act(self) -> None:
        name = str(self.rng.choice([name for name in dir(self) if name.startswith("do_")]))
        try:
            getattr(self, name)()
            self.done[name] += 1
        except MedkdError:
            self.done["refused"] += 1

    def pending(self) -> Pending:
        return self.rng.choice(list(Pending))

    def position(self) -> tuple[int, int, int]:
        held = np.argwhere(self.session.labels)
        z, y, x = self.rng.choice(held) if len(held) else self.rng.integers(0, SHAPE)
        return int(z), int(y), int(x)

    def plane(self) -> Plane:
        axis = int(self.rng.choice(3, p=[0.6, 0.2, 0.2]))
        return Plane(axis, int(self.rng.integers(SHAPE[axis])))

    def region(self, plane: Plane) -> np.ndarray:
        region = np.zeros(plane.shape(SHAPE), bool)
        top, left = (int(self.rng.integers(size)) for size in region.shape)
        region[top : top + self.rng.integers(1, 8), left : left + self.rng.integers(1, 8)] = True
        return region

    def do_point(self) -> None:
        old = self.session.prompt
        plane = old.plane if old is not None and self.rng.random() < 0.7 else self.plane()
        row, column = (float(self.rng.integers(size)) for size in plane.shape(SHAPE))
        prompt = old if old is not None and old.plane == plane else Prompt(plane)
        self.session.set_prompt(prompt.with_point(Point(row, column)), self.pending())

    def do_box(self) -> None:
        plane = self.plane()
        corners = [[float(self.rng.integers(size)) for size in plane.shape(SHAPE)] for _ in range(2)]
        self.session.set_prompt(Prompt(plane, box=Box.between(*corners)), self.pending())

    do_box_again = do_another_box = do_box

    def do_edit(self) -> None:
        plane = self.session.prompt.plane if self.session.prompt else self.session.plane
        self.session.paint(self.region(plane), bool(self.rng.random() < 0.6))

    def do_cycle(self) -> None:
        self.session.cycle(int(self.rng.choice([-1, 1])))

    def do_discard(self) -> None:
        self.session.discard()

    def do_commit(self) -> None:
        if self.session.proposal is None:
            self.do_box()
        self.session.commit(self.rng.choice([*OverlapRule, None]))

    do_commit_again = do_another_commit = do_commit

    def do_commit_and_next(self) -> None:
        self.session.commit_and_next(OverlapRule.OVERWRITE)

    def do_reopen(self) -> None:
        self.session.reopen(self.position(), self.pending())

    def do_delete(self) -> None:
        self.session.delete_at(self.position())

    def do_delete_region(self) -> None:
        plane = self.plane()
        self.session.delete_in(plane, self.region(plane))

    def do_paint(self) -> None:
        labels, plane = self.session.labels, self.plane()
        stroke = np.zeros(SHAPE, bool)
        stroke[plane.slicing()] = self.region(plane)
        indices = np.nonzero(stroke)
        old = labels[indices].copy()
        labels[indices] = self.rng.choice([0, 1, 2, 5])
        self.session.record_paint(indices, old)

    def do_class(self) -> None:
        value = int(self.rng.choice([found.value for found in self.session.classes]))
        self.session.update_class(value, name=f"name {self.rng.integers(1000)}")

    def do_lock(self) -> None:
        value = int(self.rng.choice([found.value for found in self.session.classes]))
        self.session.update_class(value, locked=bool(self.rng.random() < 0.15))

    def do_remove_class(self) -> None:
        self.session.remove_class(int(self.rng.choice([found.value for found in self.session.classes])))

    def do_activate(self) -> None:
        self.session.set_active(
            int(self.rng.choice([found.value for found in self.session.classes])), self.pending()
        )

    def do_undo(self) -> None:
        for _ in range(int(self.rng.integers(1, 4))):
            self.session.undo()

    def do_redo(self) -> None:
        for _ in range(int(self.rng.integers(1, 4))):
            self.session.redo()


def committed(session: Session) -> tuple:
    return session.labels.tobytes(), session.objects, session.classes


def everything(session: Session) -> tuple:
    proposal = session.proposal
    shown = None if proposal is None else (proposal.mask.tobytes(), proposal.choice, proposal.object_id)
    return *committed(session), session.prompt, shown


def check_claims(session: Session) -> None:
    """Every pixel that an object says it holds has its value."""
    for found in session.objects.values():
        assert (session.labels[found.plane.slicing()][found.mask] == found.value).all()
        assert found.mask.any()


def check_journal(session: Session) -> None:
    """The journal, read from its first row, gives what is in memory."""
    journal: Journal | None = session._ledger._journal
    if journal is None:
        return
    replay = journal.replay()
    labels = np.ones(SHAPE, np.uint16)
    replay.write(labels)
    assert np.array_equal(labels, session.labels)
    assert replay.contents.objects == session.objects
    assert replay.contents.table.classes == session.classes
    assert replay.contents.reopened == session._ledger.contents.reopened


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(7)
    coarse = rng.random((3, 6, 7)) < 0.5
    return Volume.from_array(np.kron(coarse, np.ones((2, 4, 4))).astype(np.uint8) * 200)


@pytest.mark.parametrize("seed", range(12))
def test_random_operations(volume, tmp_path, seed):
    session = Session(SyncWorker(), tmp_path, undo_bytes=2**30)
    session.set_segmenter(ThresholdSegmenter())
    session.open(volume)
    session.set_plane(Plane(0, 0))
    user = User(session, seed)
    initial = everything(session)
    for _ in range(150):
        user.act()
        check_claims(session)
        check_journal(session)
    assert user.done["do_commit"] + user.done["do_commit_again"] + user.done["do_another_commit"] > 2
    while session.redo():
        pass
    final = everything(session)
    while session.undo():
        check_claims(session)
    assert everything(session) == initial
    check_journal(session)
    while session.redo():
        check_claims(session)
    check_journal(session)
    assert everything(session) == final
    let_go(session)
