import math
import os
import signal
import subprocess
import sys
import threading

import pytest

from napari_medkd import runs
from napari_medkd.errors import StorageError
from napari_medkd.runs import stream
from napari_medkd.runs.events import KINDS, parse
from tests.runs.conftest import ROOT

HALF_A_LINE = """
import os, sys, time
from pathlib import Path
from napari_medkd import runs
folder = Path(sys.argv[1])
writer = runs.EventWriter(folder)
for step in range(5):
    writer.write(runs.Progress(stage="masks", step=step, total=9))
file = os.open(folder / "events.jsonl", os.O_WRONLY | os.O_APPEND)
os.write(file, runs.Progress(stage="masks", step=5, total=9).model_dump_json().encode()[:30])
print("half", flush=True)
time.sleep(600)
"""


def step(number):
    return runs.Progress(stage="masks", step=number, total=9)


def steps(events):
    return [event.step for event in events]


EXAMPLES = [
    runs.Started(resumed=True),
    runs.Stage(name="masks", index=1, count=2, steps=400),
    runs.Progress(stage="masks", step=3, total=400, seconds_left=12.5),
    runs.Metric(stage="masks", step=3, values={"loss": 0.25, "dice": 0.5}),
    runs.Warning(message="Small batch.", hint="Use more memory."),
    runs.CheckpointSaved(path="checkpoints/last", step=3),
    runs.ModelExported(id="student", path="model"),
    runs.Previewed(stage="masks", step=3, path="previews/3.png"),
    runs.Compared(path="comparison.json", verdict="unclear", forgets=False),
    runs.ItemDone(index=7, status="done", confidence=0.75),
    runs.Finished(summary={"dice": 0.9}),
    runs.Failed(message="No images."),
]


def test_every_kind_comes_back_as_it_was_written(tmp_path):
    assert {type(event) for event in EXAMPLES} == set(KINDS)
    with runs.EventWriter(tmp_path) as writer:
        for event in EXAMPLES:
            writer.write(event)
    assert runs.EventReader(tmp_path).read() == EXAMPLES


def test_a_line_is_json_with_version_time_and_kind(tmp_path):
    import json

    with runs.EventWriter(tmp_path) as writer:
        writer.write(step(1))
    line = json.loads((tmp_path / "events.jsonl").read_text())
    assert (line["v"], line["kind"], line["step"]) == (1, "progress", 1) and line["t"] > 1.6e9


def test_a_loss_that_is_no_number_arrives_and_the_line_is_still_json(tmp_path):
    import json

    def refuse(word):
        raise AssertionError(word)

    with runs.EventWriter(tmp_path) as writer:
        writer.write(runs.Metric(stage="masks", step=1, values={"loss": math.nan, "grad": math.inf}))
    json.loads((tmp_path / "events.jsonl").read_text(), parse_constant=refuse)
    (metric,) = runs.EventReader(tmp_path).read()
    assert math.isnan(metric.values["loss"]) and metric.values["grad"] == math.inf


def test_each_of_two_readers_sees_every_event_once(tmp_path):
    first, second = runs.EventReader(tmp_path), runs.EventReader(tmp_path)
    assert first.read() == []  # there is no file yet
    with runs.EventWriter(tmp_path) as writer:
        writer.write(step(1))
        assert steps(first.read()) == [1]
        writer.write(step(2))
        assert steps(first.read()) == [2]
        assert steps(second.read()) == [1, 2]
        assert first.read() == second.read() == []


def test_a_reader_beside_a_fast_writer_misses_and_repeats_nothing(tmp_path):
    with runs.EventWriter(tmp_path) as writer:
        thread = threading.Thread(target=lambda: [writer.write(step(number)) for number in range(2000)])
        reader, seen = runs.EventReader(tmp_path), []
        thread.start()
        while thread.is_alive():
            seen += reader.read()
        thread.join()
    assert steps(seen + reader.read()) == list(range(2000))


def test_a_torn_last_line_waits_for_its_end(tmp_path):
    line = step(1).model_dump_json().encode() + b"\n"
    reader = runs.EventReader(tmp_path)
    with (tmp_path / "events.jsonl").open("ab", buffering=0) as file:
        for start in range(0, len(line) - 1, 7):
            file.write(line[start : min(start + 7, len(line) - 1)])
            assert reader.read() == []
        file.write(line[-1:])
    assert steps(reader.read()) == [1]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_a_writer_killed_half_way_through_a_line_costs_that_line_only(tmp_path):
    command = [sys.executable, "-c", HALF_A_LINE, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout.readline() == b"half\n"
        os.kill(child.pid, signal.SIGKILL)
    assert not (tmp_path / "events.jsonl").read_bytes().endswith(b"\n")
    reader = runs.EventReader(tmp_path)
    assert steps(reader.read()) == [0, 1, 2, 3, 4]
    with runs.EventWriter(tmp_path) as writer:  # the run is resumed
        writer.write(step(5))
        writer.write(step(6))
    assert steps(reader.read()) == [5, 6]
    assert steps(runs.EventReader(tmp_path).read()) == [0, 1, 2, 3, 4, 5, 6]
    assert steps(stream.newest_first(tmp_path)) == [6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    "line",
    [
        b'{"v":1,"t":1,"kind":"preview","image":"a.png"}',  # a kind of tomorrow
        b'{"v":2,"t":1,"kind":"progress","stage":"masks","step":1,"total":9}',
        b'{"v":1,"t":1,"kind":"progress","stage":"masks"}',
        b"not json",
        b"\xff\xfe",
        b"[]",
    ],
)
def test_what_a_reader_does_not_know_is_passed_over(tmp_path, line):
    with runs.EventWriter(tmp_path) as writer:
        writer.write(step(1))
        with (tmp_path / "events.jsonl").open("ab") as file:
            file.write(line + b"\n")
        writer.write(step(2))
    assert steps(runs.EventReader(tmp_path).read()) == [1, 2]
    assert next(iter(stream.newest_first(tmp_path))).step == 2


def test_a_field_of_tomorrow_does_no_harm():
    assert parse(b'{"v":1,"t":1,"kind":"checkpoint","path":"c","step":1,"bytes":9}').step == 1


def test_a_file_that_starts_anew_is_read_from_its_start(tmp_path):
    with runs.EventWriter(tmp_path) as writer:
        writer.write(step(1))
        writer.write(step(2))
    reader = runs.EventReader(tmp_path)
    reader.read()
    (tmp_path / "events.jsonl").unlink()
    with runs.EventWriter(tmp_path) as writer:
        writer.write(step(7))
    assert steps(reader.read()) == [7]


def test_only_the_end_of_a_long_file_is_looked_at(tmp_path):
    with runs.EventWriter(tmp_path) as writer:
        for number in range(3000):
            writer.write(step(number))
    found = steps(stream.newest_first(tmp_path))
    assert found[0] == 2999 and found == sorted(found, reverse=True) and 100 < len(found) < 3000


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no disk that is always full here")
def test_a_full_disk_is_a_sentence(tmp_path):
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    with runs.EventWriter(tmp_path) as writer, pytest.raises(StorageError, match="No space left"):
        writer.write(step(1))
