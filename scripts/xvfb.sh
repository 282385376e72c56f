#!/usr/bin/env bash
# Run a command on a display of its own, so that windows of tests don't jump up on the screen: `scripts/xvfb.sh COMMAND...`
# SHOW=1 uses the screen there is. Where there is no Xvfb (macOS) it is the screen as well.
set -euo pipefail
if [[ -z ${SHOW:-} ]] && command -v xvfb-run >/dev/null; then
    unset WAYLAND_DISPLAY
    export QT_QPA_PLATFORM=xcb
    exec xvfb-run -a -s '-screen 0 1600x1200x24 +extension GLX' "$@"
fi
exec "$@"
