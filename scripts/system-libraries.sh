#!/usr/bin/env bash
# See that the system has what Qt, OpenGL and a virtual screen need; install it where we may.
# Debian and Ubuntu as root: missing packages are installed. Without root: says the command and stops.
# Other systems: says nothing; their Python packages and desktops bring what is needed, or their users know how.
set -euo pipefail
[[ "$(uname -s)" == Linux ]] && command -v apt-get >/dev/null || exit 0

# package, then how to tell that it is there: a program, a shared library, a Python module or a file.
# Not by package name, since Debian 13 and Ubuntu 24.04 renamed some.
needed() {
    cat <<'LIST'
ca-certificates     file    /etc/ssl/certs/ca-certificates.crt
python3-venv        module  ensurepip
xvfb                program Xvfb
xauth               program xauth
fonts-dejavu-core   file    /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
libgl1-mesa-dri     file    /usr/lib/*/dri/swrast_dri.so
libgl1              library libGL.so.1
libegl1             library libEGL.so.1
libglib2.0-0        library libglib-2.0.so.0
libdbus-1-3         library libdbus-1.so.3
libfontconfig1      library libfontconfig.so.1
libfreetype6        library libfreetype.so.6
libx11-xcb1         library libX11-xcb.so.1
libxkbcommon0       library libxkbcommon.so.0
libxkbcommon-x11-0  library libxkbcommon-x11.so.0
libxcb-cursor0      library libxcb-cursor.so.0
libxcb-glx0         library libxcb-glx.so.0
libxcb-icccm4       library libxcb-icccm.so.4
libxcb-image0       library libxcb-image.so.0
libxcb-keysyms1     library libxcb-keysyms.so.1
libxcb-randr0       library libxcb-randr.so.0
libxcb-render0      library libxcb-render.so.0
libxcb-render-util0 library libxcb-render-util.so.0
libxcb-shape0       library libxcb-shape.so.0
libxcb-shm0         library libxcb-shm.so.0
libxcb-sync1        library libxcb-sync.so.1
libxcb-util1        library libxcb-util.so.1
libxcb-xfixes0      library libxcb-xfixes.so.0
libxcb-xkb1         library libxcb-xkb.so.1
LIST
}

libraries=$(/sbin/ldconfig -p)
present() { # kind name
    case $1 in
        program) command -v "$2" >/dev/null ;;
        library) grep -q "^[[:space:]]*$2 " <<<"$libraries" ;;
        module) "${PYTHON:-python3}" -c "import $2" 2>/dev/null ;;
        file) compgen -G "$2" >/dev/null ;;
    esac
}

missing=()
while read -r package kind name; do
    present "$kind" "$name" || missing+=("$package")
done < <(needed)
[[ ${#missing[@]} -eq 0 ]] && exit 0

if [[ $EUID -ne 0 ]]; then
    echo "These system packages are missing. Install them, then try again:" >&2
    echo "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 2
fi
echo "Installing system packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null
apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
