#!/bin/sh
# SPDX-License-Identifier: MIT
# Files of index statements with a main(): no warning from gcc, clang or g++,
# nothing needed but libc and libm, no element wrong with any set of
# instructions, none under the sanitizers, with OpenMP or on aarch64 where
# there is a compiler for it and qemu; a header that fits; the same bytes
# again.
# usage: statements.sh [PART]    rows that have it; B: where einc was built
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B-build}
case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
warn='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror'
san='-g -fsanitize=address,undefined -fno-sanitize-recover=all'
place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT
cd "$place" || exit 1
passed=0
failed=0

try() { # try WHAT COMMAND...
    what=$1
    shift
    if "$@" >log 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $row: $what"
        sed 's/^/      /;20q' log
    fi
}

# Loops, einsums and both; data in subscripts and bounds; every kind of type;
# statements that have no kernel.
rows() {
    cat <<'EOF'
'kernel gauss(X[n,3]:f32, Y[m,3]:f32, B[m,2]:f32) -> (O[n,2]:f32): O[i,e] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j,e])' --size n=33,m=41
'O[i,e] = sum[j](softmax[j](sum[d](Q[i,d]*K[j,d]) if j <= i)*V[j,e])' --shape 19x8,19x8,19x5 --dtype f64
'O[n,k,h,w] = relu(sum(I[n,c,pad(2*h+r-1,1),pad(w+s-1,1)]*W[k,c,r,s]) + b[k])' --shape 2x8x20x20,16x8x3x3,16
'm[i] = mean[j](X[i,j]); s[i] = mean[j]((X[i,j]-m[i])^2); Y[i,j] = (X[i,j]-m[i])*rsqrt(s[i]+1e-5)*g[j]+b[j]' --shape 7x37,37,37
'P[i,q] = argkmin[j->q:3](sum[d]((X[i,d]-Y[j,d])^2)); z[i] = logsumexp[j](-sum[d]((X[i,d]-Y[j,d])^2))' --shape 9x3,31x3
'Y[i,d] = sum[p in ptr[i]:ptr[i+1]](val[p]*X[col[p],d])' --shape ptr=10,val=40,X=20x6,col=40 --dtype ptr=i64,col=i32
'Y[i,d] = E[K[i],d]*2' --shape 9x5,20 --dtype f16,i64
'H[K[i],d] += X[i,d]' --shape K=20,X=20x3,H=7x3 --dtype K=i64
'Y[n,o,2*t+r] += X[n,c,t]*W[c,o,r]' --shape X=2x3x7,W=3x4x3,Y=2x4x15
'G[n,c,pad(h+r-1,1)] += g[n,o,h]*W[o,c,r]' --shape g=2x3x6,W=3x4x3,G=2x4x6 --dtype bf16
'C[i,k] = alpha*sum[j](A[i,j]*B[j,k]) + C[i,k]; t[] = max(A[i,j])' --size i=33,j=20,k=17 --dtype f64
'C[i,k] += A[i,j]*B[j,k]' --size i=40,j=30,k=20
'z[i] = sum[j](a[i,j]*conj(b[j])); p[i] = prod[j](a[i,j])' --shape 9x4,4 --dtype c64
's[i] = sum[j](A[i,j]); p[i] = prod[j](A[i,j] % 3 + 1)' --shape 9x8 --dtype i32
'y[t] = sum[r](x[wrap(t-r)]*w[r]) where t in 0:dim(x,0); M[i,j] = i <= j ? x[i] : 0 where i in 0:17, j in 0:4' --shape 17,5
'm[i] = max[j](A[i,j]); s[i] = sum[j](A[i,j]*exp(A[i,j]))' --shape 3x0
'O[n,k,h] = relu(sum(X[n,c,pad(h+r-1,1)]*W[k,c,r]))' --shape 0x2x5,3x2x3
EOF
}

in_each_set() { # in_each_set PROGRAM
    for set in avx512 avx2 sse2 none; do
        EINC_ISA=$set "./$1" || { echo "with EINC_ISA=$set"; return 1; }
    done
}

only_libc() {
    nm -u main.o | awk '{ print $NF }' | grep -E '^_?einc|^omp|^GOMP' >foreign
    ! [ -s foreign ] || { cat foreign && false; }
}

# shellcheck disable=SC2086
header_fits() {
    printf '#include "two.h"\n#include "two.h"\n%s\n' \
        'int main(void) { return e_workspace() < 0; }' >user.c &&
        gcc -O0 $warn -c two.c -o two.o && gcc -O0 $warn -c user.c -o user.o &&
        gcc two.o user.o -lm -o user && ./user &&
        g++ -x c++ -O0 $warn -c user.c -o user.o &&
        g++ user.o two.o -lm -o user && ./user
}

# shellcheck disable=SC2086
one() { # of the words in $row
    try 'einc emit' eval "'$B/einc' emit $row --main --name e -f -o main.c"
    try 'again' eval "'$B/einc' emit $row --main --name e -f -o again.c"
    sed '/^ \* again  /d' main.c >first && sed '/^ \* again  /d' again.c >second
    try 'same bytes' cmp first second
    try 'gcc, C99' gcc -std=c99 -O2 $warn -c main.c -o main.o
    try 'libc only' only_libc
    try 'link' gcc main.o -o main -lm
    try 'run' in_each_set main
    try 'clang' clang -std=c11 $warn -fsyntax-only main.c
    try 'g++' g++ -x c++ -Wall -Wextra -Wconversion -Wshadow -Werror \
        -fsyntax-only main.c
    try 'sanitizers' gcc -std=c11 -O0 $warn $san main.c -o checked -lm
    try 'run, sanitizers' ./checked
    try 'OpenMP' gcc -O1 $warn -fopenmp main.c -o parallel -lm
    try 'run, OpenMP' env OMP_NUM_THREADS=3 ./parallel
    if command -v aarch64-linux-gnu-gcc qemu-aarch64 >log; then
        try 'aarch64' aarch64-linux-gnu-gcc -std=c99 -O1 -static $warn main.c \
            -o arm -lm
        try 'run, aarch64' qemu-aarch64 ./arm
    fi
    try 'emit, header' eval \
        "'$B/einc' emit $row --name e -f -o two.c --header two.h"
    try 'header' header_fits
}

rows | grep -F -e "${1-}" >rows
while read -r row <&3; do
    one
done 3<rows
[ "$passed" -gt 0 ] || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
