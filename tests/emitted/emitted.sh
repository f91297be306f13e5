#!/bin/sh
# SPDX-License-Identifier: MIT
# Emits every case of cases.txt and holds the files to what is said of them:
# no warning from gcc, clang or g++, also as C99 without any extension; they
# need nothing but libc; their main() finds no wrong element, also under the
# sanitizers and with OpenMP; the same bytes each time, in any locale.
# usage: emitted.sh [LINE]    B: where einc was built
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B-build}
case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
cases=$PWD/tests/emitted/cases.txt
warn='-Wall -Wextra -Wconversion -Wshadow -Werror'
san='-g -fsanitize=address,undefined -fno-sanitize-recover=all'
libc='^(malloc|free|mem(cpy|set|move|cmp)|printf|fprintf|fwrite|fputc|stderr|__fprintf_chk|puts|putchar|__printf_chk|clock|timespec_get|fputs|strtoll|__isoc23_strtoll|__stack_chk_fail|getenv|strcmp|__cpu_model|_GLOBAL_OFFSET_TABLE_)$'
export ASAN_OPTIONS=detect_stack_use_after_return=1

verdict() { # verdict STATUS WHAT: of the case at hand
    if [ "$1" -eq 0 ]; then
        echo ok
    else
        echo "FAIL line $line ($case): $2"
        sed 's/^/      /;20q' log
    fi
}

try() { # try WHAT COMMAND...
    what=$1
    shift
    "$@" >log 2>&1
    verdict $? "$what"
}

# Each main() prints its verdict; sizes that are arguments get other values,
# odd ones, 1 and 0 too.
runs() { # runs PROGRAM
    "./$1" && "./$1" 5 3 7 2 6 4 && "./$1" 1 9 1 3 1 2 &&
        "./$1" 3 0 2 5 && "./$1" 0 1 2 0 3 &&
        OMP_NUM_THREADS=3 "./$1" 2 67 35 3
}

only_libc() {
    nm -u main.o | awk '{ print $NF }' | grep -Ev "$libc" >foreign
    ! [ -s foreign ] || { cat foreign && false; }
}

# The header's declarations must fit the source and C++.
header_fits() {
    emit --name einsum2 --header two.h -o two.c &&
        printf '#include "two.h"\n#include "two.h"\nint main(void)%s\n' \
            '{ return einsum2_workspace == 0; }' >user.c &&
        gcc -O0 $warn -Wno-address -c two.c -o two.o &&
        clang $warn -fsyntax-only two.c &&
        gcc -O0 $warn -Wno-address user.c two.o -o user &&
        g++ -x c++ $warn -Wno-address -fsyntax-only user.c
}

emit() {
    eval "LC_ALL=C '$B/einc' emit $case" '"$@"'
}

same_bytes() {
    emit --main --name e -o again.c && cmp main.c again.c || return 1
    for locale in C.UTF-8 de_DE.UTF-8; do
        eval "LOCPATH=\${locales-} LC_ALL=$locale '$B/einc' emit $case" \
            --main --name e -o "again.$locale.c" || return 1
        cmp main.c "again.$locale.c" || return 1
    done
}

# shellcheck disable=SC2086
one() { # one LINE, in a folder of its own
    line=$1
    case=$(sed -n "${line}p" "$cases")
    mkdir "$line" && cd "$line" || exit 1
    try 'einc emit' emit --main --name e -o main.c
    try 'same bytes' same_bytes
    try 'gcc' gcc -O2 $warn -c main.c -o main.o
    try 'libc only' only_libc
    try 'clang' clang $warn -fsyntax-only main.c
    try 'g++' g++ -x c++ $warn -fsyntax-only main.c
    try 'clang++' clang++ -x c++ $warn -fsyntax-only main.c
    try 'sanitizers' gcc -O0 $warn $san main.c -o vector
    try 'run, sanitizers' runs vector
    try 'C99' gcc -std=c99 -pedantic -DEINC_SCALAR -O0 $warn $san main.c \
        -o scalar
    try 'run, C99' runs scalar
    try 'OpenMP' gcc -O1 $warn -fopenmp main.c -o parallel
    try 'run, OpenMP' runs parallel
    try 'header' header_fits
    cd .. && rm -rf "./$line"
}

if [ "${1-}" = --one ]; then
    cd "$place" || exit 1
    one "$2"
    exit 0
fi

place=$(mktemp -d) || exit 1
trap 'rm -rf "$place"' EXIT
cd "$place" || exit 1
# A locale with a decimal comma and dots between thousands.
locales=$place/locales
mkdir "$locales"
if ! localedef -i de_DE -f UTF-8 "$locales/de_DE.UTF-8" >log 2>&1 &&
    ! [ -e "$locales/de_DE.UTF-8" ]; then
    echo "no locale but C was tried: localedef cannot make de_DE"
fi
export locales place B
grep -n "^'" "$cases" | cut -d: -f1 | grep -x "${1:-.*}" |
    xargs -P "$(nproc)" -n 1 "$OLDPWD/tests/emitted/emitted.sh" --one >all
grep -v '^ok$' all
failed=$(grep -c '^FAIL' all)
passed=$(grep -c '^ok$' all)
[ "$passed" -gt 0 ] || failed=$((failed + 1))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
