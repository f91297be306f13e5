# SPDX-License-Identifier: MIT
"""The KeOps parity table of LANGUAGE section 2, and the function set."""
import math
import numpy as np
from records import Book, F, Out, V
from case_worked import logsumexp, pairs, softmax

erf = np.vectorize(math.erf, otypes=[float])


def make():
    b = Book("keops", "KeOps' formulas, and every function.")
    x, y = F("x", "f32", (5, 3), 4), F("y", "f32", (7, 3), 4)
    p = F("p", "f32", (3,), 4)
    P = pairs(x.a, y.a)
    k = np.exp(-((x.a[:, None] - y.a[None]) ** 2 * np.abs(p.a)).sum(-1))
    b.case("variables_and_parameter",
           "a[i] = sum[j](exp(-sum[d]((x[i,d]-y[j,d])^2*abs(p[d]))))",
           [x, y, p], Out("a", k.sum(1), mag=7))
    xn, yn = F("x", "f32", (2, 5, 3), 4), F("y", "f32", (2, 7, 3), 4)
    Pn = np.stack([pairs(xn.a[n], yn.a[n]) for n in range(2)])
    b.case("batch_dims",
           "a[n,i] = sum[j](exp(-sum[d]((x[n,i,d]-y[n,j,d])^2)))", [xn, yn],
           Out("a", np.exp(-Pn).sum(2), mag=7))
    b.case("over_i", "a[j] = sum[i](exp(-sum[d]((x[i,d]-y[j,d])^2)))", [x, y],
           Out("a", np.exp(-P).sum(0), mag=5))
    d = "(sum[d]((x[i,d]-y[j,d])^2))"
    b.case("sum", "a[i] = sum[j]" + d, [x, y], Out("a", P.sum(1)))
    b.case("max", "a[i] = max[j]" + d, [x, y], Out("a", P.max(1)))
    b.case("min", "a[j] = min[i]" + d, [x, y], Out("a", P.min(0)))
    b.case("argmin", "a[i] = argmin[j]" + d, [x, y],
           Out("a", P.argmin(1), "i64"))
    b.case("argmax", "a[j] = argmax[i]" + d, [x, y],
           Out("a", P.argmax(0), "i64"))
    b.case("kmin", "a[i,q] = kmin[j->q:4]" + d, [x, y],
           Out("a", np.sort(P, 1)[:, :4]))
    b.case("kmax", "a[i,q] = kmax[j->q:4]" + d, [x, y],
           Out("a", -np.sort(-P, 1)[:, :4]))
    b.case("argkmin", "a[i,q] = argkmin[j->q:4]" + d, [x, y],
           Out("a", np.argsort(P, 1, kind="stable")[:, :4], "i64"))
    b.case("argkmax", "a[i,q] = argkmax[j->q:4]" + d, [x, y],
           Out("a", np.argsort(-P, 1, kind="stable")[:, :4], "i64"))
    b.case("kmin_over_i", "a[q,j] = kmin[i->q:2]" + d, [x, y],
           Out("a", np.sort(P, 0)[:2]))
    b.case("vector_max", "a[i,d] = max[j](x[i,d]*y[j,d])", [x, y],
           Out("a", (x.a[:, None] * y.a[None]).max(1)))
    b.case("vector_argmin", "a[i,d] = argmin[j](x[i,d]*y[j,d])", [x, y],
           Out("a", (x.a[:, None] * y.a[None]).argmin(1), "i64"))
    g = V("g", "f32", [0.5, 1, 2, 0.25, 3, 1.5, 0.75])
    b.case("logsumexp", "a[i] = logsumexp[j](-" + d[1:], [x, y],
           Out("a", logsumexp(-P), mag=P.max()))
    b.case("logsumexp_weight", "a[i] = logsumexp[j](-" + d[1:-1]
           + " + log(g[j]))", [x, y, g],
           Out("a", logsumexp(np.log(g.a) - P), mag=P.max()))
    v = F("v", "f32", (7, 2), 4)
    b.case("sum_softmax_weight",
           "a[i,e] = sum[j](softmax[j](-" + d[1:-1] + ")*v[j,e])", [x, y, v],
           Out("a", softmax(-P) @ v.a, mag=np.abs(v.a).max() * 3))
    b.case("sqdist", "a[i,j] = " + d[1:-1], [x, y], Out("a", P))
    f, h = F("f", "f32", (4, 3)), F("h", "f32", (4, 3))
    b.case("sqnorm", "a[i] = sum[d](f[i,d]^2)", [f],
           Out("a", (f.a ** 2).sum(1)))
    b.case("norm", "a[i] = sqrt(sum[d](f[i,d]^2))", [f],
           Out("a", np.sqrt((f.a ** 2).sum(1)), mag=True))
    b.case("normalize", "a[i,d] = f[i,d]*rsqrt(sum[e](f[i,e]^2))", [f],
           Out("a", f.a / np.sqrt((f.a ** 2).sum(1, keepdims=True)), mag=1))
    b.case("scalar_product", "a[i] = sum[d](f[i,d]*h[i,d])", [f, h],
           Out("a", (f.a * h.a).sum(1)))
    s = F("s", "f32", (3,))
    b.case("weighted_sqnorm", "a[i] = sum[d](s[d]*f[i,d]^2)", [s, f],
           Out("a", (s.a * f.a ** 2).sum(1)))
    S2 = F("S", "f32", (3, 3))
    b.case("full_weighted_sqnorm", "a[i] = sum[k,l](S[k,l]*f[i,k]*f[i,l])",
           [S2, f], Out("a", np.einsum("kl,ik,il->i", S2.a, f.a, f.a)))
    A, w = F("A", "f32", (4, 3, 2)), F("v", "f32", (5, 2))
    b.case("matvec", "a[i,j,d] = A[i,d,e]*v[j,e]", [A, w],
           Out("a", np.einsum("ide,je->ijd", A.a, w.a)))
    b.case("tensor_product", "a[i,k,l] = f[i,k]*h[i,l]", [f, h],
           Out("a", f.a[:, :, None] * h.a[:, None]))
    K1, K2 = F("f", "f32", (2, 3)), F("h", "f32", (3, 2))
    b.case("kron", "a[p,q,r,s] = f[p,r]*h[q,s]", [K1, K2],
           Out("a", np.kron(K1.a, K2.a).reshape(2, 3, 3, 2)))
    b.case("kron_flat", "a[p,r] = f[floor(p/3),floor(r/2)]*h[p%3,r%2] "
           "where p in 0:6, r in 0:6", [K1, K2],
           Out("a", np.kron(K1.a, K2.a)))
    T = F("T", "f32", (2, 3, 4))
    U = F("U", "f32", (4, 3, 5))
    b.case("tensordot", "a[e,p] = T[p,q,r]*U[r,q,e]", [T, U],
           Out("a", np.tensordot(T.a, U.a, ((1, 2), (1, 0))).T))
    b.case("elem", "a[i] = f[i,2]", [f], Out("a", f.a[:, 2]))
    X7 = F("A", "f32", (4, 7))
    b.case("extract", "a[i,d] = A[i,d+3]", [X7], Out("a", X7.a[:, 3:]))
    b.case("concat", "a[i,d] += f[i,d] where d in 0:3; "
           "a[i,d+3] += h[i,d] where d in 0:3", [f, h],
           Out("a", np.concatenate([f.a, h.a], 1), given=True,
               init=V("a", "f32", np.zeros((4, 6)))))
    b.case("concat_choice", "a[i,d] = d < 3 ? f[i,clamp(d)] : "
           "h[i,clamp(d-3)] where d in 0:6", [f, h],
           Out("a", np.concatenate([f.a, h.a], 1)))
    hot = V("K", "i64", [2, 0, 3])
    b.case("one_hot", "a[i,k] = k == K[i] ? 1.0 : 0.0 where k in 0:4", [hot],
           Out("a", np.eye(4)[hot.a], "-"))
    fi, gi, hi = F("f", "f32", (9,)), F("g", "f32", (9,)), F("h", "f32", (9,))
    b.case("if_else", "a[i] = f[i] >= 0 ? g[i] : h[i]", [fi, gi, hi],
           Out("a", np.where(fi.a >= 0, gi.a, hi.a)))
    for name, op, r in (("lt", "<", fi.a < gi.a), ("le", "<=", fi.a <= gi.a),
                        ("gt", ">", fi.a > gi.a), ("ge", ">=", fi.a >= gi.a),
                        ("eq", "==", fi.a == gi.a),
                        ("ne", "!=", fi.a != gi.a)):
        b.case("compare_" + name, "a[i] = f[i] %s g[i]" % op, [fi, gi],
               Out("a", r, "-"))
    b.case("clamp_spelled", "a[i] = minimum(maximum(f[i],-2),3)", [fi],
           Out("a", np.clip(fi.a, -2, 3)))
    b.case("step_spelled", "a[i] = f[i] >= 0", [fi], Out("a", fi.a >= 0, "-"))
    fp = F("f", "f32", (9,), 4, lo=0)
    b.case("mod", "a[i] = f[i] % 1.5", [fp], Out("a", fp.a % 1.5))
    # block-sparse ranges: rows of cluster c visit the intervals ptr[c]..
    cl = V("cl", "i64", [0, 0, 1, 1, 2])
    ptr = V("ptr", "i64", [0, 2, 3, 3])
    lo, hi = V("lo", "i64", [0, 5, 2]), V("hi", "i64", [2, 7, 6])
    keep = np.zeros((5, 7))
    for i in range(5):
        for q in range(ptr.a[cl.a[i]], ptr.a[cl.a[i] + 1]):
            keep[i, lo.a[q]:hi.a[q]] = 1
    v = F("v", "f32", (7,))
    b.case("block_sparse",
           "a[i] = sum[s in ptr[cl[i]]:ptr[cl[i]+1], j in lo[s]:hi[s]]"
           "(exp(-sum[d]((x[i,d]-y[j,d])^2))*v[j])",
           [ptr, cl, lo, hi, x, y, v],
           Out("a", (keep * np.exp(-P)) @ v.a, mag=np.abs(v.a).sum()))
    b.case("block_sparse_argmin",
           "a[i] = argmin[j in lo[cl[i]]:hi[cl[i]]]" + d,
           [lo, cl, hi, x, y],
           Out("a", [lo.a[c] + P[i, lo.a[c]:hi.a[c]].argmin()
                     for i, c in enumerate(cl.a)], "i64"))
    functions(b)


def functions(b):
    a = V("x", "f32", [-3, -2.5, -1, -0.75, -0.25, 0, 0.125, 0.5, 1, 1.75, 3,
                       6])
    pos = V("x", "f32", [0.0625, 0.25, 0.5, 0.875, 1, 1.5, 2, 10, 100])
    unit = V("x", "f32", [-1, -0.875, -0.5, -0.125, 0, 0.25, 0.75, 1])
    sig = 1 / (1 + np.exp(-a.a))
    table = [
        ("abs", a, np.abs(a.a), 0), ("sign", a, np.sign(a.a), 0),
        ("sqrt", pos, np.sqrt(pos.a), 1), ("rsqrt", pos, pos.a ** -0.5, 1),
        ("exp", a, np.exp(a.a), 1), ("expm1", a, np.expm1(a.a), 1),
        ("log", pos, np.log(pos.a), 1), ("log1p", pos, np.log1p(pos.a), 1),
        ("sin", a, np.sin(a.a), 1), ("cos", a, np.cos(a.a), 1),
        ("tan", unit, np.tan(unit.a), 1), ("asin", unit, np.arcsin(unit.a), 1),
        ("acos", unit, np.arccos(unit.a), 1),
        ("atan", a, np.arctan(a.a), 1), ("sinh", a, np.sinh(a.a), 1),
        ("cosh", a, np.cosh(a.a), 1), ("tanh", a, np.tanh(a.a), 1),
        ("erf", a, erf(a.a), 1), ("sigmoid", a, sig, 1),
        ("relu", a, np.maximum(a.a, 0), 0),
        ("gelu", a, a.a * 0.5 * (1 + erf(a.a / math.sqrt(2))), 6),
        ("floor", a, np.floor(a.a), 0), ("ceil", a, np.ceil(a.a), 0),
        ("round", V("x", "f32", [-2.75, -1.25, -0.25, 0, 0.375, 1.625, 2.75]),
         None, 0),
        ("step", a, (a.a >= 0) * 1, 0),
        ("isnan", V("x", "f32", [0, np.nan, np.inf, -1]), None, 0),
    ]
    for name, t, want, real in table:
        if want is None:
            want = np.round(t.a) if name == "round" else np.isnan(t.a)
        dtype = "-" if name == "isnan" else "f32"
        b.case("fn_" + name, "y[i] = %s(x[i])" % name, [t],
               Out("y", want, dtype, mag={0: None, 1: True}.get(real, real)))
        if name != "isnan":
            b.case("fn_%s_f64" % name, "y[i] = %s(x[i])" % name,
                   [V("x", "f64", t.a)],
                   Out("y", want, "f64", mag={0: None, 1: True}.get(real, real)))
    # Relative accuracy where an absolute tolerance would hide it.
    small = V("x", "f64", [1e-9, -1e-9, 1e-6, 1e-4])
    for name, fn in (("expm1", np.expm1), ("log1p", np.log1p),
                     ("sinh", np.sinh), ("tanh", np.tanh), ("erf", erf),
                     ("sin", np.sin), ("atan", np.arctan)):
        b.case("tiny_" + name, "y[i] = %s(x[i])/x[i]" % name, [small],
               Out("y", fn(small.a) / small.a, "f64", mag=1))
    inf, nan = np.inf, np.nan
    sp = V("x", "f32", [inf, -inf, nan, 0])
    with np.errstate(all="ignore"):
        for name, fn in (("exp", np.exp), ("log", np.log), ("sqrt", np.sqrt),
                         ("tanh", np.tanh), ("atan", np.arctan),
                         ("abs", np.abs), ("floor", np.floor),
                         ("sign", np.sign), ("expm1", np.expm1),
                         ("log1p", np.log1p), ("sin", np.sin),
                         ("cosh", np.cosh), ("erf", erf)):
            b.case("special_" + name, "y[i] = %s(x[i])" % name, [sp],
                   Out("y", fn(sp.a), mag=2))
        neg = V("x", "f32", [-1, -inf])
        b.case("log_negative", "y[i] = log(x[i])", [neg],
               Out("y", [nan, nan]))
        b.case("rsqrt_zero", "y[i] = rsqrt(x[i])",
               [V("x", "f32", [0, inf, -1])], Out("y", [inf, 0, nan]))
        b.case("sigmoid_ends", "y[i] = sigmoid(x[i])",
               [V("x", "f32", [-inf, -200, 200, inf, nan])],
               Out("y", [0, 0, 1, 1, nan], mag=1))
        b.case("exp_ends", "y[i] = exp(x[i])",
               [V("x", "f32", [-104, -200, 89, 200])],
               Out("y", [0, 0, inf, inf], mag=1e-38))
    big = V("x", "f64", [700, -700, 709.5, -708])
    s = V("s", "f64", [2.0 ** -1000, 2.0 ** 1000, 2.0 ** -1010, 2.0 ** 1020])
    b.case("exp_ends_f64", "y[i] = exp(x[i])*s[i]", [big, s],
           Out("y", np.exp(big.a) * s.a, "f64", mag=True))
    large = V("x", "f32", [1000, -20000, 100000, 12345])
    b.case("sin_large", "y[i] = sin(x[i])", [large],
           Out("y", np.sin(large.a), mag=1))
    b.case("cos_large", "y[i] = cos(x[i])", [large],
           Out("y", np.cos(large.a), mag=1))
    u = V("u", "f32", [-2, -1, 0, 0, 1, 3, 2])
    v = V("v", "f32", [1, -2, 1, -1, 0, 3, -1])
    b.case("fn_atan2", "y[i] = atan2(u[i],v[i])", [u, v],
           Out("y", np.arctan2(u.a, v.a), mag=True))
    b.case("fn_maximum", "y[i] = maximum(u[i],v[i])", [u, v],
           Out("y", np.maximum(u.a, v.a)))
    b.case("fn_minimum", "y[i] = minimum(u[i],v[i])", [u, v],
           Out("y", np.minimum(u.a, v.a)))
    b.case("fn_maximum_nan", "y[i] = maximum(u[i],v[i])",
           [V("u", "f32", [nan, 1, nan]), V("v", "f32", [1, nan, nan])],
           Out("y", [nan, nan, nan]))
    b.case("fn_clamp", "y[i] = clamp(u[i],-1,2)", [u],
           Out("y", np.clip(u.a, -1, 2)))
    base = V("u", "f32", [2, 4, 0.25, 3, -2, -2, 0, 0])
    e = V("v", "f32", [3, 0.5, -2, 0, 3, 2, 0, 2])
    b.case("fn_pow", "y[i] = pow(u[i],v[i])", [base, e],
           Out("y", base.a ** e.a, mag=True))
    b.case("power_operator", "y[i] = u[i]^v[i]", [base, e],
           Out("y", base.a ** e.a, mag=True))
    b.case("integer_power_of_negatives", "y[i] = u[i]^3 + u[i]^2", [u],
           Out("y", u.a ** 3 + u.a ** 2))
    b.case("power_negative", "y[i] = u[i]^-2", [V("u", "f32", [2, -4, 0.5])],
           Out("y", [0.25, 0.0625, 4]))
    z = V("z", "c64", [1 + 2j, -3 + 0.5j, 0 - 1j])
    b.case("fn_conj", "y[i] = conj(z[i])", [z], Out("y", z.a.conj(), "c64"))
    b.case("fn_real", "y[i] = real(z[i])", [z], Out("y", z.a.real))
    b.case("fn_imag", "y[i] = imag(z[i])", [z], Out("y", z.a.imag))
    b.case("fn_conj_dot", "y[] = sum[i](conj(z[i])*z[i])", [z],
           Out("y", (z.a.conj() * z.a).sum(), "c64"))
