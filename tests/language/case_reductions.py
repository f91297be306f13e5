# SPDX-License-Identifier: MIT
"""Every reduction: its values, ties, NaN, infinity, empty ranges and rows
that are masked out (LANGUAGE sections 1.8 and 4, E39 to E42)."""
import numpy as np
from records import Book, F, Out, V
from case_worked import logsumexp, softmax

inf, nan = np.inf, np.nan
FLOAT = {"sum": 0, "prod": 1, "max": -inf, "min": inf, "logsumexp": -inf}
INT = {"sum": 0, "prod": 1}


def make():
    b = Book("reductions", "Reductions and their edges.")
    values(b)
    empty(b)
    masked(b)
    special(b)
    best(b)
    shapes(b)


def values(b):
    A = F("A", "f32", (5, 7))
    for name, want, dtype in (
            ("sum", A.a.sum(1), "f32"), ("prod", None, "f32"),
            ("max", A.a.max(1), "f32"), ("min", A.a.min(1), "f32"),
            ("argmax", A.a.argmax(1), "i64"),
            ("argmin", A.a.argmin(1), "i64")):
        t = A if want is not None else V("A", "f32", A.a % 4 + 0.5)
        want = t.a.prod(1) if want is None else want
        b.case(name, "y[i] = %s[j](A[i,j])" % name, [t], Out("y", want, dtype,
               mag=np.abs(want) if name == "prod" else None))
    b.case("mean", "y[i] = mean[j](A[i,j])", [A],
           Out("y", A.a.mean(1), mag=10))
    b.case("logsumexp", "y[i] = logsumexp[j](A[i,j])", [A],
           Out("y", logsumexp(A.a), mag=10))
    b.case("softmax", "y[i,j] = softmax[j](A[i,j])", [A],
           Out("y", softmax(A.a), mag=True))
    b.case("softmax_over_rows", "y[i,j] = softmax[i](A[i,j])", [A],
           Out("y", softmax(A.a, 0), mag=True))
    e = np.exp(A.a - A.a.max())
    b.case("softmax_over_both", "y[i,j] = softmax[i,j](A[i,j])", [A],
           Out("y", e / e.sum(), mag=1))
    B = V("B", "bool", [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0],
                        [1, 0, 1, 1], [0, 0, 0, 1]])
    b.case("any", "y[i] = any[j](B[i,j])", [B],
           Out("y", B.a.any(1), "bool"))
    b.case("all", "y[i] = all[j](B[i,j])", [B],
           Out("y", B.a.all(1), "bool"))
    b.case("count", "y[i] = count[j](B[i,j])", [B],
           Out("y", B.a.sum(1), "-"))
    b.case("any_condition", "y[i] = any[j](A[i,j] > 4)", [A],
           Out("y", (A.a > 4).any(1), "bool"))
    b.case("all_condition", "y[i] = all[j](A[i,j] > -5)", [A],
           Out("y", (A.a > -5).all(1), "bool"))
    b.case("count_condition", "y[i] = count[j](A[i,j] > 0 && A[i,j] < 5)",
           [A], Out("y", ((A.a > 0) & (A.a < 5)).sum(1), "-"))
    for t in "i8", "i32", "i64", "u8", "f16", "bf16", "f64":
        M = F("A", t, (5, 7), lo=0 if t == "u8" else None)
        for name, r in (("max", M.a.max(1)), ("min", M.a.min(1)),
                        ("sum", M.a.sum(1))):
            b.case("%s_%s" % (name, t), "y[i] = %s[j](A[i,j])" % name, [M],
                   Out("y", r, t))
        b.case("argmax_" + t, "y[i] = argmax[j](A[i,j])", [M],
               Out("y", M.a.argmax(1), "i64"))
    big = V("A", "i64", [[2 ** 62 + 1, 2 ** 62 + 3, 2 ** 62 + 2]])
    b.case("max_i64_exact", "y[i] = max[j](A[i,j])", [big],
           Out("y", [2 ** 62 + 3], "i64"))
    b.case("argmax_i64_exact", "y[i] = argmax[j](A[i,j])", [big],
           Out("y", [1], "i64"))
    # nested, and the rule for those without a list
    T = F("T", "f32", (3, 4, 5))
    b.case("nested_max_of_sums", "y[] = max[i](sum[j](A[i,j]))", [A],
           Out("y", A.a.sum(1).max()))
    b.case("nested_sum_of_max", "y[i] = sum[j](max[k](T[i,j,k]))", [T],
           Out("y", T.a.max(2).sum(1)))
    b.case("nested_three", "y[] = min[i](max[j](sum[k](T[i,j,k])))", [T],
           Out("y", T.a.sum(2).max(1).min()))
    b.case("nested_argmax_of_lse", "y[i] = argmax[j](logsumexp[k](T[i,j,k]))",
           [T], Out("y", logsumexp(T.a).argmax(1), "i64"))
    b.case("no_list", "y[i] = max(T[i,j,k])", [T],
           Out("y", T.a.max((1, 2))))
    b.case("no_list_inner", "y[i] = sum[j](max(T[i,j,k]))", [T],
           Out("y", T.a.max(2).sum(1)))
    b.case("no_list_sum_in_product", "y[i] = 2*sum(T[i,j,k]*T[i,j,k]) + 1",
           [T], Out("y", 2 * (T.a ** 2).sum((1, 2)) + 1))
    b.case("argmax_two_listed", "y[i] = argmax[j,k](T[i,j,k])", [T],
           Out("y", T.a.reshape(3, 20).argmax(1), "i64"))
    b.case("argmin_other_order", "y[i] = argmin[k,j](T[i,j,k])", [T],
           Out("y", T.a.transpose(0, 2, 1).reshape(3, 20).argmin(1), "i64"))
    b.case("two_sums", "y[i] = sum[j](A[i,j])*sum[j](A[i,j]^2)", [A],
           Out("y", A.a.sum(1) * (A.a ** 2).sum(1)))
    b.case("same_name_twice", "y[i,j] = sum[k](A[i,k])*A[i,j] "
           "- max[k](A[i,k])", [A],
           Out("y", A.a.sum(1, keepdims=True) * A.a
               - A.a.max(1, keepdims=True)))
    b.case("index_not_in_body", "y[i] = sum[j](B[i]) where j in 0:3",
           [F("B", "f32", (4,))], Out("y", 3 * F("B", "f32", (4,)).a))
    b.case("count_of_ones", "y[] = sum[j](1.0) where j in 0:6", [],
           Out("y", 6, "-"))
    b.case("max_not_in_body", "y[i] = max[j](B[i]) where j in 0:3",
           [F("B", "f32", (4,))], Out("y", F("B", "f32", (4,)).a))
    b.case("prod_not_in_body", "y[i] = prod[j](B[i]) where j in 0:3",
           [F("B", "f32", (4,))], Out("y", F("B", "f32", (4,)).a ** 3))
    b.case("size_is_not_free", "y[i] = sum[j](A[i,j])/size(j)", [A],
           Out("y", A.a.mean(1), mag=10))
    b.case("size_inside", "y[i] = sum(A[i,j]/size(j))", [A],
           Out("y", A.a.mean(1), mag=10))
    b.case("dim_is_constant", "y[i] = sum(A[i,j])*dim(A,1) + dim(A,0)", [A],
           Out("y", A.a.sum(1) * 7 + 5))
    b.case("bounds_range", "y[i] = sum[j in 2:5](A[i,j])", [A],
           Out("y", A.a[:, 2:5].sum(1)))
    b.case("bounds_argmin_is_index", "y[i] = argmin[j in 2:5](A[i,j])", [A],
           Out("y", 2 + A.a[:, 2:5].argmin(1), "i64"))
    b.case("bounds_outer", "y[i] = sum[j in 0:i+1](A[i,j])", [A],
           Out("y", np.tril(A.a).sum(1)))
    b.case("bounds_two", "y[] = max[i in 1:4, j in i:7](A[i,j])", [A],
           Out("y", max(A.a[i, j] for i in range(1, 4)
                        for j in range(i, 7))))
    b.case("bounds_where", "y[i] = sum[j](A[i,j]) where j in 1:3", [A],
           Out("y", A.a[:, 1:3].sum(1)))
    b.case("softmax_guard_index",
           "y[i] = sum[j](softmax[j](A[i,j] if j <= i)*j)", [A],
           Out("y", softmax(np.where(np.tri(5, 7, dtype=bool), A.a, -inf))
               @ np.arange(7), mag=7))
    b.case("guard_data", "y[i] = max[j](A[i,j] if A[i,j] < 2)",
           [A], Out("y", np.where(A.a < 2, A.a, -inf).max(1)))
    b.case("guard_argmax", "y[i] = argmax[j](A[i,j] if j % 2 == 1)", [A],
           Out("y", 1 + 2 * A.a[:, 1::2].argmax(1), "i64"))
    b.case("guard_count", "y[i] = count[j](A[i,j] > 0 if j > 2)", [A],
           Out("y", (A.a[:, 3:] > 0).sum(1), "-"))
    b.case("guard_or_not", "y[i] = sum[j](A[i,j] if !(j == i) || i == 2)",
           [A], Out("y", A.a.sum(1) - np.diag(A.a) * (np.arange(5) != 2)))
    K = V("K", "i64", [2, -1, 0, -1])
    x = F("x", "f32", (3,))
    b.case("guard_does_not_load", "y[] = sum[i](x[K[i]] if K[i] >= 0)",
           [x, K], Out("y", x.a[2] + x.a[0]))
    b.case("guard_does_not_compute", "y[] = sum[i](1/x[i] if x[i] != 0)",
           [V("x", "f32", [2, 0, 4])], Out("y", 0.75))
    b.case("guard_nan_masked", "y[] = max[i](x[i] if m[i])",
           [V("x", "f32", [2, nan, 4]), V("m", "bool", [1, 0, 1])],
           Out("y", 4))


def empty(b):
    E, I = F("A", "f32", (3, 0)), F("A", "i32", (3, 0))
    for name, v in FLOAT.items():
        b.case("empty_%s" % name, "y[i] = %s[j](A[i,j])" % name, [E],
               Out("y", [v] * 3))
    for name, v in INT.items():
        b.case("empty_%s_i32" % name, "y[i] = %s[j](A[i,j])" % name, [I],
               Out("y", [v] * 3, "i32"))
    B = F("B", "bool", (3, 0))
    b.case("empty_any", "y[i] = any[j](B[i,j])", [B],
           Out("y", [0] * 3, "bool"))
    b.case("empty_all", "y[i] = all[j](B[i,j])", [B],
           Out("y", [1] * 3, "bool"))
    b.case("empty_count", "y[i] = count[j](B[i,j])", [B],
           Out("y", [0] * 3, "-"))
    b.case("empty_where", "y[i] = sum[j](A[i,j]) where j in 0:0",
           [F("A", "f32", (3, 4))], Out("y", [0] * 3))
    b.fail("empty_backwards", "y[i] = sum[j in 3:1](A[i,j])",
           [F("A", "f32", (3, 4))], "E6")
    b.case("empty_backwards_data", "y[i] = sum[j in 3:n[i]](A[i,j])",
           [V("n", "i64", [1, 3, 4]), F("A", "f32", (3, 4))],
           Out("y", [0, 0, F("A", "f32", (3, 4)).a[2, 3]]))
    b.case("empty_output", "y[i] = A[i,j]*x[j]",
           [F("A", "f32", (0, 3)), F("x", "f32", (3,))],
           Out("y", np.zeros(0)))
    b.case("empty_sum_nested", "y[i] = exp(sum[j](A[i,j])) + 1", [E],
           Out("y", [2] * 3))
    b.case("empty_softmax", "y[i,j] = softmax[j](A[i,j])", [E],
           Out("y", np.zeros((3, 0))))
    for name in "max", "min", "argmax", "argmin":
        b.fail("empty_%s_i32" % name + "_is_an_error",
               "y[i] = %s[j](A[i,j])" % name, [I], "E")
    for name in "argmax", "argmin":
        b.fail("empty_%s_f32_is_an_error" % name,
               "y[i] = %s[j](A[i,j])" % name, [E], "E")
    # ranges that are empty by their data
    ptr = V("ptr", "i64", [0, 2, 2, 5])
    x, k = V("x", "f32", [3, 1, -2, 7, 5]), V("x", "i32", [3, 1, -2, 7, 5])
    seg = "y[c] = %s[p in ptr[c]:ptr[c+1]](x[p])"
    lse = [logsumexp(x.a[:2]), -inf, logsumexp(x.a[2:])]
    for name, want, dtype in (
            ("sum", [4, 0, 10], None), ("prod", [3, 1, -70], None),
            ("max", [3, -inf, 7], None), ("min", [1, inf, -2], None),
            ("argmax", [0, -1, 3], "i64"), ("argmin", [1, -1, 2], "i64"),
            ("logsumexp", lse, None)):
        b.case("ragged_" + name, seg % name, [ptr, x],
               Out("y", want, dtype or "f32",
                   mag=10 if name == "logsumexp" else None))
    b.case("ragged_max_i32", seg % "max", [ptr, k],
           Out("y", [3, -2 ** 31, 7], "i32"))
    b.case("ragged_min_i32", seg % "min", [ptr, k],
           Out("y", [1, 2 ** 31 - 1, -2], "i32"))
    b.case("ragged_count", "y[c] = count[p in ptr[c]:ptr[c+1]](x[p] > 0)",
           [ptr, x], Out("y", [2, 0, 2], "-"))
    b.case("ragged_k_best", "y[c,q] = kmax[p in ptr[c]:ptr[c+1]->q:2](x[p])",
           [ptr, x], Out("y", [[3, 1], [-inf, -inf], [7, 5]]))
    b.case("ragged_arg_k_best",
           "y[c,q] = argkmin[p in ptr[c]:ptr[c+1]->q:3](x[p])", [ptr, x],
           Out("y", [[1, 0, -1], [-1, -1, -1], [2, 4, 3]], "i64"))


def masked(b):
    A = F("A", "f32", (3, 4))
    m = V("m", "bool", [1, 0, 1])
    k = m.a.astype(bool)
    for name, v in FLOAT.items():
        fn = {"sum": A.a.sum(1), "prod": A.a.prod(1), "max": A.a.max(1),
              "min": A.a.min(1), "logsumexp": logsumexp(A.a)}[name]
        b.case("masked_row_" + name, "y[i] = %s[j](A[i,j] if m[i])" % name,
               [A, m], Out("y", np.where(k, fn, v), mag=1e3
                           if name == "logsumexp" else None))
    for name, fn in (("argmax", A.a.argmax(1)), ("argmin", A.a.argmin(1))):
        b.case("masked_row_" + name, "y[i] = %s[j](A[i,j] if m[i])" % name,
               [A, m], Out("y", np.where(k, fn, -1), "i64"))
    I = F("A", "i32", (3, 4))
    b.case("masked_row_max_i32", "y[i] = max[j](A[i,j] if m[i])", [I, m],
           Out("y", np.where(k, I.a.max(1), -2 ** 31), "i32"))
    b.case("masked_row_min_i32", "y[i] = min[j](A[i,j] if m[i])", [I, m],
           Out("y", np.where(k, I.a.min(1), 2 ** 31 - 1), "i32"))
    b.case("masked_row_argmax_i32", "y[i] = argmax[j](A[i,j] if m[i])",
           [I, m], Out("y", np.where(k, I.a.argmax(1), -1), "i64"))
    for name, v in (("any", 0), ("all", 1)):
        b.case("masked_row_" + name,
               "y[i] = %s[j](A[i,j] > 0 if m[i])" % name, [A, m],
               Out("y", np.where(k, getattr(np, name)(A.a > 0, 1), v),
                   "bool"))
    b.case("masked_row_count", "y[i] = count[j](A[i,j] > 0 if m[i])", [A, m],
           Out("y", np.where(k, (A.a > 0).sum(1), 0), "-"))
    b.case("masked_softmax_entries", "y[i,j] = softmax[j](A[i,j] if j <= i)",
           [A], Out("y", softmax(np.where(np.tri(3, 4, dtype=bool), A.a,
                                          -inf)), mag=1))
    b.case("masked_row_softmax", "y[i,j] = softmax[j](A[i,j] if m[i])",
           [A, m], Out("y", np.where(k[:, None], softmax(A.a), nan), mag=True))
    b.case("masked_row_softmax_sum",
           "y[i] = sum[j](softmax[j](A[i,j] if m[i])*x[j])",
           [A, m, V("x", "f32", [1, 2, 3, 4])],
           Out("y", np.where(k, softmax(A.a) @ [1, 2, 3, 4], nan), mag=4))


def special(b):
    N = V("A", "f32", [[1, nan, 3, nan], [nan, 2, 5, 1], [4, 2, 2, nan],
                       [1, 5, 5, 1], [-inf, inf, 0, inf],
                       [-inf, -inf, -inf, -inf]])
    with np.errstate(all="ignore"):
        b.case("nan_max", "y[i] = max[j](A[i,j])", [N],
               Out("y", N.a.max(1)))
        b.case("nan_min", "y[i] = min[j](A[i,j])", [N],
               Out("y", N.a.min(1)))
        b.case("nan_argmax", "y[i] = argmax[j](A[i,j])", [N],
               Out("y", N.a.argmax(1), "i64"))
        b.case("nan_argmin", "y[i] = argmin[j](A[i,j])", [N],
               Out("y", N.a.argmin(1), "i64"))
        b.case("nan_sum", "y[i] = sum[j](A[i,j])", [N],
               Out("y", N.a.sum(1)))
        b.case("nan_prod", "y[i] = prod[j](A[i,j])", [N],
               Out("y", N.a.prod(1)))
    b.case("nan_lse", "y[i] = logsumexp[j](A[i,j])", [N],
           Out("y", [nan, nan, nan, logsumexp(N.a[3:4])[0], inf, -inf],
               mag=6))
    b.case("nan_softmax", "y[i,j] = softmax[j](A[i,j])", [N],
           Out("y", np.where(np.arange(6)[:, None] == 3,
                             softmax(np.nan_to_num(N.a)), nan), mag=1))
    wide = F("A", "f32", (2, 100))
    for at in (0, 37, 99):
        w = V("A", "f32", wide.a.copy())
        w.a[1, at] = nan
        w = V("A", "f32", w.a)
        b.case("nan_at_%d_max" % at, "y[i] = max[j](A[i,j])", [w],
               Out("y", [wide.a[0].max(), nan]))
        b.case("nan_at_%d_argmin" % at, "y[i] = argmin[j](A[i,j])", [w],
               Out("y", [wide.a[0].argmin(), at], "i64"))
    t = V("A", "f32", [[2, 7, 7, 1, 1, 7], [0, 0, 0, 0, 0, 0]])
    b.case("tie_argmax", "y[i] = argmax[j](A[i,j])", [t],
           Out("y", [1, 0], "i64"))
    b.case("tie_argmin", "y[i] = argmin[j](A[i,j])", [t],
           Out("y", [3, 0], "i64"))
    b.case("tie_argmax_long", "y[] = argmax[j](x[j])",
           [V("x", "f32", (np.arange(200) % 50 == 40) * 1)],
           Out("y", 40, "i64"))
    b.case("tie_argmin_columns", "y[j] = argmin[i](A[i,j])",
           [V("A", "f32", (np.arange(40 * 17).reshape(40, 17) // 17 % 4))],
           Out("y", np.zeros(17), "i64"))
    b.case("argmax_all_minus_inf", "y[] = argmax[j](x[j])",
           [V("x", "f32", [-inf] * 3)], Out("y", 0, "i64"))
    b.case("argmin_all_inf", "y[] = argmin[j](x[j])",
           [V("x", "f32", [inf] * 3)], Out("y", 0, "i64"))
    b.case("lse_large", "y[i] = logsumexp[j](A[i,j])",
           [V("A", "f32", [[10000, 10000], [-10000, -10001], [88.5, 88.5]])],
           Out("y", [10000 + np.log(2), -10000 + np.log1p(np.exp(-1)),
                     88.5 + np.log(2)], mag=1000))
    b.case("lse_with_minus_inf", "y[i] = logsumexp[j](A[i,j])",
           [V("A", "f32", [[-inf, 1, -inf], [2, -inf, 2]])],
           Out("y", [1, 2 + np.log(2)], mag=3))
    b.case("softmax_large", "y[j] = softmax[j](x[j])",
           [V("x", "f32", [1000, 1000, -1000])], Out("y", [.5, .5, 0],
                                                     mag=1))
    b.case("softmax_sum_rising", "y[] = sum[j](softmax[j](x[j])*j)",
           [V("x", "f32", np.arange(100.0) * 3)],
           Out("y", softmax(np.arange(100.0) * 3) @ np.arange(100),
               mag=100))
    b.case("softmax_sum_minus_inf_first",
           "y[] = sum[j](softmax[j](x[j])*v[j])",
           [V("x", "f32", [-inf, -inf, 1, 2]), V("v", "f32", [9, 9, 1, 3])],
           Out("y", softmax(np.array([1., 2.])) @ [1, 3], mag=3))
    b.case("zero_times_inf", "y[i] = A[i,j]*x[j]",
           [V("A", "f32", [[0, 1], [1, 1]]), V("x", "f32", [inf, 1])],
           Out("y", [nan, inf]))
    b.case("nan_off_the_diagonal", "d[i] = A[i,i]",
           [V("A", "f32", [[1, nan], [nan, 2]])], Out("d", [1, 2]))
    b.case("choice_does_not_mix", "y[i] = x[i] > 0 ? log(x[i]) : 0",
           [V("x", "f32", [1, -1, 0])], Out("y", [0, 0, 0]))
    b.case("choice_on_nan", "y[i] = x[i] > 0 ? 1.0 : 2.0",
           [V("x", "f32", [nan, 1, -1])], Out("y", [2, 1, 2], "-"))
    b.case("nan_is_not_equal", "y[i] = x[i] == x[i] ? x[i] : 0",
           [V("x", "f32", [nan, 1, inf])], Out("y", [0, 1, inf]))
    I = F("I", "f32", (1, 1, 4, 4))
    N = V("I", "f32", -np.abs(I.a) - 1)
    z = np.full((6, 6), -inf)
    z[1:5, 1:5] = N.a[0, 0]
    m = [[[[z[h:h + 3, w:w + 3].max() for w in range(4)] for h in range(4)]]]
    b.case("pool_pads_with_identity", "O[n,c,h,w] = max[r,s](fill("
           "I[n,c,pad(h+r-1,1),pad(w+s-1,1)], -inf)) where r in 0:3, "
           "s in 0:3", [N], Out("O", m))
    z[z == -inf] = 0
    m = [[[[z[h:h + 3, w:w + 3].max() for w in range(4)] for h in range(4)]]]
    b.case("pad_reads_zero", "O[n,c,h,w] = max[r,s]("
           "I[n,c,pad(h+r-1,1),pad(w+s-1,1)]) where r in 0:3, s in 0:3",
           [N], Out("O", m))


def best(b):
    A = F("A", "f32", (4, 9), m=11)
    up = np.argsort(A.a, 1, kind="stable")
    down = np.argsort(-A.a, 1, kind="stable")
    for k in 1, 2, 5, 9:
        b.case("kmin_%d" % k, "y[i,q] = kmin[j->q:%d](A[i,j])" % k, [A],
               Out("y", np.sort(A.a, 1)[:, :k]))
        b.case("kmax_%d" % k, "y[i,q] = kmax[j->q:%d](A[i,j])" % k, [A],
               Out("y", -np.sort(-A.a, 1)[:, :k]))
        b.case("argkmin_%d" % k, "y[i,q] = argkmin[j->q:%d](A[i,j])" % k,
               [A], Out("y", up[:, :k], "i64"))
        b.case("argkmax_%d" % k, "y[i,q] = argkmax[j->q:%d](A[i,j])" % k,
               [A], Out("y", down[:, :k], "i64"))
    T = V("A", "f32", [[5, 1, 5, 1, 5, 1], [2, 2, 2, 2, 2, 2]])
    b.case("k_ties_min", "y[i,q] = argkmin[j->q:4](A[i,j])", [T],
           Out("y", [[1, 3, 5, 0], [0, 1, 2, 3]], "i64"))
    b.case("k_ties_max", "y[i,q] = argkmax[j->q:4](A[i,j])", [T],
           Out("y", [[0, 2, 4, 1], [0, 1, 2, 3]], "i64"))
    b.case("k_output_first", "y[q,i] = kmin[j->q:2](A[i,j])", [A],
           Out("y", np.sort(A.a, 1)[:, :2].T))
    b.case("k_guarded", "y[i,q] = kmin[j->q:3](A[i,j] if j < 2)", [A],
           Out("y", np.concatenate([np.sort(A.a[:, :2], 1),
                                    np.full((4, 1), inf)], 1)))
    b.case("k_guarded_arg", "y[i,q] = argkmax[j->q:3](A[i,j] if j < 2)", [A],
           Out("y", np.concatenate([np.argsort(-A.a[:, :2], 1,
                                               kind="stable"),
                                    np.full((4, 1), -1)], 1), "i64"))
    I = F("A", "i32", (4, 9))
    b.case("k_i32", "y[i,q] = kmax[j->q:3](A[i,j])", [I],
           Out("y", -np.sort(-I.a, 1)[:, :3], "i32"))
    L = V("x", "f32", (np.arange(300) * 7919) % 1009)
    b.case("k_long", "y[q] = kmin[j->q:100](x[j])", [L],
           Out("y", np.sort(L.a)[:100]))
    b.case("k_long_arg", "y[q] = argkmin[j->q:100](x[j])", [L],
           Out("y", np.argsort(L.a, kind="stable")[:100], "i64"))
    b.case("k_param", "y[i,q] = kmin[j->q:K](A[i,j])", [A],
           Out("y", np.sort(A.a, 1)[:, :3]), params="K=3")


def shapes(b):
    """Extents around lanes, blocks and tiles."""
    for n in 1, 7, 16, 33, 70:
        A = F("A", "f32", (3, n), m=19)
        b.case("long_sum_%d" % n, "y[i] = sum[j](A[i,j]*A[i,j])", [A],
               Out("y", (A.a ** 2).sum(1)))
        b.case("long_max_%d" % n, "y[i] = max[j](A[i,j])", [A],
               Out("y", A.a.max(1)))
        b.case("long_argmax_%d" % n, "y[i] = argmax[j](A[i,j])", [A],
               Out("y", A.a.argmax(1), "i64"))
        b.case("long_lse_%d" % n, "y[i] = logsumexp[j](A[i,j])", [A],
               Out("y", logsumexp(A.a), mag=10))
        B = F("B", "f32", (n, 3), m=19)
        b.case("tall_max_%d" % n, "y[i] = max[j](B[i,j])", [B],
               Out("y", B.a.max(1)))
        b.case("tall_softmax_%d" % n, "y[i,j] = softmax[j](B[i,j])", [B],
               Out("y", softmax(B.a), mag=True))
        x, y = F("x", "f32", (n, 2), 4), F("y", "f32", (2 * n + 1, 2), 4)
        P = ((x.a[:, None] - y.a[None]) ** 2).sum(-1)
        b.case("pairs_%d" % n,
               "a[i] = sum[j](exp(-sum[d]((x[i,d]-y[j,d])^2)))", [x, y],
               Out("a", np.exp(-P).sum(1), mag=np.exp(-P).sum(1)))
        b.case("pairs_argmin_%d" % n,
               "a[i] = argmin[j](sum[d]((x[i,d]-y[j,d])^2))", [x, y],
               Out("a", P.argmin(1), "i64"))
    ones = F("x", "f16", (4096,), m=1, lo=1)
    b.case("f16_sum_4096", "y[] = sum[i](x[i])", [ones],
           Out("y", 4096, "f16"))
    b.case("f16_dot_4096", "y[] = x[i]*x[i]", [ones], Out("y", 4096, "f16"))
    ones = F("x", "bf16", (1024,), m=1, lo=1)
    b.case("bf16_sum_1024", "y[] = sum[i](x[i])", [ones],
           Out("y", 1024, "bf16"))
    b.case("bf16_lse_1024", "y[] = logsumexp[i](x[i]) - 1", [ones],
           Out("y", 6.9375, "bf16", mag=8, eps=2e-3))
