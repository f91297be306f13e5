#!/bin/sh
# SPDX-License-Identifier: MIT
# Lists every #include "..." of the tree as `file -> file` and fails on one
# that points up, on one that names no file of ours, and on a file of the
# command that reaches behind the public header; it may ask for huge pages,
# and npy.c alone may read the table of types, which has numpy's names.
#   include < src/base < src/parse < src/plan < src/codegen < runtime
#           < src/*.c < src/cli
# usage: tools/check_includes.sh [-q]     -q: only what is wrong
set -eu
cd "$(dirname "$0")/.."
quiet=0
[ "${1-}" = -q ] && quiet=1

find include src runtime -type f \
    \( -name '*.c' -o -name '*.h' -o -name '*.re' -o -name '*.inc' \) | LC_ALL=C sort |
awk -v quiet="$quiet" '
function rank(file) {
    if (file ~ /^include\//) return 0
    if (file ~ /^src\/base\//) return 1
    if (file ~ /^src\/parse\//) return 2
    if (file ~ /^src\/plan\//) return 3
    if (file ~ /^src\/codegen\//) return 4
    if (file ~ /^runtime\//) return 5
    if (file ~ /^src\/cli\//) return 7
    return 6
}
# As the compiler looks: beside the file, then -Iinclude -Isrc -I. in turn.
function resolve(name, from,    beside, n, i, try) {
    beside = from
    sub(/[^\/]*$/, "", beside)
    n = split(beside name "|include/" name "|src/" name "|" name, try, "|")
    for (i = 1; i <= n; i++)
        if (try[i] in ours)
            return try[i]
    return ""
}
function wrong(text) {
    wrongs[++n_wrong] = text
}
function check(from, name, line,    to) {
    n_includes++
    to = resolve(name, from)
    if (to == "") {
        wrong(from ":" line ": \"" name "\" is no file of the tree")
        return
    }
    if (!quiet)
        print from " -> " to
    if (rank(to) > rank(from))
        wrong(from ":" line ": points up, to " to)
    else if (rank(from) == 7 && rank(to) != 7 && rank(to) != 0 &&
             to != "src/base/pages.h" &&
             from " " to != "src/cli/npy.c src/base/dtype.h")
        wrong(from ":" line ": the command may use the public header only")
}
{ files[NR] = $0; ours[$0] = 1 }
END {
    for (i = 1; i <= NR; i++) {
        line = 0
        while ((getline text < files[i]) > 0) {
            line++
            if (text ~ /^[ \t]*#[ \t]*include[ \t]*"/) {
                split(text, part, "\"")
                check(files[i], part[2], line)
            }
        }
        close(files[i])
    }
    for (i = 1; i <= n_wrong; i++)
        print wrongs[i]
    printf "%d includes in %d files, %d wrong\n", n_includes, NR, n_wrong
    exit n_wrong > 0 || n_includes == 0
}'
