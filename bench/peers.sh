#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a Python that has the benchmark's peers, in a folder of its own:
#     export EINC_BENCH_PYTHON=$(bench/peers.sh build/peers)
# Asks the package index. A peer that cannot be had is left out, and the
# benchmark goes on without it; all but numpy are optional.
set -eu
folder=${1:?usage: bench/peers.sh FOLDER}
python3 -m venv "$folder" >&2
python=$(cd "$folder" && pwd)/bin/python
for peer in numpy scipy opt_einsum torch pykeops; do
    "$python" -m pip install -q "$peer" >&2 ||
        echo "peers.sh: without $peer" >&2
done
"$python" -c 'import numpy'
echo "$python"
