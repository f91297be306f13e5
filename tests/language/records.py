# SPDX-License-Identifier: MIT
"""records.py - what make.py writes cases with: data from formulas, records.

run.c explains the records. Data of an operand are ((a*n + b + n/m) % m - c) / d at
flat position n, in exact arithmetic, or are spelled out.
"""
import os
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
LONG = 24  # expected arrays of more elements are files
OPEN = {}  # file.case: what is wrong with einc
F32, F64 = 1e-5, 1e-13  # of the magnitude: some 100 roundings of the type


class Tensor:
    def __init__(self, name, dtype, shape, text, a):
        self.name, self.dtype, self.text, self.a = name, dtype, text, a
        self.shape = tuple(shape)


def kind(dtype):
    if dtype in ("c64", "c128"):
        return np.complex128
    return np.int64 if dtype[0] in "iu" or dtype == "bool" else np.float64


def F(name, dtype, shape, d=1, m=None, lo=None):
    """Integers (over d) that look random: m values from `lo`, -m//2."""
    shape = tuple(shape)
    seed = sum(map(ord, name)) + 3 * len(shape) + sum(shape)
    m = m or (11, 13, 17, 19)[seed % 4]
    a = (3, 5, 7)[seed % 3]
    while m % a == 0:
        a += 2
    b = seed % m
    c = m // 2 if lo is None else -lo
    n = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64)
    ints = (a * n + b + n // m) % m - c  # n // m: rows differ
    v = (ints / d if d != 1 else ints).astype(kind(dtype)).reshape(shape)
    if d != int(d):
        return V(name, dtype, v)
    return Tensor(name, dtype, shape, ": %d %d %d %d %d" % (a, b, m, c, d), v)


def number(v):
    if isinstance(v, (complex, np.complexfloating)):
        return number(v.real) + " " + number(v.imag)
    if isinstance(v, (int, np.integer, bool, np.bool_)):
        return str(int(v))
    if v != v:
        return "nan"
    if np.isinf(v):
        return "inf" if v > 0 else "-inf"
    return str(int(v)) if v == int(v) and abs(v) < 1e15 and v else repr(
        float(v)).removesuffix(".0")


def V(name, dtype, values, shape=None):
    """Values spelled out."""
    v = np.asarray(values, dtype=kind(dtype))
    v = v.reshape(v.shape if shape is None else shape)
    return Tensor(name, dtype, v.shape,
                  "= " + " ".join(number(x) for x in v.ravel()), v)


def S(name, dtype, value):
    return V(name, dtype, value, ())


class Out:
    def __init__(self, name, a, dtype="f32", mag=None, eps=None, given=False,
                 init=None):
        self.name, self.dtype = name, dtype
        self.a = np.asarray(a)
        if dtype == "-":
            self.a = self.a.astype(np.complex128 if self.a.dtype.kind == "c"
                                   else np.float64)
        else:
            self.a = self.a.astype(kind(dtype))
        if eps is None:
            eps = F64 if dtype in ("f64", "c128") else F32
        self.tol = None
        if mag is not None:
            self.relative = mag is True
            m = np.abs(1 if mag is True else np.asarray(mag))
            m = m[np.isfinite(m)]
            self.tol = eps * (float(m.max()) if m.size else 1.0)
        self.given, self.init = given, init


class Book:
    """One .test file."""
    books = {}

    def __init__(self, name, about):
        self.name = name
        self.lines = ["# %s Written by make.py; change that." % about, ""]
        self.names = set()
        Book.books[name] = self

    def start(self, name, expr, params):
        why_open = OPEN.get(self.name + "." + name)
        assert name not in self.names, name
        self.names.add(name)
        put = self.lines.append
        put("%CASE " + name)
        put("%EXPR " + expr.replace("\\", "\\\\").replace("\n", "\\n"))
        if params:
            put("%PARAMS " + params)
        if why_open:
            put("%OPEN " + why_open)
        return put

    def operands(self, put, ins):
        for t in ins:
            put("%%IN %s %s %s %s" % (t.name, t.dtype, dims(t.shape), t.text))

    def case(self, name, expr, ins, outs, params=None, same_hash=None):
        put = self.start(name, expr, params)
        self.operands(put, ins)
        if isinstance(outs, Out):
            outs = [outs]
        for o in outs:
            if o.init is not None:
                put("%%INIT %s %s %s %s" % (o.name, o.init.dtype,
                                            dims(o.init.shape), o.init.text))
            head = "%%OUT %s %s %s" % (o.name, o.dtype, dims(o.a.shape))
            if o.given:
                head += " given"
            if o.tol is not None:
                head += " ~%.3g%s" % (o.tol, "r" if o.relative else "")
            if o.a.size <= LONG:
                put(head + " = " + " ".join(number(x) for x in o.a.ravel()))
            else:
                file = "%s.%s.%s.npy" % (self.name, name, o.name)
                a = o.a
                if a.dtype == np.int64 and np.abs(a).max() < 128:
                    a = a.astype(np.int8)
                elif a.dtype == np.float64 and (
                        a.astype(np.float32) == a).all():
                    a = a.astype(np.float32)
                np.save(os.path.join(HERE, "data", file),
                        np.ascontiguousarray(a))
                put(head + " @" + file)
        if same_hash:
            put("%HASH " + same_hash)
        put("")

    def fail(self, name, expr, ins, code, says=None, params=None, outs=()):
        """<<..>> in `expr` is what is underlined; without, anything is."""
        at, text = [], ""
        for part in expr.split("<<"):
            if ">>" in part:
                mark, rest = part.split(">>")
                n = len(text.encode())
                at.append("%d:%d" % (n, n + len(mark.encode())))
                part = mark + rest
            text += part
        put = self.start(name, text, params)
        self.operands(put, ins)
        for n, dtype, shape in outs:
            put("%%GIVES %s %s %s" % (n, dtype, dims(shape)))
        put("%FAIL " + code)
        if says:
            put("%SAYS " + says)
        if at:
            put("%AT " + " ".join(at))
        put("")

    def fail_run(self, name, expr, ins, outs=(), params=None):
        """Compiles; the data lead out of a tensor."""
        put = self.start(name, expr, params)
        self.operands(put, ins)
        for n, dtype, shape in outs:
            put("%%GIVES %s %s %s" % (n, dtype, dims(shape)))
        put("%LEADS_OUT")
        put("")


def dims(shape):
    return "x".join(map(str, shape)) if len(shape) else "()"


def write():
    for name, b in Book.books.items():
        with open(os.path.join(HERE, name + ".test"), "w") as f:
            f.write("\n".join(b.lines))
