#!/bin/sh
# SPDX-License-Identifier: MIT
# Holds README.md and docs/*.md to what the commands in them print. A fenced
# block whose first line begins with `$ ` is a session: each command, and below
# it all that it prints on stdout and stderr. A line that ends in a backslash
# goes on in the next one. The commands run in a folder that looks like the
# root of the repository, with einc and mknpy in PATH, and einc installed where
# pkg-config and the loader find it; what they write stays in that folder.
#   ...                     a line alone: any number of lines
#   <!-- check: WORDS -->   on the line before a block; WORDS, with commas:
#     not run               shown, not checked (counted in the last line)
#     numbers               numbers and units of time are not compared
#     exit N                the exit code of its last command (else 0 of all)
#     isa NAME              not run where EINC_ISA cannot be NAME
#     file NAME             no session: the block is written to that file first
# usage: check_docs.sh [--write] [FILE...]
#   --write puts in what the commands print now; `git diff` is the review.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$PWD
B=${B-build} MAKE=${MAKE-make}
case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
write=0
if [ "${1-}" = --write ]; then
    write=1
    shift
fi
[ "$#" -gt 0 ] || set -- README.md docs/*.md
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0
skipped=0

unset EINC_TIER EINC_THREADS EINC_DUMP EINC_VERBOSE EINC_CC EINC_ISA
EINC_CACHE_DIR=$work/cache
EINC_MACHINE=default:avx2 # modelled times are the same everywhere,
EINC_THREADS=1            # which they are of
PATH=$B:$B/tools:$PATH
PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
LD_LIBRARY_PATH=$work/prefix/lib
LC_ALL=C.UTF-8
export EINC_CACHE_DIR EINC_MACHINE EINC_THREADS PATH PKG_CONFIG_PATH
export LD_LIBRARY_PATH LC_ALL
if ! "$MAKE" -s install "B=$B" "PREFIX=$work/prefix" >"$work/log" 2>&1; then
    cat "$work/log"
    echo '0 passed, 1 failed'
    exit 1
fi

# Takes a file apart: NNNNN.text is copied, NNNNN.want is what a command is
# said to print, beside it .cmd, .mark, .line; files are written into `room`.
cat >"$work/split.awk" <<'AWK'
function piece(kind) {
    close(to)
    to = sprintf("%s/%05d.%s", out, ++n, kind)
    printf "" > to
}
function begin_want() {
    piece("want")
    base = substr(to, 1, length(to) - 5)
    print cmd > (base ".cmd")
    print mark > (base ".mark")
    print at > (base ".line")
    close(base ".cmd"); close(base ".mark"); close(base ".line")
    cmd = ""
}
BEGIN { piece("text") }
/^```/ && !fence {
    fence = 1; first = 1; session = 0; file = ""
    mark = marked == NR - 1 ? words : ""
    if (match(mark, /file [^,]*/))
        file = room "/" substr(mark, RSTART + 5, RLENGTH - 5)
    print > to
    next
}
/^```/ {
    if (session)
        piece("text")
    fence = session = 0
    print > to
    next
}
fence {
    if (first && file == "" && /^\$ /)
        session = 1
    first = 0
    if (session && (/^\$ / || more)) {
        if (!more) { piece("text"); at = NR }
        print > to
        cmd = cmd (more ? $0 : substr($0, 3))
        more = /\\$/
        if (more) cmd = substr(cmd, 1, length(cmd) - 1) " "
        else begin_want()
        next
    }
    if (file != "")
        print > file
    print > to
    next
}
/^<!-- check: .* -->$/ {
    words = substr($0, 13, length($0) - 16)
    marked = NR
}
{ print > to }
AWK

# Whether the lines of the first file, with its `...`, are those of the second.
cat >"$work/match.awk" <<'AWK'
function plain(s) {
    if (numbers) {
        gsub(/[0-9]+([.][0-9]+)?(e[-+]?[0-9]+)?/, "#", s)
        gsub(/# (ns|us|ms|s)[,;]/, "# time,", s)
        gsub(/ +/, " ", s)
    }
    return s
}
function fits(w, g, n,    i) {
    for (i = 0; i < n; i++)
        if (w + i > n_want || g + i > n_got || want[w + i] != got[g + i])
            return 0
    return 1
}
NR == FNR { want[++n_want] = $0 == "..." ? $0 : plain($0); next }
{ got[++n_got] = plain($0) }
END {
    g = 1
    for (w = 1; w <= n_want; w += n + 1) {
        for (n = 0; w + n <= n_want && want[w + n] != "..."; n++)
            ;
        last = w + n > n_want
        if (w > 1 && last)
            g = n_got - n + 1 > g ? n_got - n + 1 : g
        else if (w > 1)
            while (g <= n_got && !fits(w, g, n))
                g++
        if (!fits(w, g, n))
            exit 1
        g += n
        open = !last
    }
    exit !(open || g == n_got + 1)
}
AWK

complain() { # complain BASE MESSAGE
    failed=$((failed + 1))
    echo "FAIL $file:$(cat "$1.line"): $(cat "$1.cmd"): $2"
}

# One command, run in `room` already: NAME.got and NAME.rc are there.
judge() { # judge BASE MARK
    numbers=0
    expected=0
    case $2 in
    *numbers*) numbers=1 ;;
    esac
    case $2 in
    *exit\ *)
        # the next command of a session is two pieces on
        number=${1##*/}
        number=${number#"${number%%[!0]*}"}
        if ! [ -e "${1%/*}/$(printf '%05d' $((number + 2))).cmd" ]; then
            expected=${2#*exit }
            expected=${expected%%,*}
        fi
        ;;
    esac
    if [ "$(cat "$1.rc")" != "$expected" ]; then
        complain "$1" "exit code $(cat "$1.rc"), not $expected"
        sed 's/^/  | /;20q' "$1.got"
    elif awk -v numbers=$numbers -f "$work/match.awk" "$1.want" "$1.got"; then
        passed=$((passed + 1))
    elif [ $write -eq 1 ]; then
        cp "$1.got" "$1.want"
    else
        complain "$1" "prints something else"
        diff -u --label said "$1.want" --label printed "$1.got" |
            sed 's/^/  | /'
    fi
}

run() { # run BASE
    mark=$(cat "$1.mark")
    case $mark in
    *isa\ *)
        isa=${mark#*isa }
        isa=${isa%%,*}
        if ! EINC_ISA=$isa einc doctor | grep -q "^isa *$isa\$"; then
            skipped=$((skipped + 1))
            return
        fi
        ;;
    *not\ run*)
        skipped=$((skipped + 1))
        return
        ;;
    esac
    (cd "$room" && timeout 300 sh "$1.cmd") >"$1.got" 2>&1 </dev/null
    echo $? >"$1.rc"
    # an empty file, or one that ends its last line
    [ -z "$(tail -c 1 "$1.got")" ] || echo >>"$1.got"
    judge "$1" "$mark"
}

for file in "$@"; do
    room=$work/room
    pieces=$work/pieces
    rm -rf "$room" "$pieces"
    mkdir "$room" "$pieces"
    for entry in "$root"/*; do
        [ "${entry##*/}" = build ] || ln -s "$entry" "$room/"
    done
    ln -s "$B" "$room/build"
    awk -v out="$pieces" -v room="$room" -f "$work/split.awk" "$file"
    for cmd in "$pieces"/*.cmd; do
        [ -e "$cmd" ] && run "${cmd%.cmd}"
    done
    if [ $write -eq 1 ]; then
        for piece in "$pieces"/*.text "$pieces"/*.want; do
            [ -e "$piece" ] && echo "$piece"
        done | sort | while read -r piece; do cat "$piece"; done >"$work/new"
        cmp -s "$work/new" "$file" || cp "$work/new" "$file"
    fi
done
[ "$skipped" -eq 0 ] || echo "$skipped commands were not run"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
