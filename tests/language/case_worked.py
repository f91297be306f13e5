# SPDX-License-Identifier: MIT
"""The worked spellings of LANGUAGE section 2, row by row."""
import numpy as np
from records import Book, F, Out, S, V


def pairs(x, y):
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(-1)


def softmax(s, axis=-1):
    e = np.exp(s - s.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def logsumexp(s, axis=-1):
    m = s.max(axis, keepdims=True)
    return (np.log(np.exp(s - m).sum(axis, keepdims=True)) + m).squeeze(axis)


def conv2d(x, w, sh=1, sw=1, dh=1, dw=1, ph=0, pw=0):
    n, c, hh, ww = x.shape
    k, _, r, s = w.shape
    z = np.zeros((n, c, hh + 2 * ph, ww + 2 * pw), x.dtype)
    z[:, :, ph:ph + hh, pw:pw + ww] = x
    ho = (hh + 2 * ph - dh * (r - 1) - 1) // sh + 1
    wo = (ww + 2 * pw - dw * (s - 1) - 1) // sw + 1
    o = np.zeros((n, k, ho, wo), x.dtype)
    for h in range(ho):
        for v in range(wo):
            for a in range(r):
                for b in range(s):
                    o[:, :, h, v] += z[:, :, sh * h + dh * a,
                                       sw * v + dw * b] @ w[:, :, a, b].T
    return o


def windows(x, size, step, pad, fill):
    """x[n,c,h,w] -> [n,c,ho,wo,size,size]"""
    n, c, hh, ww = x.shape
    z = np.full((n, c, hh + 2 * pad, ww + 2 * pad), fill, x.dtype)
    z[:, :, pad:pad + hh, pad:pad + ww] = x
    ho = (hh + 2 * pad - size) // step + 1
    wo = (ww + 2 * pad - size) // step + 1
    return np.array([[[[z[i, j, step * h:step * h + size,
                          step * w:step * w + size] for w in range(wo)]
                       for h in range(ho)] for j in range(c)]
                     for i in range(n)])


def make():
    b = Book("worked", "The worked spellings of the language.")
    A, B = F("A", "f32", (3, 4)), F("B", "f32", (4, 5))
    b.case("matmul_a", "ij,jk->ik", [A, B], Out("out", A.a @ B.a))
    b.case("matmul", "C[i,k] = A[i,j]*B[j,k]", [A, B], Out("C", A.a @ B.a))
    An, Bn = F("A", "f32", (2, 3, 4)), F("B", "f32", (2, 4, 5))
    b.case("matmul_batched_a", "...ij,...jk->...ik", [An, Bn],
           Out("out", An.a @ Bn.a))
    b.case("matmul_batched", "C[n,i,k] = A[n,i,j]*B[n,j,k]", [An, Bn],
           Out("C", An.a @ Bn.a))
    C = F("C", "f32", (3, 5))
    b.case("gemm_accumulate", "C[i,k] += A[i,j]*B[j,k]", [A, B],
           Out("C", C.a + A.a @ B.a, init=C))
    b.case("gemm_alpha_beta",
           "C[i,k] = alpha*sum[j](A[i,j]*B[j,k]) + beta*C[i,k]",
           [S("alpha", "f32", 3), A, B, S("beta", "f32", -2)],
           Out("C", 3 * (A.a @ B.a) - 2 * C.a, init=C))
    Q = F("A", "f32", (4, 4))
    b.case("trace_a", "ii", [Q], Out("out", np.trace(Q.a)))
    b.case("trace", "t[] = A[i,i]", [Q], Out("t", np.trace(Q.a)))
    b.case("diagonal_a", "ii->i", [Q], Out("out", np.diag(Q.a)))
    b.case("diagonal", "d[i] = A[i,i]", [Q], Out("d", np.diag(Q.a)))
    u, v = F("u", "f32", (4,)), F("v", "f32", (3,))
    b.case("outer_a", "i,j->ij", [u, v], Out("out", np.outer(u.a, v.a)))
    b.case("outer", "C[i,j] = u[i]*v[j]", [u, v], Out("C", np.outer(u.a, v.a)))
    l, W, r = F("l", "f32", (3, 4)), F("W", "f32", (2, 4, 5)), \
        F("r", "f32", (3, 5))
    y = np.einsum("ni,oij,nj->no", l.a, W.a, r.a)
    b.case("bilinear_a", "ni,oij,nj->no", [l, W, r], Out("out", y))
    b.case("bilinear", "y[n,o] = l[n,i]*W[o,i,j]*r[n,j]", [l, W, r],
           Out("y", y))

    Q, K, V_ = F("Q", "f32", (2, 5, 4), 4), F("K", "f32", (2, 5, 4), 4), \
        F("V", "f32", (2, 5, 3), 4)
    s = np.einsum("bid,bjd->bij", Q.a, K.a)
    big = np.abs(V_.a).max() * 5
    b.case("attention_3",
           "S[b,i,j] = sum[d](Q[b,i,d]*K[b,j,d])/sqrt(size(d)); "
           "P[b,i,j] = softmax[j](S[b,i,j]); O[b,i,e] = P[b,i,j]*V[b,j,e]",
           [Q, K, V_], Out("O", softmax(s / 2) @ V_.a, mag=big))
    low = np.where(np.tri(5, dtype=bool), s * 0.5, -np.inf)
    b.case("attention_causal",
           "O[b,i,e] = sum[j](softmax[j](sum[d](Q[b,i,d]*K[b,j,d])*scale "
           "if j <= i)*V[b,j,e])",
           [Q, K, S("scale", "f32", 0.5), V_],
           Out("O", softmax(low) @ V_.a, mag=big))

    X, W = F("X", "f32", (2, 3, 13)), F("W", "f32", (4, 3, 3))
    y = np.zeros((2, 4, 5))
    for t in range(5):
        for r in range(3):
            y[:, :, t] += X.a[:, :, 2 * t + 2 * r] @ W.a[:, :, r].T
    b.case("conv1d_stride_dilation", "Y[n,o,t] = X[n,c,2*t+2*r]*W[o,c,r]",
           [X, W], Out("Y", y))
    z = np.zeros((2, 3, 15))
    z[:, :, 1:14] = X.a
    y = sum(np.einsum("nct,oc->not", z[:, :, r:r + 13], W.a[:, :, r])
            for r in range(3))
    b.case("conv1d_pad", "Y[n,o,t] = X[n,c,pad(t+r-1,1)]*W[o,c,r]", [X, W],
           Out("Y", y))
    I, W = F("I", "f32", (2, 3, 9, 8)), F("W", "f32", (4, 3, 3, 2))
    general = "O[n,k,h,w] = I[n,c,pad(sh*h+dh*r-ph,ph)," \
        "pad(sw*w+dw*s-pw,pw)]*W[k,c,r,s]"
    for sh, sw, dh, dw, ph, pw in ((1, 1, 1, 1, 0, 0), (2, 1, 1, 3, 1, 2),
                                   (3, 2, 2, 1, 2, 0), (1, 1, 1, 1, 1, 1)):
        b.case("conv2d_%d%d%d%d%d%d" % (sh, sw, dh, dw, ph, pw), general,
               [I, W], Out("O", conv2d(I.a, W.a, sh, sw, dh, dw, ph, pw)),
               params="sh=%d,sw=%d,dh=%d,dw=%d,ph=%d,pw=%d"
               % (sh, sw, dh, dw, ph, pw))
    bias = F("b", "f32", (4,))
    b.case("conv2d_bias_relu",
           "O[n,k,h,w] = relu(sum(I[n,c,h+r,w+s]*W[k,c,r,s]) + b[k])",
           [I, W, bias],
           Out("O", np.maximum(conv2d(I.a, W.a)
                               + bias.a[None, :, None, None], 0)))
    D = F("W", "f32", (3, 3, 2))
    y = np.stack([conv2d(I.a[:, c:c + 1], D.a[None, c:c + 1])[:, 0]
                  for c in range(3)], 1)
    b.case("conv2d_depthwise", "O[n,c,h,w] = I[n,c,h+r,w+s]*W[c,r,s]", [I, D],
           Out("O", y))
    I6, G = F("I", "f32", (2, 6, 5, 6)), F("W", "f32", (2, 4, 3, 3, 2))
    y = np.stack([conv2d(I6.a[:, 3 * g:3 * g + 3], G.a[g])
                  for g in range(2)], 1)
    b.case("conv2d_grouped",
           "O[n,g,k,h,w] = I[n,3*g+c,h+r,w+s]*W[g,k,c,r,s]", [I6, G],
           Out("O", y))
    X, W = F("X", "f32", (2, 3, 5)), F("W", "f32", (3, 4, 3))
    y = np.zeros((2, 4, 11))
    for t in range(5):
        for r in range(3):
            y[:, :, 2 * t + r] += X.a[:, :, t] @ W.a[:, :, r]
    b.case("conv1d_transposed", "Y[n,o,2*t+r] += X[n,c,t]*W[c,o,r]", [X, W],
           Out("Y", y, given=True, init=V("Y", "f32", np.zeros_like(y))))
    Y0 = F("Y", "f32", y.shape)
    b.case("conv1d_transposed_more", "Y[n,o,2*t+r] += X[n,c,t]*W[c,o,r]",
           [X, W], Out("Y", Y0.a + y, given=True, init=Y0))

    I = F("I", "f32", (2, 2, 7, 6))
    b.case("maxpool_2", "O[n,c,h,w] = max[r,s](I[n,c,2*h+r,2*w+s]) "
           "where r in 0:2, s in 0:2", [I],
           Out("O", windows(I.a, 2, 2, 0, 0).max((-1, -2))))
    N = V("I", "f32", -np.abs(I.a) - 1)  # zeros at the rim would show
    b.case("maxpool_3_2_1",
           "O[n,c,h,w] = max[r,s](fill(I[n,c,pad(2*h+r-1,1),pad(2*w+s-1,1)],"
           " -inf)) where r in 0:3, s in 0:3", [N],
           Out("O", windows(N.a, 3, 2, 1, -np.inf).max((-1, -2))))
    b.case("avgpool_2", "O[n,c,h,w] = mean[r,s](I[n,c,2*h+r,2*w+s]) "
           "where r in 0:2, s in 0:2", [I],
           Out("O", windows(I.a, 2, 2, 0, 0).mean((-1, -2))))

    X, Y = F("X", "f32", (5, 4), 4), F("Y", "f32", (6, 4), 4)
    nx, ny = np.sqrt((X.a ** 2).sum(1)), np.sqrt((Y.a ** 2).sum(1))
    b.case("cosine", "C[i,j] = sum[d](X[i,d]*Y[j,d]) / "
           "(sqrt(sum[d](X[i,d]^2))*sqrt(sum[d](Y[j,d]^2)))", [X, Y],
           Out("C", X.a @ Y.a.T / np.outer(nx, ny), mag=1))
    P = pairs(X.a, Y.a)
    b.case("sqdist", "D[i,j] = sum[d]((X[i,d]-Y[j,d])^2)", [X, Y],
           Out("D", P))
    Bf = F("B", "f32", (6, 2))
    b.case("gaussian",
           "O[i,e] = sum[j](exp(-sum[d]((X[i,d]-Y[j,d])^2))*B[j,e])",
           [X, Y, Bf],
           Out("O", np.exp(-P) @ Bf.a, mag=np.exp(-P) @ np.abs(Bf.a)))
    b.case("nearest", "p[i] = argmin[j](sum[d]((X[i,d]-Y[j,d])^2))", [X, Y],
           Out("p", P.argmin(1), "i64"))
    b.case("k_nearest", "P[i,q] = argkmin[j->q:3](sum[d]((X[i,d]-Y[j,d])^2))",
           [X, Y], Out("P", np.argsort(P, 1, kind="stable")[:, :3], "i64"))
    g = F("g", "f32", (6,), 4)
    b.case("logsumexp",
           "z[i] = logsumexp[j](-sum[d]((X[i,d]-Y[j,d])^2) + g[j])",
           [X, Y, g], Out("z", logsumexp(g.a - P), mag=P.max() + 3))

    A, B = F("A", "f32", (3, 4)), F("B", "f32", (4, 5))
    M = F("M", "bool", (3, 4), m=2, lo=0)
    M01 = F("M", "f32", (3, 4), m=2, lo=0)
    b.case("masked_a", "ij,ij,jk->ik", [M01, A, B],
           Out("out", (M01.a * A.a) @ B.a))
    b.case("masked_operand", "C[i,k] = sum[j](A[i,j]*B[j,k] if M[i,j])",
           [A, B, M], Out("C", (M.a * A.a) @ B.a))
    Mo = F("M", "bool", (3, 5), m=2, lo=0)
    b.case("masked_output", "C[i,k] = M[i,k] ? sum[j](A[i,j]*B[j,k]) : 0",
           [Mo, A, B], Out("C", Mo.a * (A.a @ B.a)))
    Q, R = F("A", "f32", (5, 5)), F("B", "f32", (5, 3))
    b.case("masked_triangle", "C[i,k] = sum[j](A[i,j]*B[j,k] if j <= i)",
           [Q, R], Out("C", np.tril(Q.a) @ R.a))
    b.case("tropical", "C[i,k] = min[j](A[i,j]+B[j,k])", [A, B],
           Out("C", (A.a[:, :, None] + B.a[None]).min(1)))
    X = F("X", "f32", (4, 6), 4)
    g, h = F("g", "f32", (6,), 4), F("b", "f32", (6,), 4)
    mu = X.a.mean(1, keepdims=True)
    sd = ((X.a - mu) ** 2).mean(1, keepdims=True)
    b.case("layer_norm", "mu[i] = mean[j](X[i,j]); "
           "s[i] = mean[j]((X[i,j]-mu[i])^2); "
           "Y[i,j] = (X[i,j]-mu[i])*rsqrt(s[i]+1e-5)*g[j]+b[j]", [X, g, h],
           Out("Y", (X.a - mu) / np.sqrt(sd + 1e-5) * g.a + h.a, mag=8))

    ptr = V("ptr", "i64", [0, 2, 2, 5, 6])
    val, col = F("val", "f32", (6,)), V("col", "i32", [1, 3, 0, 1, 4, 2])
    X = F("X", "f32", (5, 3))
    y = np.zeros((4, 3))
    for i in range(4):
        for p in range(ptr.a[i], ptr.a[i + 1]):
            y[i] += val.a[p] * X.a[col.a[p]]
    b.case("csr", "Y[i,d] = sum[p in ptr[i]:ptr[i+1]](val[p]*X[col[p],d])",
           [ptr, val, X, col], Out("Y", y))
    A, B = F("A", "f32", (4, 3)), F("B", "f32", (5, 3))
    row, cl = V("row", "i64", [0, 3, 3, 1, 2, 0]), \
        V("col", "i32", [4, 0, 1, 2, 2, 0])
    b.case("sddmm", "out[p] = sum[d](A[row[p],d]*B[col[p],d])",
           [A, row, B, cl], Out("out", (A.a[row.a] * B.a[cl.a]).sum(1)))
    sc = F("S", "f32", (6,), 4)
    seg = V("seg", "i64", [0, 0, 2, 2, 2, 3])
    p = np.concatenate([softmax(sc.a[ptr.a[c]:ptr.a[c + 1]])
                        for c in range(4) if ptr.a[c] < ptr.a[c + 1]])
    b.case("ragged_softmax", "m[c] = max[p in ptr[c]:ptr[c+1]](S[p]); "
           "z[c] = sum[p in ptr[c]:ptr[c+1]](exp(S[p]-m[c])); "
           "P[p] = exp(S[p]-m[seg[p]])/z[seg[p]]", [ptr, sc, seg],
           Out("P", p, mag=1))
    x = F("x", "f32", (6,))
    b.case("segment_sum", "y[c] = sum[p in ptr[c]:ptr[c+1]](x[p])", [ptr, x],
           Out("y", [x.a[ptr.a[c]:ptr.a[c + 1]].sum() for c in range(4)]))
    E, K = F("E", "f32", (5, 3)), V("K", "i64", [4, 0, 0, 2, 4, 1, 4])
    b.case("gather", "Y[i,d] = E[K[i],d]", [E, K], Out("Y", E.a[K.a]))
    H0 = F("H", "i32", (5,))
    b.case("histogram", "H[K[i]] += 1", [K],
           Out("H", H0.a + np.bincount(K.a, minlength=5), "i32", given=True,
               init=H0))
    X = F("X", "f32", (7, 3))
    H = np.zeros((5, 3))
    np.add.at(H, K.a, X.a)
    b.case("scatter_add", "H[K[i],d] += X[i,d]", [K, X],
           Out("H", H, given=True, init=V("H", "f32", np.zeros((5, 3)))))
    I = F("I", "f32", (2, 2, 5, 4))
    U = np.array([[I.a[:, :, r:r + 3, s:s + 3] for s in range(2)]
                  for r in range(3)]).transpose(2, 3, 0, 1, 4, 5)
    b.case("unfold", "U[n,c,r,s,h,w] = I[n,c,h+r,w+s] "
           "where r in 0:3, s in 0:2", [I], Out("U", U))
    Uf = F("U", "f32", U.shape)
    y = np.zeros(I.shape)
    for r in range(3):
        for s in range(2):
            y[:, :, r:r + 3, s:s + 3] += Uf.a[:, :, r, s]
    b.case("fold", "I[n,c,h+r,w+s] += U[n,c,r,s,h,w]", [Uf],
           Out("I", y, given=True, init=V("I", "f32", np.zeros(I.shape))))
    x, w = F("x", "f32", (7,)), F("w", "f32", (3,))
    b.case("circular_conv",
           "y[t] = sum[r](x[wrap(t-r)]*w[r]) where t in 0:dim(x,0)", [x, w],
           Out("y", sum(np.roll(x.a, r) * w.a[r] for r in range(3))))
    A = F("A", "f32", (4, 5))
    b.case("triu", "M[i,j] = i <= j ? A[i,j] : 0", [A], Out("M", np.triu(A.a)))
    b.case("dft_real", "F[k] = sum[n](x[n]*cos(-2*pi*k*n/size(n))) "
           "where k in 0:dim(x,0)", [x],
           Out("F", np.fft.fft(x.a).real, mag=np.abs(x.a).sum()))
