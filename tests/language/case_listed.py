# SPDX-License-Identifier: MIT
"""The project's list of cases, by number, at sizes for a test run. Gradients
stand as the statement of the gradient. Of 30 the three ways that it compares
stand here, of 55 what is compiled, loaded and called there: their times are
for the benchmark. Left out: 44's sums with compensation, which no statement
spells."""
import numpy as np
from records import Book, F, Out, S, V, Tensor
from case_worked import conv2d, logsumexp, pairs, softmax


def attention(q, k, v):
    s = np.einsum("hid,hjd->hij", q, k) / np.sqrt(q.shape[-1])
    return softmax(s) @ v


def make():
    b = Book("listed", "The listed cases, small.")
    contractions(b)
    convolutions(b)
    similarities(b)
    kernels(b)
    others(b)


def contractions(b):
    A, B = F("A", "f32", (2, 9, 8)), F("B", "f32", (9, 7, 8))
    want = np.einsum("bld,lrd->blr", A.a, B.a)
    b.case("1", "out[b,l,r] = sum[d](A[b,l,d]*B[l,r,d])", [A, B],
           Out("out", want))
    b.case("1_form_a", "bld,lrd->blr", [A, B], Out("out", want))
    b.case("2_swapped", "lrd,bld->blr", [B, A], Out("out", want),
           same_hash="1_form_a")
    b.case("2_implied", "out[b,l,r] = B[l,r,d]*A[b,l,d]", [B, A],
           Out("out", want), same_hash="1")
    Ax = V("A", "f32", A.a[..., None])
    b.case("2_unsqueezed", "out[b,l,r] = B[l,r,d]*A[b,l,d,z]", [B, Ax],
           Out("out", want))
    a, c = F("a", "f32", (300, 2)), F("b", "f32", (300, 2))
    b.case("3", "out[n] = sum[c](a[n,c]*b[n,c])", [a, c],
           Out("out", (a.a * c.a).sum(1)))
    p, q = F("p", "f32", (2, 50)), F("q", "f32", (2, 2, 50))
    b.case("4", "ac,abc->cb", [p, q],
           Out("out", np.einsum("ac,abc->cb", p.a, q.a)))
    p, w = F("p", "f32", (6, 8, 20)), F("w", "f32", (8, 20))
    b.case("5", "out[a,b] = sum[c](p[a,b,c]*w[b,c])", [p, w],
           Out("out", np.einsum("abc,bc->ab", p.a, w.a)))
    x, y = F("x", "f32", (16, 12)), F("y", "f32", (5, 12))
    y3, xb = V("y", "f32", y.a[..., None]), F("x", "f32", (1, 16, 12))
    b.case("6", "out[b,i] = sum[k](x[i,k]*y[b,k])", [x, y],
           Out("out", y.a @ x.a.T))
    b.case("6_matmul", "out[b,i,o] = x[i,k]*y[b,k,o]", [x, y3],
           Out("out", (y.a @ x.a.T)[..., None]))
    b.case("6_bmm_expanded", "xik,bko->bio", [xb, y3],
           Out("out", np.einsum("ik,bk->bi", xb.a[0], y.a)[..., None]))
    A, B = F("A", "bf16", (8, 4, 16)), F("B", "bf16", (4, 16, 6))
    b.case("7", "abc,bcd->abd", [A, B],
           Out("out", np.einsum("abc,bcd->abd", A.a, B.a), "f32", given=True))
    A, B = F("A", "f32", (6, 5, 7)), F("B", "f32", (5, 7, 7))
    b.case("8", "out[a,b,e] = sum[c](A[a,b,c]*B[b,c,e])", [A, B],
           Out("out", np.einsum("abc,bce->abe", A.a, B.a)))
    J, x = F("J", "f32", (10, 10)), F("x", "f32", (60, 10))
    b.case("9", "out[n,e] = sum[d](J[e,d]*x[n,d])", [J, x],
           Out("out", x.a @ J.a.T))
    a, r = V("a", "f32", [[1, 2, 3, 4], [5, 6, 7, 8]]), \
        V("b", "f32", [[1, 2, 3], [4, 5, 6]])
    b.case("10", "out[i,d] = sum[q](a[i,q]*b[q%2,d])", [a, r],
           Out("out", [[28, 38, 48], [68, 94, 120]]))
    b.case("10_param", "out[i,d] = a[i,q]*b[q%P,d]", [a, r],
           Out("out", [[28, 38, 48], [68, 94, 120]]), params="P=2")
    a, r = F("a", "f32", (12, 64)), F("b", "f32", (8, 9))
    b.case("10_larger", "out[i,d] = sum[q](a[i,q]*b[q%P,d])", [a, r],
           Out("out", a.a @ np.tile(r.a, (8, 1))), params="P=8")
    b.case("10_split", "out[i,d] = a[i,8*r+p]*b[p,d]", [a, r],
           Out("out", a.a @ np.tile(r.a, (8, 1))))
    A, C = F("A", "f32", (20, 3, 4)), F("C", "f32", (6, 4, 5))
    Q = F("Q", "i64", (20,), m=6, lo=0)
    b.case("11", "out[n,i,k] = sum[j](A[n,i,j]*C[Q[n],j,k])", [A, C, Q],
           Out("out", np.einsum("nij,njk->nik", A.a, C.a[Q.a])))
    g = F("g", "f32", (20, 3, 5))
    dC = np.zeros((6, 4, 5))
    np.add.at(dC, Q.a, np.einsum("nij,nik->njk", A.a, g.a))
    zero = V("dC", "f32", dC * 0)
    b.case("12", "dC[Q[n],j,k] += A[n,i,j]*g[n,i,k]", [Q, A, g],
           Out("dC", dC, given=True, init=zero))
    b.case("12_guarded",
           "dC[m,j,k] = sum[n,i](A[n,i,j]*g[n,i,k] if Q[n] == m) "
           "where m in 0:6", [A, g, Q], Out("dC", dC))
    for n, (s, t) in enumerate((((10, 3, 4), (10, 4, 5)),
                                ((40, 9, 4), (40, 4, 1)),
                                ((3, 16, 24), (3, 24, 8)))):
        A, B = F("A", "f32", s), F("B", "f32", t)
        b.case("26_%d" % n, "C[b,n,p] = A[b,n,m]*B[b,m,p]", [A, B],
               Out("C", A.a @ B.a))
    for d in "f16", "bf16":
        A, B = F("A", d, (3, 16, 20)), F("B", d, (3, 20, 16))
        b.case("27_" + d, "bij,bjk->bik", [A, B],
               Out("out", A.a @ B.a, "f32", given=True))
        b.case("27_b_" + d, "C[b,i,k] = sum[j](f32(A[b,i,j])*B[b,j,k])", [A, B],
               Out("C", A.a @ B.a, "f32"))
    A, B = F("A", "f32", (4, 3, 4)), F("B", "f32", (4, 4, 5))
    b.case("28", "C[b,i,k] = alpha*sum[j](A[b,i,j]*B[b,j,k])",
           [S("alpha", "f32", 2), A, B],
           Out("C", 2 * (A.a @ B.a), init=V("C", "f32",
                                            np.full((4, 3, 5), np.nan))))
    A, B = F("A", "i8", (3, 8, 20), m=251), F("B", "i8", (3, 20, 8), m=251)
    b.case("29", "bij,bjk->bik", [A, B],
           Out("out", A.a @ B.a, "i32", given=True))
    b.case("29_cast", "C[b,i,k] = sum[j](i32(A[b,i,j])*i32(B[b,j,k]))", [A, B],
           Out("C", A.a @ B.a, "i32"))
    u, v = F("u", "f32", (4, 1)), F("v", "f32", (1, 4))
    b.case("31_mm", "C[i,j] = u[i,k]*v[k,j]", [u, v], Out("C", u.a @ v.a))
    b.case("31_mul", "ij,ij->ij", [u, v], Out("out", u.a @ v.a))
    b.case("31_outer", "C[i,j] = u[i,0]*v[0,j]", [u, v], Out("C", u.a @ v.a))


def convolutions(b):
    conv = "out[n,o,h,w] = X[n,c,pad(st*h+dl*r-p,p),pad(st*w+dl*s-p,p)]" \
        "*W[o,c,r,s]"
    for name, x, w, st, dl, p in (
            ("13", (1, 3, 20, 20), (4, 3, 7, 7), 2, 1, 3),
            ("14", (2, 4, 8, 8), (5, 4, 3, 3), 1, 1, 1),
            ("15", (2, 3, 14, 14), (4, 3, 3, 3), 2, 2, 0)):
        X, W = F("X", "f32", x), F("W", "f32", w)
        b.case(name, conv, [X, W],
               Out("out", conv2d(X.a, W.a, st, st, dl, dl, p, p)),
               params="st=%d,dl=%d,p=%d" % (st, dl, p))
    X, W = F("X", "f16", (1, 4, 6, 6)), F("W", "f16", (3, 4, 3, 3))
    b.case("14_f16", conv, [X, W], Out("out", conv2d(X.a, W.a, ph=1, pw=1),
                                       "f16"), params="st=1,dl=1,p=1")
    X, W, g = F("X", "f64", (2, 3, 8, 8)), F("W", "f64", (4, 3, 3, 3)), \
        F("g", "f64", (2, 4, 8, 8))
    dX, dW = np.zeros((2, 3, 10, 10)), np.zeros(W.shape)
    z = np.zeros((2, 3, 10, 10))
    z[:, :, 1:9, 1:9] = X.a
    for r in range(3):
        for s in range(3):
            dX[:, :, r:r + 8, s:s + 8] += np.einsum("nohw,oc->nchw", g.a,
                                                    W.a[:, :, r, s])
            dW[:, :, r, s] = np.einsum("nohw,nchw->oc", g.a,
                                       z[:, :, r:r + 8, s:s + 8])
    dX = dX[:, :, 1:9, 1:9]
    b.case("16_dX_gather", "dX[n,c,y,x] = g[n,o,pad(y-r+1,1),pad(x-s+1,1)]"
           "*W[o,c,r,s]", [g, W], Out("dX", dX, "f64"))
    b.case("16_dX_scatter", "dX[n,c,pad(h+r-1,1),pad(w+s-1,1)] += "
           "g[n,o,h,w]*W[o,c,r,s]", [g, W],
           Out("dX", dX, "f64", given=True, init=V("dX", "f64", dX * 0)))
    b.case("16_dW", "dW[o,c,r,s] = X[n,c,pad(h+r-1,1),pad(w+s-1,1)]"
           "*g[n,o,h,w]", [X, g], Out("dW", dW, "f64"))
    X, W = F("X", "f32", (2, 5, 7, 7)), F("W", "f32", (5, 3, 3))
    y = np.stack([conv2d(X.a[:, c:c + 1], W.a[None, c:c + 1])[:, 0]
                  for c in range(5)], 1)
    b.case("17", "out[n,c,h,w] = sum[r,s](X[n,c,h+r,w+s]*W[c,r,s])", [X, W],
           Out("out", y))
    x = V("x", "f32", np.arange(10).reshape(2, 5))
    b.case("18", "U[i,p,t] = x[i,p+t] where t in 0:2", [x],
           Out("U", [[[0, 1], [1, 2], [2, 3], [3, 4]],
                     [[5, 6], [6, 7], [7, 8], [8, 9]]]))
    X = F("x", "f32", (2, 2, 6, 6))
    n = np.minimum(np.minimum(np.arange(6) + 1, np.arange(6)[::-1] + 1), 3)
    div = np.outer(n, n)
    b.case("19", "U[n,c,r,s,h,w] = x[n,c,h+r,w+s] where r in 0:3, s in 0:3; "
           "y[n,c,h+r,w+s] += U[n,c,r,s,h,w]", [X],
           Out("y", X.a * div, given=True, init=V("y", "f32", X.a * 0)))


def similarities(b):
    X, Y = F("X", "f32", (12, 16), 8), F("Y", "f32", (9, 16), 8)

    def norm(a, axis):
        return np.sqrt((a * a).sum(axis))
    b.case("20", "out[i,j] = sum[k](X[i,k]*Y[j,k])/(maximum(sqrt(sum[k]"
           "(X[i,k]^2)),1e-8)*maximum(sqrt(sum[k](Y[j,k]^2)),1e-8))", [X, Y],
           Out("out", X.a @ Y.a.T / np.outer(norm(X.a, 1), norm(Y.a, 1)),
               mag=1))
    x, y = F("x", "f32", (10, 16), 8), F("y", "f32", (10, 16), 8)
    pair = "sum[k](x[b,k]*y[b,k])/(sqrt(sum[k](x[b,k]^2))" \
        "*sqrt(sum[k](y[b,k]^2)))"
    want = (x.a * y.a).sum(1) / (norm(x.a, 1) * norm(y.a, 1))
    b.case("21", "out[b] = " + pair, [x, y], Out("out", want, mag=1))
    b.case("21_keepdim", "out[b,z] = %s where z in 0:1" % pair, [x, y],
           Out("out", want[:, None], mag=1))
    x, y = F("x", "f32", (1, 3, 2, 1), 8), F("y", "f32", (1, 3, 2, 1), 8)
    want = (x.a * y.a).sum(1) / (norm(x.a, 1) * norm(y.a, 1))
    b.case("21_shape", "out[a,c,e] = sum[d](x[a,d,c,e]*y[a,d,c,e])/"
           "(sqrt(sum[d](x[a,d,c,e]^2))*sqrt(sum[d](y[a,d,c,e]^2)))", [x, y],
           Out("out", want, mag=1))
    x, y = V("x", "f32", np.ones((2, 3))), V("y", "f32", [[1]])
    b.case("22", "out[i] = sum[k](x[i,k]*y[0,0])/(sqrt(sum[k](x[i,k]^2))"
           "*sqrt(sum[k](y[0,0]^2))) where k in 0:dim(x,1)", [x, y], Out("out", [1, 1], mag=1))
    A, B = F("A", "f32", (20, 6)), F("B", "f32", (25, 6))
    r, c = F("r", "i64", (30,), m=20, lo=0), F("c", "i32", (30,), m=25, lo=0)
    b.case("23", "out[e] = sum[k](A[r[e],k]*B[c[e],k])", [A, r, B, c],
           Out("out", (A.a[r.a] * B.a[c.a]).sum(1)))
    A, B, g = F("A", "f64", (20, 6)), F("B", "f64", (25, 6)), \
        F("g", "f64", (30,))
    dA, dB = np.zeros(A.shape), np.zeros(B.shape)
    np.add.at(dA, r.a, g.a[:, None] * B.a[c.a])
    np.add.at(dB, c.a, g.a[:, None] * A.a[r.a])
    b.case("24", "dA[r[e],k] += g[e]*B[c[e],k]; dB[c[e],k] += g[e]*A[r[e],k]",
           [r, g, B, c, A],
           [Out("dA", dA, "f64", given=True, init=V("dA", "f64", dA * 0)),
            Out("dB", dB, "f64", given=True, init=V("dB", "f64", dB * 0))])
    A, B = F("A", "f32", (16, 8)), F("B", "f32", (8, 16))
    M = F("mask", "bool", (4, 4), m=3, lo=0)
    M = V("mask", "bool", M.a == 0)
    big = np.kron(M.a, np.ones((4, 4)))
    b.case("25", "out[i,j] = mask[floor(i/4),floor(j/4)] ? sum[k](A[i,k]*B[k,j]) : 0",
           [M, A, B], Out("out", big * (A.a @ B.a)))
    b.case("25_guard", "out[i,j] = sum[k](A[i,k]*B[k,j] if mask[floor(i/4),floor(j/4)])",
           [A, B, M], Out("out", big * (A.a @ B.a)))


def kernels(b):
    P = "sum[k]((x[i,k]-y[j,k])^2)"
    x, y = F("x", "f32", (20, 3), 8), F("y", "f32", (30, 3), 8)
    v = F("b", "f32", (30,), 4)
    D = pairs(x.a, y.a)
    E = np.exp(-D)
    b.case("32", "a[i] = sum[j](exp(-%s)*b[j])" % P, [x, y, v],
           Out("a", E @ v.a, mag=np.abs(v.a).sum()))
    b.case("32_renamed", "out[r] = sum[c](exp(-%s)*w[c])"
           % P.replace("i", "r").replace("j", "c").replace("k", "d")
           .replace("x", "p").replace("y", "q"),
           [Tensor("p", "f32", x.shape, x.text, x.a),
            Tensor("q", "f32", y.shape, y.text, y.a),
            Tensor("w", "f32", v.shape, v.text, v.a)],
           Out("out", E @ v.a, mag=np.abs(v.a).sum()), same_hash="32")
    b3 = F("b", "f32", (30, 3), 4)
    s2 = 2.4 ** 2
    for name, f, fn, d1 in (
            ("gaussian", "exp(-%s/s^2)", lambda d: np.exp(-d / s2),
             ("-2/s^2*exp(-%s/s^2)", lambda d: -2 / s2 * np.exp(-d / s2))),
            ("laplacian", "exp(-sqrt(%s)/s)",
             lambda d: np.exp(-np.sqrt(d) / 2.4), None),
            ("cauchy", "1/(1+%s/s^2)", lambda d: 1 / (1 + d / s2),
             ("-2/s^2/(1+%s/s^2)^2", lambda d: -2 / s2 / (1 + d / s2) ** 2)),
            ("multiquadric", "rsqrt(1+%s/s^2)",
             lambda d: (1 + d / s2) ** -0.5,
             ("-1/s^2*(1+%s/s^2)^-1.5",
              lambda d: -1 / s2 * (1 + d / s2) ** -1.5))):
        sc = S("s", "f32", np.float32(2.4))
        b.case("33_" + name, "a[i,d] = sum[j]((%s)*b[j,d])" % f % P,
               [x, y, sc, b3], Out("a", fn(D) @ b3.a, mag=fn(D) @ np.abs(b3.a)))
        if d1:
            ga = F("ga", "f32", (20, 3), 4)
            w = ga.a @ b3.a.T * d1[1](D)
            gx = np.einsum("ij,ijk->ik", w, x.a[:, None] - y.a[None])
            m = np.einsum("ij,ijk->ik", np.abs(w),
                          np.abs(x.a[:, None] - y.a[None]))
            b.case("33_%s_gx" % name, "gx[i,e] = sum[j]((x[i,e]-y[j,e])*(%s)"
                   "*sum[d](ga[i,d]*b[j,d]))" % d1[0] % P, [x, y, sc, ga, b3],
                   Out("gx", gx, mag=m))
    for d in (1, 2, 3, 5, 8, 16, 17, 33, 64, 100, 146, 150, 300):
        x, y = F("x", "f32", (6, d), 64), F("y", "f32", (7, d), 64)
        v = F("b", "f32", (7,), 4)
        b.case("34_d%d" % d, "a[i] = sum[j](exp(-%s)*b[j])" % P, [x, y, v],
               Out("a", np.exp(-pairs(x.a, y.a)) @ v.a,
                   mag=np.exp(-pairs(x.a, y.a)) @ np.abs(v.a)))
    x, y = F("x", "f32", (6, 3), 8), F("y", "f32", (9, 3), 8)
    w = F("b", "f32", (9, 70), 4)
    b.case("35", "a[i,d] = sum[j](exp(-%s)*b[j,d])" % P, [x, y, w],
           Out("a", np.exp(-pairs(x.a, y.a)) @ w.a, mag=np.abs(w.a).max() * 9))
    # 36: batch dims broadcast by being absent
    x, y = F("x", "f32", (4, 5, 3), 8), F("y", "f32", (3, 4, 6, 3), 8)
    w = F("b", "f32", (3, 6, 2), 4)
    K = np.exp(-((x.a[None, :, :, None] - y.a[:, :, None]) ** 2).sum(-1))
    b.case("36", "a[m,n,i,d] = sum[j](exp(-sum[k]((x[n,i,k]-y[m,n,j,k])^2))"
           "*b[m,j,d])", [x, y, w],
           Out("a", np.einsum("mnij,mjd->mnid", K, w.a), mag=20))
    ga = F("ga", "f32", (3, 4, 5, 2), 4)
    b.case("36_gb", "gb[m,j,d] = sum[n,i](exp(-sum[k]((x[n,i,k]-y[m,n,j,k])"
           "^2))*ga[m,n,i,d])", [x, y, ga],
           Out("gb", np.einsum("mnij,mnid->mjd", K, ga.a), mag=40))
    # 37: sum[j]((p-c[j])^2*exp(x[i,u]+y[j,u])) and its four gradients
    for t in "f32", "f64":
        p, c = S("p", t, 0.5), F("c", t, (8,), 8)
        x, y = F("x", t, (6, 3), 8), F("y", t, (8, 3), 8)
        g = F("g", t, (6, 3), 4)
        e = np.exp(x.a[:, None] + y.a[None])
        q = (0.5 - c.a)[None, :, None]
        ge = g.a[:, None] * e
        e_ = "exp(x[i,u]+y[j,u])"
        for name, expr, ins, want, m in (
                ("", "a[i,u] = sum[j]((p-c[j])^2*%s)" % e_, [p, c, x, y],
                 (q * q * e).sum(1), (q * q * e).sum(1)),
                ("_gp", "gp[] = sum[i,j,u](2*(p-c[j])*%s*g[i,u])" % e_,
                 [p, c, x, y, g], (2 * q * ge).sum(),
                 np.abs(2 * q * ge).sum()),
                ("_gc", "gc[j] = sum[i,u](-2*(p-c[j])*%s*g[i,u])" % e_,
                 [p, c, x, y, g], (-2 * q * ge).sum((0, 2)),
                 np.abs(2 * q * ge).sum((0, 2))),
                ("_gx", "gx[i,u] = sum[j]((p-c[j])^2*%s)*g[i,u]" % e_,
                 [p, c, x, y, g], (q * q * ge).sum(1),
                 np.abs(q * q * ge).sum(1)),
                ("_gy", "gy[j,u] = (p-c[j])^2*sum[i](%s*g[i,u])" % e_,
                 [p, c, x, y, g], (q * q * ge).sum(0),
                 np.abs(q * q * ge).sum(0))):
            b.case("37_%s%s" % (t, name), expr, ins,
                   Out(expr.split("[")[0], want, t, mag=m))
    # 38: scores up to 1e3
    x, y = F("x", "f32", (9, 3), 0.125), F("y", "f32", (11, 3), 0.25)
    s = x.a @ y.a.T
    w = F("w", "f32", (11,), 4, m=7, lo=1)
    b.case("38", "a[i] = logsumexp[j](sum[k](x[i,k]*y[j,k]))", [x, y],
           Out("a", logsumexp(s), mag=np.abs(s).max()))
    b.case("38_weighted", "a[i] = logsumexp[j](sum[k](x[i,k]*y[j,k])"
           " + log(w[j]))", [x, y, w],
           Out("a", logsumexp(s + np.log(w.a)), mag=np.abs(s).max()))
    q, k, v = F("q", "f32", (2, 12, 8), 8), F("k", "f32", (2, 13, 8), 8), \
        F("v", "f32", (2, 13, 8), 8)
    att = "O[h,i,e] = sum[j](softmax[j](sum[d](q[h,i,d]*k[h,j,d])" \
        "/sqrt(size(d)))*v[h,j,e])"
    b.case("39", att, [q, k, v],
           Out("O", attention(q.a, k.a, v.a), mag=np.abs(v.a).max() * 4))
    q16, k16, v16 = (F(n, "f16", (2, 6, 8), 8) for n in "qkv")
    b.case("39_f16", att, [q16, k16, v16],
           Out("O", attention(q16.a, k16.a, v16.a), "f16", eps=2e-3,
               mag=np.abs(v16.a).max()))


def others(b):
    x, y = F("x", "f32", (6, 3), 8), F("y", "f32", (60, 3), 8)
    rng = np.arange(180)
    y = V("y", "f32", ((rng * 37 + rng // 7) % 101).reshape(60, 3) / 64 - 0.5)
    x = V("x", "f32", ((np.arange(18) * 29) % 97).reshape(6, 3) / 64 - 0.5)
    D = pairs(x.a, y.a)

    def first(d, k):
        return np.argsort(d, 1, kind="stable")[:, :k]
    for k in 1, 10, 50:
        b.case("40_k%d" % k, "n[i,q] = argkmin[j->q:%d]"
               "(sum[d]((x[i,d]-y[j,d])^2))" % k, [x, y],
               Out("n", first(D, k), "i64"))
    L1 = np.abs(x.a[:, None] - y.a[None]).sum(-1)
    b.case("40_l1", "n[i,q] = argkmin[j->q:10](sum[d](abs(x[i,d]-y[j,d])))",
           [x, y], Out("n", first(L1, 10), "i64"))
    b.case("40_dot", "n[i,q] = argkmax[j->q:10](sum[d](x[i,d]*y[j,d]))",
           [x, y], Out("n", first(-(x.a @ y.a.T), 10), "i64"))
    small = V("y", "f32", y.a[:20] * 0.5)
    xs = V("x", "f32", x.a * 0.25)
    hyp = pairs(xs.a, small.a) / np.outer(1 - (xs.a ** 2).sum(1),
                                          1 - (small.a ** 2).sum(1))
    gap = np.diff(np.sort(hyp, 1)[:, :4], axis=1).min()
    assert gap > 1e-5, gap
    b.case("40_hyperbolic", "n[i,q] = argkmin[j->q:3](sum[d]((x[i,d]-y[j,d])"
           "^2)/((1-sum[d](x[i,d]^2))*(1-sum[d](y[j,d]^2))))", [xs, small],
           Out("n", first(hyp, 3), "i64"))
    far = F("x", "f32", (20,), m=19)
    b.case("40_beyond_2_24",
           "p[] = argmin[j in 20000000:20000020](x[j-20000000])", [far],
           Out("p", 20000000 + far.a.argmin(), "i64"))
    pts = V("x", "f32", y.a)
    cen = V("c", "f32", x.a)
    D2 = pairs(pts.a, cen.a)
    b.case("41_argmin", "a[i] = argmin[k](sum[d]((x[i,d]-c[k,d])^2))",
           [pts, cen], Out("a", D2.argmin(1), "i64"))
    cos = pts.a @ cen.a.T / np.sqrt((cen.a ** 2).sum(1))
    two = np.sort(cos, 1)
    assert (two[:, -1] - two[:, -2]).min() > 1e-6
    b.case("41_cosine", "a[i] = argmax[k](sum[d](x[i,d]*c[k,d])"
           "*rsqrt(sum[d](c[k,d]^2)))", [pts, cen],
           Out("a", cos.argmax(1), "i64"))
    lab = D2.argmin(1)
    num = np.zeros((6, 3))
    np.add.at(num, lab, pts.a)
    b.case("41_update", "a[i] = argmin[k](sum[d]((x[i,d]-c[k,d])^2)); "
           "s[a[i],d] += x[i,d]; n[a[i]] += 1", [pts, cen],
           [Out("s", num, given=True, init=V("s", "f32", num * 0),
                mag=np.abs(num)),
            Out("n", np.bincount(lab, minlength=6), "i64", given=True,
                init=V("n", "i64", np.zeros(6)))])
    # 42: sorted points in bins; a bin sees its neighbours
    xs = V("x", "f32", np.sort((np.arange(40) * 17 % 64) / 64.0))
    bins = (xs.a * 8).astype(int)
    lo = np.searchsorted(bins, np.arange(8) - 1)
    hi = np.searchsorted(bins, np.arange(8) + 1, side="right")
    keep = np.abs(bins[:, None] - bins[None]) <= 1
    w = F("w", "f32", (40,))
    K = np.where(keep, np.exp(-(xs.a[:, None] - xs.a[None]) ** 2 * 100), 0)
    b.case("42", "a[i] = sum[j in lo[b[i]]:hi[b[i]]]"
           "(exp(-(x[i]-x[j])^2*100)*w[j])",
           [V("lo", "i64", lo), V("b", "i64", bins), V("hi", "i64", hi), xs,
            w], Out("a", K @ w.a, mag=np.abs(w.a).sum()))
    # 43: clouds of unequal sizes, one of them empty
    ptr = V("ptr", "i64", [0, 3, 3, 8, 12])
    seg = V("c", "i64", [0] * 3 + [2] * 5 + [3] * 4)
    x, w = F("x", "f32", (12, 3), 8), F("w", "f32", (12,))
    same = seg.a[:, None] == seg.a[None]
    K = np.where(same, np.exp(-pairs(x.a, x.a)), 0)
    b.case("43", "a[i] = sum[j in ptr[c[i]]:ptr[c[i]+1]]"
           "(exp(-sum[d]((x[i,d]-x[j,d])^2))*w[j])", [ptr, seg, x, w],
           Out("a", K @ w.a, mag=np.abs(w.a).sum()))
    # 44: type of the sums
    h = F("x", "f16", (500,), 8, m=251)
    b.case("44_f16", "a[] = sum[i](x[i])", [h],
           Out("a", np.float16(h.a.sum()), "f16"))
    b.case("44_f16_f32", "a[] = sum[i](f32(x[i]))", [h], Out("a", h.a.sum()))
    f = V("x", "f32", [2.0 ** 24] + [1] * 15)
    b.case("44_f32_f64", "a[] = sum[i](f64(x[i]))", [f],
           Out("a", 2.0 ** 24 + 15, "f64"))
    x, y, z = F("x", "f64", (7,), 8), F("y", "f64", (8,), 8), \
        F("z", "f64", (9,), 8)
    s = x.a[:, None, None] + y.a[None, :, None] * z.a
    b.case("45", "a[i] = sum[j,k](exp(-(x[i]+y[j]*z[k])^2))", [x, y, z],
           Out("a", np.exp(-s ** 2).sum((1, 2)), "f64", mag=72))
    A, B = F("A", "f32", (20, 6)), F("B", "f32", (20, 6))
    band = np.zeros((20, 7))
    for t in range(7):
        for i in range(20):
            if 0 <= i + t - 3 < 20:
                band[i, t] = A.a[i] @ B.a[i + t - 3]
    b.case("46", "out[i,t] = sum[k](A[i,k]*B[pad(i+t-3,3),k]) "
           "where t in 0:7", [A, B], Out("out", band))
    x = F("x", "f32", (30,), 8)
    win = [np.exp(-(x.a[i] - x.a[i:i + 6]) ** 2).sum() for i in range(30)]
    b.case("47", "a[i] = sum[j](exp(-(x[i]-x[j])^2) if j >= i && j < i+6)",
           [x], Out("a", win, mag=6))
    b.case("47_bounds",
           "a[i] = sum[j in i:minimum(i+6,size(j))](exp(-(x[i]-x[j])^2))"
           .replace("size(j)", "dim(x,0)"), [x], Out("a", win, mag=6))
    x, y = F("x", "f32", (15,), 8), F("y", "f32", (17,), 8)
    T = F("T", "f32", (4, 5))
    I, J = F("I", "i32", (15,), m=4, lo=0), F("J", "i32", (17,), m=5, lo=0)
    e = np.exp(-(x.a[:, None] - y.a) ** 2) * T.a[I.a][:, J.a]
    b.case("48", "a[i] = sum[j](exp(-(x[i]-y[j])^2)*T[I[i],J[j]])",
           [x, y, T, I, J], Out("a", e.sum(1), mag=np.abs(e).sum(1)))
    A, B, C = F("A", "f32", (6, 9), 4), F("B", "f32", (5,), 4), \
        F("C", "f32", (5, 9), 4)
    e = np.cos(A.a[:, None] * B.a[:, None]) * np.exp(C.a)
    b.case("49", "r[i,j] = sum[k](cos(A[i,k]*B[j])*exp(C[j,k]))", [A, B, C],
           Out("r", e.sum(-1), mag=np.abs(e).sum(-1)))
    A, B = F("A", "f32", (5, 4, 6)), F("B", "f32", (9, 4))
    C = np.einsum("nda,jd->naj", A.a, B.a)
    b.case("50", "p[n,a] = argmax[j](sum[d](A[n,d,a]*B[j,d]))", [A, B],
           Out("p", C.argmax(-1), "i64"))
    w, x = F("w", "f32", (6, 3), 4), F("x", "f32", (8, 3), 4)
    f = F("f", "f32", (8,), 4)
    ph = w.a @ x.a.T
    cis = np.exp(1j * ph) @ f.a
    b.case("51", "re[i] = sum[j](cos(sum[d](w[i,d]*x[j,d]))*f[j]); "
           "im[i] = sum[j](sin(sum[d](w[i,d]*x[j,d]))*f[j])", [w, x, f],
           [Out("re", cis.real, mag=np.abs(f.a).sum()),
            Out("im", cis.imag, mag=np.abs(f.a).sum())])
    fc = V("f", "c64", f.a + 1j * f.a[::-1])
    b.case("51_complex", "a[i] = sum[j]((cos(sum[d](w[i,d]*x[j,d])) "
           "+ I*sin(sum[d](w[i,d]*x[j,d])))*f[j])",
           [w, x, S("I", "c64", 1j), fc],
           Out("a", np.exp(1j * ph) @ fc.a, "c64",
               mag=np.abs(fc.a).sum()))
    f = F("f", "f32", (7, 9), m=19, lo=0)
    n, m = np.arange(7), np.arange(9)
    g = (f.a[:, None, :] + (m[:, None] - m) ** 2).min(-1)
    h = (g[None] + ((n[:, None] - n) ** 2)[:, :, None]).min(1)
    b.case("52", "g[i,j] = min[k](f[i,k] + (j-k)^2) where j in 0:dim(f,1); "
           "h[i,j] = min[k](g[k,j] + (i-k)^2) where i in 0:dim(f,0)", [f],
           Out("h", h))
    for n_b, n in ((5, 2), (3, 17)):
        A, B = F("A", "f32", (n_b, n, n)), F("B", "f32", (n_b, n, n))
        want = A.a @ B.a
        name = "30_%dx%d" % (n_b, n)
        b.case(name, "C[b,i,k] = A[b,i,j]*B[b,j,k]", [A, B], Out("C", want))
        b.case(name + "_one", "C[b,i,k] = A[%d,i,j]*B[b,j,k] where b in 0:1"
               % (n_b - 1), [A, V("B", "f32", B.a[-1:])],
               Out("C", want[-1:]))
        b.case(name + "_einsum", "bij,bjk->bik", [A, B], Out("C", want))
    A, B = F("A", "f32", (2, 9, 8)), F("B", "f32", (9, 7, 8))
    b.case("54_1", "out[b,l,r] = sum[d](A[b,l,d]*B[l,r,d])", [A, B],
           Out("out", np.einsum("bld,lrd->blr", A.a, B.a)))
    x, y = F("x", "f32", (16, 12)), F("y", "f32", (5, 12))
    b.case("54_6", "out[b,i] = sum[k](x[i,k]*y[b,k])", [x, y],
           Out("out", y.a @ x.a.T))
    x, y, w = F("x", "f32", (25, 3), 8), F("y", "f32", (30, 3), 8), \
        F("b", "f32", (30,), 4)
    E = np.exp(-pairs(x.a, y.a)) @ w.a
    for name in "54_32", "55":
        b.case(name, "a[i] = sum[j](exp(-sum[k]((x[i,k]-y[j,k])^2))*b[j])",
               [x, y, w], Out("a", E, mag=np.abs(w.a).sum()))
    x = F("x", "f32", (12, 3), 8)
    v = F("v", "f32", (12, 4), 4)
    b.case("53", "a[i,e] = alpha*v[i,e] + sum[j](exp(-sum[d]((x[i,d]-x[j,d])"
           "^2))*v[j,e])", [S("alpha", "f32", np.float32(0.1)), v, x],
           Out("a", np.float32(0.1) * v.a + np.exp(-pairs(x.a, x.a)) @ v.a,
               mag=np.abs(v.a).sum(0)))
