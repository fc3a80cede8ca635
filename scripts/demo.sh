#!/usr/bin/env bash
# Show the main job. With a display: the viewer opens with a sample, the panel ready. Without one (or with
# MEDKD_DEMO=headless): the same under a virtual screen, prompted by mouse events; files are left in demo-output/.
# Usage: scripts/demo.sh FOLDER_OF_THE_ENVIRONMENT'S_PROGRAMS
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
export QT_API=pyside6
unset QT_QPA_PLATFORM

if [[ "${MEDKD_DEMO:-}" != headless && (-n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" || "$(uname -s)" == Darwin) ]]; then
    sample=$("$bin/python" -c 'from napari_medkd.samples import sample_path; print(sample_path("carotid"))')
    echo "The viewer opens. Click on the dark, round artery, or Shift+drag a box around it; Enter commits; F1 lists the keys."
    exec "$bin/medkd" view "$sample"
fi
echo "There is no display: the viewer runs under a virtual screen."
export LIBGL_ALWAYS_SOFTWARE=1
exec xvfb-run --auto-servernum --server-args "-screen 0 1600x1000x24 +extension GLX" \
    "$bin/python" scripts/demo.py demo-output </dev/null
