#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line: exit codes, what goes to stdout and what to stderr, files.
# Every run is one `run CODE WORD...`; the lines below it look at stdout (out),
# stderr (err) and files of that run.
set -u
cd "$(dirname "$0")/../.." || exit 1
case ${B-build} in
/*) bin=$B ;;
*) bin=$PWD/${B-build} ;;
esac
work=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
PATH=$bin:$PATH
EINC_CACHE_DIR=$work/cache
EINC_TIER=interp # fast and the same everywhere; tiers have their own tests
EINC_THREADS=1
EINC_MACHINE=default:avx2
LC_ALL=C
export PATH EINC_CACHE_DIR EINC_TIER EINC_THREADS EINC_MACHINE LC_ALL
unset EINC_DUMP EINC_VERBOSE EINC_BACKGROUND
passed=0
failed=0
last=

verdict() { # verdict 0|1 TEXT
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    echo "FAIL $last"
    echo "  $2"
    sed 's/^/  out | /' out
    sed 's/^/  err | /' err
}
run() { # run CODE WORD...: einc WORD... exits with CODE
    want=$1
    shift
    last="einc $*"
    einc "$@" >out 2>err
    rc=$?
    [ "$rc" -eq "$want" ]
    verdict $? "exit $rc, expected $want"
}
out() { # all of stdout
    printf '%s\n' "$1" | diff - out >/dev/null
    verdict $? "stdout is not: $1"
}
err() { # all of stderr
    printf '%s\n' "$1" | diff - err >/dev/null
    verdict $? "stderr is not: $1"
}
quiet() { # quiet out|err: nothing there
    [ ! -s "$1" ]
    verdict $? "$1 is not empty"
}
has() { # has FILE TEXT
    grep -qF -e "$2" "$1"
    verdict $? "$1 lacks: $2"
}
lacks() { # lacks FILE TEXT
    ! grep -qF -e "$2" "$1"
    verdict $? "$1 has: $2"
}
holds() { # holds TEXT COMMAND...: the command succeeds
    text=$1
    shift
    "$@" >/dev/null 2>&1
    verdict $? "$text"
}
make_npy() { # make_npy FILE SHAPE DTYPE VALUES
    "$bin/tools/mknpy" "$2" "$3" "$4" >"$1" || exit 1
}

make_npy a.npy 2x3 f64 iota
make_npy b.npy 3x2 f64 iota
make_npy c.npy 3x3 f64 iota
make_npy s.npy '' f64 7
make_npy i.npy 2x3 i32 iota
make_npy k.npy 2x3 i8 iota
make_npy z.npy 2 c128 iota
make_npy big.npy 60x70 f32 3
make_npy big2.npy 70x50 f32 4

# --- the command itself
run 0 --version
out 'einc 0.1.0'
quiet err
run 0 --help
has out 'einc run'
quiet err
holds 'three examples within the first five lines' sh -c \
    '[ "$(head -n 5 out | grep -c "^  einc ")" -eq 3 ]'
holds 'help is at most 80 columns wide' sh -c '! grep -q ".\{81\}" out'
run 0 -h
has out 'verb'
for verb in run emit explain bench doctor help; do
    run 0 help "$verb"
    quiet err
    has out "usage: einc $verb"
    holds "three examples first ($verb)" sh -c \
        '[ "$(head -n 3 out | grep -c "einc ")" -eq 3 ]'
    holds "at most 80 columns ($verb)" sh -c '! grep -q ".\{81\}" out'
    cp out expected
    run 0 "$verb" --help
    holds "--help as help ($verb)" cmp out expected
done
run 2
quiet out
has err 'try: einc help'
run 2 rum
err "einc: there is no verb 'rum'; did you mean 'run'?
try: einc help"
run 2 frobnicate
err "einc: there is no verb 'frobnicate'
try: einc help"
run 2 run ij --tier interpreter a.npy
has err "'interpreter'"
run 2 run ij --treads 2 a.npy
err "einc run: unknown flag --treads; did you mean --threads?
try: einc help run"
run 2 run ij --main a.npy
err "einc run: --main is a flag of another verb
try: einc help run"
run 2 run ij --check=1 a.npy
err "einc run: --check takes no value
try: einc help run"
run 2 help rnu
has err "did you mean 'run'?"
run 2 run ij -x a.npy
has err 'unknown flag -x'
run 2 run ij a.npy -o
has err 'needs a value'
run 2 run ij a.npy --threads 0
has err "1 to 1024"
run 2 run ij a.npy --memory-limit 12Q
has err "'12Q'"
run 2 run
has err 'which expression?'
run 2 emit
has err 'which expression?'
run 2 doctor what
run 0 doctor
holds 'doctor finds something' test -s out
has out 'built-in'

# --- run
run 0 run ij,jk-\>ik a.npy b.npy
out '[[10. 13.]
 [28. 40.]]'
quiet err
run 0 run 'ii->' c.npy
out '12.'
run 0 run -- '->' s.npy
run 0 run '->' s.npy
quiet err
run 0 run 'i j , j k -> i k' a.npy b.npy --compact
has out '28.'
run 0 run 'row col, col out -> row out' a.npy b.npy
has out '28.'
run 0 run 'ij->ji' i.npy
out '[[0 3]
 [1 4]
 [2 5]]'
run 0 run 'i,i->i' z.npy z.npy
has out 'j'
run 0 run 'ij->i' i.npy --dtype i64
out '[ 3 12]'
run 0 run 'ij,jk->ik' big.npy big2.npy
has out '...'
has out 'f32 60x50'

run 0 run 'ij,jk->ik' a.npy b.npy -o c1.npy
quiet out
quiet err
run 0 run 'ij->ij' c1.npy
out '[[10. 13.]
 [28. 40.]]'
holds 'numpy magic' sh -c 'head -c 6 c1.npy | tail -c 5 | grep -qx NUMPY'
run 4 run 'ij->ij' a.npy -o c1.npy
err 'einc: c1.npy exists; -f replaces it'
run 0 run 'ij->ij' a.npy -o c1.npy -f
run 0 run 'ij->ij' c1.npy
out '[[0. 1. 2.]
 [3. 4. 5.]]'
run 0 run 'ij->ij' a.npy -o /dev/null
run 4 run 'ij->ij' a.npy -o missing/c.npy
has err 'missing/c.npy'
run 0 run 'ij->ji' a.npy -o -
cp out t.npy
run 0 run 'ij->ji' t.npy
out '[[0. 1. 2.]
 [3. 4. 5.]]'
last='einc run with - as operand'
einc run 'ij,jk->ik' - b.npy <a.npy >out 2>err
verdict $? 'exit code'
out '[[10. 13.]
 [28. 40.]]'
run 4 run 'ij->ij' none.npy
has err 'none.npy'
run 4 run 'ij->ij' "$bin/../Makefile"
run 4 run 'ij->ij' /dev/null

# alpha and beta
run 0 run 'ij,jk->ik' a.npy b.npy -o c2.npy --alpha 2
run 0 run 'ij->ij' c2.npy
out '[[20. 26.]
 [56. 80.]]'
run 0 run 'ij,jk->ik' a.npy b.npy -o c2.npy --alpha -1 --beta 0.5
run 0 run 'ij->ij' c2.npy
out '[[0. 0.]
 [0. 0.]]'
run 2 run 'ij,jk->ik' a.npy b.npy --beta 1
has err '--beta needs -o FILE'
run 4 run 'ij,jk->ik' a.npy b.npy --beta 1 -o nowhere.npy
run 3 run 'ij->ij' a.npy --beta 1 -o c2.npy
has err 'another shape'
run 3 run 'ij->' i.npy --beta 1 -o s.npy
has err 'holds f64, the result is i32'
run 2 run 'ij->ij' a.npy --alpha two
has err "'two' is no number"
run 2 run 'ij->ij' i.npy --alpha 0.5
has err 'no value of i32'
run 0 run 'i->i' z.npy --alpha 1j
out '[-1.+0.j -3.+2.j]'

# --check, --time, --dump
run 0 run 'ij,jk->ik' big.npy big2.npy --check -o checked.npy
quiet out
has err 'check   error'
has err ': ok'
run 0 run 'ij->ji' i.npy --check
has err 'check   equal to the reference in all 6 elements'
run 0 run 'ij,jk->ik' big.npy big2.npy --time -o /dev/null
has err 'GFLOP/s'
has err 'tier interp'
run 0 run 'ij,jk->ik' big.npy big2.npy --time --tier builtin -o /dev/null
has err 'tier builtin'
run 0 run 'ij,jk->ik' big.npy big2.npy --check --tier builtin -o built.npy
has err ': ok'
for isa in $(einc doctor | sed -n \
    's/^built-in *[0-9]* kernels for //p; s/^ *[0-9]* for \(.*\), not used/\1/p'); do
    EINC_ISA=$isa
    export EINC_ISA
    run 0 run 'ij,jk->ik' big.npy big2.npy --check --tier builtin -f -o built.npy
    has err ': ok'
done
unset EINC_ISA
EINC_ISA=avx3
export EINC_ISA
run 0 run 'ij,jk->ik' a.npy b.npy
has err 'EINC_ISA=avx3'
unset EINC_ISA
EINC_TIER=quick
run 0 run 'ij,jk->ik' a.npy b.npy
has err 'EINC_TIER=quick names no tier'
EINC_TIER=interp
run 0 run 'ij,jk->ik' a.npy b.npy --dump path,plan -o /dev/null
has err 'step 1'
has err 'total flop'
quiet out
EINC_DUMP=plan
export EINC_DUMP
run 0 run 'ij,jk->ik' a.npy b.npy
unset EINC_DUMP
has err 'total flop'
out '[[10. 13.]
 [28. 40.]]'
run 2 run 'ij,jk->ik' a.npy b.npy --dump nonsense
for threads in 1 2 5; do
    run 0 run 'ij,jk->ik' big.npy big2.npy --threads $threads -f -o "t$threads.npy"
done
holds 'the same bits at every thread count' sh -c \
    'cmp t1.npy t2.npy && cmp t1.npy t5.npy'

# A compiler that is demanded and missing is the environment's fault; one that
# would only pay is a notice at most.
EINC_CC=$work/no-compiler
unset EINC_TIER
export EINC_CC
run 4 run 'ij,jk->ik' a.npy b.npy --tier cc --no-cache
quiet out
has err 'no-compiler'
run 0 run 'ij,jk->ik' big.npy big2.npy --tier auto --no-cache -o /dev/null
run 0 run 'ij,jk->ik' big.npy big2.npy --time --tier builtin -o /dev/null
has err 'tier builtin'
unset EINC_CC

# The answer first, a kernel for the next time behind it.
make_npy whole.npy 64x64 i32 3
run 0 run 'ij,jk->ik' whole.npy whole.npy --time -o /dev/null
has err 'tier interp'
run 0 run 'ij,jk->ik' whole.npy whole.npy --background -o first.npy
quiet err
run 0 run 'ij,jk->ik' whole.npy whole.npy --time --check -o next.npy
has err 'tier cc'
holds 'the same numbers' cmp first.npy next.npy
EINC_TIER=interp
export EINC_TIER

# --- diagnostics: the library's text, as it is
run 3 run 'ij,jk->ik' a.npy a.npy
quiet out
err "error[E401]: index 'j' has two sizes
  ij,jk->ik
   ^ ^        j = 3 in operand 0 (dim 1 of 2x3), j = 2 in operand 1 (dim 0 of 2x3)
  hint: operand 1 would fit if transposed: did you mean 'ij,kj->ik'?"
run 3 run 'ij->ii' a.npy
has err 'error[E302]'
run 3 run 'i..j->ij' a.npy
has err 'error[E203]'
run 3 run 'ij,jk->ik' a.npy
has err 'error[E303]'
run 0 run '...i->i' a.npy
run 3 run '...i->i' a.npy --strict-numpy
quiet out
make_npy one.npy 1x3 f64 iota
run 0 run 'ij,ij->ij' a.npy one.npy
run 3 run 'ij,ij->ij' a.npy one.npy --strict-sizes
run 3 run 'row col->row' a.npy --compact
run 3 run 'ij->ij' a.npy --dtype f32
has err 'error[E5'
run 2 run 'ij->ij' a.npy --dtype f33
has err "'f33'"

# --- bench
run 0 bench 'ij,jk->ik' --size i=8,j=9,k=10 --rounds 3
quiet err
has out 'step 1 '
has out 'total ij,jk->ik'
has out 'machine avx2 threads 1 rounds 3'
has out 'tier interp'
holds 'a step and the total: modelled, measured, ratio' sh -c \
    '[ "$(grep -c "^    modelled .* measured .* (.* to .*) ratio" out)" -eq 2 ]'
run 0 bench 'ij,jk,kl->il' --size i=8,j=9,k=10,l=11 --rounds 3 --format json
holds 'json is an object of steps' sh -c \
    'head -c 1 out | grep -q "{" && [ "$(grep -c "\"step\": " out)" -eq 2 ]'
has out '"model_seconds": '
has out '"total": {"expression": "ij,jk,kl->il"'
run 0 bench 'ij,jk->ik' a.npy b.npy --rounds 2 --dtype f64
has out 'total ij,jk->ik'
run 0 bench 'ij->ji' --shape 30x40 --dtype c64 --rounds 1
run 0 bench 'ij->i' --shape 30x0 --rounds 1
run 0 bench '->' s.npy --rounds 1
run 0 bench 'ij,jk->ik' --size i=8,j=9 --dtype i8,f16-\>f64 --rounds 1
run 0 bench 'ij
->ji' --rounds 1 --format json
has out '"expression": "ij\u000a->ji"'
run 2 bench
has err 'which expression?'
run 2 bench 'ij->ji' a.npy --size i=2
has err 'files have their shapes'
run 2 bench 'ij->ji' --rounds 0
has err '--rounds takes 1 to 1000'
run 2 bench 'ij->ji' --rounds 1001
run 2 bench 'ij->ji' --format dot
has err 'text or json'
run 2 bench 'ij->ji' a.npy --dtype f33
run 3 bench 'ij,jk->ik' --shape 2x3,4x5
run 4 bench 'ij->ji' none.npy
run 1 bench 'ij->ji' --size i=1000000000,j=1000000000
has err 'out of memory'

# --- doctor --calibrate: where the table goes, and where it does not
echo precious >table
last='EINC_MACHINE=table einc doctor --calibrate'
EINC_MACHINE=$work/table einc doctor --calibrate >out 2>err
rc=$?
holds 'exit 4' test $rc -eq 4
has err 'something else has that name'
holds 'a file that is no table stays' test "$(cat table)" = precious
last='EINC_MACHINE=config/machine einc doctor --calibrate'
EINC_MACHINE=$work/no/machine einc doctor --calibrate >out 2>err
rc=$?
holds 'exit 4' test $rc -eq 4
has err 'No such file'
mkdir config
last='einc doctor --calibrate'
(unset EINC_MACHINE &&
    XDG_CONFIG_HOME=$work/config einc doctor --calibrate >out 2>err)
rc=$?
holds 'exit 0' test $rc -eq 0
quiet err
has out 'einc machine 1'
has out "# written to $work/config/einc/machine"
grep -v '^#' out >expected
holds 'what is printed is what is written' cmp expected config/einc/machine
holds 'nothing else is written' test "$(ls config/einc)" = machine
(unset EINC_MACHINE && XDG_CONFIG_HOME=$work/config einc doctor >out 2>err)
has out "machine      measured-"
has out "$work/config/einc/machine"
echo 'wake_ns 3' >>config/einc/machine
last='einc explain with a broken table'
EINC_MACHINE=$work/config/einc/machine einc explain ij >out 2>err
rc=$?
holds 'exit 0' test $rc -eq 0
has err 'wake_ns stands there twice'
holds 'one notice' test "$(wc -l <err)" -eq 1
has out 'model_ns'

# --- explain
run 0 explain 'bij,bjk,kl->bil' --size b=8,i=64,j=128,k=64,l=32
quiet err
has out 'total flop'
has out 'machine avx2 threads 1'
cp out plan.txt
run 0 explain 'bij,bjk,kl->bil' --size b=8,i=64,j=128,k=64,l=32 --plan plan.txt
holds 'a plan reads back' cmp out plan.txt
run 0 explain 'bij,bjk,kl->bil' --shape 8x64x128,8x128x64,64x32
holds 'shapes say the same as sizes' cmp out plan.txt
run 0 explain 'bij,bjk,kl->bil' --shape 2=64x32,0=8x64x128,1=8x128x64
holds 'numbered shapes too' cmp out plan.txt
run 4 explain 'ij->ij' --plan none.txt
has err 'cannot read none.txt'
for stage in expr stmt graph canon path plan nest source cuda; do
    run 0 explain 'ij,jk->ik' --size i=8,j=9,k=10 --dump $stage
    holds "stage $stage prints" test -s out
    quiet err
done
run 0 explain 'ij,jk->ik' --size i=8,j=9,k=10 --format json
holds 'json is an object' sh -c 'head -c 1 out | grep -q "{"'
has out '"model": {"machine": "avx2", "threads": 1, "model_ns": '
holds 'json has the time of each step' test "$(grep -c model_ns out)" -eq 2
run 0 explain 'ij,jk->ik' --size i=8,j=9,k=10 --format dot
has out digraph
has out '\nmodel_ns '
run 2 explain 'ij,jk->ik' --format yaml
run 2 explain 'ij,jk->ik' --size i=8 --shape 2x3,3x4
has err 'not both'
run 2 explain 'ij,jk->ik' --shape 2x3,3y4
has err "'3y4' is no shape"
run 2 explain 'ij,jk->ik' --shape 0=2x3,0=3x4
has err 'second'
run 2 explain 'ij,jk->ik' --shape 1=3x4
has err 'operand 0 has none'
run 0 explain 'i,->i' --shape 3,
run 0 explain '...i,i->...' --shape 2x3x4,4
run 0 explain 'ij,jk->ik' --size i=8 --dtype f32,f64
run 2 explain 'ij,jk->ik' --size i=8 --dtype f32,f64,i8
has err '3 types for 2 operands'
run 0 explain 'αβ,βγ->αγ' --size α=5,β=6,γ=7
has out 7
run 0 explain '{row}j,jk->{row}k' --size '{row}=5,j=6,k=7'
run 0 explain 'row col, col out -> row out' --size row=5,col=6,out=7
run 3 explain 'ij,jk->ik' --size q=5
run 3 explain 'ij,jk->ik' --size i=x

# --- emit
run 0 emit 'ij,jk->ik' --size i=8,j=9,k=10
has out "einc emit 'ij,jk->ik' --size i=8,j=9,k=10"
quiet err
cp out once.c
run 0 emit 'ij,jk->ik' --size i=8,j=9,k=10 -o k.c
quiet out
holds 'the same bytes in a file' cmp k.c once.c
run 4 emit 'ij,jk->ik' --size i=8,j=9,k=10 -o k.c
err 'einc: k.c exists; -f replaces it'
run 0 emit 'ij,jk->ik' -o k.c -f
holds 'replaced' sh -c '! cmp -s k.c once.c'
mkdir -p h
run 0 emit 'ij,jk->ik' --name matmul --header h/mm.h -o h/mm.c
has h/mm.c '#include "mm.h"'
has h/mm.h matmul
holds 'source and header compile' "${CC-gcc}" -Wall -Wextra -Werror -c h/mm.c \
    -o h/mm.o
run 4 emit 'ij,jk->ik' --name matmul --header h/mm.h -o h/new.c
holds 'neither file where one is refused' test ! -e h/new.c
run 2 emit 'ij,jk->ik' --header x.c -o x.c
run 2 emit 'ij,jk->ik' --header ./x.c -o x.c
run 0 emit 'ij,jk->ik' --size i=8,j=9,k=10 --main -o prog.c
holds 'a program compiles' "${CC-gcc}" -O1 prog.c -o prog -lm
holds 'and runs' ./prog
run 0 emit 'ij,jk->ik' --size i=64,j=64,k=64 --target cuda
has out __global__
EINC_CUDA=/nowhere.so
export EINC_CUDA
run 4 run 'ij,jk->ik' a.npy b.npy --target cuda -o gpu.npy
has err 'EINC_CUDA=/nowhere.so'
holds 'no file where there is no GPU' test ! -e gpu.npy
run 4 run 'y[i,j] = exp(x[i,j])' a.npy --target cuda
has err 'EINC_CUDA=/nowhere.so'
unset EINC_CUDA
run 2 run 'ij,jk->ik' a.npy b.npy --target fortran
run 3 emit 'ij,jk->ii' -o bad.c --header bad.h
holds 'no half-written file' sh -c '[ -z "$(ls bad.* 2>/dev/null)" ]'
run 2 emit 'ij,jk->ik' --name 'not a name' -o bad.c
holds 'nor here' test ! -e bad.c
run 2 emit 'ij,jk->ik' --target fortran -o bad.c
run 2 emit 'ij,jk->ik' extra -o bad.c
has err "what is 'extra'?"
mkdir -p closed
chmod a-w closed
if [ "$(id -u)" -ne 0 ]; then # root may write anywhere
    run 4 emit 'ij,jk->ik' -o closed/k.c
fi
run 4 emit 'ij,jk->ik' -o nowhere/k.c
has err 'cannot write nowhere/k.c'
last='einc explain >/dev/full'
einc explain 'ij,jk->ik' --size i=8 >/dev/full 2>err
[ $? -eq 4 ]
verdict $? 'a full disk is exit 4'

# --- an interrupt leaves nothing behind; --time repeats for half a second
last='einc run, interrupted'
einc run 'ij,jk->ik' big.npy big2.npy -o partial.npy --time >out 2>err &
pid=$!
tries=0
while [ -z "$(find . -name 'partial.npy.*')" ] && [ $tries -lt 100 ]; do
    sleep 0.01
    tries=$((tries + 1))
done
holds 'a temporary file while it runs' test $tries -lt 100
kill -TERM $pid
wait $pid
[ $? -eq 143 ]
verdict $? 'ends by the signal'
holds 'no result' test ! -e partial.npy
mkdir -p scratch slow
cat >slow/cc <<'END'
#!/bin/sh
case "$*" in
*-shared*) sleep 3 ;; # what compiles a kernel
esac
exec gcc "$@"
END
chmod +x slow/cc
last='einc run, interrupted while it compiles'
TMPDIR=$work/scratch EINC_CC=$work/slow/cc einc run 'ij,jk->ik' a.npy b.npy \
    --tier cc --no-cache >out 2>err &
pid=$!
tries=0
while [ -z "$(ls scratch)" ] && [ $tries -lt 200 ]; do
    sleep 0.01
    tries=$((tries + 1))
done
holds 'a directory for the compiler' test $tries -lt 200
kill -TERM $pid
wait $pid
[ $? -eq 143 ]
verdict $? 'ends by the signal'
ls scratch >left
holds 'no directory for the compiler' test ! -s left
find . -path ./cache -prune -o -name '*.??????' -print >left
holds 'no temporary file of this run or any other' test ! -s left

# --- index statements
make_npy p.npy 2x3 f32 iota
make_npy v.npy 3 f32 iota
make_npy ids.npy 3 i64 iota
make_npy ids4.npy 4 i64 iota
run 0 run 'y[i] = sum[j](A[i,j]*x[j])' p.npy v.npy
out '[ 5. 14.]'
run 0 run 'y[i] = sum[j](A[i,j]*x[j])' x=v.npy A=p.npy --check
has err 'equal to the reference'
run 0 run 'H[K[i]] += 1' K=ids.npy H=v.npy
out '[1. 2. 3.]'
run 0 run 's[] = sum(A[i,j]); m[j] = max[i](A[i,j])' p.npy
out 's =
15.
m =
[3. 4. 5.]'
run 0 run 's[] = sum(A[i,j]); m[j] = max[i](A[i,j])' p.npy -o m=m.npy
quiet out
run 0 run 'y[j] = m[j]' m.npy
out '[3. 4. 5.]'
run 0 run 'y[t] = x[st*t]' v.npy --param st=2
out '[0. 2.]'
run 2 run 'y[i] = sum[j](A[i,j]*x[j])' p.npy
has err 'operand 1, x, has no file'
run 2 run 'y[i] = A[i,0]' p.npy v.npy
has err "what is 'v.npy'?"
run 2 run 'y[i] = A[i,0]' A=p.npy A=p.npy
has err 'bound twice'
run 2 run 'H[K[i]] += 1' ids.npy
has err 'the shape of H is not told'
run 2 run 'y[i] = A[i,0]' p.npy --alpha 2
has err 'are for einsums'
run 2 run 'y[i] = A[i,0]' p.npy --plan p.json
has err 'is for einsums'
run 2 run 's[] = sum(A[i,j]); m[j] = max[i](A[i,j])' p.npy -o x=m2.npy
has err 'is no output of the program'
run 2 run 's[] = sum(A[i,j]); m[j] = max[i](A[i,j])' p.npy -o m=m2.npy,m=m3.npy
has err 'm goes to two files'
for other in both.npy ./both.npy "../${work##*/}/both.npy"; do
    run 2 run 's[i] = x[i]+1; t[i] = x[i]*2' v.npy -o s=both.npy,t="$other" -f
    has err 's and t go to one file'
    holds 'nothing is written' test ! -e both.npy
done
run 0 run 's[i] = x[i]+1; t[i] = x[i]*2' v.npy -o s=/dev/null,t=/dev/null
run 2 run 'y[i] = v[i]' w=v.npy
has err 'the program has no operand w; its names are v, y'
cp v.npy w=v.npy
run 0 run 'y[i] = v[i]' w=v.npy
rm w=v.npy
run 0 run 'y[i] *= v[i]' v.npy
out '[0. 0. 0.]'
has err 'y is read before it is written: it starts as zeros'
run 0 run 'y[i] += v[i]' v.npy y=v.npy
out '[0. 2. 4.]'
quiet err
run 3 run 'H[K[i]] += 1' K=ids4.npy H=v.npy
err "error: the subscript 'K[i]' is 3, outside of 0:3 in dim 0 of H"
run 3 run 'y[i] = A[i,j]+x[j]' p.npy v.npy
has err 'E701'
run 0 explain 'O[i,e] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j,e])' \
    --size i=10,j=20,d=3,e=2
has out 'stage 1 loops'
has out 'sum[j] in registers'
run 0 explain 'y[i] = sum[j](A[i,j]*x[j] if j <= i && j > i-5)' \
    --size i=1000,j=1000
has out 'j begins and ends where the guard does: the rest is skipped'
has out 'sum[j] in registers'
run 0 explain 'O[i,e] = sum[j](softmax[j](S[i,j])*V[j,e])' \
    --size i=100,j=100,e=40
has out 'in one pass with a running maximum'
has out 'e innermost: what does not depend on it is computed once for all 40'
run 0 explain 'O[i] = sum[j](sum[d](X[i,d]*Y[j,d])/sqrt(sum[d](Y[j,d]^2)))' \
    --size i=100,j=100,d=40 # a root of each j does not make i the inner one
has out 'i in the lanes of vectors'
run 0 explain 'O[i] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j])' \
    --size i=100,j=100,d=40 --dump source # one question for all near points
has out 'if (any(some'
has out 'v_expn_f32'
# norms and a product: of what is done again where points are near nothing
run 0 explain 'O[i,j] = sqrt(sum[d]((X[i,d]-Y[j,d])^2))' --size \
    i=100,j=100,d=64 --tier interp
has out 'stage 3 loops flop 2810'
run 0 explain 'Y[n,o,t] = X[n,c,2*t+r]*W[o,c,r]' --shape X=1x3x20,W=4x3x3
has out 'contract'
run 3 explain 'Y[n,o,t] = X[n,c,2*t+r]*W[o,c,r]'
has err 'E607'
run 2 explain 'y[i] = A[i,0]' --plan p.json
has err 'is for einsums'
run 2 explain 'y[i] = A[i,0]' --named
has err 'are for einsums'
run 1 explain 'y[i] = sum[j](A[i,j])' --size i=2,j=3 --dump graph
has err "no stage 'graph'"
run 0 explain 'y[i] = sum[j](A[i,j]*x[j]); z[i] = exp(y[i])*y[0]' \
    --size i=4,j=8 --format json
has out '"kind": "contract"'
has out '"kind": "loops"'
has out '"temporary_bytes": 16,'
has out '"kernel": ""' # too small for a compiler
holds 'JSON' sh -c 'command -v python3 || exit 0; python3 -m json.tool <out'
run 0 explain 'y[i] = sum[j](A[i,j]*x[j]); z[i] = exp(y[i])*y[0]' \
    --size i=4,j=8 --format dot
has out 't1 -> s2;'
run 0 explain 'H[K[i]] += X[i]' --shape K=9,X=9,H=5 --dtype K=i64
has out 'output 0 H f32 5 read'
run 0 explain 'H[K[i]] += X[i]' --shape K=9,X=9,H=5 --dtype 'i64,f64->f64'
has out 'output 0 H f64 5 read'
run 2 explain 'H[K[i]] += X[i]' --shape K=9,H=5 --dtype K=i64
has err 'operand 1 has none'
run 0 explain 'kernel f(A[n,3]:f64, x[n]) -> (y[n]:f64): y[i] = A[i,0]*x[i]' \
    --size n=7
has out 'operand 0 A f64 7x3'
has out 'operand 1 x f32 7'
has out 'output 0 y f64 7'
run 0 run 'y[i] = sum[j](A[i,j]*x[j])' p.npy v.npy --dtype f64 -o y64.npy -f
run 0 explain 'y[i] = A[i]' --size i=3 --dtype 'f32->f64'
has out 'output 0 y f64 3'
run 0 explain 'y[i] = exp(A[i])' --size i=3 --tier interp --threads 1
has out 'evaluated'
lacks out 'peak_bytes 0'
run 0 run 'y[i] = sum[j](A[i,j]*x[j])' p.npy v.npy --time
has err 'GFLOP/s'
run 0 run 'y[i] = sum[j](A[i,j]*x[j])' p.npy v.npy --background
out '[ 5. 14.]'
run 1 run 't[i,k] = A[i,j]*A[k,j]; y[i] = max[k](t[i,k]*t[k,i])' p.npy \
    --memory-limit 8
has err 'E803'
run 0 bench 'y[i] = max[j](A[i,j]*x[j]); s[] = sum(A[i,j])' --size i=5,j=6 \
    --rounds 2
has out 'stage 1 loops y[i] = max[j](A[i,j]*x[j])'
has out 'total'
run 0 bench 'y[i] = max[j](A[i,j]*x[j])' x=v.npy A=p.npy --rounds 2 \
    --format json
has out '"statement": "y[i] = max[j](A[i,j]*x[j])"'
run 2 bench 'y[i] = max[j](A[i,j]*x[j])' x=v.npy x=v.npy
has err 'no operand of its own'
run 0 emit 'y[i] = sum[j](A[i,j]*x[j])' --size i=4 --main -o free.c
has free.c 'const float *in1, int64_t n_j, void *work'
holds 'its main() takes the size' sh -c \
    'cc -O1 free.c -o free -lm && ./free 0 | grep -q " 0 wrong" &&
     ./free 77 | grep -q " 0 wrong" && ! ./free -1 2>/dev/null'
run 0 emit 'kernel get(E[v,d], K[n]:i64) -> (Y[n,d]): Y[i,c] = E[K[i],c]' \
    --main -o get.c --header get.h
has get.h 'int64_t n_v, int64_t n_d, int64_t n_n, void *work'
has get.h 'n_v is the size v'
holds 'it says which sizes it is not made for' sh -c \
    'cc -O1 get.c -o get -lm && ./get 5 3 9 | grep -q " 0 wrong" &&
     ./get 0 3 0 | grep -q " 0 wrong" &&
     ! ./get 0 3 9 2>out.txt && grep -q "not made for such sizes" out.txt'
run 3 emit 'kernel f(X[n]) -> (Y[n]): Y[i] = X[n-1-i]'
has err "error[E412]: size 'n' cannot be an argument"
has err 'give it, --size n=64'
run 0 emit 'kernel f(X[n]) -> (Y[n]): Y[i] = X[n-1-i]' --size n=9
run 3 emit 'kernel f(X[n]) -> (Y[n]): Y[i] = sum[r](X[i-r] if r <= i) where r in 0:3'
has err 'E411'
run 0 emit 'kernel dots(A[n,3], x[3]) -> (y[n]): y[i] = sum[j](A[i,j]*x[j])' \
    --size n=4 --main -o dots.c --header dots.h
has dots.h 'dots(float *out0, const float *in0, const float *in1'
has dots.c "again       einc emit 'kernel dots"
holds 'a main() that compiles and agrees' sh -c \
    'cc -O1 dots.c -o dots -lm && ./dots | grep -q " 0 wrong"'
run 0 emit 'y[i] = A[i]' --size i=4 --target cuda:sm_90a
has out 'nvcc -O3 -arch=sm_90a'
has out 'cudaStream_t stream'
run 2 emit 'y[i] = A[i]' --size i=4 --target cuda:90
has err 'no target is called'
run 0 emit 'C[i,k] += A[i,j]*B[j,k]' --size i=40,j=40,k=40
has out '--- stage 1: an einsum ---'
has out '--- stage 2: loops ---'
run 0 emit 'C[i,k] += A[i,j]*B[j,k]' --size i=4,j=4,k=4
has out '--- stage 1: loops ---'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
