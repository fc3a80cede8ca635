import subprocess
import sys

import pytest

from napari_medkd import __version__
from napari_medkd.cli.exits import exit_code
from napari_medkd.errors import UnreadableFile


def raising(error):
    def action():
        raise error

    return action


def test_success_is_0_and_a_number_is_itself():
    assert exit_code(lambda: None) == 0
    assert exit_code(lambda: 3) == 3


def test_an_error_of_ours_is_its_sentence_and_hint(capsys):
    assert exit_code(raising(UnreadableFile("It is damaged.", "Get another."))) == 2
    assert capsys.readouterr().err == "medkd: It is damaged.\n       Get another.\n"


def test_an_interruption_is_130(capsys):
    assert exit_code(raising(KeyboardInterrupt())) == 130


def test_a_fault_is_1_with_a_log_that_names_no_one(capsys, home):
    secret = "/data/DOE^JOHN/scan.dcm"
    assert exit_code(raising(ValueError(secret))) == 1
    said = capsys.readouterr().err
    log = home / "log" / "medkd.log"
    assert "ValueError" in said and str(log) in said and secret not in said
    text = log.read_text()
    assert "test_exits.py" in text and secret not in text and "DOE" not in text


def test_debug_shows_the_traceback(capsys):
    exit_code(raising(ValueError("here it is")), ["--debug"])
    assert "here it is" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_no_second_fault(capsys, home):
    home.parent.joinpath("home").write_text("a file where the folder should be")
    assert exit_code(raising(ValueError("x"))) == 1
    assert "Where it happened is in" not in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["--help"], ["models", "--help"], ["segment", "--help"]])
def test_help_is_a_success(medkd, command):
    outcome = medkd(*command)
    assert outcome.code == 0 and "Usage: medkd" in outcome.out


@pytest.mark.parametrize(
    "command", [["nonsense"], ["models"], ["segment"], ["info", "--wrong"], ["models", "x"]]
)
def test_a_mistake_in_the_command_line_is_a_sentence_and_2(medkd, command):
    outcome = medkd(*command)
    assert outcome.code == 2 and outcome.out == ""
    first, *rest = outcome.err.splitlines()
    assert first.startswith("medkd: ") and len(rest) <= 1
    assert "--help" in outcome.err


def test_the_version_is_said(medkd):
    assert medkd("--version").out == f"medkd {__version__}\n"


def test_a_real_process_exits_as_promised(tmp_path):
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    command = [sys.executable, "-m", "napari_medkd", "info", str(damaged)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("medkd: ") and "Traceback" not in done.stderr


def test_a_reader_that_had_enough_is_no_fault():
    command = f"{sys.executable} -m napari_medkd models list --json | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
