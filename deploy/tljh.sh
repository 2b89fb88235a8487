#!/usr/bin/env bash
# The course on this server's Littlest JupyterHub: `sudo deploy/tljh.sh` from the clone, and again after each `git pull`.
set -euo pipefail
course="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
tljh="${TLJH:-/opt/tljh}"
settings="$tljh/hub/bin/tljh-config"

if [ ! -x "$settings" ]; then
    echo "There is no Littlest JupyterHub in $tljh; deploy/README.md says how to install it." >&2
    exit 1
fi

"${PYTHON:-python3}" "$course/tools/install.py" --environment hub
mkdir -p "$tljh/config/jupyterhub_config.d"
ln -sfn "$course/deploy/jupyterhub_config.py" "$tljh/config/jupyterhub_config.d/learning_to_learn.py"
"$settings" set services.cull.timeout 7200 # a whole server, after its kernels
"$settings" reload hub
