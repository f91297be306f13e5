# SPDX-License-Identifier: MIT
"""Grammar, names, ranges, types, assignments and headers of form B."""
import numpy as np
from records import Book, F, Out, S, V

inf, nan = np.inf, np.nan


def make():
    b = Book("language", "Grammar, names, ranges, types, assignments.")
    grammar(b)
    names(b)
    ranges(b)
    subscripts(b)
    types(b)
    casts(b)
    assignments(b)
    statements(b)
    headers(b)


def grammar(b):
    x = V("x", "f32", [2, 3, -1])
    y = V("y", "f32", [5, -2, 4])
    z = V("z", "f32", [1, 2, 8])
    X, Y, Z = x.a, y.a, z.a
    for name, text, want in (
            ("precedence", "x[i] + y[i]*z[i]", X + Y * Z),
            ("parentheses", "(x[i] + y[i])*z[i]", (X + Y) * Z),
            ("minus_left", "x[i] - y[i] - z[i]", X - Y - Z),
            ("divide_left", "x[i]/z[i]/2", X / Z / 2),
            ("divide_times", "x[i]/z[i]*y[i]", X / Z * Y),
            ("power_right", "z[i] - 2^3^2", Z - 512),
            ("minus_power", "-x[i]^2", -X ** 2),
            ("power_minus", "x[i]*2^-1", X / 2),
            ("minus_minus", "x[i] - -y[i]", X + Y),
            ("minus_both", "--x[i]*1", X),
            ("power_tighter", "2*x[i]^2*3", 6 * X ** 2),
            ("compare_looser", "x[i] + 1 < y[i]*2 ? 1*x[i] : 0",
             np.where(X + 1 < Y * 2, X, 0)),
            ("and_or", "x[i] > 0 || y[i] > 0 && z[i] > 100 ? x[i] : y[i]",
             np.where((X > 0) | ((Y > 0) & (Z > 100)), X, Y)),
            ("not", "!(x[i] > 0) ? x[i] : y[i]", np.where(X > 0, Y, X)),
            ("choice_right", "x[i] > 2 ? x[i] : y[i] > 0 ? y[i] : z[i]",
             np.where(X > 2, X, np.where(Y > 0, Y, Z))),
            ("choice_in_choice", "x[i] > 0 ? y[i] > 0 ? x[i] : y[i] : z[i]",
             np.where(X > 0, np.where(Y > 0, X, Y), Z)),
            ("numbers", "x[i]*1e2 + 0.5 + 2.5e-1 + 1E1", X * 100 + 10.75),
            ("constants", "x[i]*(true ? 1 : 2) + (false ? 1 : 3)", X + 3),
            ("inf", "minimum(x[i], inf) + maximum(y[i], -inf)", X + Y),
            ("comment", "x[i] # a [comment] = with anything ; in it\n + y[i]",
             X + Y),
            ("newlines", "x[i]\n  +\ty[i]\n", X + Y)):
        ins = [t for t in (x, y, z) if t.name + "[" in text]
        ins.sort(key=lambda t: text.index(t.name + "["))
        b.case("grammar_" + name, "o[i] = " + text, ins, Out("o", want))
    b.case("pi", "o[i] = x[i]*pi", [x], Out("o", X * np.pi, mag=10))
    b.case("grammar_nan", "o[i] = isnan(nan) ? x[i] : 0", [x], Out("o", X))
    b.case("trailing_semicolon", "o[i] = x[i]*2;", [x], Out("o", X * 2))
    b.case("no_blanks", "t[i]=x[i]+1;o[i]=t[i]*t[i]", [x],
           Out("o", (X + 1) ** 2))
    b.case("many_blanks", "\n# first\n o [ i ]  =  x [ i ] * 2 ; # last\n",
           [x], Out("o", X * 2))
    deep = "x[i]"
    for n in range(60):
        deep = "(%s + 1)" % deep
    b.case("nested_60", "o[i] = " + deep, [x], Out("o", X + 60))


def names(b):
    A, B = F("A", "f32", (3, 4)), F("B", "f32", (4, 5))
    want = A.a @ B.a
    for name, expr, ins in (
            ("long", "Out_1[row,col_2] = Left[row,k9]*Right_[k9,col_2]",
             ("Left", "Right_")),
            ("utf8", "Ω[α,γ] = A[α,β]*B[β,γ]", ("A", "B")),
            ("underscore", "_o[_i,k] = _a[_i,j]*b_[j,k]", ("_a", "b_")),
            ("same_letter", "C[c,b] = A[c,a]*B[a,b]", ("A", "B"))):
        ins = [V(ins[0], "f32", A.a), V(ins[1], "f32", B.a)]
        b.case("names_" + name, expr, ins, Out(expr.split("[")[0], want))
    b.case("order_of_operands", "C[i,k] = B[j,k]*A[i,j]", [B, A],
           Out("C", want))
    b.case("order_over_statements",
           "T[i] = z[i]*2; C[i,k] = B[j,k]*A[i,j]*T[i]*z[i]",
           [F("z", "f32", (3,)), B, A],
           Out("C", want * 2 * F("z", "f32", (3,)).a[:, None] ** 2))
    b.case("operand_used_twice", "C[i,j] = A[i,k]*A[j,k]", [A],
           Out("C", A.a @ A.a.T))
    b.case("index_as_number", "C[i,j] = A[i,j]*(i - j)", [A],
           Out("C", A.a * (np.arange(3)[:, None] - np.arange(4))))
    b.case("index_in_choice", "C[i,j] = i == j ? A[i,j] : 0", [A],
           Out("C", A.a * np.eye(3, 4)))
    b.case("index_names_differ", "C[i,k] = max[j](A[i,j]) + min[j](B[j,k])",
           [A, B], Out("C", A.a.max(1)[:, None] + B.a.min(0)))
    b.case("scalar_operand", "C[i,j] = A[i,j]*s + t",
           [A, S("s", "f32", 3), S("t", "f32", -1)], Out("C", A.a * 3 - 1))
    b.case("scalar_access", "C[i,j] = A[i,j]*s[]", [A, S("s", "f32", 3)],
           Out("C", A.a * 3))
    b.case("parameter_as_number", "C[i,j] = A[i,j]*heads", [A],
           Out("C", A.a * 4), params="heads=4")
    b.case("parameter_in_bound", "C[i] = sum[j in lo:hi](A[i,j])", [A],
           Out("C", A.a[:, 1:3].sum(1)), params="lo=1,hi=3")
    b.case("parameter_in_where", "C[i,t] = A[i,j+t] where j in 0:w", [A],
           Out("C", [[r[t:t + 2].sum() for t in range(3)] for r in A.a]),
           params="w=2")
    b.case("parameter_negative", "C[i,j] = A[i,pad(j+s,-s,0)]", [A],
           Out("C", np.concatenate([np.zeros((3, 2)), A.a, np.zeros((3, 0))],
                                   1)), params="s=-2")
    b.case("function_name_is_free", "exp[i] = sin[i,j]*cos[j]",
           [V("sin", "f32", A.a), F("cos", "f32", (4,))],
           Out("exp", A.a @ F("cos", "f32", (4,)).a))


def ranges(b):
    x8 = F("I", "f32", (8,))
    b.case("range_worked", "O[h,r] = I[2*h+r] where r in 0:3", [x8],
           Out("O", [[x8.a[2 * h + r] for r in range(3)] for h in range(3)]))
    for n, sh, dh, ph, R in ((8, 2, 1, 1, 3), (9, 1, 2, 2, 3), (7, 3, 1, 0, 2),
                             (5, 1, 1, 2, 5), (10, 4, 3, 1, 3)):
        x = F("I", "f32", (n,))
        m = (n + 2 * ph - dh * (R - 1) - 1) // sh + 1
        z = np.concatenate([np.zeros(ph), x.a, np.zeros(ph)])
        b.case("range_pad_%d%d%d%d%d" % (n, sh, dh, ph, R),
               "O[h,r] = I[pad(sh*h+dh*r-ph, ph)] where r in 0:R", [x],
               Out("O", [[z[sh * h + dh * r] for r in range(R)]
                         for h in range(m)]),
               params="sh=%d,dh=%d,ph=%d,R=%d" % (sh, dh, ph, R))
    W = F("W", "f32", (3,))
    b.case("range_by_bare", "O[h] = I[2*h+r]*W[r]", [x8, W],
           Out("O", [x8.a[2 * h:2 * h + 3] @ W.a for h in range(3)]))
    b.case("range_minus", "O[t] = x[t-r+2]*W[r]", [F("x", "f32", (8,)), W],
           Out("O", np.convolve(F("x", "f32", (8,)).a, W.a, "valid")))
    b.case("range_reversed", "O[t] = I[7-t]", [x8], Out("O", x8.a[::-1]))
    # r from a bare use; then two uses of h in one round intersect
    y = F("y", "f32", (6,))
    b.case("range_intersect", "O[h] = I[h+r]*y[h+1]*W[r]", [x8, y, W],
           Out("O", [x8.a[h:h + 3] @ W.a * y.a[h + 1] for h in range(5)]))
    b.case("range_intersect_bare_wins", "O[h] = I[h+2]*y[h]", [x8, y],
           Out("O", x8.a[2:] * y.a))
    # second round: t known from the first gives u
    b.case("range_rounds", "O[u,t] = I[t+u] * W[r] * y[t+r]",
           [x8, W, y], Out("O", [[x8.a[t + u] * (W.a @ y.a[t:t + 3])
                                  for t in range(4)] for u in range(5)]))
    b.case("where_smaller", "O[i] = I[i] where i in 0:5", [x8],
           Out("O", x8.a[:5]))
    b.case("where_expression",
           "O[t] = I[t+2] where t in 0:dim(I,0)-2", [x8],
           Out("O", x8.a[2:]))
    b.case("where_reduced", "O[] = sum[i](I[i]) where i in 2:7", [x8],
           Out("O", x8.a[2:7].sum()))
    b.case("where_two", "O[i,j] = I[i]*y[j] where i in 0:2, j in 0:3",
           [x8, y], Out("O", np.outer(x8.a[:2], y.a[:3])))
    b.case("where_from_nowhere", "O[i,j] = i*10 + j where i in 0:2, j in 0:3",
           [], Out("O", [[0, 1, 2], [10, 11, 12]], "-"))
    # subscripts inside a bound restrict, they do not fix
    ptr = V("ptr", "i64", [0, 1, 4])
    x = F("x", "f32", (4,))
    b.case("bound_restricts", "O[i] = sum[p in ptr[i]:ptr[i+1]](x[p])",
           [ptr, x], Out("O", [x.a[0], x.a[1:4].sum()]))
    b.case("bound_longer_than_used",
           "O[i] = w[i]*sum[p in ptr[i]:ptr[i+1]](x[p])",
           [V("w", "f32", [5]), ptr, x], Out("O", [5 * x.a[0]]))
    b.case("bound_prefix", "O[i] = sum[j in 0:n[i]](A[i,j])",
           [V("n", "i32", [0, 4, 2]), F("A", "f32", (3, 4))],
           Out("O", [0, F("A", "f32", (3, 4)).a[1].sum(),
                     F("A", "f32", (3, 4)).a[2, :2].sum()]))
    b.case("size_one_dims", "C[i,k] = A[i,j]*B[j,k]",
           [F("A", "f32", (1, 4)), F("B", "f32", (4, 1))],
           Out("C", F("A", "f32", (1, 4)).a @ F("B", "f32", (4, 1)).a))
    b.case("zero_inner", "C[i,k] = A[i,j]*B[j,k]",
           [F("A", "f32", (2, 0)), F("B", "f32", (0, 3))],
           Out("C", np.zeros((2, 3))))
    b.case("range_just_one", "O[t] = I[t+7]", [x8], Out("O", x8.a[7:]))


def subscripts(b):
    x = F("x", "f32", (7,))
    t = np.arange(7)
    for name, sub, want in (
            ("pad", "pad(t-2,2)", np.concatenate([[0, 0], x.a, [0, 0]])),
            ("pad_both", "pad(t-1,1,2)",
             np.concatenate([[0], x.a, [0, 0]])),
            ("pad_hi", "pad(t,0,3)", np.concatenate([x.a, [0] * 3]))):
        b.case("sub_" + name, "y[t] = x[%s]" % sub, [x], Out("y", want))
    b.case("sub_fill", "y[t] = fill(x[pad(t-2,2,1)], -7)", [x],
           Out("y", np.concatenate([[-7] * 2, x.a, [-7]])))
    for name, r in (("clamp", np.clip(np.arange(-3, 10), 0, 6)),
                    ("wrap", np.arange(-3, 10) % 7),
                    ("reflect", np.pad(t, 3, "reflect"))):
        b.case("sub_" + name,
               "y[t] = x[%s(t-3)] where t in 0:dim(x,0)+6" % name, [x],
               Out("y", x.a[r]))
    b.case("sub_wrap_far", "y[t] = x[wrap(3*t-20)] where t in 0:15", [x],
           Out("y", x.a[(3 * np.arange(15) - 20) % 7]))
    A = F("A", "f32", (4, 5))
    b.case("sub_two_dims", "y[i,j] = A[clamp(i-1),wrap(j+2)] "
           "where i in 0:6, j in 0:5", [A],
           Out("y", A.a[np.clip(np.arange(6) - 1, 0, 3)]
               [:, (np.arange(5) + 2) % 5]))
    b.case("sub_box_blur", "y[i,j] = mean[r,s](A[clamp(i+r-1),clamp(j+s-1)])"
           " where r in 0:3, s in 0:3, i in 0:dim(A,0), j in 0:dim(A,1)",
           [A], Out("y", [[np.pad(A.a, 1, "edge")[i:i + 3, j:j + 3].mean()
                           for j in range(5)] for i in range(4)], mag=10))
    b.case("sub_constant", "y[j] = A[2,j] + A[0,4]", [A],
           Out("y", A.a[2] + A.a[0, 4]))
    b.case("sub_diagonals", "y[i] = A[i,i+1]", [A],
           Out("y", [A.a[i, i + 1] for i in range(4)]))
    b.case("sub_quotient", "y[i] = x[floor(i/3)] where i in 0:21", [x],
           Out("y", np.repeat(x.a, 3)))
    b.case("sub_remainder", "y[i] = x[i%7] where i in 0:20", [x],
           Out("y", x.a[np.arange(20) % 7]))
    b.case("sub_quotient_affine", "y[i] = x[floor((i+2)/4)] where i in 0:20", [x],
           Out("y", x.a[(np.arange(20) + 2) // 4]))
    K = V("K", "i32", [2, 0, 3, 3])
    L = V("L", "i64", [1, 0, 2, 3])
    b.case("sub_gather_gather", "y[i] = x[K[L[i]]]", [x, K, L],
           Out("y", x.a[K.a[L.a]]))
    b.case("sub_gather_affine", "y[i,d] = x[2*K[i]+d] where d in 0:1", [x, K],
           Out("y", x.a[2 * K.a][:, None]))
    b.case("sub_gather_window", "y[i,d] = x[K[i]+d] where d in 0:3", [x, K],
           Out("y", x.a[K.a[:, None] + np.arange(3)]))
    b.case("sub_gather_two", "y[i] = A[K[i],L[i]]", [A, K, L],
           Out("y", A.a[K.a, L.a]))
    u8 = V("K", "u8", [6, 0])
    b.case("sub_gather_u8", "y[i] = x[K[i]]", [x, u8], Out("y", x.a[u8.a]))
    b.case("sub_gather_pad", "y[i] = x[pad(K[i],1)]", [x,
           V("K", "i64", [-1, 0, 6])], Out("y", [0, x.a[0], x.a[6]]))
    b.case("sub_remainder_of_data", "y[i] = x[n[i]%7]",
           [x, V("n", "i64", [9, -1, -7])], Out("y", x.a[[2, 6, 0]]))
    b.case("sub_gather_2d", "y[i,j] = x[K[i,j]]",
           [x, V("K", "i64", [[1, 2], [6, 0]])],
           Out("y", x.a[[[1, 2], [6, 0]]]))


def types(b):
    i, f = F("u", "i32", (4,)), F("v", "f32", (4,), 4)
    b.case("i32_f32_is_f32", "y[i] = u[i]*v[i]", [i, f],
           Out("y", i.a * f.a, "f32"))
    b.case("i32_f32_form_a_is_f64", "i,i->i", [i, f],
           Out("out", i.a * f.a, "f64"))
    b.case("i64_f32_is_f32", "y[i] = u[i]+v[i]",
           [V("u", "i64", i.a), f], Out("y", i.a + f.a, "f32"))
    b.case("i32_f16_is_f16", "y[i] = u[i]*v[i]",
           [i, V("v", "f16", f.a)], Out("y", i.a * f.a, "f16"))
    b.case("f32_f64_is_f64", "y[i] = u[i]*v[i]",
           [V("u", "f32", i.a), V("v", "f64", f.a)],
           Out("y", i.a * f.a, "f64"))
    b.case("f16_f32_is_f32", "y[i] = u[i]*v[i]",
           [V("u", "f16", i.a), f], Out("y", i.a * f.a, "f32"))
    b.case("i32_i64_is_i64", "y[i] = u[i]+v[i]",
           [i, V("v", "i64", [2 ** 40] * 4)], Out("y", i.a + 2 ** 40, "i64"))
    b.case("i8_i32_is_i32", "y[i] = u[i]*v[i]",
           [V("u", "i8", [100] * 4), V("v", "i32", [1000] * 4)],
           Out("y", [100000] * 4, "i32"))
    z = V("z", "c64", [1 + 1j, 2j, -1, 3])
    b.case("c64_f32_is_c64", "y[i] = z[i]*v[i]", [z, f],
           Out("y", z.a * f.a, "c64"))
    b.case("no_conjugation", "y[] = z[i]*z[i]", [z],
           Out("y", (z.a * z.a).sum(), "c64"))
    b.case("complex_arithmetic", "y[i] = (z[i] + 1)*(z[i] - 2)/2", [z],
           Out("y", (z.a + 1) * (z.a - 2) / 2, "c64", mag=20))
    for t in "i8", "u8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64":
        x = F("x", t, (5,), m=9, lo=1)
        b.case("literal_weak_" + t, "y[i] = 2*x[i] + 1", [x],
               Out("y", 2 * x.a + 1, t))
    for t in "f16", "bf16", "f64":
        x = F("x", t, (5,), m=9, lo=1)
        b.case("float_literal_weak_" + t, "y[i] = 0.5*x[i]", [x],
               Out("y", 0.5 * x.a, t))
    b.case("literal_f64_full", "y[i] = x[i]*0.1", [V("x", "f64", [1, 3])],
           Out("y", [0.1, 0.1 * 3], "f64", mag=1, eps=1e-16))
    b.case("literal_c64", "y[i] = z[i]*2", [z], Out("y", z.a * 2, "c64"))
    big = V("x", "i64", [2 ** 53, 2 ** 62, -2 ** 53])
    b.case("i64_exact", "y[i] = x[i] + 1", [big],
           Out("y", [2 ** 53 + 1, 2 ** 62 + 1, -2 ** 53 + 1], "i64"))
    b.case("i64_compare_exact", "y[i] = x[i] == w[i] ? 1 : 0",
           [big, V("w", "i64", [2 ** 53 + 1, 2 ** 62, -2 ** 53])],
           Out("y", [0, 1, 1], "-"))
    b.case("u8_wraps", "y[i] = x[i] + 1", [V("x", "u8", [255, 7])],
           Out("y", [0, 8], "u8"))
    b.case("i8_sum_wraps", "y[] = u[i]*v[i]",
           [V("u", "i8", [100] * 3), V("v", "i8", [2] * 3)],
           Out("y", 88, "i8"))
    b.case("i32_sum_wraps", "y[] = sum[i](u[i])",
           [V("u", "i32", [2 ** 31 - 1] * 2)], Out("y", -2, "i32"))
    b.case("arg_is_i64", "y[] = argmax[i](u[i])", [V("u", "u8", [1, 9, 3])],
           Out("y", 1, "i64"))
    b.case("index_with_f32_is_f32", "y[i] = v[i]*i", [f],
           Out("y", f.a * np.arange(4), "f32"))
    b.case("size_is_weak", "y[i] = v[i]/sqrt(size(i))", [f],
           Out("y", f.a / 2, "f32", mag=4))
    b.case("bool_and_or_not", "y[i] = u[i] && !v[i] || w[i]",
           [V("u", "bool", [1, 1, 0, 0]), V("v", "bool", [0, 1, 0, 1]),
            V("w", "bool", [0, 0, 0, 1])], Out("y", [1, 0, 0, 1], "bool"))
    b.case("bool_copy", "y[j,i] = u[i,j]", [V("u", "bool", [[1, 0, 1]])],
           Out("y", [[1], [0], [1]], "bool"))
    b.case("sum_f16_in_f32", "y[] = sum[i](x[i]*2)",
           [F("x", "f16", (2048,), m=1, lo=1)], Out("y", 4096, "f16"))
    b.case("output_type_given", "y[i,k] = A[i,j]*B[j,k]",
           [F("A", "f16", (3, 4)), F("B", "f16", (4, 5))],
           Out("y", F("A", "f16", (3, 4)).a @ F("B", "f16", (4, 5)).a, "f32",
               given=True))


def casts(b):
    A, B = F("A", "f32", (3, 4)), F("B", "f32", (4, 5))
    b.case("cast_widens", "C[i,j] = sum[k](f64(A[i,k])*B[k,j])", [A, B],
           Out("C", A.a @ B.a, "f64"))
    tiny = V("x", "f32", [1, 2.0 ** -30])
    b.case("cast_widens_sum", "y[] = sum[i](f64(x[i]))", [tiny],
           Out("y", 1 + 2.0 ** -30, "f64"))
    x = V("x", "f32", [-2.75, -0.5, 0, 0.5, 3.25])
    for t in "i8", "i16", "i32", "i64":
        b.case("cast_f32_" + t, "y[i] = %s(x[i])" % t, [x],
               Out("y", np.trunc(x.a), t))
    for t in "f16", "bf16", "f64":
        b.case("cast_f32_" + t, "y[i] = %s(x[i])" % t, [x], Out("y", x.a, t))
    b.case("cast_rounds_f16", "y[i] = f16(x[i])",
           [V("x", "f32", [2049, 2051, 1e6])],
           Out("y", [2048, 2052, inf], "f16"))
    b.case("cast_rounds_f32", "y[i] = f32(x[i])",
           [V("x", "f64", [2.0 ** 24 + 1, 2.0 ** 24 + 3])],
           Out("y", [2.0 ** 24, 2.0 ** 24 + 4]))
    b.case("cast_i32_f32", "y[i] = f32(x[i])/2", [V("x", "i32", [3, -5])],
           Out("y", [1.5, -2.5]))
    b.case("cast_i32_i8", "y[i] = i8(x[i])", [V("x", "i32", [300, -1, 128])],
           Out("y", [44, -1, -128], "i8"))
    b.case("cast_bool", "y[i] = bool(x[i])", [x],
           Out("y", [1, 1, 0, 1, 1], "bool"))
    b.case("cast_from_bool", "y[i] = f32(x[i])*2",
           [V("x", "bool", [1, 0, 1])], Out("y", [2, 0, 2]))
    b.case("cast_c64", "y[i] = c64(x[i])", [x], Out("y", x.a, "c64"))
    b.case("cast_count", "y[] = sum[i](i32(x[i] > 0))", [x],
           Out("y", 2, "i32"))
    b.case("cast_middle", "y[i] = f32(i32(x[i]))", [x],
           Out("y", np.trunc(x.a) + 0.0))


def assignments(b):
    A, m = F("A", "f32", (3, 5)), F("m", "f32", (3,))
    for name, op, want in (
            ("add", "+=", m.a + A.a.sum(1)),
            ("times", "*=", None),
            ("max", "max=", np.maximum(m.a, A.a.max(1))),
            ("min", "min=", np.minimum(m.a, A.a.min(1)))):
        t = A if want is not None else V("A", "f32", A.a % 3 + 1)
        want = m.a * t.a.prod(1) if want is None else want
        b.case("assign_" + name, "m[i] %s A[i,j]" % op, [t],
               Out("m", want, init=m))
    d = F("d", "f32", (5,))
    b.case("assign_add_named", "m[i] += sum[j](A[i,j] + d[j]) + 1", [A, d],
           Out("m", m.a + (A.a + d.a).sum(1) + 1, init=m))
    b.case("assign_max_expression", "m[i] max= A[i,j] + d[j]", [A, d],
           Out("m", np.maximum(m.a, (A.a + d.a).max(1)), init=m))
    b.case("assign_min_expression", "m[i] min= exp(0*A[i,j]) + d[j]", [A, d],
           Out("m", np.minimum(m.a, 1 + d.a.min()), init=m, mag=8))
    b.case("assign_add_elementwise", "m[i] += 2*d[i]", [F("d", "f32", (3,))],
           Out("m", m.a + 2 * F("d", "f32", (3,)).a, init=m))
    b.case("assign_times_scalar", "m[i] *= s", [S("s", "f32", -3)],
           Out("m", m.a * -3, given=True, init=m))
    b.case("assign_scalar_out", "t[] += A[i,j]", [A],
           Out("t", A.a.sum() + 100, init=S("t", "f32", 100)))
    b.case("assign_max_nan", "m[i] max= A[i,j]",
           [V("A", "f32", [[1, nan], [2, 3]])],
           Out("m", [nan, 5], init=V("m", "f32", [0, 5])))
    K = V("K", "i64", [2, 0, 2, 2, 1, 0])
    x = F("x", "f32", (6,))
    H = F("H", "f32", (4,))
    for name, op, fn in (("add", "+=", np.add), ("times", "*=", np.multiply),
                         ("max", "max=", np.maximum),
                         ("min", "min=", np.minimum)):
        w = H.a.copy()
        fn.at(w, K.a, x.a)
        b.case("scatter_" + name, "H[K[i]] %s x[i]" % op, [K, x],
               Out("H", w, given=True, init=H))
    w = H.a.copy()
    np.add.at(w, K.a, (x.a ** 2 + 1))
    b.case("scatter_expression", "H[K[i]] += x[i]^2 + 1", [K, x],
           Out("H", w, given=True, init=H))
    n = 400
    Kn = F("K", "i32", (n,), m=7, lo=0)
    xn = F("x", "f32", (n,), 64, m=251)
    w = np.zeros(7)
    np.add.at(w, Kn.a, np.exp(xn.a))
    b.case("scatter_same_bits", "H[K[i]] += exp(x[i])", [Kn, xn],
           Out("H", w, given=True, init=V("H", "f32", np.zeros(7)), mag=w))
    X = F("X", "f32", (6, 3, 2))
    w = np.zeros((4, 2))
    np.add.at(w, K.a, X.a.sum(1))
    b.case("scatter_sums", "H[K[i],d] += X[i,j,d]", [K, X],
           Out("H", w, given=True, init=V("H", "f32", w * 0)))
    R = F("R", "f32", (6,))
    w = np.zeros((4, 4))
    np.add.at(w, (K.a, K.a[::-1]), R.a)
    L = V("L", "i64", K.a[::-1])
    b.case("scatter_two", "H[K[i],L[i]] += R[i]", [K, L, R],
           Out("H", w, given=True, init=V("H", "f32", w * 0)))
    b.case("scatter_affine", "H[2*i+1] += x[i]", [F("x", "f32", (3,))],
           Out("H", [0, F("x", "f32", (3,)).a[0], 0, F("x", "f32", (3,)).a[1],
                     0, F("x", "f32", (3,)).a[2], 0], given=True,
               init=V("H", "f32", np.zeros(7))))
    # in lanes and tasks, where these write apart, and where they do not
    U = F("U", "f32", (3, 5, 40, 4))
    w = np.zeros((7, 46))
    for r in range(3):
        for h in range(5):
            for s in range(4):
                w[h - r + 2, 42 - np.arange(40) + s] += U.a[r, h, :, s]
    b.case("scatter_fold_back", "I[h-r+2,42-w+s] += U[r,h,w,s]", [U],
           Out("I", w, given=True, init=V("I", "f32", w * 0)))
    for step in 3, 4:
        U = F("U", "f32", (2, 4, 4, 37, 3))
        w = np.zeros((2, 3 * step + 4, 39))
        for h in range(4):
            for s in range(3):
                w[:, step * h:step * h + 4, s:s + 37] += U.a[:, h, :, :, s]
        b.case("scatter_fold_%d" % step,
               "I[c,%d*h+r,w+s] += U[c,h,r,w,s]" % step, [U],
               Out("I", w, given=True, init=V("I", "f32", w * 0)))
    X = F("X", "f32", (6, 37))
    w = F("H", "f32", (4, 37))
    v = w.a.copy()
    np.maximum.at(v, K.a, X.a)
    b.case("scatter_rows_max", "H[K[i],d] max= X[i,d]", [K, X],
           Out("H", v, given=True, init=w))
    w = np.zeros((37, 4))
    for i in range(6):
        w[:, K.a[i]] += X.a[i]
    b.case("scatter_columns", "H[d,K[i]] += X[i,d]", [K, X],
           Out("H", w, given=True, init=V("H", "f32", w * 0)))
    w = np.zeros(40)
    for i in range(6):
        w[K.a[i]:K.a[i] + 37] += X.a[i]
    b.case("scatter_runs", "H[K[i]+d] += X[i,d]", [K, X],
           Out("H", w, given=True, init=V("H", "f32", w * 0)))
    b.case("constant_left", "H[0] = x[i]", [x],
           Out("H", [x.a.sum()], given=True))
    b.case("constant_left_keepdim", "H[i,0] = sum[j](A[i,j])", [A],
           Out("H", A.a.sum(1, keepdims=True), given=True))
    b.case("constant_left_adds", "H[2] += x[i]", [x],
           Out("H", H.a + x.a.sum() * np.eye(4)[2], given=True, init=H))
    b.case("scatter_shifted_where", "H[i] += x[i] where i in 1:3",
           [F("x", "f32", (4,))],
           Out("H", [0, F("x", "f32", (4,)).a[1], F("x", "f32", (4,)).a[2],
                     0], given=True, init=V("H", "f32", np.zeros(4))))
    b.case("scatter_max_affine", "H[h+r] max= U[h,r]",
           [F("U", "f32", (4, 3))],
           Out("H", [max(F("U", "f32", (4, 3)).a[h, p - h]
                         for h in range(4) if 0 <= p - h < 3)
                     for p in range(6)], given=True,
               init=V("H", "f32", [-100] * 6)))
    b.case("histogram_i64", "H[K[i]] += 1", [K],
           Out("H", [2, 1, 3, 0], "i64", given=True,
               init=V("H", "i64", np.zeros(4))))


def statements(b):
    x, y = F("x", "f32", (5,)), F("y", "f32", (5,))
    b.case("in_place", "y[i] = 2*y[i] + x[i]", [x],
           Out("y", 2 * y.a + x.a, init=y))
    b.case("in_place_only", "y[i] = y[i]*y[i]", [], Out("y", y.a ** 2,
                                                        given=True, init=y))
    C = F("C", "f32", (3, 4))
    b.case("in_place_2d", "C[i,j] = relu(C[i,j]) + v[j]",
           [F("v", "f32", (4,))],
           Out("C", np.maximum(C.a, 0) + F("v", "f32", (4,)).a, given=True,
               init=C))
    b.case("assigned_twice", "o[i] = x[i]; o[i] = 2*o[i] + 1", [x],
           Out("o", 2 * x.a + 1))
    b.case("two_outputs", "s[i] = x[i] + y[i]; d[i] = x[i] - y[i]", [x, y],
           [Out("s", x.a + y.a), Out("d", x.a - y.a)])
    A = F("A", "f32", (3, 5))
    b.case("three_outputs_of_types",
           "m[i] = max[j](A[i,j]); p[i] = argmax[j](A[i,j]); "
           "a[] = any[i,j](A[i,j] > 100)", [A],
           [Out("m", A.a.max(1)), Out("p", A.a.argmax(1), "i64"),
            Out("a", 0, "bool")])
    b.case("value_and_index", "v[i,q] = kmin[j->q:2](A[i,j]); "
           "n[i,q] = argkmin[j->q:2](A[i,j])", [A],
           [Out("v", np.sort(A.a, 1)[:, :2]),
            Out("n", np.argsort(A.a, 1, kind="stable")[:, :2], "i64")])
    b.case("temporary", "t[i] = x[i] + 1; o[i] = t[i]*t[i]", [x],
           Out("o", (x.a + 1) ** 2))
    b.case("temporary_transposed", "t[i,j] = A[j,i] + 1; o[j,i] = t[i,j]*2",
           [A], Out("o", (A.a + 1) * 2))
    b.case("temporary_other_position", "t[i] = x[i]*x[i]; "
           "o[i] = t[i] + t[clamp(i+1)] where i in 0:5", [x],
           Out("o", x.a ** 2 + np.append(x.a[1:], x.a[-1]) ** 2))
    b.case("temporary_reduced", "t[i,j] = A[i,j]^2; o[i] = sum[j](t[i,j])",
           [A], Out("o", (A.a ** 2).sum(1)))
    b.case("temporary_windowed", "t[i] = x[i] + 1; o[i] = t[i+r]*w[r]",
           [x, F("w", "f32", (2,))],
           Out("o", np.convolve(x.a + 1, F("w", "f32", (2,)).a[::-1],
                                "valid")))
    b.case("temporary_gathered", "t[i] = x[i]*2; o[i] = t[K[i]]",
           [x, V("K", "i64", [4, 4, 0])], Out("o", x.a[[4, 4, 0]] * 2))
    b.case("temporary_as_index", "k[i] = argmax[j](A[i,j]); o[i] = B[k[i]]",
           [A, F("B", "f32", (5,))],
           Out("o", F("B", "f32", (5,)).a[A.a.argmax(1)]))
    b.case("temporary_accumulated", "t[i] = x[i]; t[i] += A[j,i]; "
           "o[i] = t[i]*t[i]", [x, A], Out("o", (x.a + A.a.sum(0)) ** 2))
    b.case("temporary_scalar", "m[] = max[i](x[i]); o[i] = exp(x[i] - m[])",
           [x], Out("o", np.exp(x.a - x.a.max()), mag=1))
    b.case("chain_of_five", "a[i] = x[i]+1; b[i] = a[i]*2; c[i] = b[i]-a[i];"
           " d[i] = c[i]*b[i]; e[i] = d[i]+c[i]+a[i]", [x],
           Out("e", (x.a + 1) * (2 * x.a + 2) + 2 * (x.a + 1)))
    b.case("matmul_chain", "T[i,k] = A[i,j]*B[j,k]; "
           "o[i,l] = T[i,k]*D[k,l]",
           [A, F("B", "f32", (5, 4)), F("D", "f32", (4, 3))],
           Out("o", A.a @ F("B", "f32", (5, 4)).a @ F("D", "f32", (4, 3)).a))
    b.case("index_names_are_local", "t[i] = sum[j](A[i,j]); "
           "o[j] = t[j] + max[i](A[j,i])", [A],
           Out("o", A.a.sum(1) + A.a.max(1)))
    b.case("index_sizes_are_local", "t[i] = x[i]; o[i] = w[i]; "
           "u[j] = t[j]*2", [x, F("w", "f32", (2,))],
           [Out("o", F("w", "f32", (2,)).a), Out("u", x.a * 2)])
    b.case("last_output_read_before", "t[i] = x[i]+1; y[i] = t[i]*2; "
           "t[i] = t[i]*3", [x],
           [Out("t", (x.a + 1) * 3), Out("y", (x.a + 1) * 2)])
    b.case("mlp", "H[n,h] = relu(sum[d](X[n,d]*U[d,h]) + b[h]); "
           "O[n,o] = sum[h](H[n,h]*V[h,o]) + c[o]",
           [F("X", "f32", (4, 5)), F("U", "f32", (5, 6)), F("b", "f32", (6,)),
            F("V", "f32", (6, 3)), F("c", "f32", (3,))],
           Out("O", np.maximum(F("X", "f32", (4, 5)).a
                               @ F("U", "f32", (5, 6)).a
                               + F("b", "f32", (6,)).a, 0)
               @ F("V", "f32", (6, 3)).a + F("c", "f32", (3,)).a))
    b.case("copy", "o[i] = x[i]", [x], Out("o", x.a))
    b.case("constant", "o[i,j] = 1.5 where i in 0:2, j in 0:3", [],
           Out("o", np.full((2, 3), 1.5), "-"))
    b.case("transpose", "o[k,i,j] = T[i,j,k]", [F("T", "f32", (2, 3, 4))],
           Out("o", F("T", "f32", (2, 3, 4)).a.transpose(2, 0, 1)))


def headers(b):
    x, y, w = F("x", "f32", (4, 3), 4), F("y", "f32", (5, 3), 4), \
        F("b", "f32", (5,))
    K = np.exp(-((x.a[:, None] - y.a[None]) ** 2).sum(-1))
    b.case("header", "kernel gauss(x[N,D]: f32, y[M,D]: f32, b[M]: f32) -> "
           "(o[N]: f32): o[i] = sum[j](exp(-sum[d]((x[i,d]-y[j,d])^2))*b[j])",
           [x, y, w], Out("o", K @ w.a, mag=20))
    b.case("header_without_types", "kernel mm(A[N,K], B[K,M]) -> (C[N,M]): "
           "C[i,j] = A[i,k]*B[k,j]",
           [F("A", "f32", (3, 4)), F("B", "f32", (4, 5))],
           Out("C", F("A", "f32", (3, 4)).a @ F("B", "f32", (4, 5)).a))
    b.case("header_literal_extents", "kernel mm(A[3,4]:f64, B[4,5]:f64) -> "
           "(C[3,5]:f64): C[i,j] = A[i,k]*B[k,j]",
           [F("A", "f64", (3, 4)), F("B", "f64", (4, 5))],
           Out("C", F("A", "f64", (3, 4)).a @ F("B", "f64", (4, 5)).a, "f64"))
    v = F("x", "f32", (5,), 4)
    b.case("header_outputs_are_kept", "kernel f(x[n]:f32) -> (m[]:f32, "
           "o[n]:f32): m[] = max[i](x[i]); o[i] = x[i] - m[]", [v],
           [Out("m", v.a.max()), Out("o", v.a - v.a.max())])
    C = F("C", "f32", (3, 5))
    b.case("header_inout", "kernel g(A[N,K]:f32, B[K,M]:f32) -> "
           "(inout C[N,M]:f32): C[i,j] += A[i,k]*B[k,j]",
           [F("A", "f32", (3, 4)), F("B", "f32", (4, 5))],
           Out("C", C.a + F("A", "f32", (3, 4)).a @ F("B", "f32", (4, 5)).a,
               init=C))
    b.case("header_left_shape", "kernel fold(U[T,R]:f32) -> (y[8]:f32): "
           "y[t+r] += U[t,r]", [F("U", "f32", (6, 3))],
           Out("y", [sum(F("U", "f32", (6, 3)).a[t, p - t] for t in range(6)
                         if 0 <= p - t < 3) for p in range(8)], given=True,
               init=V("y", "f32", np.zeros(8))))
    b.case("header_comment_and_newlines",
           "kernel s(x[n]:f32) -> (o[n]:f32):\n  # twice\n  o[i] = 2*x[i];\n",
           [v], Out("o", v.a * 2))
