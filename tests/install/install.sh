#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make install` leaves: the files, the symbols, and that a program finds
# header and library through pkg-config, shared and static, as C and as C++.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B-build} CC=${CC-gcc} CXX=${CXX-g++} MAKE=${MAKE-make}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

try() { # try NAME COMMAND...
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        return 0
    fi
    failed=$((failed + 1))
    echo "FAIL $name: $*"
    sed 's/^/  | /' "$work/log"
    return 1
}
equal() { # equal FILE FILE
    diff -u "$1" "$2"
}

root=$work/root
at=$root/usr/local
try install "$MAKE" -s install "B=$B" "CC=$CC" "DESTDIR=$root" \
    PREFIX=/usr/local || {
    echo "$passed passed, $failed failed"
    exit 1
}

for file in bin/einc include/einc.h lib/libeinc.a lib/libeinc.so \
    lib/libeinc.so.0 lib/pkgconfig/einc.pc; do
    try "has $file" test -s "$at/$file"
done
try "soname" sh -c "readelf -d '$at/lib/libeinc.so' | \
    grep -q 'SONAME.*\[libeinc.so.0\]'"

# The header, the version script and the library name the same functions.
awk '/EINC_API/ { on = 1 } on && !/^#/ { text = text $0 " " }
     /;/ && on { print text; text = ""; on = 0 }' include/einc.h |
    grep -o 'einc_[a-z_]*(' | tr -d '(' | LC_ALL=C sort -u >"$work/header"
grep -o 'einc_[a-z_]*;' src/einc.map | tr -d ';' |
    LC_ALL=C sort -u >"$work/map"
nm -D --defined-only "$at/lib/libeinc.so" |
    awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    LC_ALL=C sort -u >"$work/shared"
try "the header declares functions" test -s "$work/header"
try "version script as the header" equal "$work/header" "$work/map"
try "shared library as the header" equal "$work/header" "$work/shared"
# The archive has internals too, under our prefix and no other.
nm -g --defined-only "$at/lib/libeinc.a" 2>/dev/null |
    awk 'NF == 3 { print $3 }' | grep -v '^einc_' >"$work/foreign"
try "archive symbols begin einc_" equal /dev/null "$work/foreign"

cat >"$work/program.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <einc.h>

int
main(void)
{
    const int64_t a_shape[2] = {2, 3}, b_shape[2] = {3, 2}, c_shape[2] = {2, 2};
    const double a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, 0, 1, 1, 1};
    const struct einc_layout in[2] = {EINC_LAYOUT(EINC_F64, 2, a_shape),
                                      EINC_LAYOUT(EINC_F64, 2, b_shape)};
    const struct einc_layout out = EINC_LAYOUT(EINC_F64, 2, c_shape);
    const void *data[2] = {a, b};
    struct einc_err *err = NULL;
    double c[4];

    if (einc_einsum(NULL, "ij,jk->ik", 2, in, data, &out, c, &err)) {
        fputs(einc_err_text(err), stderr);
        return 1;
    }
    printf("%g %g %g %g %s\n", c[0], c[1], c[2], c[3], einc_version());
    return strcmp(einc_version(), EINC_VERSION) != 0;
}
END
echo "4 5 10 11 0.1.0" >"$work/expected"

export PKG_CONFIG_LIBDIR="$at/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
export EINC_CACHE_DIR="$work/cache"
# Splitting what pkg-config prints is meant, here and below.
shared=$(pkg-config --cflags --libs einc)
cflags=$(pkg-config --cflags einc)
private=$(pkg-config --static --libs-only-l einc | sed 's/-leinc//')
strict="-Wall -Wextra -Wpedantic -Werror"
export LD_LIBRARY_PATH="$at/lib"

# shellcheck disable=SC2086
program() { # program NAME COMPILER... -- LINK...
    name=$1
    shift
    rm -f "$work/program"
    try "$name compiles" "$@" -o "$work/program" || return
    try "$name runs" sh -c "'$work/program' > '$work/got'"
    try "$name prints" equal "$work/expected" "$work/got"
}
try "pkg-config version" sh -c "[ \"$(pkg-config --modversion einc)\" = 0.1.0 ]"
# shellcheck disable=SC2086
{
    program "shared C99" "$CC" -std=c99 $strict "$work/program.c" $shared
    try "needs the shared library" sh -c \
        "readelf -d '$work/program' | grep -q 'NEEDED.*libeinc.so.0'"
    program "shared C++" "$CXX" -std=c++11 -x c++ $strict "$work/program.c" \
        -x none $shared
    program "static C99" "$CC" -std=c99 $strict $cflags "$work/program.c" \
        "$at/lib/libeinc.a" $private
}
try "installed command" sh -c "'$at/bin/einc' --version | grep -qx 'einc 0.1.0'"

try uninstall "$MAKE" -s uninstall "DESTDIR=$root" PREFIX=/usr/local
find "$root" ! -type d >"$work/left"
try "uninstall leaves nothing" equal /dev/null "$work/left"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
