#!/bin/sh
# SPDX-License-Identifier: MIT
# Holds emitted files to what they say of instruction sets: whatever compiler
# and flags, the body for each set that EINC_ISA names finds no wrong element;
# files compiled without -march hold the instructions of all sets; EINC_ISA
# takes no set that is better than the machine's; and the same sources are
# compiled for aarch64, run where qemu is there.
# B: where einc was built
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B-build}
case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
warn='-Wall -Wextra -Wconversion -Wshadow -Werror'
place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT
cd "$place" || exit 1
passed=0
failed=0

verdict() { # verdict STATUS WHAT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $expression: $2"
        sed 's/^/      /;20q' log
    fi
}

try() { # try WHAT COMMAND...
    what=$1
    shift
    "$@" >log 2>&1
    verdict $? "$what"
}

# A row for each family, type and way of sizes; large enough for sets.
cases() {
    cat <<'EOF'
'ij,jk->ik' --size i=65,j=130,k=75
'ij,jk->ik' --size i=170,j=170,k=170 --dtype f64
'bij,bkj->bik' --dtype c128
'ij,jk->ki' --size i=33,j=65,k=47 --dtype i32
'ij,jk->ik' --size i=33,j=65,k=47 --dtype bf16
'ij,jk,kl->il' --dtype f32
'ij,ij->i' --size i=300,j=410
'ij->j' --dtype f16
'i,j->ij' --size i=300,j=210 --dtype c64
'ijk->kji' --size i=33,j=40,k=37
'ijk,jr,kr->ir' --size i=64,j=70,k=67,r=8 --path whole
'ijb,jkb->ikb' --size i=3,j=2,k=4,b=2003
'ijb,jkb->ikb' --size i=4,j=3,k=4,b=180001
'ij,jb->ib' --size i=3,j=2,b=1003 --dtype c64
EOF
}

# Every set of this machine by its name, then one that no machine has.
in_each_set() { # in_each_set PROGRAM
    for set in avx512 avx2 sse2 none; do
        EINC_ISA=$set "./$1" || { echo "with EINC_ISA=$set"; return 1; }
    done
}

# shellcheck disable=SC2086
on_this_machine() {
    while read -r command; do
        try "$command" $command $warn main.c -o main
        try "run of $command" in_each_set main
    done <<'EOF'
gcc -O2
gcc -O3 -march=native
gcc -O2 -fopenmp
gcc -O2 -std=c99 -pedantic
gcc -O2 -mno-avx512f -D_FORTIFY_SOURCE=2
gcc -O1 -De_SCALAR
clang -O2
clang -O2 -march=native
clang -O2 -fopenmp=libgomp -Wno-unknown-pragmas
g++ -O2 -x c++
EOF
}

# Without -march the vectors of all sets are in the object.
has_all_sets() {
    gcc -O2 -S main.c -o main.s && grep -q zmm main.s && grep -q ymm main.s
}

# Headers enough to look at a file for a machine that has none here.
stub_headers() {
    mkdir -p stubs
    cat >stubs/stdlib.h <<'EOF'
#include <stddef.h>
void *malloc(size_t);
void free(void *);
char *getenv(const char *);
EOF
    cat >stubs/string.h <<'EOF'
#include <stddef.h>
void *memcpy(void *, const void *, size_t);
int strcmp(const char *, const char *);
EOF
}

# shellcheck disable=SC2086
on_aarch64() {
    if command -v aarch64-linux-gnu-gcc >/dev/null; then
        try 'aarch64' aarch64-linux-gnu-gcc -O2 -static $warn main.c -o arm
        ! command -v qemu-aarch64 >/dev/null ||
            try 'run, aarch64' qemu-aarch64 ./arm
    elif clang --print-targets 2>/dev/null | grep -q aarch64; then
        stub_headers
        try 'aarch64, syntax' clang -target aarch64-linux-gnu -ffreestanding \
            -nostdlibinc -Istubs $warn -fsyntax-only bare.c
    fi
}

cases >cases
while read -r expression <&3; do
    eval "'$B/einc' emit $expression --name e --main -o main.c -f" || exit 1
    eval "'$B/einc' emit $expression --name e -o bare.c -f" || exit 1
    if [ "$(uname -m)" = x86_64 ]; then
        try 'all sets' has_all_sets
    fi
    on_this_machine
    on_aarch64
done 3<cases

command -v aarch64-linux-gnu-gcc >/dev/null ||
    echo "no aarch64-linux-gnu-gcc: the NEON bodies were only read by clang"
command -v qemu-aarch64 >/dev/null ||
    echo "no qemu-aarch64 (qemu-user): the NEON bodies were not run"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
