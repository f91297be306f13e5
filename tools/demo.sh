#!/bin/sh
# SPDX-License-Identifier: MIT
# Einsums and index statements as people use them: expression, plan, time, rate
# and a check against plain loops; then two programs of examples/ on flowers
# that were measured and on a picture. `make demo` builds what this needs. Plain
# loops walk all indices at once, which is slow, so the check takes smaller
# sizes.
set -eu
cd "$(dirname "$0")/.."
B=${B-build}
case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
EINC_CACHE_DIR=$B/cache # kernels of an earlier demo are ready at once
export EINC_CACHE_DIR
rule=------------------------------------------------------------------------

# Writes operands with the labels TERMS, "ij jk", for sizes "i=4,j=8" to
# $work/N.npy; sets files.
operands() { # operands TERMS DTYPE SIZES
    files=
    number=0
    for term in $1; do
        shape=$(echo "$term" | awk -v sizes="$3" '{
            n = split(sizes, pair, ",")
            for (p = 1; p <= n; p++) {
                split(pair[p], s, "=")
                size[s[1]] = s[2]
            }
            for (c = 1; c <= length($0); c++)
                printf "%s%s", (c > 1 ? "x" : ""), size[substr($0, c, 1)]
        }')
        number=$((number + 1))
        "$B/tools/mknpy" "$shape" "$2" "$number" >"$work/$number.npy"
        files="$files $work/$number.npy"
    done
}

# Runs einc and indents what it says; its failure is ours.
einc() {
    if ! "$B/einc" "$@" >"$work/said" 2>&1; then
        cat "$work/said" >&2
        exit 1
    fi
    sed 's/^./  &/' "$work/said"
}

# What EXPR does and takes, checked at smaller sizes. PLAN: a sed script that
# picks lines of the plan.
# shellcheck disable=SC2086
show() { # show TITLE EXPR TERMS DTYPE SIZES CHECK_SIZES PLAN
    echo "$rule"
    echo "$1"
    echo "  $2"
    echo "  $4   $5"
    echo
    einc explain "$2" --dtype "$4" --size "$5" >"$work/plan"
    sed -n "$7" "$work/plan"
    echo
    operands "$3" "$4" "$5"
    einc run "$2" $files -o "$work/out.npy" -f --time
    operands "$3" "$4" "$6"
    einc run "$2" $files -o "$work/out.npy" -f --check
    [ "$5" = "$6" ] || echo "          (checked at $6)"
}

einsum() { # einsum TITLE EXPR DTYPE SIZES CHECK_SIZES
    show "$1" "$2" "$(echo "${2%%-*}" | tr , ' ')" "$3" "$4" "$5" \
        '/^ *step/p; /^ *batch/p'
}

statement() { # statement TITLE EXPR TERMS DTYPE SIZES CHECK_SIZES
    show "$@" '/^ *stage .* flop/p; /^      /p; /^ *total/p'
}

# One of examples/, which compares with plain loops by itself.
program() { # program TITLE NAME ARGUMENT
    echo "$rule"
    echo "$1   (examples/$2)"
    echo
    if ! make -s -C "examples/$2" B="$B" "$B/examples/$2/main" \
        >"$work/said" 2>&1 || ! "$B/examples/$2/main" "$3" >"$work/said" 2>&1
    then
        cat "$work/said" >&2
        exit 1
    fi
    sed 's/^./  &/' "$work/said"
}

einsum 'batched matrix product' 'bij,bjk->bik' f32 \
    b=16,i=256,j=256,k=256 b=8,i=96,j=96,k=96
einsum 'coupled cluster: the particle-particle ladder of CCSD' \
    'abef,efij->abij' f64 \
    a=48,b=48,e=48,f=48,i=16,j=16 a=12,b=12,e=12,f=12,i=8,j=8
einsum 'inner product of two matrix product states of five sites' \
    'ai,bi,ajc,bjd,cke,dkf,elg,flh,gm,hm->' f64 \
    a=128,b=128,c=128,d=128,e=128,f=128,g=128,h=128,i=8,j=8,k=8,l=8,m=8 \
    a=3,b=3,c=3,d=3,e=3,f=3,g=3,h=3,i=2,j=2,k=2,l=2,m=2
statement 'a Gaussian kernel times a vector: 10^8 pairs of points, no matrix' \
    'O[i] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j])' 'id jd j' f32 \
    i=10000,j=10000,d=3 i=300,j=300,d=3
statement 'causal attention, without a matrix of scores' \
    'O[h,i,e] = sum[j](softmax[j](sum[d](Q[h,i,d]*K[h,j,d])/8 if j <= i)*V[h,j,e])' \
    'hid hjd hje' f32 h=8,i=1024,j=1024,d=64,e=64 h=2,i=32,j=32,d=16,e=8
program 'irises: the 5 nearest of each, and k-means' 11_neighbours \
    examples/data/iris.csv
program 'edges of a picture' 07_image "$B/examples/07_image"
echo
echo "  written: $B/examples/07_image/*.ppm and *.pgm"
echo "$rule"
einc doctor
