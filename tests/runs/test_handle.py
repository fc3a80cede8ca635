import os
import signal
import subprocess
import sys

import psutil
import pytest

from napari_medkd import runs
from napari_medkd.errors import StorageError, UnknownName, UnreadableFile
from napari_medkd.runs.process import RunProcess
from tests.runs.conftest import CHILD, ROOT

ATTACHED = """
import sys, time
from pathlib import Path
from napari_medkd import runs
handle = runs.attach(Path(sys.argv[1]))
print(handle.status, [event.kind for event in handle.poll()])
print(handle.stop(wait=30))
"""


def kinds(events):
    return [event.kind for event in events]


def test_a_run_from_start_to_finish(start):
    handle = start("finish")
    assert handle.wait(30) == "finished", handle.log_tail()
    assert kinds(handle.poll()) == ["started", "stage", "metric", "progress", "model_exported", "finished"]
    assert handle.poll() == []
    assert {path.name for path in handle.folder.iterdir()} == {
        "run.json",
        "events.jsonl",
        "log.txt",
        "process.json",
    }


def test_a_run_lets_the_viewer_go_first(start, follow):
    handle = start("polite")
    follow(handle, runs.Progress)
    usual = psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else psutil.Process().nice() + 5
    assert psutil.Process(RunProcess.load(handle.folder).pid).nice() == usual
    assert handle.stop(wait=30) == "stopped"


def test_a_run_that_fails_says_why(start):
    handle = start("fail")
    assert handle.wait(30) == "failed"
    assert handle.poll()[-1].hint == "Give another one."


def test_a_crash_leaves_its_traceback_in_the_log(start):
    handle = start("crash")
    assert handle.wait(30) == "crashed"
    assert handle.log_tail(1) == "RuntimeError: a fault with a traceback"


@pytest.mark.skipif(sys.platform != "linux", reason="the first thread of a process ends alone on Linux")
def test_whoever_waits_for_a_run_may_count_what_it_took(start):
    handle = start("linger")
    assert handle.wait(30) == "finished"
    assert handle._child.returncode is not None, "until it is collected its time is nobody's"


def test_a_module_that_is_not_there_is_a_crash(tmp_path):
    handle = runs.start(runs.RunSpec(recipe="toy"), tmp_path / "run", module="tests.runs.nonesuch")
    assert handle.wait(30) == "crashed"
    assert "nonesuch" in handle.log_tail()


def test_a_killed_run_has_crashed_and_goes_on_when_it_is_resumed(start, follow):
    handle = start("polite")
    follow(handle, runs.Progress)
    process = RunProcess.load(handle.folder)
    os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    assert handle.wait(30) == "crashed"
    again = runs.resume(handle.folder, module=CHILD)
    assert again.status == "running" and handle.status == "running"
    seen = follow(again, runs.Progress)
    while len([event for event in seen if event.kind == "progress"]) < 2:  # the first is the dead one's
        seen += follow(again, runs.Progress)
    assert again.stop(wait=30) == "stopped"
    assert [event.resumed for event in seen if event.kind == "started"] == [False, True]


def test_the_stop_file_is_honoured_and_withdrawn_by_a_resume(start, follow):
    handle = start("polite")
    follow(handle, runs.Progress)
    assert handle.status == "running"
    assert handle.stop(wait=30) == "stopped"
    assert kinds(handle.poll()) == ["checkpoint"] and runs.stop_requested(handle.folder)
    again = runs.resume(handle.folder, module=CHILD)
    assert not runs.stop_requested(handle.folder)
    follow(again, runs.Warning)  # it found its checkpoint
    assert again.stop(wait=30) == "stopped"


@pytest.mark.skipif(sys.platform == "win32", reason="nothing withstands a termination there")
def test_what_heeds_nothing_is_killed_with_its_whole_group(start, follow):
    handle = start("stubborn")
    follow(handle, runs.Progress)
    members = [psutil.Process(RunProcess.load(handle.folder).pid)]
    members.append(psutil.Process(int((handle.folder / "grandchild").read_text())))
    assert os.getpgid(members[1].pid) == members[0].pid != os.getpgid(0)
    assert handle.stop(wait=0.1, grace=0.1) == "stopped"
    _, left = psutil.wait_procs(members, timeout=10)
    assert not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal")
def test_ctrl_c_and_the_end_of_the_terminal_do_not_reach_a_run(start, follow):
    handle = start("polite")
    follow(handle, runs.Progress)
    assert os.getsid(RunProcess.load(handle.folder).pid) != os.getsid(0)


def test_another_process_attaches_and_stops_it(start, follow):
    handle = start("polite")
    follow(handle, runs.Progress)
    done = subprocess.run(
        [sys.executable, "-c", ATTACHED, str(handle.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ["running ['started', 'stage', 'progress']", "stopped"]
    assert handle.status == "stopped"


def test_a_run_outlives_the_process_that_started_it(tmp_path, follow):
    code = (
        "import sys; from pathlib import Path; from napari_medkd import runs; "
        "spec = runs.RunSpec(recipe='toy', options={'mode': 'polite'}); "
        "runs.start(spec, Path(sys.argv[1]), module=sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "run"), CHILD], check=True, timeout=60)
    handle = runs.attach(tmp_path / "run")
    follow(handle, runs.Progress)
    assert handle.status == "running"
    assert handle.stop(wait=30) == "stopped"


def test_a_process_with_the_number_of_a_dead_one_is_not_taken_for_it(tmp_path):
    runs.RunSpec(recipe="toy").save(tmp_path)
    ours = RunProcess.of(os.getpid())
    ours.save(tmp_path)
    assert runs.attach(tmp_path).status == "running"
    ours.model_copy(update={"born": ours.born + "1"}).save(tmp_path)
    handle = runs.attach(tmp_path)
    assert handle.status == "crashed"
    RunProcess.load(tmp_path).end(grace=0)  # would end this test
    assert handle.stop(wait=0, grace=0) == "crashed" and not runs.stop_requested(tmp_path)


def test_a_run_on_another_computer_is_believed_and_only_asked(tmp_path):
    runs.RunSpec(recipe="toy").save(tmp_path)
    RunProcess(pid=os.getpid(), born="then", host="elsewhere").save(tmp_path)
    handle = runs.attach(tmp_path)
    assert handle.status == "running"
    assert handle.stop(wait=0) == "running" and runs.stop_requested(tmp_path)
    with runs.EventWriter(tmp_path) as events:
        events.write(runs.Finished())
    assert handle.status == "finished"


def test_a_folder_takes_one_run(start):
    handle = start("finish")
    with pytest.raises(StorageError, match="holds a run already"):
        runs.start(runs.RunSpec(recipe="toy"), handle.folder, module=CHILD)


def test_what_runs_or_has_finished_is_not_resumed(start, follow):
    handle = start("polite")
    follow(handle, runs.Progress)
    with pytest.raises(StorageError, match="running already"):
        runs.resume(handle.folder, module=CHILD)
    done = start("finish")
    done.wait(30)
    with pytest.raises(StorageError, match="finished"):
        runs.resume(done.folder, module=CHILD)


def test_a_failed_run_that_is_resumed_has_not_failed_while_it_runs(start):
    handle = start("fail")
    handle.wait(30)
    again = runs.resume(handle.folder, module="tests.runs.nonesuch")
    assert again.wait(30) == "crashed"  # the failure was the first attempt's


def test_the_spec_comes_back(tmp_path):
    spec = runs.RunSpec(recipe="toy", options={"a": 1}, data=("d",), seed=7, devices=2, precision="bf16")
    spec.save(tmp_path)
    assert runs.RunSpec.load(tmp_path) == spec


@pytest.mark.parametrize("text", ["", "{}", '{"recipe": "toy", "colour": 1}', "\xff"])
def test_a_spec_that_is_none_is_a_sentence(tmp_path, text):
    (tmp_path / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(UnreadableFile, match="does not describe a run"):
        runs.attach(tmp_path)


def test_no_run_in_a_folder_is_a_sentence(tmp_path):
    with pytest.raises(UnreadableFile, match="no run"):
        runs.attach(tmp_path)


def test_runs_are_found_by_id_and_by_folder(tmp_path):
    first, second = runs.new_folder("toy"), runs.new_folder("toy")
    assert first != second and first.parent == runs.home() and runs.list_runs() == []
    for folder in (first, second, tmp_path / "own"):
        runs.RunSpec(recipe="toy").save(folder)
    assert set(runs.list_runs()) == {first, second}
    assert runs.list_runs(tmp_path) == [tmp_path / "own"]
    assert runs.find(first.name) == first.resolve()
    assert runs.find(str(tmp_path / "own")) == (tmp_path / "own").resolve()
    with pytest.raises(UnknownName, match=f"nonesuch.*{first.name}"):
        runs.find("nonesuch")
