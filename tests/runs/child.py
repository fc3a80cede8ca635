"""A run of a few lines instead of training: ``python -m tests.runs.child FOLDER``, told by its options.

``mode`` says how it goes: ``finish``, ``fail``, ``crash``, ``linger`` (a thread outlives it), ``polite``
(until it is asked to stop) or ``stubborn`` (heeds neither the stop file nor a termination, and has a child of
its own that does not either).
"""

import ctypes
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from napari_medkd import runs

ENDLESS = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""


def main(folder: Path) -> int:
    spec = runs.RunSpec.load(folder)
    with runs.EventWriter(folder) as events:
        events.write(runs.Stage(name="masks", index=0, count=1, steps=4))
        if (folder / "checkpoints" / "last").exists():
            events.write(runs.Warning(message="It goes on from its checkpoint."))
        return go(spec.options["mode"], folder, events)


def go(mode: str, folder: Path, events: runs.EventWriter) -> int:
    if mode == "fail":
        events.write(runs.Failed(message="There is no image in the folder.", hint="Give another one."))
        return 2
    if mode == "crash":
        raise RuntimeError("a fault with a traceback")
    if mode == "finish":
        events.write(runs.Metric(stage="masks", step=4, values={"dice": 0.9}))
        events.write(runs.Progress(stage="masks", step=4, total=4, seconds_left=0))
        events.write(runs.ModelExported(id="student", path="model"))
        events.write(runs.Finished(summary={"dice": 0.9}))
        return 0
    if mode == "linger":
        linger(events)
    if mode == "polite":
        return wait_for_the_stop_file(folder, events)
    return be_stubborn(folder, events)


def linger(events: runs.EventWriter) -> None:
    """End the first thread only, as the C library lets a program do; the other has work left."""
    events.write(runs.Finished(summary={}))
    threading.Thread(target=time.sleep, args=(1.0,)).start()
    ctypes.CDLL(None).pthread_exit(None)


def wait_for_the_stop_file(folder: Path, events: runs.EventWriter) -> int:
    events.write(runs.Progress(stage="masks", step=1, total=4, seconds_left=9))
    while not runs.stop_requested(folder):
        time.sleep(0.01)
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / "last").touch()
    events.write(runs.CheckpointSaved(path="checkpoints/last", step=1))
    return 0


def be_stubborn(folder: Path, events: runs.EventWriter) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    (folder / "grandchild").write_text(str(child.pid))
    events.write(runs.Progress(stage="masks", step=1, total=4))
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
