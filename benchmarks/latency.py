"""How fast it feels: encode, decode, click to pixels, the window's longest gap, memory.

``python -m benchmarks.latency --model ID --model ID --json OUT`` opens a real viewer for each model (under a
virtual screen where there is no display), then times the networks alone in turn and, in another process of
the same run, segment-anything's `SamPredictor` with a ViT-B of random weights as the reference. Machines are
noisy: read the ratios, not the milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import measuring, network_latency

CHILDREN = ("viewer", "networks", "reference")


def main() -> int:
    """Run the children and print what they measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument(
        "--model",
        action="append",
        default=[],
        help="a model's id or the folder of its package; once for each, by default those that are there",
    )
    parser.add_argument("--size", type=int, default=1024, help="side of the image in pixels")
    parser.add_argument("--repeats", type=int, default=20, help="clicks and decodes that are timed")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of all; 0 takes one per core")
    parser.add_argument("--no-reference", action="store_true", help="leave segment-anything out")
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child is not None:
        chosen.json.write_text(json.dumps(_measure(chosen)), encoding="utf-8")
        return 0
    text = json.dumps(_run(chosen), indent=2)
    if chosen.json is not None:
        chosen.json.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")
    return 0


def _run(chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure everything, with models in a home of their own."""
    report: dict[str, Any] = {"machine": measuring.machine(), "size": chosen.size}
    with tempfile.TemporaryDirectory() as home:
        models = _installed(chosen.model or _default_models(), Path(home))
        report["viewers"] = {model: _run_child("viewer", [model], chosen, home) for model in models}
        report["networks"] = _run_child("networks", models, chosen, home)
        report["ratios to litemedsam"] = network_latency.ratios(report["networks"])
        if not chosen.no_reference:
            report["reference"] = _run_child("reference", models, chosen, home)
            report["ratios"] = {
                model: _ratios(figures, report["reference"]) for model, figures in report["viewers"].items()
            }
    return report


def _default_models() -> list[str]:
    from napari_medkd.models.store import ModelStore

    there = {card.id for card in ModelStore(Path(os.devnull)).list()}
    return [model for model in ("medkd-fast", "medkd-nano", "litemedsam") if model in there]


def _installed(models: list[str], home: Path) -> list[str]:
    """Return the ids of models, taking in those that are named by the folder of their package."""
    from napari_medkd.models.store import ModelStore

    store = ModelStore(home / "models")
    return [store.add(Path(model)).id if Path(model).is_dir() else store.get(model).id for model in models]


def _measure(chosen: argparse.Namespace) -> dict[str, Any]:
    if chosen.child == "viewer":
        from benchmarks.window_latency import measure

        return measure(chosen.model[0], chosen.size, chosen.repeats, chosen.threads)
    if chosen.child == "networks":
        return network_latency.measure(chosen.model, chosen.repeats, chosen.threads)
    from benchmarks.sam_reference import measure as measure_reference

    return measure_reference(chosen.size, chosen.repeats, chosen.threads)


def _run_child(name: str, models: list[str], chosen: argparse.Namespace, home: str) -> dict[str, Any]:
    """Measure in a process of its own, so that memory and threads are that one's alone."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "benchmarks.latency", "--child", name, "--json", str(out)]
        for model in models:
            command += ["--model", model]
        for option in ("size", "repeats", "threads"):
            command += [f"--{option}", str(getattr(chosen, option))]
        if name == "viewer":
            command = [*_virtual_screen(), *command]
        # The viewer's own warnings would stand between the figures.
        environment = {**os.environ, "MEDKD_HOME": home}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        figures: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return figures


def _virtual_screen() -> list[str]:
    """Return what starts a program under a virtual screen; nothing where there is a display."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform != "linux":
        return []
    if shutil.which("xvfb-run") is None:
        raise SystemExit("There is no display, and xvfb-run is not installed: apt-get install xvfb xauth")
    return ["xvfb-run", "--auto-servernum", "--server-args", "-screen 0 1600x1000x24 +extension GLX"]


def _ratios(viewer: dict[str, Any], reference: dict[str, Any]) -> dict[str, float]:
    """How many times faster or smaller the viewer's figures are than the reference's."""
    return {
        f"{name} (reference / ours)": round(reference[name]["median"] / viewer[name]["median"], 1)
        for name in ("encode_s", "decode_s")
    } | {"peak memory (reference / ours)": round(reference["peak_mb"] / viewer["peak_mb"], 1)}


if __name__ == "__main__":
    sys.exit(main())
