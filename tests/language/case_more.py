# SPDX-License-Identifier: MIT
"""Statements at extents that lanes, tiles and blocks do not divide; guards
that shrink loops; mixtures of what the other files have one by one."""
import numpy as np
from records import Book, F, Out, S, V
from case_worked import conv2d, logsumexp, pairs, softmax

inf, nan = np.inf, np.nan


def make():
    b = Book("more", "Odd extents, guards, mixtures.")
    extents(b)
    guards(b)
    softmax0(b)
    digits(b)
    shared_terms(b)
    mixtures(b)
    halves(b)
    complexes(b)
    masks(b)
    remainders(b)
    written_casts(b)
    far_casts(b)
    same_everywhere(b)
    long_lists(b)
    both_ranges(b)
    prologues(b)


def prologues(b):
    """Products of what is computed from tensors, element by element."""
    A, B = F("A", "f32", (37, 41), 4), F("B", "f32", (41, 43), 4)
    m, c = F("m", "f32", (37,), 4), F("c", "f32", (43,), 4)
    b.case("prologue_of_one", "C[i,k] = sum[j](exp(A[i,j])*B[j,k])", [A, B],
           Out("C", np.exp(A.a) @ B.a, mag=1e3))
    b.case("prologue_of_both", "C[k,i] = c[k] - sum[j](-(A[i,j]-m[i])"
           "*abs(B[j,k]))", [c, A, m, B],
           Out("C", (c.a + (A.a - m.a[:, None]) @ np.abs(B.a)).T, mag=1e3))
    b.case("prologue_shared", "C[i,k] = sum[j](relu(A[i,j])*B[j,k])"
           " - sum[l](relu(A[i,l])*B[l,k]^2)", [A, B],
           Out("C", np.maximum(A.a, 0) @ (B.a - B.a ** 2), mag=1e3))
    S = A.a @ B.a
    b.case("shared_by_statements", "P[k,i] = A[i,j]*B[j,k];"
           " Q[i,k] = relu(sum[j](A[i,j]*B[j,k]) + c[k]);"
           " R[l] = max[i](sum[j](A[i,j]*B[j,l]))", [A, B, c],
           [Out("P", S.T, mag=1e3),
            Out("Q", np.maximum(S + c.a, 0), mag=1e3),
            Out("R", S.max(0), mag=1e3)])
    b.case("shared_until_written", "n[i] = sum[j](A[i,j]^2);"
           " p[i] = sum[j](A[i,j]^2) + m[i]; n[i] *= 2;"
           " q[i] = sum[j](A[i,j]^2)", [A, m],
           [Out("n", 2 * (A.a ** 2).sum(1), mag=1e3),
            Out("p", (A.a ** 2).sum(1) + m.a, mag=1e3),
            Out("q", (A.a ** 2).sum(1), mag=1e3)])
    W = F("W", "i8", (41, 43))
    b.case("prologue_cast", "C[i,k] = sum[j](A[i,j]*f32(W[j,k])*c[k])",
           [A, W, c], Out("C", A.a @ W.a * c.a, mag=1e4))


def both_ranges(b):
    """`where` fixes a range and a bound restricts it."""
    lo, hi = V("a", "i64", [0, 1, 0]), V("b", "i64", [2, 5, 4])
    x = V("x", "f32", [1, 2, 3, 4, 5])
    b.case("where_and_data", "y[i] = sum[p in a[i]:b[i]](x[p])"
           " where p in 0:3", [lo, hi, x], Out("y", [3, 5, 6], "f32"))
    b.case("where_and_index", "y[i] = sum[p in i:i+2](x[p])"
           " where i in 0:3, p in 1:3", [x], Out("y", [2, 5, 3], "f32"))


def ranked(row, kept, k, least):
    """Positions of the k best of a row: NaN first, of equals the lowest."""
    sign = 1 if least else -1
    key = [(row[i] == row[i], 0 if row[i] != row[i] else sign * row[i], i)
           for i in np.nonzero(kept)[0]]
    best = [i for _, _, i in sorted(key)][:k]
    return best + [-1] * (k - len(best))


def long_lists(b):
    """The k best where k is more than registers hold, and more than terms."""
    for n, m, k in (37, 90, 17), (5, 30, 40), (1, 300, 100), (18, 70, 70), \
            (2, 1300, 1100):
        A = F("A", "f32", (n, m))
        a = A.a.copy()
        a.ravel()[::13] = nan
        a.ravel()[5::17] = inf
        a.ravel()[7::19] = -inf
        W, M = V("A", "f32", a), F("M", "bool", (n, m), m=3, lo=0)
        I = F("A", "i16", (n, m))
        for op in "min", "max":
            for guard, kept in ("", M.a > -1), (" if M[i,j]", M.a > 0):
                ops = [M] if guard else []
                name = "%s_%d%s" % (op, k, "_masked" if guard else "")
                at = np.array([ranked(a[i], kept[i], k, op == "min")
                               for i in range(n)])
                none = inf if op == "min" else -inf
                best = np.where(at < 0, none, np.take_along_axis(
                    a, np.maximum(at, 0), 1))
                b.case("argk" + name, "P[i,q] = argk%s[j->q:%d](A[i,j]%s)"
                       % (op, k, guard), [W] + ops, Out("P", at, "i64"))
                b.case("k" + name, "V[i,q] = k%s[j->q:%d](A[i,j]%s)"
                       % (op, k, guard), [W] + ops, Out("V", best))
            at = np.array([ranked(I.a[i], M.a[i] > -1, k, op == "min")
                           for i in range(n)])
            b.case("argk%s_%d_i16" % (op, k), "P[i,q] = argk%s[j->q:%d]"
                   "(A[i,j])" % (op, k), [I], Out("P", at, "i64"))


def same_everywhere(b):
    """What tiers could see otherwise: large scores, infinities beside masks,
    casts on the way, integers beyond their type on the way, weighed sums
    whose weights are work."""
    for n, m in (3, 40), (37, 5), (40, 67):
        A = F("A", "f32", (n, m))
        big = V("A", "f32", A.a * 3 + 1000)
        P = softmax(big.a)
        b.case("softmax_large_%d" % n, "P[i,j] = softmax[j](A[i,j])", [big],
               Out("P", P, mag=1))
        b.case("softmax_columns_%d" % n, "P[i,j] = softmax[i](A[i,j])",
               [big], Out("P", softmax(big.a.T).T, mag=1))
        b.case("softmax_of_sums_%d" % n, "P[i,j] = softmax[j](sum[d](A[i,d]"
               "*A[j,d]) if j < %d)" % m if n > m else
               "P[i,j] = softmax[j](900 + A[i,j]) + 1", [A],
               Out("P", softmax(np.where(np.arange(n) < m, A.a @ A.a.T, -inf))
                   if n > m else softmax(900 + A.a) + 1, mag=2))
        M = F("M", "bool", (n, m), m=3, lo=0)
        M = V("M", "bool", (M.a > 0) | (np.arange(m) == 1))
        wild = np.where(M.a > 0, A.a, np.where(A.a > 0, inf, nan))
        W = V("A", "f32", wild)
        b.case("softmax_masked_%d" % n, "P[i,j] = softmax[j](A[i,j] if "
               "M[i,j])", [W, M],
               Out("P", softmax(np.where(M.a > 0, A.a, -inf)), mag=1))
        b.case("choice_%d" % n, "y[i,j] = M[i,j] ? A[i,j] : -1", [M, W],
               Out("y", np.where(M.a > 0, A.a, -1)))
        b.case("choice_in_sum_%d" % n, "y[i] = sum[j](M[i,j] ? A[i,j] : 0)",
               [M, W], Out("y", np.where(M.a > 0, A.a, 0).sum(1)))
        x = F("x", "f32", (n, m), 64)
        near = V("x", "f32", x.a + 1000)
        f16 = near.a.astype(np.float16).astype(float)
        b.case("f16_on_the_way_%d" % n, "y[i,j] = f32(f16(x[i,j])) - 1000",
               [near], Out("y", f16 - 1000))
        b.case("f16_in_sum_%d" % n, "y[i] = sum[j](f32(f16(x[i,j])) - 1000)",
               [near], Out("y", (f16 - 1000).sum(1)))
        bits = near.a.astype(np.float32).view(np.uint32).astype(np.int64)
        bits = (bits + 0x7fff + (bits >> 16 & 1)) >> 16 << 16
        bf16 = bits.astype(np.uint32).view(np.float32).astype(float)
        b.case("bf16_on_the_way_%d" % n, "y[i,j] = f32(bf16(x[i,j]))",
               [near], Out("y", bf16))
        for t, a in ("i8", np.int8), ("u8", np.uint8), ("i16", np.int16), \
                ("u16", np.uint16):
            by = 37 if t[1:] == "8" else 5437
            h = V("h", t, (A.a * by + 60).astype(int).astype(a).astype(int))
            for op in "max", "min":
                y = getattr(h.a * 3, op)(1)
                b.case("%s_of_%s_%d" % (op, t, n), "y[i] = %s[j](h[i,j]*3)"
                       % op, [h], Out("y", y.astype(a).astype(int), t))
    x, y, w = F("x", "f32", (9, 3), 8), F("y", "f32", (11, 3), 8), \
        V("w", "f32", np.arange(11) * 3 % 7 + 1)
    s = x.a @ y.a.T + np.log(w.a)
    for op, a in ("argmax", s.argmax(1)), ("argmin", s.argmin(1)):
        b.case(op + "_of_work", "a[i] = %s[j](sum[k](x[i,k]*y[j,k])"
               " + log(w[j]))" % op, [x, y, w], Out("a", a, "i64"))
    b.case("guard_both_twice", "y[] = sum[i,j](A[i,j] if j <= i && i <= j + 3)",
           [F("A", "f32", (67, 67))],
           Out("y", np.triu(np.tril(F("A", "f32", (67, 67)).a), -3).sum()))


def extents(b):
    for m, n, k in (1, 37, 5), (33, 65, 47), (70, 17, 130):
        A, B = F("A", "f32", (m, k)), F("B", "f32", (k, n))
        z = F("z", "f32", (n,))
        b.case("gemm_epilogue_%d" % m, "C[i,k] = relu(sum[j](A[i,j]*B[j,k])"
               " + z[k])", [A, B, z], Out("C", np.maximum(A.a @ B.a + z.a,
                                                          0)))
        b.case("gemm_prologue_%d" % m,
               "C[i,k] = sum[j]((A[i,j]+1)*abs(B[j,k]))", [A, B],
               Out("C", (A.a + 1) @ np.abs(B.a)))
    for m, n, d, e in (37, 41, 3, 1), (20, 75, 2, 5), (9, 130, 20, 5):
        x, y = F("x", "f32", (m, d), 16), F("y", "f32", (n, d), 16)
        w = F("w", "f32", (n, e), 4)
        P = pairs(x.a, y.a)
        sq = "sum[d]((x[i,d]-y[j,d])^2)"
        name = "_%dx%dx%dx%d" % (m, n, d, e)
        K = np.exp(-P / d)
        b.case("gauss" + name, "a[i,e] = sum[j](exp(-%s/size(d))*w[j,e])"
               % sq, [x, y, w], Out("a", K @ w.a, mag=K @ np.abs(w.a)))
        b.case("softmax_sum" + name, "a[i,e] = sum[j](softmax[j](-%s/size(d))"
               "*w[j,e])" % sq, [x, y, w],
               Out("a", softmax(-P / d) @ w.a, mag=softmax(-P / d)
                   @ np.abs(w.a)))
        b.case("lse" + name, "a[i] = logsumexp[j](-%s)" % sq, [x, y],
               Out("a", logsumexp(-P), mag=P.max()))
        b.case("max" + name, "a[i] = max[j](%s)" % sq, [x, y],
               Out("a", P.max(1)))
        b.case("argmin" + name, "a[i] = argmin[j](%s)" % sq, [x, y],
               Out("a", P.argmin(1), "i64"))
        b.case("k_best" + name, "a[i,q] = argkmin[j->q:7](%s)" % sq, [x, y],
               Out("a", np.argsort(P, 1, kind="stable")[:, :7], "i64"))
        b.case("over_i" + name, "a[j] = sum[i](exp(-%s/size(d)))" % sq,
               [x, y], Out("a", K.sum(0), mag=True))
        b.case("both" + name, "a[] = sum[i,j](exp(-%s/size(d)))" % sq,
               [x, y], Out("a", K.sum(), mag=True))
    for n in 17, 50:
        q, k, v = F("q", "f32", (2, n, 8), 8), F("k", "f32", (2, n, 8), 8), \
            F("v", "f32", (2, n, 5), 8)
        s = np.einsum("hid,hjd->hij", q.a, k.a) / np.sqrt(8)
        low = np.where(np.tri(n, dtype=bool), s, -inf)
        b.case("attention_causal_%d" % n, "O[h,i,e] = sum[j](softmax[j]("
               "sum[d](q[h,i,d]*k[h,j,d])/sqrt(size(d)) if j <= i)*v[h,j,e])",
               [q, k, v], Out("O", softmax(low) @ v.a, mag=4))
        m = F("m", "bool", (n, n), m=3, lo=0)
        m = V("m", "bool", (m.a > 0) | np.eye(n, dtype=bool))
        msk = np.where(m.a > 0, s, -inf)
        b.case("attention_masked_%d" % n, "O[h,i,e] = sum[j](softmax[j]("
               "sum[d](q[h,i,d]*k[h,j,d])/sqrt(size(d)) if m[i,j])*v[h,j,e])",
               [q, k, m, v], Out("O", softmax(msk) @ v.a, mag=4))
        bias = F("r", "f32", (2 * n - 1,), 8)
        rel = s + bias.a[np.arange(n)[:, None] - np.arange(n) + n - 1]
        b.case("attention_bias_%d" % n, "O[h,i,e] = sum[j](softmax[j]("
               "sum[d](q[h,i,d]*k[h,j,d])/sqrt(size(d)) + r[i-j+N-1])"
               "*v[h,j,e])", [q, k, bias, v],
               Out("O", softmax(rel) @ v.a, mag=4), params="N=%d" % n)
    X, W = F("X", "f32", (1, 5, 19, 23)), F("W", "f32", (9, 5, 3, 3))
    for st, p in (1, 0), (1, 1), (2, 1), (3, 2):
        b.case("conv_%d_%d" % (st, p), "O[n,k,h,w] = relu(sum(X[n,c,"
               "pad(st*h+r-p,p),pad(st*w+s-p,p)]*W[k,c,r,s]) - 5)", [X, W],
               Out("O", np.maximum(conv2d(X.a, W.a, st, st, 1, 1, p, p) - 5,
                                   0)), params="st=%d,p=%d" % (st, p))
    n = 60
    ptr = np.minimum(np.cumsum([0] + [(7 * i) % 5 for i in range(n)]), 100)
    ptr[-1] = 100
    col = F("col", "i32", (100,), m=19, lo=0)
    val, D = F("val", "f32", (100,)), F("D", "f32", (19, 21))
    y = np.stack([val.a[ptr[i]:ptr[i + 1]] @ D.a[col.a[ptr[i]:ptr[i + 1]]]
                  for i in range(n)])
    b.case("csr", "Y[i,d] = sum[p in ptr[i]:ptr[i+1]](val[p]*D[col[p],d])",
           [V("ptr", "i32", ptr), val, D, col], Out("Y", y))


def guards(b):
    n = 23
    A, x = F("A", "f32", (n, n)), F("x", "f32", (n,))
    i, j = np.arange(n)[:, None], np.arange(n)[None]
    for name, text, keep in (
            ("lt", "j < i", j < i), ("le", "j <= i", j <= i),
            ("gt", "j > i", j > i), ("ge", "j >= i", j >= i),
            ("eq", "j == i", j == i), ("ne", "j != i", j != i),
            ("shift", "j == i+2", j == i + 2),
            ("band", "j >= i-2 && j <= i+3", (j >= i - 2) & (j <= i + 3)),
            ("outside", "j < i-2 || j > i+3", (j < i - 2) | (j > i + 3)),
            ("anti", "i + j < 9", i + j < 9),
            ("half", "2*j <= i", 2 * j <= i),
            ("half_odd", "2*j < i+1", 2 * j < i + 1),
            ("third", "3*j-1 >= i", 3 * j - 1 >= i),
            ("minus", "i - j > 4", i - j > 4),
            ("swapped", "5 < j - i", 5 < j - i),
            ("constant", "j < 7", (j < 7) & (i >= 0)),
            ("constant_row", "i < 7", (i < 7) & (j >= 0)),
            ("never", "j < 0", (j < 0) & (i >= 0)),
            ("always", "j >= 0", (j >= 0) & (i >= 0)),
            ("not", "!(j < i)", j >= i),
            ("remainder", "(i + j) % 3 == 1", (i + j) % 3 == 1),
            ("stripes", "j % 4 == i % 4", j % 4 == i % 4),
            ("blocks", "floor(i/5) == floor(j/5)", i // 5 == j // 5),
            ("and_data", "j <= i && A[i,j] > 0", (j <= i) & (A.a > 0)),
            ("or_data", "j == i || A[i,j] > 4", (j == i) | (A.a > 4)),
            ("abs", "abs(i - j) <= 2", abs(i - j) <= 2),
            ("wide_window", "j >= i && j < i+6", (j >= i) & (j < i + 6)),
            ("three", "j > 2 && j < 15 && j != i", (j > 2) & (j < 15)
             & (j != i))):
        w = np.where(keep, A.a * x.a, 0)
        b.case("guard_" + name, "y[i] = sum[j](A[i,j]*x[j] if %s)" % text,
               [A, x], Out("y", w.sum(1)))
        b.case("guard_max_" + name, "y[i] = max[j](A[i,j] if %s)" % text,
               [A], Out("y", np.where(keep, A.a, -inf).max(1)))
        pos = np.where(keep, A.a, inf)
        b.case("guard_argmin_" + name,
               "y[i] = argmin[j](A[i,j] if %s)" % text, [A],
               Out("y", np.where(keep.any(1), pos.argmin(1), -1), "i64"))
        b.case("choice_" + name, "y[i,j] = %s ? A[i,j] : -100" % text, [A],
               Out("y", np.where(keep, A.a, -100)))
    low = np.where(j < i, A.a, inf)
    b.case("guard_k_best", "y[i,q] = kmin[j->q:4](A[i,j] if j < i)", [A],
           Out("y", np.sort(low, 1)[:, :4]))
    arg = np.argsort(low, 1, kind="stable")[:, :4]
    arg = np.where(np.arange(4) < i, arg, -1)
    b.case("guard_k_best_arg", "y[i,q] = argkmin[j->q:4](A[i,j] if j < i)",
           [A], Out("y", arg, "i64"))
    b.case("guard_outer", "y[j] = sum[i](A[i,j] if j <= i)", [A],
           Out("y", np.where(j <= i, A.a, 0).sum(0)))
    b.case("guard_both", "y[] = sum[i,j](A[i,j] if j <= i)", [A],
           Out("y", np.tril(A.a).sum()))
    t = F("A", "f32", (23, 23)).a
    u, v = np.ogrid[:23, :23]
    near = abs(u - v) <= 3
    for name, redop, guard, want in (
            ("band", "sum", "j <= i+3 && j >= i-3", np.where(near, t, 0).sum()),
            ("diagonal", "sum", "j == i", np.trace(t)),
            ("max", "max", "i < j", np.where(u < v, t, -inf).max()),
            ("count", "count", "2*j <= i", None)):
        body = "A[i,j] > 0" if redop == "count" else "A[i,j]"
        want = ((t > 0) & (2 * v <= u)).sum() if want is None else want
        b.case("guard_both_" + name, "y[] = %s[i,j](%s if %s)"
               % (redop, body, guard), [F("A", "f32", (23, 23))],
               Out("y", want, "i64" if redop == "count" else "f32"))
    b.case("guard_both_nested", "y[] = sum[i](max[j](A[i,j] if j <= i))",
           [F("A", "f32", (23, 23))],
           Out("y", np.where(v <= u, t, -inf).max(1).sum()))
    T = F("T", "f32", (6, 7, 8))
    a, c, d = np.ogrid[:6, :7, :8]
    b.case("guard_three_axes", "y[a] = sum[c,d](T[a,c,d] if c <= a && d < c)",
           [T], Out("y", np.where((c <= a) & (d < c), T.a, 0).sum((1, 2))))
    b.case("guard_nested", "y[a] = sum[c](max[d](T[a,c,d] if d <= c) "
           "if c >= a)", [T],
           Out("y", np.where(c[..., 0] >= a[..., 0],
                             np.where(d <= c, T.a, -inf).max(2), 0).sum(1)))
    b.case("guard_in_bounds", "y[i] = sum[j in 0:i](A[i,j]*x[j] if j != 3)",
           [A, x], Out("y", np.where((j < i) & (j != 3), A.a * x.a,
                                     0).sum(1)))
    b.case("guard_shifted_read", "y[i] = sum[j](A[i,j+1] if j < 3) "
           "where j in 0:22", [A], Out("y", A.a[:, 1:4].sum(1)))
    b.case("guard_proves_read", "y[i] = sum[j](x[i+j] if i+j < 23)"
           " where i in 0:23, j in 0:5", [x],
           Out("y", [x.a[k:k + 5].sum() for k in range(23)]))
    b.case("guard_lse", "y[i] = logsumexp[j](A[i,j] if j <= i)", [A],
           Out("y", logsumexp(np.where(j <= i, A.a, -inf)), mag=10))
    b.case("guard_mean", "y[i] = mean[j](A[i,j] if j <= i)", [A],
           Out("y", np.tril(A.a).sum(1) / np.arange(1, n + 1), mag=10))
    b.case("guard_prod", "y[i] = prod[j](A[i,j] if j == i || j == 0)",
           [A], Out("y", [A.a[k, 0] * (A.a[k, k] if k else 1)
                          for k in range(n)]))


def softmax0(b):
    A = F("A", "f32", (3, 4))
    m = V("m", "bool", [1, 0, 1])
    b.case("softmax0_masked_row", "y[i,j] = softmax0[j](A[i,j] if m[i])",
           [A, m], Out("y", np.where([[1], [0], [1]], softmax(A.a), 0),
                       mag=True))
    b.case("softmax0_minus_inf", "y[i] = softmax0[i](x[i])",
           [V("x", "f32", [-inf] * 3)], Out("y", [0, 0, 0]))
    b.case("softmax0_sum",
           "y[i] = sum[j](softmax0[j](A[i,j] if m[i])*x[j])",
           [A, m, V("x", "f32", [1, 2, 3, 4])],
           Out("y", np.where(m.a, softmax(A.a) @ [1, 2, 3, 4], 0), mag=4))
    b.case("softmax0_causal", "y[i] = sum[j](softmax0[j](A[i,j] if j < i)"
           "*x[j])", [A, V("x", "f32", [1, 2, 3, 4])],
           Out("y", [0, 1, softmax(A.a[2, :2]) @ [1, 2]], mag=4))


def shared_terms(b):
    """exp(z[j]) serves all i, whatever reduces it."""
    x, z = F("x", "f32", (19, 4), 8), F("z", "f32", (23,), 8)
    y = F("y", "f32", (23, 4), 8)
    v = x.a @ y.a.T + np.exp(z.a)
    for op, want in (("sum", v.sum(1)), ("max", v.max(1)), ("min", v.min(1)),
                     ("mean", v.mean(1)), ("prod", (v / 8).prod(1)),
                     ("logsumexp", logsumexp(v)), ("argmax", v.argmax(1)),
                     ("count", (v > 1).sum(1)), ("any", (v > 3).any(1))):
        body = "sum[k](x[i,k]*y[j,k]) + exp(z[j])"
        body = {"count": body + " > 1", "any": body + " > 3",
                "prod": "(" + body + ")/8"}.get(op, body)
        b.case("shared_" + op, "a[i] = %s[j](%s)" % (op, body), [x, y, z],
               Out("a", want, {"argmax": "i64", "count": "i64",
                               "any": "bool"}.get(op, "f32"),
                   mag=np.abs(v).sum() if want.dtype.kind == "f" else None))


def digits(b):
    """Positions made of several indices, on both sides."""
    X = F("X", "f32", (2, 3, 2, 4, 5), 4)
    shuffled = X.a.transpose(0, 3, 1, 4, 2).reshape(2, 12, 10)
    b.case("pixel_shuffle", "O[n,3*h+r,2*w+s] = X[n,r,s,h,w]", [X],
           Out("O", shuffled, given=True))
    b.case("pixel_shuffle_reversed", "O[n,11-3*h-r,2*w+1-s] = exp(X[n,r,s,h,w])",
           [X], Out("O", np.exp(shuffled[:, ::-1].reshape(2, 12, 5, 2)
                                [..., ::-1].reshape(2, 12, 10)), mag=10,
               given=True))
    x = F("x", "f32", (37,))
    b.case("reversed", "y[dim(x,0)-1-i] = x[i]", [x],
           Out("y", x.a[::-1], given=True))
    y = F("y", "f32", (37,))
    b.case("reversed_onto", "y[36-i] = 2*y[36-i] + x[i]", [x],
           Out("y", 2 * y.a + x.a[::-1], given=True, init=y))
    A, B = F("A", "f32", (3, 4, 7)), F("B", "f32", (7, 9))
    b.case("digits_matmul", "C[i+3*r,k] = A[i,r,j]*B[j,k]", [A, B],
           Out("C", (A.a @ B.a).transpose(1, 0, 2).reshape(12, 9),
               given=True))
    b.case("digits_add", "C[4*i+r,k] += A[i,r,j]*B[j,k]", [A, B],
           Out("C", (A.a @ B.a).reshape(12, 9) + 1, given=True,
               init=V("C", "f32", np.ones((12, 9)))))
    b.case("digits_none", "y[2*i+r] = z[i,r]", [F("z", "f32", (0, 2))],
           Out("y", np.zeros(0), given=True))
    a, w = F("a", "f32", (5, 24)), F("w", "f32", (8, 6))
    q = np.arange(24)
    for name, text, at in (("low", "q%8", q % 8), ("high", "floor(q/3)", q // 3),
                           ("both", "2*(q%4)+floor(q/12)",
                            2 * (q % 4) + q // 12),
                           ("high_and_low", "4*(q%2)+floor(q/2)%4",
                            4 * (q % 2) + q // 2 % 4),
                           ("uneven", "q%5", q % 5)):
        b.case("repeat_" + name, "out[i,d] = sum[q](a[i,q]*w[%s,d])" % text,
               [a, w], Out("out", a.a @ w.a[at]))
    v = F("v", "f32", (3,))
    b.case("repeat_twice", "out[i] = sum[q,p](a[i,q]*w[q%4,p]*v[p%3])",
           [a, w, v], Out("out", a.a @ w.a[q % 4] @ np.tile(v.a, 2)))
    b.case("repeat_number", "out[i] = sum[q](a[i,q]*w[q%8,0]*q)", [a, w],
           Out("out", a.a @ (w.a[q % 8, 0] * q)))


def mixtures(b):
    A = F("A", "f32", (9, 14))
    x = F("x", "f32", (14,))
    b.case("softmax_of_sum_of_softmax",
           "y[i] = sum[j](softmax[j](A[i,j])*softmax[j](x[j]))", [A, x],
           Out("y", softmax(A.a) @ softmax(x.a), mag=1))
    b.case("entropy", "p[i,j] = softmax[j](A[i,j]); "
           "h[i] = -sum[j](p[i,j]*log(p[i,j]))", [A],
           Out("h", -(softmax(A.a) * np.log(softmax(A.a))).sum(1), mag=5))
    b.case("cross_entropy", "l[i] = logsumexp[j](A[i,j]) - A[i,t[i]]",
           [A, V("t", "i64", np.arange(9) % 14)],
           Out("l", logsumexp(A.a) - A.a[np.arange(9), np.arange(9) % 14],
               mag=20))
    b.case("standardise", "y[i,j] = (A[i,j]-mean[k](A[i,k]))"
           "/sqrt(mean[k]((A[i,k]-mean[l](A[i,l]))^2) + 1)", [A],
           Out("y", (A.a - A.a.mean(1, keepdims=True))
               / np.sqrt(A.a.var(1, keepdims=True) + 1), mag=3))
    b.case("rms_norm", "y[i,j] = A[i,j]*rsqrt(mean[k](A[i,k]^2) + 1e-5)"
           "*x[j]", [A, x],
           Out("y", A.a / np.sqrt((A.a ** 2).mean(1, keepdims=True) + 1e-5)
               * x.a, mag=20))
    b.case("min_max_scaled", "y[i,j] = (A[i,j]-min[k](A[i,k]))"
           "/(max[k](A[i,k])-min[k](A[i,k]))", [A],
           Out("y", (A.a - A.a.min(1, keepdims=True))
               / (A.a.max(1) - A.a.min(1))[:, None], mag=1))
    b.case("pick_the_best", "p[i] = argmax[j](A[i,j]); v[i] = A[i,p[i]]",
           [A], Out("v", A.a.max(1)))
    b.case("rank", "r[j] = count[k](x[k] < x[j])", [x],
           Out("r", (x.a[None] < x.a[:, None]).sum(1), "-"))
    b.case("cumulative_sum", "c[i] = sum[j in 0:i+1](x[j]) where i in 0:dim(x,0)", [x],
           Out("c", np.cumsum(x.a)))
    b.case("cumulative_max", "c[i] = max[j](x[j] if j <= i) "
           "where i in 0:dim(x,0)", [x],
           Out("c", np.maximum.accumulate(x.a)))
    b.case("histogram_of_bins", "h[clamp(i64(floor(x[i]/4))+2)] += 1", [x],
           Out("h", np.bincount(np.clip(np.floor(x.a / 4).astype(int) + 2, 0,
                                        4), minlength=5), "i32", given=True,
               init=V("h", "i32", np.zeros(5))))
    b.case("trilinear", "y[n,o] = a[n,i]*T[i,j,k,o]*c[n,j]*d[n,k]",
           [F("a", "f32", (4, 3)), F("T", "f32", (3, 2, 5, 6)),
            F("c", "f32", (4, 2)), F("d", "f32", (4, 5))],
           Out("y", np.einsum("ni,ijko,nj,nk->no", F("a", "f32", (4, 3)).a,
                              F("T", "f32", (3, 2, 5, 6)).a,
                              F("c", "f32", (4, 2)).a,
                              F("d", "f32", (4, 5)).a)))
    b.case("weights_outside", "y[i] = 0.5*sum[j](A[i,j]*x[j]) "
           "- 2*sum[j](A[i,j]) + 1", [A, x],
           Out("y", 0.5 * (A.a @ x.a) - 2 * A.a.sum(1) + 1))
    b.case("quotient_of_sums", "y[i] = sum[j](A[i,j]*x[j]^2)"
           "/sum[j](x[j]^2)", [A, x],
           Out("y", (A.a @ x.a ** 2) / (x.a ** 2).sum(), mag=10))
    b.case("sums_of_two_sizes", "y[i] = sum[d](A[i,d]) + sum[d](z[i,d])",
           [A, F("z", "f32", (9, 5))],
           Out("y", A.a.sum(1) + F("z", "f32", (9, 5)).a.sum(1)))
    b.case("moe", "y[n,k] = sum[j](X[n,j]*W[g[n],j,k])*p[n]",
           [F("X", "f32", (8, 5)), F("W", "f32", (3, 5, 4)),
            F("g", "i64", (8,), m=3, lo=0), F("p", "f32", (8,))],
           Out("y", np.einsum("nj,njk->nk", F("X", "f32", (8, 5)).a,
                              F("W", "f32", (3, 5, 4)).a[
                                  F("g", "i64", (8,), m=3, lo=0).a])
               * F("p", "f32", (8,)).a[:, None]))
    z = F("z", "f32", (4,))
    b.case("assigned_then_added", "o[i] = z[i]; o[i] += z[i]*z[i]; "
           "o[i] max= 3*z[i]", [z],
           Out("o", np.maximum(z.a + z.a ** 2, 3 * z.a)))
    b.case("overwritten_temporary", "t[i] = z[i]+1; a[i] = t[i]*2; "
           "t[i] = z[i]-1; o[i] = t[i]*a[i]", [z],
           Out("o", (z.a - 1) * (z.a + 1) * 2))
    b.case("same_output_two_parts", "o[i] += z[i] where i in 0:2; "
           "o[i] += 10*z[i] where i in 1:4", [z],
           Out("o", z.a * [1, 11, 10, 10], given=True,
               init=V("o", "f32", [0] * 4)))
    b.case("scatter_then_read", "kernel f(K[n]:i64, z[n]:f32) -> "
           "(inout c[m]:f32, o[n]:f32): c[K[i]] += 1; o[i] = z[i]/c[K[i]]",
           [V("K", "i64", [1, 0, 1, 1]), z],
           [Out("c", [1, 3], "f32", given=True, init=V("c", "f32", [0, 0])),
            Out("o", z.a / [3, 1, 3, 3], mag=10)])
    b.case("sinkhorn", "f[i] = -logsumexp[j](g[j] - C[i,j]); "
           "h[j] = -logsumexp[i](f[i] - C[i,j])",
           [F("g", "f32", (6,), 4), F("C", "f32", (5, 6), 4, lo=0)],
           Out("h", -logsumexp(
               (-logsumexp(F("g", "f32", (6,), 4).a
                           - F("C", "f32", (5, 6), 4, lo=0).a))[:, None]
               - F("C", "f32", (5, 6), 4, lo=0).a, 0), mag=10))
    I = F("I", "u8", (9, 11), m=251, lo=0)
    w = V("w", "f32", np.outer([1, 2, 1], [1, 2, 1]) / 16)
    pad = np.pad(I.a, 1, "edge").astype(float)
    y = sum(pad[r:r + 9, s:s + 11] * w.a[r, s] for r in range(3)
            for s in range(3))
    b.case("blur_u8", "y[i,j] = I[clamp(i+r-1),clamp(j+s-1)]*w[r,s] "
           "where i in 0:dim(I,0), j in 0:dim(I,1)", [I, w], Out("y", y))


def halves(b):
    for t, u in ("f16", 2.0 ** -11), ("bf16", 2.0 ** -8):
        A = F("A", t, (5, 40), 8, m=19)
        B = F("B", t, (40, 6), 8, m=19)
        C = A.a @ B.a
        b.case(t + "_matmul", "C[i,k] = A[i,j]*B[j,k]", [A, B],
               Out("C", C, t, mag=C, eps=u * 1.01))
        b.case(t + "_softmax", "y[i,j] = softmax[j](A[i,j])", [A],
               Out("y", softmax(A.a), t, mag=0.2, eps=u * 1.5))
        b.case(t + "_lse", "y[i] = logsumexp[j](A[i,j])", [A],
               Out("y", logsumexp(A.a), t, mag=8, eps=u * 1.5))
        b.case(t + "_mean", "y[i] = mean[j](A[i,j])", [A],
               Out("y", A.a.mean(1), t, mag=1, eps=u * 1.5))
        b.case(t + "_argmax", "y[i] = argmax[j](A[i,j])", [A],
               Out("y", A.a.argmax(1), "i64"))
        b.case(t + "_pairs", "a[i] = sum[k](exp(-sum[j]((A[i,j]-B[j,k])^2)"
               "/size(j)))", [A, B],
               Out("a", np.exp(-((A.a[:, :, None] - B.a[None]) ** 2).mean(1)
                               ).sum(1), t, mag=6, eps=u * 1.5))
        ones = F("x", t, (3000,), m=1, lo=1)
        b.case(t + "_count_up", "y[] += x[i]", [ones],
               Out("y", 3008, t, init=S("y", t, 8), mag=3008, eps=u * 1.01))


def remainders(b):
    """Of the sign of the divisor, whatever the quotient is."""
    a = [1.5, -1.5, 1e17, 5, 1, -0.75, 7, nan, inf, 2, -1, 0, -6, 2 ** 24 + 2]
    c = [inf, inf, 3, 0.1, 0.1, 0.5, -2, 1, 2, nan, -inf, -3, -1.5, -7]
    for t, real in ("f32", np.float32), ("f64", np.float64):
        # of twice as many, lanes are met as well
        x, y = (np.array(v * 2, real) for v in (a, c))
        with np.errstate(all="ignore"):
            b.case("remainder_" + t, "y[i] = a[i]%c[i]",
                   [V("a", t, x), V("c", t, y)],
                   Out("y", np.mod(x, y).astype(float) + 0, t))


def written_casts(b):
    """A cast to the type that a value has on paper wraps, and rounds."""
    h = F("h", "i8", (37,), m=17, lo=92)
    w = (h.a * 2).astype(np.int8)
    b.case("cast_i8_again", "y[i] = i32(i8(h[i]+h[i]))", [h],
           Out("y", w.astype(int), "i32"))
    b.case("cast_i8_in_sum", "y[] = sum[i](i32(i8(h[i]*h[i])))", [h],
           Out("y", (h.a * h.a).astype(np.int8).astype(int).sum(), "i32"))
    u = V("u", "u32", [1, 2 ** 32 - 1, 2 ** 31])
    b.case("cast_u32_again", "y[i] = i64(u32(u[i]+u[i]))", [u],
           Out("y", (u.a * 2) % 2 ** 32, "i64"))
    x = V("x", "f16", [300, -300, 1 + 2 ** -10, 0.5] * 9 + [3])
    y = x.a.astype(np.float16)
    with np.errstate(over="ignore"):
        b.case("cast_f16_again", "y[i] = f32(f16(x[i]*x[i]))", [x],
               Out("y", (y * y).astype(float)))
    b.case("cast_f16_number", "y[i] = f32(f16(0.1))*x[i]",
           [V("x", "f32", [1, 2, -4])],
           Out("y", float(np.float16(0.1)) * np.array([1, 2, -4])))


def far_casts(b):
    """Of a float that the type does not hold: the nearest of the type that
    it is computed in, wrapped."""
    x = np.array([300, -300, inf, -inf, 3e9, -3e9, 1e30, -1e30, nan, 2.75,
                  -2.75] * 4)
    for t, bits in ("i8", 32), ("u16", 32), ("i32", 32), ("i64", 64), \
            ("u32", 64):
        top = 2 ** (bits - 1)
        y = [0 if v != v else top - 1 if v >= top else -top if v <= -top
             else int(v) for v in x]
        y = np.array(y).astype({"i8": np.int8, "u16": np.uint16, "u32":
                                np.uint32}.get(t, np.int64)).astype(int)
        for f in "f32", "f64":
            b.case("cast_far_%s_%s" % (t, f), "y[i] = %s(x[i])" % t,
                   [V("x", f, x)], Out("y", y, t))


def masks(b):
    """Sums under a mask of data: lists of its places where these are few."""
    A, B = F("A", "f32", (27, 26), 4), F("B", "f32", (26, 28), 4)
    M = F("M", "f32", (27, 28))
    S = A.a @ B.a
    i, k = np.arange(27)[:, None], np.arange(28)[None]
    sum_ = "sum[j](A[i,j]*B[j,k])"
    for name, text, mask in (
            ("none", "M[i,k] > 100", M.a > 100),
            ("one", "M[i,k] > -100 && i == 4 && k == 27",
             (i == 4) & (k == 27)),
            ("few", "M[i,k] == 1", M.a == 1),
            ("rows", "M[i,k] == 1 && i % 5 == 1", (M.a == 1) & (i % 5 == 1)),
            ("many", "M[i,k] > -2", M.a > -2),
            ("all", "M[i,k] > -100", M.a > -100)):
        b.case("masked_" + name, "C[i,k] = %s ? %s : 0" % (text, sum_),
               [M, A, B], Out("C", np.where(mask, S, 0), mag=1e3))
        b.case("masked_not_" + name,
               "C[i,k] = 2*(%s ? i - k : 1 + k*%s)" % (text, sum_),
               [M, A, B], Out("C", 2 * np.where(mask, i - k, 1 + k * S),
                              mag=1e5))
    K = V("M", "bool", M.a == 1)
    b.case("masked_bool", "C[i,k] = M[i,k] ? %s : -1" % sum_, [K, A, B],
           Out("C", np.where(K.a, S, -1), mag=1e3))
    Ai, Bi = F("A", "i64", (27, 26)), F("B", "i64", (28, 26))
    b.case("masked_i64", "C[k,i] = M[i,k] ? sum[j](A[i,j]*B[k,j]) : 7",
           [K, Ai, Bi], Out("C", np.where(K.a, Ai.a @ Bi.a.T, 7).T, "i64"))
    Q, R = F("Q", "f64", (2, 18, 25), 4), F("R", "f64", (2, 25, 19), 4)
    N = F("N", "f32", (18, 19))
    b.case("masked_batch",
           "C[b,i,k] = N[i,k] == 2 ? exp(-abs(sum[j](Q[b,i,j]*R[b,j,k]))) : 0",
           [N, Q, R], Out("C", np.where(N.a == 2, np.exp(-abs(Q.a @ R.a)), 0),
                          "f64", mag=100))
    Z = np.einsum("ij,jk->ik", A.a, B.a)
    b.case("masked_twice",
           "C[i,k] = M[i,k] == 1 ? %s : M[i,k] == 2 ? 3*%s : 0" % (sum_, sum_),
           [M, A, B], Out("C", np.where(M.a == 1, Z,
                                        np.where(M.a == 2, 3 * Z, 0)),
                          mag=1e3))


def complexes(b):
    for t, big in ("c64", 1e30), ("c128", 1e200):
        z = V("z", t, [1, (1 + 1j) * big, (1 - 2j) / big, 3j * big] * 5)
        w = V("w", t, [0, (1 + 1j) * big, (2 + 1j) / big, 2 * big] * 5)
        with np.errstate(all="ignore"):
            b.case("divide_far_" + t, "y[i] = z[i]/w[i]", [z, w],
                   Out("y", z.a / w.a, t, mag=3))
    # rows of lengths that data say, or the index: of an empty one 0
    n = V("n", "i64", [3, 0, 40, 17, 1])
    x, v = F("x", "f32", (5, 40), 8), F("v", "f32", (40,), 4)
    for name, ends in (("data", n.a), ("index", np.arange(5))):
        want = np.array([(softmax(x.a[i, :e]) @ v.a[:e] if e else 0)
                         for i, e in enumerate(ends)])
        end = "n[i]" if name == "data" else "i"
        b.case("ragged_softmax_" + name,
               "y[i] = sum[j in 0:%s](softmax[j](x[i,j])*v[j])" % end,
               ([n] if name == "data" else []) + [x, v],
               Out("y", want, mag=np.abs(v.a).max()))
    z = V("z", "c64", [1 + 2j, -3 + 0.5j, 0 - 1j, 2])
    w = V("w", "c64", [0.5 - 1j, 2 + 2j, 1j, -1])
    for name, text, want in (
            ("divide", "z[i]/w[i]", z.a / w.a),
            ("abs", "abs(z[i])", np.abs(z.a)),
            ("square", "z[i]^2", z.a ** 2),
            ("cube", "z[i]^3", z.a ** 3),
            ("negate", "-z[i] + 1", 1 - z.a),
            ("polar", "real(z[i]*conj(w[i]))", (z.a * w.a.conj()).real),
            ("equal", "z[i] == w[i] ? 1.0 : 0.0", z.a == w.a),
            ("choice", "real(z[i]) > 0 ? z[i] : w[i]",
             np.where(z.a.real > 0, z.a, w.a))):
        ins = [z] + ([w] if "w[" in text else [])
        real = not np.iscomplexobj(want)
        b.case("complex_" + name, "y[i] = " + text, ins,
               Out("y", want, "f32" if real and name != "equal" else
                   "-" if real else "c64", mag=10))
    b.case("complex_prod", "y[] = prod[i](z[i])", [z],
           Out("y", z.a.prod(), "c64"))
    b.case("complex_mean", "y[] = mean[i](z[i])", [z],
           Out("y", z.a.mean(), "c64"))
    b.case("complex_matvec", "y[i] = sum[j](A[i,j]*z[j]*conj(w[j]))",
           [F("A", "f32", (3, 4)), z, w],
           Out("y", F("A", "f32", (3, 4)).a @ (z.a * w.a.conj()), "c64"))
    b.case("complex_scatter", "H[K[i]] += z[i]*w[i]",
           [V("K", "i64", [1, 0, 1, 1]), z, w],
           Out("H", [(z.a * w.a)[1], (z.a * w.a)[[0, 2, 3]].sum()], "c64",
               given=True, init=V("H", "c64", [0, 0])))
