# SPDX-License-Identifier: MIT
"""What must be refused: LANGUAGE section 5, rows 18 to 24, and more."""
from records import Book, F, V


def f32(name, *shape):
    return F(name, "f32", shape)


def make():
    b = Book("errors", "What must be refused, and how.")
    rows(b)
    syntax(b)
    names(b)
    ranges(b)
    types(b)
    assignments(b)
    headers(b)
    running(b)


def rows(b):
    A, B = f32("A", 2, 3), f32("B", 3, 4)
    b.fail("row_18", "C[i,k] = A[i,<<j>>]+B[<<j>>,k]", [A, B], "E701",
           "'j' occurs only on the right and the right side is not a product;"
           " write 'sum[j](...)'")
    b.fail("row_19", "Y[t] = X[<<t+r>>]", [f32("X", 10)], "E601",
           "the range of 't' and 'r' cannot be told from X (size 10) alone; "
           "add 'where r in 0:3'")
    b.fail("row_20", "Y[t] = X[<<t+5>>]*W[r]", [f32("X", 3), f32("W", 2)],
           "E602", "'t+5' exceeds X dim 0 (size 3) for every t >= 0; "
           "pad it: 'pad(t+5, 0, n)'")
    b.fail("row_21", "O[h] = I[<<h*w>>]", [f32("I", 9)], "E603",
           "a subscript must be affine; 'h*w' multiplies two indices")
    b.fail("row_22", "H[<<K[i]>>] = X[i]",
           [V("K", "i64", [0, 1]), f32("X", 2)], "E705",
           "several i may write one element; use '+=', 'max=' or 'min='",
           outs=[("H", "f32", (3,))])
    b.fail("row_23", "A[i,j] = <<A[j,i]>>", [], "E706",
           "the output is read at another position than it is written; "
           "use a temporary", outs=[("A", "f32", (3, 3))])
    b.fail("row_24", "y[i] = <<argmax>>(A[i,j,k])", [f32("A", 2, 3, 4)],
           "E703", "argmax over two indices (j,k) needs them listed to fix "
           "the order: 'argmax[j,k](...)'")
    # the same mistakes elsewhere: columns count code points
    b.fail("row_18_utf8", "Ω[α,γ] = A[α,<<β>>]+B[<<β>>,γ]", [A, B], "E701",
           "'β' occurs only on the right and the right side is not a product;"
           " write 'sum[β](...)'")
    b.fail("row_18_second_statement",
           "T[i] = sum[j](A[i,j]); C[i] = T[i] + B[<<j>>,i]",
           [A, f32("B", 3, 2)], "E701")
    b.fail("row_21_square", "O[h] = I[<<h*h>>]", [f32("I", 9)], "E603")
    b.fail("row_22_affine", "H[<<h+r>>] = U[h,r]", [f32("U", 3, 2)], "E705",
           outs=[("H", "f32", (4,))])
    b.fail("row_24_three", "y[] = <<argmin>>(A[i,j,k])", [f32("A", 2, 3, 4)],
           "E703")


def syntax(b):
    A = f32("A", 3, 4)
    for name, text in (
            ("no_right", "C[i] ="), ("no_assign", "C[i] A[i,j]"),
            ("no_left", "= A[i,j]"), ("open_bracket", "C[i = A[i,0]"),
            ("open_subscript", "C[i] = A[i,j"),
            ("open_parenthesis", "C[i] = sum[j](A[i,j]"),
            ("close_twice", "C[i] = sum[j](A[i,j]))"),
            ("two_operators", "C[i] = A[i,0] * / 2"),
            ("comma_at_end", "C[i,] = A[i,0]"),
            ("comma_twice", "C[i,,j] = A[i,j]"),
            ("arrow", "C[i,j] -> A[i,j]"), ("equals_twice",
                                            "C[i,j] = = A[i,j]"),
            ("compare_chain", "C[i,j] = 0 < A[i,j] < 2 ? 1 : 0"),
            ("half_choice", "C[i,j] = A[i,j] ? 1"),
            ("no_body", "C[i] = sum[j]"), ("empty_body", "C[i] = sum[j]()"),
            ("where_nothing", "C[i] = A[i,0] where"),
            ("where_no_in", "C[i] = A[i,0] where i 0:2"),
            ("where_no_colon", "C[i] = A[i,0] where i in 2"),
            ("where_half", "C[i] = A[i,0] where i in 0:"),
            ("stray_dollar", "C[i] = A[i,0] $ 2"),
            ("stray_quote", "C[i] = 'A'[i,0]"),
            ("stray_brace", "C[{i}] = A[i,0]"),
            ("two_dots", "C[i] = A[i,..]"), ("ellipsis", "C[...] = A[...]"),
            ("number_name", "2C[i] = A[i,0]"),
            ("number_dots", "C[i] = A[i,0]*1.2.3"),
            ("number_exponent", "C[i] = A[i,0]*1e"),
            ("number_huge_int", "C[i] = A[i,99999999999999999999999]"),
            ("statements_no_semicolon", "C[i] = A[i,0] D[i] = A[i,1]"),
            ("double_semicolon", "C[i] = A[i,0];; D[i] = A[i,1]"),
            ("single_and", "C[i,j] = A[i,j] & A[i,j]"),
            ("plus_equals_space", "C[i] + = A[i,0]"),
            ("unknown_assign", "C[i] /= A[i,0]"),
            ("expression_left", "C[i]+1 = A[i,0]"),
            ("number_left", "3 = A[i,0]"), ("only_access", "A[i,j]"),
            ("only_bracket", "["), ("only_brackets", "[]"),
            ("guard_twice", "C[i] = sum[j](A[i,j] if i > 0 if j > 0)"),
            ("guard_alone", "C[i] = sum[j](if j > 0)"),
            ("k_without_extent", "C[i,q] = kmin[j->q](A[i,j])"),
            ("bound_in_twice", "C[i] = sum[j in 0:2:3](A[i,j])"),
            ("string_einsum_mixed", "ij,jk->ik; C[i] = A[i,0]")):
        b.fail("syntax_" + name, text, [A], "E")
    b.fail("syntax_reserved_if", "if[i] = A[i,0]", [A], "E")
    b.fail("syntax_reserved_where", "where[i] = A[i,0]", [A], "E")
    b.fail("syntax_reserved_sum", "sum[i] = A[i,0]", [A], "E")
    b.fail("syntax_reserved_index", "C[in] = A[in,0]", [A], "E")
    b.fail("syntax_reserved_pi", "C[pi] = A[pi,0]", [A], "E")
    b.fail("syntax_reserved_inf", "C[i] = inf[i,0]", [A], "E")
    b.fail("control_character", "C[i] = A[i,0]*\x01", [A], "E1")
    b.fail("deep_parentheses", "C[i] = " + "(" * 20000 + "A[i,0]"
           + ")" * 20000, [A], "E")
    b.fail("deep_choice", "C[i] = " + "A[i,0] ? " * 5000 + "1" + " : 2" * 5000,
           [A], "E")
    b.fail("deep_subscripts", "C[i] = " + "A[" * 5000 + "i" + "]" * 5000, [A],
           "E")


def names(b):
    A, x = f32("A", 3, 4), f32("x", 3)
    b.fail("rank_differs", "C[i] = A[i]", [A], "E3")
    b.fail("rank_differs_more", "C[i,j,k] = A[i,j,k]", [A], "E3")
    b.fail("two_ranks", "C[i,j] = A[i,j] + A[i]", [A], "E")
    b.fail("too_few_operands", "C[i,j] = A[i,j]*x[i]", [A], "E3")
    b.fail("too_many_operands", "C[i,j] = A[i,j]", [A, x], "E3")
    b.fail("scalar_with_rank", "C[i] = x[i]*s", [x, f32("s", 3)], "E3")
    b.fail("index_and_tensor", "C[i] = i[i]*x[i]", [f32("i", 3), x], "E")
    b.fail("unknown_function", "C[i] = frobnicate(x[i])", [x], "E")
    b.fail("function_arguments", "C[i] = exp(x[i], x[i])", [x], "E")
    b.fail("function_no_arguments", "C[i] = x[i]*exp()", [x], "E")
    b.fail("two_argument_max", "C[i] = maximum(x[i])", [x], "E")
    b.fail("clamp_two", "C[i] = clamp(x[i], 1)", [x], "E")
    b.fail("dim_of_unknown", "C[i] = x[i]*dim(Z,0)", [x], "E")
    b.fail("dim_out_of_range", "C[i] = x[i]*dim(x,1)", [x], "E")
    b.fail("dim_not_constant", "C[i] = x[i]*dim(x,i)", [x], "E")
    b.fail("size_of_no_index", "C[i] = x[i]*size(z)", [x], "E")
    b.fail("size_of_expression", "C[i] = x[i]*size(i+1)", [x], "E")
    b.fail("fill_of_expression", "C[i] = fill(x[i]+1, 0)", [x], "E")
    b.fail("shadow_left", "C[i] = sum[i](x[i])", [x], "E")
    b.fail("shadow_outer", "C[i] = sum[j](max[j](A[i,j]))", [A], "E")
    b.fail("listed_twice", "C[i] = sum[j,j](A[i,j])", [A], "E")
    b.fail("output_index_unknown", "C[i,k] = x[i]", [x], "E6")
    b.fail("output_index_twice", "C[i,i] = A[i,0]", [A], "E")
    b.fail("index_used_outside", "C[i] = sum[j](A[i,j]) + j", [A], "E")
    b.fail("softmax_index_lost", "C[i] = softmax[j](A[i,j])", [A], "E7")
    b.fail("k_index_lost", "C[i] = kmin[j->q:2](A[i,j])", [A], "E")
    b.fail("k_index_taken", "C[i] = kmin[j->i:2](A[i,j])", [A], "E")
    b.fail("k_index_on_sum", "C[i,q] = sum[j->q:2](A[i,j])", [A], "E")
    b.fail("k_without_index", "C[i] = kmin[j](A[i,j])", [A], "E")
    b.fail("k_negative", "C[i,q] = kmin[j->q:-2](A[i,j])", [A], "E")
    b.fail("k_data", "C[i,q] = kmin[j->q:x[i]](A[i,j])", [x, A], "E")
    b.fail("reserved_as_scalar", "C[i] = x[i]*where", [x], "E")
    b.fail("params_of_operand", "C[i] = x[i]", [x], "E", params="x=3")
    b.fail("parameter_used_as_index", "C[n] = x[n]", [x], "E", params="n=2")


def ranges(b):
    A, x = f32("A", 3, 4), f32("x", 3)
    y = f32("y", 4)
    b.fail("sizes_differ", "C[i] = x[<<i>>]*y[<<i>>]", [x, y], "E401")
    b.fail("sizes_differ_sum", "C[i,k] = A[i,j]*B[j,k]",
           [A, f32("B", 5, 2)], "E401")
    b.fail("no_broadcast_of_1", "C[i] = x[i]*y[i]", [x, f32("y", 1)], "E401")
    b.fail("no_broadcast_of_1_first", "C[i,j] = A[i,j]*B[i,j]",
           [f32("A", 1, 4), f32("B", 3, 4)], "E401")
    b.fail("no_broadcast_of_1_sum", "C[i,k] = A[i,j]*B[j,k]",
           [f32("A", 3, 1), f32("B", 4, 2)], "E401")
    b.fail("diagonal_sizes", "C[i] = A[i,i]", [A], "E4")
    b.fail("beyond", "C[i] = x[<<i+1>>] where i in 0:3", [x], "E602")
    b.fail("beyond_bare", "C[i] = x[<<i>>] where i in 0:4", [x], "E602")
    b.fail("before", "C[i] = x[<<i-1>>] where i in 0:3", [x], "E602")
    b.fail("beyond_constant", "C[i] = A[i,<<4>>]", [A], "E602")
    b.fail("before_constant", "C[i] = A[i,<<-1>>]", [A], "E602")
    b.fail("beyond_bound", "C[i] = sum[j in 0:5](A[i,<<j>>])", [A], "E602")
    b.fail("beyond_two", "C[i,j] = x[<<i+j>>] where i in 0:2, j in 0:3",
           [x], "E602")
    b.fail("beyond_pad", "C[i] = x[<<pad(i-2,1)>>] where i in 0:3", [x],
           "E602")
    b.fail("quotient_is_no_integer", "C[i] = x[<<i/2>>] where i in 0:6", [x],
           "E60")
    b.fail("beyond_quotient", "C[i] = x[<<floor(i/2)>>] where i in 0:7", [x],
           "E602")
    b.fail("beyond_remainder", "C[i] = x[<<i%4>>] where i in 0:9", [x],
           "E602")
    b.fail("beyond_neighbour", "C[i] = x[i] - x[<<i+1>>]", [x], "E602")
    b.fail("cross", "C[i,j] = A[i+j,j+i]", [A], "E601")
    b.fail("no_range_at_all", "C[i,j] = x[i]*j", [x], "E6")
    b.fail("pad_leaves_two", "C[t,r] = x[pad(t+r,1)]", [x], "E601")
    b.fail("wrap_gives_no_range", "C[t] = x[wrap(t)]", [x], "E601")
    b.fail("clamp_gives_no_range", "C[t] = x[clamp(t)]", [x], "E601")
    b.fail("new_output_at_1", "C[i] = x[i] where i in 1:3", [x], "E6")
    b.fail("where_data", "C[i] = x[i] where i in 0:n[i]",
           [x, V("n", "i64", [1, 2, 3])], "E6")
    b.fail("where_unknown", "C[i] = x[i] where k in 0:2", [x], "E")
    b.fail("where_twice", "C[i] = x[i] where i in 0:2, i in 0:3", [x], "E")
    b.fail("not_affine_square", "C[i] = x[<<i^2>>]", [x], "E603")
    b.fail("not_affine_call", "C[i] = x[<<exp(i)>>] where i in 0:2", [x],
           "E60")
    b.fail("not_affine_float", "C[i] = x[<<i*0.5>>] where i in 0:2", [x],
           "E60")
    b.fail("quotient_by_index", "C[i,j] = x[<<i/j>>] where i in 0:2, "
           "j in 1:2", [x], "E60")
    b.fail("remainder_by_zero", "C[i] = x[i%0] where i in 0:2", [x], "E")
    b.fail("divide_by_zero_subscript", "C[i] = x[i/0] where i in 0:2", [x],
           "E")
    b.fail("huge_where", "C[i] = 1.0 where i in 0:9223372036854775807", [],
           "E")
    b.fail("huge_outer", "C[i,j,k] = 1.0 where i in 0:4000000000, "
           "j in 0:4000000000, k in 0:4000000000", [], "E")
    b.fail("huge_stride", "C[i] = x[9223372036854775807*i*4+1]", [x], "E")
    b.fail("left_shape_unknown", "Y[2*t+r] += X[t]*W[r]",
           [f32("X", 3), f32("W", 2)], "E")
    b.fail("left_beyond", "Y[<<2*t+r>>] += X[t]*W[r]",
           [f32("X", 3), f32("W", 2)], "E602", outs=[("Y", "f32", (5,))])
    b.fail("output_shape_given_wrong", "C[i] = x[i]", [x], "E",
           outs=[("C", "f32", (4,))])
    b.fail("output_rank_given_wrong", "C[i] = x[i]", [x], "E",
           outs=[("C", "f32", (3, 1))])


def types(b):
    x, z = f32("x", 3), V("z", "c64", [1j, 2, 3])
    n = V("n", "f32", [0, 1, 2])
    b.fail("gather_by_float", "C[i] = x[<<n[i]>>]", [x, n], "E5")
    b.fail("bound_by_float", "C[i] = sum[j in 0:n[i]](x[j])", [n, x], "E5")
    b.fail("scatter_by_float", "C[n[i]] += x[i]", [n, x], "E5",
           outs=[("C", "f32", (3,))])
    b.fail("complex_compare", "C[i] = z[i] < 1 ? 1.0 : 0.0", [z], "E5")
    b.fail("complex_max", "C[] = max[i](z[i])", [z], "E5")
    b.fail("complex_argmin", "C[] = argmin[i](z[i])", [z], "E5")
    b.fail("complex_maximum", "C[i] = maximum(z[i],0)", [z], "E5")
    b.fail("complex_floor", "C[i] = floor(z[i])", [z], "E5")
    b.fail("complex_kmin", "C[q] = kmin[i->q:2](z[i])", [z], "E5")
    b.fail("output_narrower", "C[i] = x[i]*2", [x], "E5",
           outs=[("C", "i32", (3,))])
    b.fail("output_real_of_complex", "C[i] = z[i]*2", [z], "E5",
           outs=[("C", "f32", (3,))])
    b.fail("cast_of_unknown_type", "C[i] = f33(x[i])", [x], "E")


def assignments(b):
    A, x = f32("A", 3, 4), f32("x", 3)
    K = V("K", "i64", [0, 1, 1])
    b.fail("sum_of_difference", "C[i] = A[i,<<j>>] - x[i]", [A, x], "E701")
    b.fail("sum_of_call", "C[i] = exp(A[i,<<j>>])", [A], "E701")
    b.fail("sum_of_quotient", "C[i] = x[i]/A[i,<<j>>]", [x, A], "E701")
    b.fail("sum_of_choice", "C[i] = x[i] > 0 ? A[i,<<j>>] : 0", [x, A],
           "E701")
    b.fail("add_of_sum", "C[i] += A[i,<<j>>] + x[i]", [A, x], "E701",
           outs=[("C", "f32", (3,))])
    b.fail("constant_left_part", "C[<<0>>] = x[i]", [x], "E705",
           outs=[("C", "f32", (2,))])
    b.fail("part_of_output", "C[<<2*i>>] = x[i]", [x], "E705",
           outs=[("C", "f32", (6,))])
    b.fail("shifted_output", "C[<<i+1>>] = x[i]", [x], "E705",
           outs=[("C", "f32", (4,))])
    b.fail("gathered_new", "C[<<K[i]>>] = x[i]", [K, x], "E705",
           outs=[("C", "f32", (3,))])
    b.fail("read_shifted", "y[i] = <<y[i+1]>> where i in 0:3", [], "E706",
           outs=[("y", "f32", (4,))])
    b.fail("read_whole", "y[i] = x[i]/sum[j](<<y[j]>>)", [x], "E706",
           outs=[("y", "f32", (3,))])
    b.fail("read_gathered", "y[i] = <<y[K[i]]>>", [K], "E706",
           outs=[("y", "f32", (3,))])
    b.fail("read_in_bound", "y[i] = sum[j in 0:y[<<j>>]](x[j])", [x], "E",
           outs=[("y", "i64", (3,))])
    b.fail("argmax_accumulates", "y[i] += softmax[j](A[i,j])", [A], "E7",
           outs=[("y", "f32", (3,))])
    b.fail("argmax_guard_lists", "y[] = <<argmin>>(A[i,j] if i < j)", [A],
           "E703")
    b.fail("shape_changes", "t[i] = x[i]; t[i,j] = A[i,j]", [x, A], "E")
    b.fail("size_changes", "t[i] = x[i]; t[j] = A[0,j]", [x, A], "E")
    b.fail("temporary_rank", "t[i] = x[i]; o[i] = t[i,0]", [x], "E3")


def headers(b):
    x, A = f32("x", 3), f32("A", 3, 4)
    b.fail("header_extent_differs", "kernel f(x[n]:f32, A[n,n]:f32) -> "
           "(o[n]:f32): o[i] = sum[j](A[i,j])*x[i]", [x, A], "E")
    b.fail("header_extent_number", "kernel f(x[5]:f32) -> (o[5]:f32): "
           "o[i] = x[i]", [x], "E")
    b.fail("header_type_differs", "kernel f(x[n]:f64) -> (o[n]:f64): "
           "o[i] = x[i]", [x], "E5")
    b.fail("header_unknown_type", "kernel f(x[n]:f31) -> (o[n]:f32): "
           "o[i] = x[i]", [x], "E")
    b.fail("header_rank", "kernel f(x[n,m]:f32) -> (o[n]:f32): o[i] = x[i]",
           [x], "E")
    b.fail("header_output_missing", "kernel f(x[n]:f32) -> (o[n]:f32, "
           "p[n]:f32): o[i] = x[i]", [x], "E")
    b.fail("header_operand_undeclared", "kernel f(x[n]:f32) -> (o[n]:f32): "
           "o[i] = x[i]*w[i]", [x, f32("w", 3)], "E")
    b.fail("header_twice_declared", "kernel f(x[n]:f32, x[n]:f32) -> "
           "(o[n]:f32): o[i] = x[i]", [x], "E")
    b.fail("header_no_colon", "kernel f(x[n]:f32) -> (o[n]:f32) "
           "o[i] = x[i]", [x], "E2")
    b.fail("header_no_outputs", "kernel f(x[n]:f32) -> (): o[i] = x[i]", [x],
           "E2")
    b.fail("header_no_arrow", "kernel f(x[n]:f32) (o[n]:f32): o[i] = x[i]",
           [x], "E2")
    b.fail("header_no_statement", "kernel f(x[n]:f32) -> (o[n]:f32):", [x],
           "E2")


def running(b):
    x = f32("x", 3)
    for name, k in (("high", [0, 3, 1]), ("low", [0, -1, 1]),
                    ("far", [0, 2 ** 62, 1])):
        K = V("K", "i64", k)
        b.fail_run("gather_" + name, "y[i] = x[K[i]]",
                   [x, K], outs=[("y", "f32", (3,))])
        b.fail_run("scatter_" + name, "y[K[i]] += x[i]", [K, x],
                   outs=[("y", "f32", (3,))])
        b.fail_run("gather_reduced_" + name, "y[] = max[i](x[K[i]])", [x, K],
                   outs=[("y", "f32", ())])
    b.fail_run("gather_i32", "y[i] = x[K[i]]",
                   [x, V("K", "i32", [0, 7, 1])], outs=[("y", "f32", (3,))])
    b.fail_run("bound_high", "y[i] = sum[p in q[i]:q[i+1]](x[p])",
               [V("q", "i64", [0, 2, 4]), x], outs=[("y", "f32", (2,))])
    b.fail_run("bound_low", "y[i] = sum[p in q[i]:q[i+1]](x[p])",
               [V("q", "i64", [-1, 2, 3]), x], outs=[("y", "f32", (2,))])
    b.fail_run("gather_gather", "y[i] = x[K[L[i]]]",
               [x, V("K", "i64", [0, 5]), V("L", "i64", [0, 1])],
               outs=[("y", "f32", (2,))])
    b.fail_run("gather_guard_true", "y[] = sum[i](x[K[i]] if K[i] >= 0)",
               [x, V("K", "i64", [0, -1, 3])], outs=[("y", "f32", ())])
    b.fail_run("bound_reads_beyond", "y[i] = sum[p in q[i]:q[i]+1](x[p])",
               [V("q", "i64", [0, 3]), x], outs=[("y", "f32", (2,))])
    b.fail_run("where_and_bound", "y[] = sum[p in q[0]:q[1]](x[p])",
               [V("q", "i64", [0, 2 ** 40]), x], outs=[("y", "f32", ())])
