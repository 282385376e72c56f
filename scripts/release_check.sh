#!/usr/bin/env bash
# All that should hold before a tag is set: `scripts/release_check.sh [build|newest|oldest]...`, all three if none is named.
#
#   build    wheel and source archive, what is in them, their metadata, version, changelog and citation
#   newest   the wheel in an environment of its own, with the newest versions it allows: demo, dock, manifest
#   oldest   the same with the oldest, and the tests there; TESTS="tests/io" runs less of them
#
# TORCH is the build of torch to use in both environments, since PyPI's is one for CUDA of several GB: by default the
# one of constraints.txt. The oldest torch is not tried here; CI's matrix does.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
torch=${TORCH:-$(grep '^torch==' constraints.txt)}
tests=${TESTS:-tests --ignore=tests/test_architecture.py --ignore=tests/docs --ignore=tests/benchmarks}

say() { printf '\n== %s\n' "$*"; }

tools() {
    [[ ! -x $work/tools/bin/uv ]] || return 0
    python3 -m venv "$work/tools"
    "$work/tools/bin/pip" install --quiet build twine uv
}

build() {
    say 'wheel and source archive'
    tools
    "$work/tools/bin/python" scripts/check_release.py
    "$work/tools/bin/python" -m build --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log"; return 1; }
    "$work/tools/bin/python" scripts/check_archives.py "$work/dist"
    "$work/tools/bin/twine" check --strict "$work"/dist/*
}

# An environment NAME with the wheel and what it needs; further words are passed to uv's resolver.
environment() {
    local name=$1
    shift
    tools
    [[ -n $(compgen -G "$work/dist/*.whl") ]] || build
    echo "$torch" >"$work/torch.txt"
    uv=("$work/tools/bin/uv")
    # pip's folders of wheels, where a CPU build of torch may lie, are unknown to uv.
    [[ -z ${PIP_FIND_LINKS:-} ]] || export UV_FIND_LINKS=${PIP_FIND_LINKS// /,} # its folders are separated by commas
    "${uv[@]}" pip compile --quiet pyproject.toml --python-version 3.11 --override "$work/torch.txt" "$@" -o "$work/$name.txt" >/dev/null
    "${uv[@]}" venv --quiet --python 3.11 "$work/$name"
    "${uv[@]}" pip install --quiet --python "$work/$name" -r "$work/$name.txt"
    "${uv[@]}" pip install --quiet --python "$work/$name" --no-deps "$work"/dist/*.whl
}

# What a user does first. In another folder, so that the installed package is used and not src/.
first_use() {
    local bin=$work/$1/bin display=$PWD/scripts/xvfb.sh
    mkdir -p "$work/$1-use"
    (
        cd "$work/$1-use"
        "$bin/em-autoclass" --version
        "$bin/em-autoclass" phantom small.ome.tif --shape 6 288 288
        "$bin/em-autoclass" demo small.ome.tif --headless --out demo --seconds 5 --classes 6
        "$bin/npe2" validate napari-em-autoclass
        "$display" "$bin/python" -W ignore - <<'PYTHON'
import napari

viewer = napari.Viewer(show=False)
viewer.window.add_plugin_dock_widget("napari-em-autoclass")
viewer.close()
print("the dock opens in napari", napari.__version__)
PYTHON
    )
}

newest() {
    say 'newest versions'
    environment newest --group qt
    first_use newest
}

oldest() {
    say 'oldest versions'
    environment oldest --group test --resolution lowest-direct
    first_use oldest
    # shellcheck disable=SC2086  # words wanted
    OMP_NUM_THREADS=1 scripts/xvfb.sh "$work/oldest/bin/python" -m pytest -q -p no:cacheprovider -m 'not slow' $tests
}

for part in "${@:-build newest oldest}"; do
    for step in $part; do
        case $step in
            build | newest | oldest) "$step" ;;
            *) echo "release_check: $step is none of build, newest, oldest" >&2; exit 2 ;;
        esac
    done
done
