#!/bin/sh
# SPDX-License-Identifier: MIT
# Files that `einc emit --target cuda:sm_90a --header H --main` writes: their
# main() finds no wrong element on the CPU, behind host/cuda_runtime_api.h,
# and where there is an nvcc it compiles them as they are.
set -u
here=$(cd "$(dirname "$0")" && pwd)
B=${B-build}
case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
CXX=${CXX-g++}
work=$(mktemp -d "${TMPDIR-/tmp}/einc-files-XXXXXX") || exit 1
trap 'rm -r "$work"' EXIT
nvcc=$(command -v nvcc || command -v "${CUDA_HOME-/usr/local/cuda}/bin/nvcc")
passed=0
failed=0

tell() { # tell STATUS WHAT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $2"
        sed 's/^/    /' "$work/log"
    fi
}

on_cpu() { # launches become calls; all else stays as it is
    sed 's/\([A-Za-z0-9_]*::einc_kernel\)<<<\([0-9]*\), \([0-9]*\), [0-9]*, stream>>>(words)/launch(\1, \2, \3, words)/' \
        "$work/k.cu" >"$work/k.cpp" &&
        "$CXX" -std=c++17 -O1 -Wall -Wextra -Wno-unknown-pragmas -Werror \
            -I"$here/host" -include "$here/host/cuda_runtime_api.h" \
            -o "$work/k" "$work/k.cpp" && "$work/k"
}

by_nvcc() {
    "$nvcc" -O1 -gencode=arch=compute_90a,code=sm_90a -Werror all-warnings \
        -c "$work/k.cu" -o "$work/k.o"
}

try() { # try HOW EXPRESSION FLAGS...: n on the CPU, c by nvcc, y both
    how=$1
    shift
    "$B/einc" emit "$@" --target cuda:sm_90a --name fn --header "$work/k.h" \
        --main -f -o "$work/k.cu" >"$work/log" 2>&1
    rc=$?
    if [ $rc -eq 0 ] && [ "$how" != c ]; then
        on_cpu >"$work/log" 2>&1
        rc=$?
        grep -q ' 0 wrong' "$work/log" || rc=1
    fi
    tell $rc "$1"
    if [ "$how" != n ] && [ -n "$nvcc" ] && [ $rc -eq 0 ]; then
        by_nvcc >"$work/log" 2>&1
        tell $? "$1, nvcc"
    fi
}

refuse() { # refuse WORD FLAGS...
    word=$1
    shift
    ! "$B/einc" emit "$@" -o "$work/r.cu" >"$work/log" 2>&1 &&
        grep -q "$word" "$work/log" && [ ! -e "$work/r.cu" ]
    tell $? "refuse $*"
}

try y 'o[i] = sum[j](exp(-sum[d]((x[i,d]-y[j,d])^2))*b[j])' \
    --shape 50x3,70x3,70
try n 'ij,jk,kl->il' --shape 20x30,30x40,40x5
try n 'ij,jk->ik' --shape 17x33,33x20 --dtype f64
# the instructions of tensor cores are nvcc's
try c 'ij,jk->ik' --shape 17x33,33x20 --dtype f16
try n 'o[i,j] = softmax[j](A[i,j]); s[] = sum[i](A[i,i%7]*o[i,0])' \
    --shape 20x30
try n "o[h,w,k] = sum[r in 0:3,s in 0:3,c](I[clamp(h+r-1),pad(w+s-1,1),c]*\
W[r,s,c,k]) where h in 0:18, w in 0:19" --dtype f64 --shape 18x19x16,3x3x16x16
try n 'o[i,q] = argkmin[j->q:3](abs(x[i]-x[j]) if j != i)' --shape 40
# a block for each row
try y 'o[i] = logsumexp[j](A[i,j]) + max[j](A[i,j])' --shape 3x2000
try n 'o[i] = logsumexp[j in -1:1999](A[i,j+1])' --shape 3x2000
# comments of hostile names
# shellcheck disable=SC1003
try n 'o[i] = x[i] # */ ??/ \' --shape 5
refuse 'sizes that are known' 'ij,jk->ik' --header "$work/r.h" --target cuda
refuse 'no target' 'ij,jk->ik' --shape 2x2,2x2 --target cuda:sm90
refuse 'E901' 'o[pad(i-1,1)] += x[i]' --shape 5,5 --target cuda

# What the probes of bench/gpu find: a GPU is compared with the same text.
"$CXX" -x c++ -std=c++17 -O1 -Wall -Wextra -Werror -I"$here/host" \
    -include "$here/host/cuda_runtime_api.h" -o "$work/probe" \
    "$here/../../bench/gpu/probe.cu" >"$work/log" 2>&1 &&
    "$work/probe" >"$work/probe.txt" 2>>"$work/log" &&
    diff "$here/../../bench/gpu/probe.txt" "$work/probe.txt" >>"$work/log"
tell $? 'the probes of the emulator'

[ -n "$nvcc" ] || echo "skipped: no nvcc, files are not compiled by it"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
