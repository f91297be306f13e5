#!/bin/sh
# SPDX-License-Identifier: MIT
# All that is to be done on a machine with a GPU, which needs no network:
#     bench/gpu/run.sh pack       where einc is developed: what such a machine
#                                 may lack, into the folder .gpu, to be taken
#                                 along (generated lexers, libmd, KeOps)
#     bench/gpu/run.sh [PART...]  there: build probe sweep check table, all if
#                                 none is named
# The table goes to bench/results/DATE-gpu.txt, logs to $OUT (default
# build-gpu/out). Ends with 1 if a part failed. With EINC_CUDA and EINC_NVRTC
# set these stand for the driver and for NVRTC, as the mock of tests/cuda does;
# CPU=1 then runs the table on the CPU, with small sizes.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B-$PWD/build-gpu}
OUT=${OUT-$B/out}
PYTHON=${PYTHON-python3}
CUDA=${CUDA_HOME-/usr/local/cuda}
carried=$PWD/.gpu
failed=0
mkdir -p "$B" "$OUT"

say() {
    printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"
}

part() { # part NAME: a process of its own, its log in $OUT
    if "$0" --do "$1" >"$OUT/$1.log" 2>&1; then
        say "ok    $1"
    else
        failed=1
        say "FAIL  $1, $OUT/$1.log:"
        tail -n 15 "$OUT/$1.log" | sed 's/^/      | /'
    fi
}

# --- what is taken along ------------------------------------------------------

pack() {
    rm -rf "$carried"
    mkdir -p "$carried/src/parse" "$carried/include" "$carried/lib"
    make -s B="$B" "$B/src/parse/lex.c" "$B/src/parse/lex_program.c"
    cp "$B"/src/parse/lex*.c "$carried/src/parse"
    cp /usr/include/sha2.h "$carried/include"
    cp "$(gcc -print-file-name=libmd.a)" "$carried/lib"
    # no test that runs there takes anything of it
    ar rcs "$carried/lib/libcmocka.a"
    : >"$carried/include/cmocka.h"
    keops=$("$PYTHON" -c 'import os, pykeops, keopscore
print(os.path.dirname(pykeops.__file__), os.path.dirname(keopscore.__file__))' \
        2>"$OUT/keops.txt" | tail -n 1) || keops=
    for folder in $keops; do
        mkdir -p "$carried/python"
        cp -r "$folder" "$carried/python"
    done
    du -sh "$carried"
}

# --- parts --------------------------------------------------------------------

# Lexers that were carried are newer than what they are made of.
build() {
    if [ -d "$carried" ]; then
        mkdir -p "$B/src/parse"
        cp "$carried"/src/parse/*.c "$B/src/parse"
    fi
    make -s -j"$(nproc)" B="$B" \
        CFLAGS="-O2 -g -isystem $carried/include" \
        LDFLAGS="-L$carried/lib" all "$B/tests/numeric/program" \
        "$B/tests/numeric/random"
    "$B/einc" doctor
}

# What instructions do, against what the emulator of the tests has.
probe() {
    "$CUDA/bin/nvcc" -arch=native -o "$B/probe" bench/gpu/probe.cu
    "$B/probe" >"$OUT/probe.txt"
    diff bench/gpu/probe.txt "$OUT/probe.txt"
    echo "as the emulator"
}

# Random statements and einsums on the device; outputs begin as other numbers
# and what is read lies before pages that may not be touched.
sweep() {
    : "${EINC_CUDA:=libcuda.so.1}" "${EINC_NVRTC:=$(nvrtc)}"
    export EINC_CUDA EINC_NVRTC
    "$B/tests/numeric/program" --cases "${CASES-1000}" --device 1
}

nvrtc() {
    for file in "$CUDA"/lib64/libnvrtc.so.1? libnvrtc.so; do
        [ -e "$file" ] && break
    done
    echo "$file"
}

# A file of ours under the tools that watch memory and races.
check() {
    sanitizer=$CUDA/bin/compute-sanitizer
    "$B/einc" emit 'o[i] = logsumexp[j](A[i,j]); P[i,k] = sum[j](A[i,j]*B[j,k])' \
        --shape 40x700,700x50 --target cuda --name fn --main -f \
        -o "$B/fn.cu"
    "$CUDA/bin/nvcc" -O2 -arch=native -o "$B/fn" "$B/fn.cu"
    "$B/fn"
    if [ ! -x "$sanitizer" ]; then
        echo "skipped: there is no $sanitizer"
        return 0
    fi
    for tool in memcheck racecheck initcheck; do
        "$sanitizer" --tool "$tool" --error-exitcode 9 "$B/fn"
    done
}

table() {
    status=0
    result=bench/results/$(date +%Y-%m-%d)-gpu.txt
    if [ "${CPU-}" ]; then
        result=$OUT/table.txt
    fi
    {
        echo "einc $("$B/einc" --version | sed 's/[^0-9]*//'), $(date -u +'%Y-%m-%d %H:%M UTC')"
        "$B/einc" doctor | grep -i -A3 cuda || true
        PYTHONPATH=$carried/python${PYTHONPATH+:$PYTHONPATH} \
            "$PYTHON" bench/gpu/table.py "$B/libeinc.so" \
            --tccg bench/cases/tccg.txt ${CPU:+--cpu --small} \
            ${ROWS+--rows "$ROWS"} 2>"$OUT/table.err" || status=$?
    } >"$result.new"
    mv "$result.new" "$result"
    cat "$result"
    return "$status"
}

case ${1-} in
pack)
    set -e
    pack
    exit
    ;;
--do)
    set -e
    case $2 in
    build) build ;;
    probe) probe ;;
    sweep) sweep ;;
    check) check ;;
    table) table ;;
    esac
    exit
    ;;
esac
[ $# -gt 0 ] || set -- build probe sweep check table
for name in "$@"; do
    case $name in
    build | probe | sweep | check | table) part "$name" ;;
    *)
        echo "run.sh: no part is called '$name': build probe sweep check table" >&2
        exit 2
        ;;
    esac
done
[ -e "$OUT/table.log" ] && cat "$OUT/table.log"
exit $failed
