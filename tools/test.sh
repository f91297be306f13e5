#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs parts of the tests and adds up what they say; a part that fails does
# not keep the next from running. Called by the Makefile with B, CC and MAKE.
# usage: tools/test.sh PART...
#   build     everything, warnings included     check     the include order
#   unit fault stress numeric language cuda   tests/PART, a program per file
#   cli       the command line                  examples  `check` of each
#   install   what `make install` leaves        emitted   what `einc emit` wrote
#   docs      the sessions in README.md and docs/
#   replay    the files of tests/fuzz, without a fuzzer
# A part counts what its programs report: cmocka's totals, or a last line
# `N passed, N failed...`. One that reports nothing counts as one test.
set -u
cd "$(dirname "$0")/.." || exit 1
B=${B-build} CC=${CC-gcc} MAKE=${MAKE-make}
export B CC
case $B in
/*) absolute=$B ;;
*) absolute=$PWD/$B ;;
esac
# The user's settings and the user's cache stay out of it.
unset EINC_TIER EINC_THREADS EINC_DUMP EINC_VERBOSE EINC_CC EINC_BACKGROUND
unset EINC_NVRTC EINC_CUDA
EINC_CACHE_DIR=$absolute/cache
EINC_MACHINE=default:avx2 # modelled times are the same everywhere
export EINC_CACHE_DIR EINC_MACHINE
limit=900 # seconds a single program may take
logs=$B/logs
passed=0
failed=0

# Sets p and f to what a log reports.
count() { # count LOG STATUS
    p=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$1" |
        awk '{ n += $1 } END { print n + 0 }')
    f=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$1" |
        awk '{ n += $1 } END { print n + 0 }')
    last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
    if [ -n "$last" ]; then
        p=${last%% *}
        f=${last#*, }
        f=${f%% *}
    fi
    [ "$2" -ne 0 ] && [ "$f" -eq 0 ] && f=1
    [ "$2" -eq 0 ] && [ "$p" -eq 0 ] && [ "$f" -eq 0 ] && p=1
    return 0
}

log_of() { # log_of NAME
    echo "$logs/$(echo "$1" | tr / _).log"
}

# Its log; beside it the exit status and the seconds it took.
run() { # run NAME COMMAND...
    log=$(log_of "$1")
    shift
    start=$(date +%s)
    timeout -k 5 "$limit" "$@" >"$log" 2>&1 </dev/null
    echo "$? $(($(date +%s) - start))" >"$log.status"
}

report() { # report NAME
    log=$(log_of "$1")
    read -r rc took <"$log.status"
    count "$log" "$rc"
    passed=$((passed + p))
    failed=$((failed + f))
    if [ "$f" -eq 0 ]; then
        printf 'ok    %-32s %5d passed %12d s\n' "$1" "$p" "$took"
        return
    fi
    [ "$rc" -eq 124 ] && echo "stopped after $limit s" >>"$log"
    tail -n 40 "$log" | sed 's/^/      | /'
    printf 'FAIL  %-32s %5d passed, %d failed (exit %d)  %s\n' \
        "$1" "$p" "$f" "$rc" "$log"
}

one() { # one NAME COMMAND...
    run "$@"
    report "$1"
}

names() { # names FOLDER PATTERN: of test programs, one per source file
    for source in tests/"$1"/$2; do
        [ -e "$source" ] || continue
        name=${source#tests/}
        echo "${name%.c}"
    done
}

programs() { # programs FOLDER PATTERN
    for name in $(names "$1" "$2"); do
        one "$name" "$B/tests/$name"
    done
}

together() { # likewise, for programs that use one processor each
    names "$1" "$2" | xargs -P "$(nproc)" -n 1 tools/test.sh --run
    for name in $(names "$1" "$2"); do
        report "$name"
    done
}

scripts() { # scripts FOLDER
    for script in tests/"$1"/*.sh; do
        [ -e "$script" ] || continue
        one "${script#tests/}" "$script"
    done
}

if [ "$1" = --run ]; then
    run "$2" "$B/tests/$2"
    exit 0
fi
rm -rf "$logs"
mkdir -p "$logs"
for part in "$@"; do
    case $part in
    build) one build "$MAKE" -s -k "-j$(nproc)" all tests ;;
    check) one check tools/check_includes.sh ;;
    unit) together unit 'test_*.c' ;;
    fault | stress | numeric | language) programs "$part" '*.c' ;;
    cuda) programs cuda '*.c' && scripts cuda ;;
    emitted)
        programs emitted '*.c' && scripts emitted
        one language/run-emit "$B/tests/language/run" --emit
        ;;
    cli | install | docs) scripts "$part" ;;
    replay)
        for seeds in tests/fuzz/*.seeds; do
            name=${seeds#tests/}
            name=${name%.seeds}
            one "$name" "$B/tests/${name}_replay" "$seeds"
        done
        ;;
    examples)
        for dir in examples/*/; do
            [ -e "$dir/Makefile" ] || continue
            dir=${dir%/}
            one "$dir" "$MAKE" -s -C "$dir" check "B=$absolute" "CC=$CC"
        done
        ;;
    *) echo "test.sh: no part '$part'" >&2 && exit 2 ;;
    esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
