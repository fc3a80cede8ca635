from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit

from napari_medkd.core.geometry import Plane
from napari_medkd.core.prompts import Box, Point, Prompt
from napari_medkd.session.state import OverlapRule, Pending, State
from napari_medkd.widgets import TOOLS, SegmentPanel
from napari_medkd.widgets.buttons import LinkButton, ToolButton
from napari_medkd.widgets.state_line import StateLine
from tests.doubles import ThresholdSegmenter, failure
from tests.widgets.conftest import INSIDE, PLANE, ct

LEFT = Qt.MouseButton.LeftButton


def combo(panel, name: str) -> QComboBox:
    (found,) = [box for box in panel.findChildren(QComboBox) if box.accessibleName() == name]
    return found


def texts(panel) -> str:
    return "\n".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())


def visible_tools(panel) -> list[str]:
    shown = [tool for tool in panel.findChildren(ToolButton) if tool.isVisible()]
    return [tool.accessibleName().lower() for tool in shown]


class TestProposal:
    def test_commit_writes_into_the_active_class_and_says_how_much(self, panel, session, qtbot, button):
        session.set_prompt(INSIDE)
        qtbot.mouseClick(button(panel, "Commit"), LEFT)
        assert (session.labels[1] == 1).sum() == 100
        assert session.state is State.COMMITTED
        assert "Last commit: 100 px written." in texts(panel)

    def test_commit_says_what_it_left_alone(self, panel, session, qtbot, button):
        session.set_prompt(INSIDE)
        session.commit()
        session.update_class(1, locked=True)
        session.add_class("other")
        session.set_active(2)
        session.set_prompt(Prompt(PLANE, (Point(12, 12), Point(25, 35))))
        qtbot.mouseClick(button(panel, "Commit"), LEFT)
        assert "150 px written, 100 protected pixels left alone." in texts(panel)

    def test_commit_and_next_starts_a_new_instance(self, panel, session, qtbot, button):
        session.set_prompt(INSIDE)
        qtbot.mouseClick(button(panel, "Commit & next"), LEFT)
        assert session.active_class.name == "object 2"

    def test_discard_drops_the_proposal(self, panel, session, qtbot, button):
        session.set_prompt(INSIDE)
        qtbot.mouseClick(button(panel, "Discard"), LEFT)
        assert session.proposal is None
        assert not button(panel, "Discard").isEnabled()

    def test_candidates_are_stepped_through(self, panel, session, qtbot, button):
        session.set_prompt(INSIDE)
        assert "Candidate 1 of 3 · score 0.90" in texts(panel)
        qtbot.mouseClick(button(panel, "Next candidate"), LEFT)
        assert session.proposal.choice == 1
        assert "Candidate 2 of 3 · score 0.70" in texts(panel)
        qtbot.mouseClick(button(panel, "Previous candidate"), LEFT)
        assert session.proposal.choice == 0

    def test_a_single_candidate_has_nothing_to_step_to(self, panel, session, button):
        session.set_prompt(Prompt(PLANE, box=Box(7, 7, 19, 19)))
        assert not button(panel, "Next candidate").isEnabled()
        assert button(panel, "Commit").isEnabled()

    def test_an_empty_mask_cannot_be_committed(self, panel, session, button):
        session.set_prompt(Prompt(PLANE, (Point(2, 2),)))
        assert not session.proposal.mask.any()
        assert not button(panel, "Commit").isEnabled()
        assert button(panel, "Discard").isEnabled()

    def test_undo_and_redo_say_what_they_will_do(self, panel, session, qtbot, button):
        undo, redo = button(panel, "Undo"), button(panel, "Redo")
        assert not undo.isEnabled() and "Nothing to undo" in undo.toolTip()
        session.set_prompt(INSIDE)
        session.commit()
        assert undo.toolTip() == f"Undo: {session.undo_title} (Ctrl+Z)"
        qtbot.mouseClick(undo, LEFT)
        assert session.proposal is not None and not session.labels.any()
        assert redo.toolTip() == f"Redo: {session.redo_title} (Ctrl+Shift+Z)"
        qtbot.mouseClick(redo, LEFT)
        assert session.labels.any()

    def test_without_a_proposal_a_commit_by_key_does_nothing(self, panel, session):
        assert panel.perform("commit") and panel.perform("commit_next") and panel.perform("next_candidate")
        assert session.state is State.READY


class TestQuestions:
    @pytest.fixture
    def conflict(self, session):
        """A proposal over another class, with the rule to ask."""
        session.set_prompt(INSIDE)
        session.commit()
        session.add_class("other")
        session.set_active(2)
        session.set_overlap_rule(OverlapRule.ASK)
        session.set_prompt(INSIDE)

    @pytest.mark.parametrize(
        ("rule", "value", "proposes"), [(OverlapRule.OVERWRITE, 2, False), (None, 1, True)]
    )
    def test_an_overlap_is_asked_about(
        self, panel, session, answers, qtbot, button, conflict, rule, value, proposes
    ):
        answers.overlap = rule
        qtbot.mouseClick(button(panel, "Commit"), LEFT)
        assert len(answers.asked) == 1
        assert session.labels[1, 12, 12] == value
        assert (session.proposal is not None) is proposes

    @pytest.mark.parametrize("answer", [Pending.COMMIT, Pending.DISCARD, Pending.KEEP])
    def test_another_class_while_an_object_is_reopened_loses_nothing_silently(
        self, panel, session, answers, answer
    ):
        session.set_prompt(INSIDE)
        session.commit()
        session.add_class("other")
        assert session.reopen((1, 12, 12))
        session.set_prompt(Prompt(PLANE, (Point(12, 12), Point(25, 35))))
        answers.pending = answer
        panel.set_active(2)
        assert len(answers.asked) == 1
        assert session.active_class.value == 2
        assert (session.labels[1] == 1).sum() == {
            Pending.COMMIT: 250, Pending.DISCARD: 100, Pending.KEEP: 0
        }[answer]  # fmt: skip
        assert (session.proposal is not None) is (answer is Pending.KEEP)

    def test_questions_go_to_whoever_was_given(self, panel, answers):
        answers.pending = Pending.DISCARD
        assert panel.ask_pending("What now?") is Pending.DISCARD
        assert panel.ask_resume("one object") is True  # type: ignore[arg-type]
        assert answers.asked == ["What now?", "one object"]


class TestTools:
    def test_only_what_the_model_understands_is_offered(self, panel, session):
        assert visible_tools(panel) == list(TOOLS)
        session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"box"})))
        assert visible_tools(panel) == ["move", "box", "paint", "erase", "delete"] == list(panel.tools)
        session.set_segmenter(None)
        assert visible_tools(panel) == ["move", "paint", "erase", "delete"]

    def test_the_tools_of_a_model_on_its_way_are_offered(self, panel, session):
        card = session.segmenter.card
        box_only = card.model_copy(update={"id": "other", "capabilities": frozenset({"box"})})
        panel.set_models([card, box_only])
        session.set_segmenter(None)
        panel.expect_model("other")
        session.set_loading("Loading…")
        assert "box" in panel.tools and "point" not in panel.tools
        panel.set_tool("box")
        session.fail(failure("It is damaged."))
        assert panel.tool == "move"
        assert "box" not in panel.tools and visible_tools(panel) == list(panel.tools)

    def test_a_click_chooses_and_says_so_once(self, panel, qtbot, button):
        with qtbot.waitSignal(panel.tool_chosen) as chosen:
            qtbot.mouseClick(button(panel, "Box"), LEFT)
        assert chosen.args == ["box"]
        assert panel.tool == "box"
        assert not button(panel, "Move").isChecked()

    def test_setting_a_tool_is_not_choosing_it(self, panel, qtbot):
        with qtbot.assertNotEmitted(panel.tool_chosen):
            panel.set_tool("lasso")
        assert panel.tool == "lasso"

    def test_a_tool_that_the_next_model_has_not_gives_way(self, panel, session, qtbot):
        panel.set_tool("scribble")
        with qtbot.waitSignal(panel.tool_chosen) as chosen:
            session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"box"})))
        assert chosen.args == ["box"] == [panel.tool]

    def test_a_tool_that_is_not_offered_is_not_chosen_by_its_key(self, panel, session, qtbot):
        session.set_segmenter(ThresholdSegmenter(capabilities=frozenset({"box"})))
        panel.set_tool("box")
        with qtbot.assertNotEmitted(panel.tool_chosen):
            panel.perform("tool_point")
        assert panel.tool == "box"

    def test_without_an_image_no_tool_can_be_chosen(self, panel, session, button):
        session.close()
        assert not button(panel, "Box").isEnabled()

    def test_the_brush_is_there_for_painting(self, panel, qtbot, button):
        panel.set_brush_size(20)
        assert "20 px" not in texts(panel)
        qtbot.mouseClick(button(panel, "Paint"), LEFT)
        assert "20 px" in texts(panel)
        with qtbot.waitSignal(panel.brush_size_changed) as changed:
            panel.perform("brush_larger")
        assert changed.args == [24] == [panel.brush_size]


class TestKeyboard:
    def test_keys_work_while_the_panel_has_the_keyboard(self, panel, session, qtbot):
        session.set_prompt(INSIDE)
        qtbot.keyClick(panel, Qt.Key.Key_C)
        assert session.state is State.COMMITTED

    def test_the_viewers_keys_are_passed_on(self, panel, qtbot):
        with qtbot.waitSignal(panel.action_requested) as requested:
            qtbot.keyClick(panel, Qt.Key.Key_H)
        assert requested.args == ["hover"]

    def test_a_text_field_keeps_its_keys(self, panel, session, qtbot):
        session.set_prompt(INSIDE)
        (low,) = [edit for edit in panel.findChildren(QLineEdit) if edit.accessibleName() == "Black"]
        panel.activateWindow()
        low.setFocus()
        qtbot.waitUntil(low.hasFocus)
        low.selectAll()
        qtbot.keyClicks(low, "-200")
        qtbot.keyClick(low, Qt.Key.Key_Return)
        assert session.volume.window.low == -200
        assert session.proposal is not None  # Enter committed nothing

    def test_enter_presses_the_button_that_has_the_keyboard(self, panel, session, qtbot, button):
        session.set_prompt(INSIDE)
        qtbot.keyClick(button(panel, "Discard"), Qt.Key.Key_Return)
        assert session.proposal is None and not session.labels.any()

    def test_a_click_leaves_the_keyboard_with_the_image(self, panel, qtbot, button):
        qtbot.mouseClick(button(panel, "Box"), LEFT)
        assert not button(panel, "Box").hasFocus()


class TestImageAndModel:
    def test_images_are_offered_and_chosen(self, panel, qtbot):
        panel.set_images(["a", "b"], "a")
        images = combo(panel, "Image")
        assert images.currentText() == "a"
        with qtbot.waitSignal(panel.image_chosen) as chosen:
            qtbot.keyClick(images, Qt.Key.Key_Down)
            images.textActivated.emit("b") if not chosen.signal_triggered else None
        assert chosen.args == ["b"]

    def test_the_image_is_described(self, panel):
        assert "CT · 60 × 40 × 3 voxels" in texts(panel)

    def test_the_sessions_model_stays_shown_until_there_is_another(self, panel, session, qtbot):
        other = ThresholdSegmenter(id="other")
        panel.set_models([session.segmenter.card, other.card])
        models = combo(panel, "Model")
        assert models.currentData() == "threshold"
        with qtbot.waitSignal(panel.model_chosen) as chosen:
            models.activated.emit(1)
        assert chosen.args == ["other"]
        assert models.currentData() == "threshold"
        session.set_segmenter(other)
        assert models.currentData() == "other"

    def test_a_model_that_knows_such_images_is_proposed_to_one_that_never_saw_any(
        self, panel, session, qtbot, button
    ):
        link = "Volumes knows CT: use it"
        photographs = ThresholdSegmenter(id="photographs")
        photographs.card = photographs.card.model_copy(update={"modalities": ("dermoscopy",)})
        volumes = ThresholdSegmenter(id="volumes")
        volumes.card = volumes.card.model_copy(update={"title": "Volumes", "modalities": ("ct", "mr")})
        panel.set_models([photographs.card, volumes.card])
        shown = [one.text() for one in panel.findChildren(LinkButton) if one.isVisible()]
        assert link not in shown  # the model in use says nothing of what it saw
        session.set_segmenter(photographs)
        with qtbot.waitSignal(panel.model_chosen) as chosen:
            button(panel, link).click()
        assert (
            chosen.args == ["volumes"] and "learnt from no CT, Volumes did" in button(panel, link).toolTip()
        )
        session.set_segmenter(volumes)
        assert not button(panel, link).isVisible()

    def test_what_runs_the_model_is_said(self, panel):
        assert "numpy, CPU" in texts(panel)


class TestErrors:
    def test_a_failure_of_the_model_is_a_sentence_that_can_be_copied(self, panel, session, qtbot, button):
        session.segmenter.failure = failure()
        session.set_prompt(INSIDE)
        assert session.state is State.ERROR
        state = panel.findChild(StateLine)
        assert state.text == "The model ran out of memory. Choose a smaller one."
        qtbot.mouseClick(button(panel, "Copy details"), LEFT)
        copied = QApplication.clipboard().text()
        assert "The model ran out of memory." in copied
        assert "Model: threshold (numpy, CPU)" in copied
        assert "abdomen" not in copied

    def test_the_cause_is_in_the_details(self, panel, session, qtbot, button):
        session.segmenter.failure = ZeroDivisionError("by zero")
        session.set_prompt(INSIDE)
        qtbot.mouseClick(button(panel, "Copy details"), LEFT)
        assert "ZeroDivisionError: by zero" in QApplication.clipboard().text()

    def test_the_next_success_takes_the_error_away(self, panel, session, button):
        session.segmenter.failure = failure()
        session.set_prompt(INSIDE)
        session.segmenter.failure = None
        session.set_prompt(INSIDE.with_point(Point(13, 13)))
        assert session.state is State.PROPOSAL
        assert "memory" not in panel.findChild(StateLine).text
        assert not button(panel, "Copy details").isVisible()

    def test_a_refused_action_is_shown_and_reported(self, panel, session, qtbot, button):
        session.set_prompt(INSIDE)
        session.commit()
        session.add_class("other")
        with qtbot.waitSignal(panel.error_raised):
            qtbot.mouseClick(button(panel, "Remove class"), LEFT)
        state = panel.findChild(StateLine)
        assert "100 voxels hold the class object 1" in state.text
        qtbot.mouseClick(button(panel, "Dismiss"), LEFT)
        assert "100 voxels" not in state.text

    def test_a_notice_gives_way_after_a_while(self, panel, session, qtbot):
        state = panel.findChild(StateLine)
        state._expiry.setInterval(1)
        session.notified.emit("312 protected pixels were left alone.")
        assert state.text == "312 protected pixels were left alone."
        qtbot.waitUntil(lambda: state.text.startswith("Mark an object"))

    def test_a_badge_stands_beside_the_state(self, panel):
        panel.set_badge("CPU fallback", "No GPU was found.")
        assert "CPU fallback" in texts(panel)
        panel.set_badge("")
        assert "CPU fallback" not in texts(panel)


class TestResult:
    def test_saving_is_asked_for(self, panel, qtbot, button):
        with qtbot.waitSignal(panel.save_requested):
            qtbot.mouseClick(button(panel, "Save mask…"), LEFT)
        with qtbot.waitSignal(panel.files_requested):
            qtbot.mouseClick(button(panel, "Where are my files?"), LEFT)

    def test_it_is_said_whether_all_is_saved(self, panel, session, tmp_path):
        assert "Nothing to save yet" in texts(panel)
        session.set_prompt(INSIDE)
        session.commit()
        assert "Unsaved changes" in texts(panel)
        session.save(tmp_path / "mask.nii.gz")
        assert "Unsaved changes" not in texts(panel)
        assert "Saved" in texts(panel)


def test_two_panels_of_two_sessions_know_nothing_of_each_other(panel, session, qtbot, answers):
    from napari_medkd.session.session import Session
    from napari_medkd.session.worker import SyncWorker

    other = Session(SyncWorker())
    second = SegmentPanel(other, asker=answers)
    qtbot.addWidget(second)
    other.open(ct())
    other.set_plane(Plane(0, 0))
    other.set_segmenter(ThresholdSegmenter(threshold=200))
    other.set_prompt(Prompt(Plane(0, 0), (Point(12, 12),)))
    second.perform("commit")
    assert np.any(other.labels) and not np.any(session.labels)


class TestSuggest:
    def test_the_button_is_there_only_where_the_model_works_by_itself(self, panel, session, qtbot, button):
        assert not button(panel, "Suggest").isVisible()
        panel.perform("suggest")
        assert session.prompt is None
        session.set_segmenter(ThresholdSegmenter(threshold=200, capabilities=frozenset({"auto"})))
        assert button(panel, "Suggest").isVisible()
        assert visible_tools(panel) == ["move", "paint", "erase", "delete"]
        qtbot.mouseClick(button(panel, "Suggest"), LEFT)
        assert session.proposal.mask.sum() == 250 and session.prompt.is_empty
        assert "Bright · score 0.80" in texts(panel)
        qtbot.mouseClick(button(panel, "Commit"), LEFT)
        assert (session.labels[1] == 1).sum() == 250

    @pytest.mark.parametrize(
        ("choice", "slice_", "committed"),
        [(Pending.KEEP, 1, 0), (Pending.DISCARD, 2, 0), (Pending.COMMIT, 2, 250)],
    )
    def test_a_proposal_on_another_slice_is_asked_about(
        self, panel, session, answers, choice, slice_, committed
    ):
        session.set_segmenter(ThresholdSegmenter(threshold=200, capabilities=frozenset({"auto"})))
        panel.perform("suggest")
        session.set_plane(Plane(0, 2))
        answers.pending = choice
        panel.perform("suggest")
        assert len(answers.asked) == 1 and session.proposal.plane == Plane(0, slice_)
        assert (session.labels > 0).sum() == committed
