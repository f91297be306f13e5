#!/bin/sh
# SPDX-License-Identifier: MIT
# Plants faults one at a time in a copy of the tree and tells which of them the
# random expressions of tests/numeric notice. A test that notices nothing tests
# nothing. Not part of `make test`: takes minutes.
# usage: tests/mutants.sh [CASES [NAME...]]    (default: 2000, all)
# A line of the table is a name, a file and a sed script that breaks it; a
# script that changes nothing no longer fits the source and fails the run. The
# tree must be clean of faults: `none` is run first. Exit 1 if any survived.
set -u
cd "$(dirname "$0")/.." || exit 1
cases=${1:-2000}
[ "$#" -gt 0 ] && shift
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp -R Makefile include src runtime tests tools "$work" || exit 1

table() {
    cat <<'EOF'
none             src/run.c                s/^//
stride           src/codegen/nest.c       s/q->value = a ? a->stride : 0;/q->value = a ? a->stride + (a->stride > 1) : 0;/
swapped-operands src/plan/lower_contract.c s/in\[0\] = j->draft->in\[swap\];/in[0] = j->draft->in[!swap];/;s/in\[1\] = j->draft->in\[!swap\];/in[1] = j->draft->in[swap];/
task-count       src/codegen/nest.c       s/blocks(role_extent(w, LOOP_N), columns)/blocks(role_extent(w, LOOP_M), columns)/
scratch-too-small src/codegen/nest.c      s/(int64_t)s->mb \* s->nb;/(int64_t)s->mb * s->nb \/ 4;/
tile-row-tail    src/codegen/print_gett.c s/m1 - r0 < %s_MR ? m1 - r0 : %s_MR/m1 - r0 < %s_MR ? m1 - r0 - 1 : %s_MR/
tile-column-tail src/codegen/print_gett.c s/columns - n0 < %s_NR ? columns - n0 : %s_NR/columns - n0 < %s_NR ? columns - n0 - 1 : %s_NR/
k-block-restart  src/codegen/print_gett.c s/"sum, deep0 == 0);"/"sum, deep0 >= 0);"/
k-block-lost     src/codegen/print_gett.c s/"} while (deep0 < all_depth);"/"} while (0);"/
k-block-early    src/codegen/print_gett.c s/const int last = deep0 + depth >= all_depth;/const int last = deep0 == 0;/
m-block-tail     src/codegen/print_gett.c s/m1 = rows - m0 < %s_MC ? rows : m0 + %s_MC;/m1 = rows - m0 < %s_MC ? rows : m0 + %s_MC - 1;/
pack-wrong-panel src/codegen/print_gett.c s/einc_line(t, "    to += %s\*depth;", width);/einc_line(t, "    to += %s*depth - 1;", width);/
pack-runs        src/codegen/print_gett.c s/runs &= row\[r\] - row\[r - 1\] == 1;/runs \&= row[r] - row[r - 1] >= 1;/
store-runs       src/codegen/print_gett.c s/runs &= column\[c\] - column\[c - 1\] == 1;/runs \&= column[c] - column[c - 1] >= 1;/
table-carry      src/codegen/print_gett.c s/at_b -= b\[x\]\*extent\[x\];/at_b -= b[x]*(extent[x] - 1);/
batch-offset     src/codegen/print_gett.c s/rhs_at += rhs_b\[x\]\*value;/rhs_at += lhs_b[x]*value;/
complex-sign     src/codegen/print_gett.c s/sumre%d_%d -= y \* bim%d;/sumre%d_%d += y * bim%d;/
scalar-complex   src/codegen/print_gett.c s/lhs\[r\]\*rhs\[c\] - lhs/lhs[r]*rhs[c] + lhs/
lost-beta        src/codegen/print.c      s/if (args->beta) {/if (args->beta \&\& !args->alpha) {/
complex-alpha    src/codegen/print.c      s/value_im = alpha_re\*value_im + alpha_im\*re;/value_im = alpha_re*value_im - alpha_im*re;/
lost-factor      src/codegen/print.c      s/"factor\*" : "",/"" : "",/
half-ties        src/codegen/print.c      s/0xfffu + odd/0x1000u - odd/
half-subnormal   src/codegen/print.c      s/(float)rest \* 0x1p-24f/(float)rest * 0x1p-23f/
half-overflow    src/codegen/print.c      s/rest >= 0x477ff000u/rest >= 0x47fff000u/
bf16-ties        src/codegen/print.c      s/0x7fffu + odd/0x8000u - odd/
lane-fold        src/codegen/print_stream.c s/int64_t half = %d; half > 0;/int64_t half = %d; half > 1;/
lane-blocks      src/codegen/print_stream.c s/einc_print_n(p, w->lane), w->lanes - 1, w->lanes);/einc_print_n(p, w->lane), w->lanes - 2, w->lanes);/
lane-count       src/codegen/print_stream.c s/count = %s - first < %d ? %s - first : %d;/count = %s - first < %d ? %s - first : %d - 1;/
lane-rest        src/codegen/print_stream.c s/einc_put(&rest, "%s - %s", n, x);/einc_put(\&rest, "%s - %s - 1", n, x);/
complex-product  src/codegen/print_stream.c s/im = old%d\*im%d + im\*re%d;/im = re*im%d + im*re%d + 0*im%d;/
symbolic-stride  src/codegen/file.c       s/for (int e = d + 1; e < o->n_dims; e++) {/for (int e = d + 1; e < o->n_dims - (d == 0 \&\& o->n_dims > 2); e++) {/
symbolic-one     src/codegen/file.c       s/indices\[x\].fixed || o->shape\[dim\] == 1/indices[x].fixed/
interp-fuse      runtime/interp.c         s/if (outer->stride\[OUT\] != inner->stride\[OUT\] \* inner->extent)/if (outer->stride[OUT] == 1)/
interp-lane-rest runtime/interp.c         s/        if (left)/        if (left > 1)/
interp-fold      runtime/interp_loop.inc  s/to = (s->lanes + 1) \/ 2; to + l < s->lanes/to = s->lanes \/ 2; to + l < s->lanes/
interp-run       runtime/interp_loop.inc  s/p\[o\] += n \* s->stride\[o\];/p[o] += (n - 1) * s->stride[o];/
interp-beta      runtime/interp_loop.inc  s/x\[l\] = ADD(x\[l\], MUL(beta, s->before\[l\]));/x[l] = ADD(x[l], MUL(beta, s->before[0]));/
canon-chain      src/plan/canon.c         s/            step != ha\[i\].stride)/            step > ha[i].stride)/
canon-factor     src/plan/canon.c         s/r->factor = f->factor;/r->factor = 1;/
buffers-size     src/plan/buffers.c       s/rest->at = b->at + bytes;/rest->at = b->at + bytes - 64;/
temp-stride      src/plan/lower.c         s/t->axes\[i\] = (struct axis){index\[i\], stride};/t->axes[i] = (struct axis){index[i], stride - (stride > 1)};/
summed-too-early src/plan/lower.c         s/keep = d->holders\[x\] > 0;/keep = d->holders[x] > 1;/
ellipsis-left    src/parse/stmt.c         s/for (int d = l->n_ellipsis - own; d < l->n_ellipsis; d++)/for (int d = 0; d < own; d++)/
broadcast-axis   src/parse/graph.c        s/if (o->shape\[d\] == 1 \&\& b->g->indices\[x\].extent != 1)/if (0)/
EOF
}

# Builds and runs; 0: the fault went unnoticed.
unnoticed() { # unnoticed LOG
    if ! (cd "$work" && make -s B=build build/tests/numeric/random) \
        >"$1" 2>&1; then
        echo 'not built' >>"$1"
        return 2
    fi
    (cd "$work" && build/tests/numeric/random --stop --cases "$cases") \
        >"$1" 2>&1
}

caught=0
survived=0
stale=0
table >"$work/table"
while read -r name file script; do
    if [ "$#" -gt 0 ] && [ "$name" != none ]; then
        case " $* " in
        *" $name "*) ;;
        *) continue ;;
        esac
    fi
    sed "$script" "$file" >"$work/$file"
    if [ "$name" != none ] && cmp -s "$file" "$work/$file"; then
        printf 'stale     %-18s no longer fits %s\n' "$name" "$file"
        stale=$((stale + 1))
        continue
    fi
    unnoticed "$work/log"
    rc=$?
    cp -p "$file" "$work/$file" && touch "$work/$file"
    if [ "$name" = none ]; then
        [ "$rc" -eq 0 ] && continue
        tail -n 20 "$work/log"
        echo 'the tree fails without any fault'
        exit 1
    fi
    case $rc in
    0)
        printf 'survived  %s\n' "$name"
        survived=$((survived + 1))
        ;;
    2)
        printf 'stale     %-18s does not compile\n' "$name"
        stale=$((stale + 1))
        ;;
    *)
        printf 'caught    %-18s %s\n' "$name" \
            "$(grep -a -m 1 '^FAIL' "$work/log" | cut -c 1-90)"
        caught=$((caught + 1))
        ;;
    esac
done <"$work/table"
echo "$caught caught, $survived survived, $stale stale, at $cases cases"
[ "$survived" -eq 0 ] && [ "$stale" -eq 0 ]
