#!/bin/sh
# SPDX-License-Identifier: MIT
# Five einsums as people use them: expression, plan, time, rate, and a check
# against plain loops. `make demo` builds what this needs. Plain loops walk all
# indices at once, which is slow, so the check takes smaller sizes.
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

# Writes the operands of EXPR for sizes "i=4,j=8" to $work/N.npy; sets files.
operands() { # operands EXPR DTYPE SIZES
    files=
    number=0
    for term in $(echo "${1%%-*}" | tr , ' '); do
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
    sed 's/^/  /' "$work/said"
}

# shellcheck disable=SC2086
show() { # show TITLE EXPR DTYPE SIZES CHECK_SIZES
    echo "$rule"
    echo "$1"
    echo "  $2   $3"
    echo "  $4"
    echo
    operands "$2" "$3" "$4"
    einc explain "$2" --dtype "$3" --size "$4" --dump plan >"$work/plan"
    sed -n -e '/^ *step/p' -e '/^ *batch/p' "$work/plan"
    echo
    einc run "$2" $files -o "$work/out.npy" -f --tier cc --time
    operands "$2" "$3" "$5"
    einc run "$2" $files -o "$work/out.npy" -f --tier cc --check
    [ "$4" = "$5" ] || echo "          (checked at $5)"
}

show 'batched matrix product' 'bij,bjk->bik' f32 \
    b=16,i=256,j=256,k=256 b=8,i=96,j=96,k=96
show 'attention scores of all heads' 'bhid,bhjd->bhij' f32 \
    b=2,h=8,i=512,d=64,j=512 b=2,h=8,i=96,d=64,j=96
show 'coupled cluster: the particle-particle ladder of CCSD' \
    'abef,efij->abij' f64 \
    a=48,b=48,e=48,f=48,i=16,j=16 a=12,b=12,e=12,f=12,i=8,j=8
show 'inner product of two matrix product states of five sites' \
    'ai,bi,ajc,bjd,cke,dkf,elg,flh,gm,hm->' f64 \
    a=128,b=128,c=128,d=128,e=128,f=128,g=128,h=128,i=8,j=8,k=8,l=8,m=8 \
    a=3,b=3,c=3,d=3,e=3,f=3,g=3,h=3,i=2,j=2,k=2,l=2,m=2
show 'bilinear form, y[n,o] = sum over i, j of l[n,i] W[o,i,j] r[n,j]' \
    'ni,oij,nj->no' f32 \
    n=256,i=128,o=128,j=128 n=32,i=32,o=32,j=32
echo "$rule"
einc doctor
