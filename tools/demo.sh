#!/bin/sh
# SPDX-License-Identifier: MIT
# Five einsums as people use them: expression, plan, time, rate, and a check
# against plain loops. `make demo` builds what this needs. The check walks all
# indices at once, so it takes smaller sizes where that would be slow.
set -eu
cd "$(dirname "$0")/.."
B=${B-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
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
                printf "%s%s", c > 1 ? "x" : "", size[substr($0, c, 1)]
        }')
        number=$((number + 1))
        "$B/tools/mknpy" "$shape" "$2" "$number" >"$work/$number.npy"
        files="$files $work/$number.npy"
    done
}

# shellcheck disable=SC2086
show() { # show TITLE EXPR DTYPE SIZES CHECK_SIZES
    echo "$rule"
    echo "$1"
    echo "  $2   $3"
    echo "  $4"
    echo
    operands "$2" "$3" "$4"
    "$B/einc" explain "$2" --dtype "$3" --size "$4" --dump path |
        sed 's/^/  /'
    "$B/einc" run "$2" $files -o "$work/out.npy" -f --time 2>&1 | sed 's/^/  /'
    operands "$2" "$3" "$5"
    "$B/einc" run "$2" $files -o "$work/out.npy" -f --check 2>&1 |
        sed 's/^/  /'
    [ "$4" = "$5" ] || echo "          (checked at $5)"
}

show 'batched matrix product' 'bij,bjk->bik' f32 \
    b=16,i=256,j=256,k=256 b=4,i=64,j=64,k=64
show 'attention scores, all heads' 'bhid,bhjd->bhij' f32 \
    b=2,h=8,i=512,d=64,j=512 b=2,h=4,i=64,d=64,j=64
show 'coupled cluster: particle-particle ladder, two steps of CCSD' \
    'abef,efij->abij' f64 \
    a=24,b=24,e=24,f=24,i=8,j=8 a=8,b=8,e=8,f=8,i=6,j=6
show 'inner product of two matrix product states of five sites' \
    'ai,bi,ajc,bjd,cke,dkf,elg,flh,gm,hm->' f64 \
    a=64,b=64,c=64,d=64,e=64,f=64,g=64,h=64,i=8,j=8,k=8,l=8,m=8 \
    a=3,b=3,c=3,d=3,e=3,f=3,g=3,h=3,i=2,j=2,k=2,l=2,m=2
show 'bilinear form with a shared index: y[n,o] = l W r' \
    'ni,oij,nj->no' f32 \
    n=128,i=96,o=64,j=96 n=16,i=32,o=16,j=32
echo "$rule"
"$B/einc" doctor | sed 's/^/  /'
