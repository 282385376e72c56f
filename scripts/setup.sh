#!/usr/bin/env bash
# Make .venv ready to run the project: `scripts/setup.sh GROUP`, GROUP one of the dependency groups qt, test, dev.
#
# Does all there is to do on a fresh Debian or Ubuntu with Python 3.11 or later and nothing else, and returns at once
# when it was done before for the same pyproject.toml and constraints.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
group=${1:-qt}
venv=.venv

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# What Qt's xcb platform plugin, OpenGL in software and a display for machines without one need: library -> package.
# Looked up by library, since the names of packages differ between releases (libglib2.0-0, libglib2.0-0t64).
libraries=(
    libEGL.so.1:libegl1 libGL.so.1:libgl1 libOpenGL.so.0:libopengl0 libglib-2.0.so.0:libglib2.0-0
    libdbus-1.so.3:libdbus-1-3 libfontconfig.so.1:libfontconfig1 libxkbcommon-x11.so.0:libxkbcommon-x11-0
    libxcb-cursor.so.0:libxcb-cursor0 libxcb-icccm.so.4:libxcb-icccm4 libxcb-image.so.0:libxcb-image0
    libxcb-keysyms.so.1:libxcb-keysyms1 libxcb-randr.so.0:libxcb-randr0 libxcb-render-util.so.0:libxcb-render-util0
    libxcb-shape.so.0:libxcb-shape0 libxcb-xinerama.so.0:libxcb-xinerama0
)

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    die "Python 3.11 or later is needed and none was found; install one, or name it: PYTHON=/path/to/python make ..."
}

# The Debian packages that are not there yet, for the Python given.
missing_packages() {
    local pair known
    known=$(/sbin/ldconfig -p 2>/dev/null || true)
    for pair in "${libraries[@]}"; do
        [[ $known == *"${pair%%:*}"* ]] || echo "${pair##*:}"
    done
    # Mesa's drivers are loaded by name at run time, so that no library of theirs is in the linker's list.
    compgen -G '/usr/lib/*/dri/swrast_dri.so' >/dev/null || compgen -G '/usr/lib/*/libgallium*.so' >/dev/null \
        || echo libgl1-mesa-dri
    command -v Xvfb >/dev/null && command -v xvfb-run >/dev/null || echo xvfb
    command -v xauth >/dev/null || echo xauth
    # Debian keeps ensurepip apart from Python.
    [[ -x $venv/bin/python ]] || "$1" -c 'import ensurepip' 2>/dev/null \
        || "$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

install_packages() {
    local packages line
    packages=$(missing_packages "$1" | tr '\n' ' ')
    [[ -n $packages ]] || return 0
    line="apt-get install -y --no-install-recommends ${packages% }"
    if ! command -v apt-get >/dev/null; then
        die "these system packages (by their Debian names) are missing: $packages- install their equivalents"
    elif [[ $(id -u) != 0 ]]; then
        die "system packages are missing; install them once and try again:
    sudo apt-get update && sudo $line"
    fi
    say "$line"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -o Acquire::Retries=3 update </dev/null >&2
    # shellcheck disable=SC2086  # words wanted
    apt-get -q -o Acquire::Retries=3 install -y --no-install-recommends $packages </dev/null >&2
}

# Changes whenever what is to be installed may change; the path, since an editable install points to it.
fingerprint() {
    { pwd; "$1" -VV; cat pyproject.toml constraints.txt scripts/setup.sh; } | cksum
}

if [[ -n ${VIRTUAL_ENV:-} ]]; then unset VIRTUAL_ENV PYTHONHOME; fi # an active environment is not ours to change
python=$(find_python)
stamp=$venv/.ready-$group
wanted=$(fingerprint "$python")
if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then exit 0; fi

if [[ $(uname -s) == Linux ]]; then install_packages "$python"; fi
if ! [[ -x $venv/bin/python ]] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making $venv with $("$python" -V)"
    "$python" -m venv --clear "$venv"
fi
say "installing the project and its dependencies ($group); the first time this takes minutes"
pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input)
"${pip[@]}" install --quiet --upgrade 'pip>=25.1' # reads dependency groups
"${pip[@]}" install --quiet --constraint constraints.txt --editable . --group "$group"
printf '%s' "$wanted" >"$stamp"
