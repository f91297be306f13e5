# SPDX-License-Identifier: MIT
"""The peers that live in Python, driven by the benchmark over pipes.

One command a line on stdin, one answer a line on stdout:
    open TASK OUT IN...   operands are read from file descriptor 3, one after
                          the other; each is type:2x3x4. The task is an einsum,
                          or one of the words in METHODS
    check METHOD          makes it ready and runs it; the result is written to
                          descriptor 3
    time METHOD CALLS     seconds of so many calls
    close                 forgets the operands
Answers are "ok ..." or "no reason". Times are CPU time of the process: the
libraries are held to one thread by the environment, but for methods that end
in "torch2", whose times are those of a clock on the wall.
"""
import importlib.metadata
import os
import sys
import tempfile
import time

FOUND = []
try:
    import numpy as np
    FOUND.append("numpy " + np.__version__)
except ImportError:
    print("no it has no numpy", flush=True)
    sys.exit(0)
try:
    import opt_einsum
    FOUND.append("opt_einsum " + opt_einsum.__version__)
except ImportError:
    opt_einsum = None
try:
    import torch
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    FOUND.append("torch " + torch.__version__)
except ImportError:
    torch = None
try:
    import scipy.sparse
    FOUND.append("scipy " + scipy.__version__)
except ImportError:
    scipy = None
try:  # it prints, and compiles, when it is imported: not before it is used
    FOUND.append("pykeops " + importlib.metadata.version("pykeops"))
    keops = True
except importlib.metadata.PackageNotFoundError:
    keops = False

TYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16,
         "bf16": np.uint16, "i8": np.int8, "i32": np.int32,
         "i64": np.int64, "bool": np.bool_}


class Case:
    def __init__(self, expr, out, ins):
        self.expr = expr
        at = 0
        self.x = []
        for text in ins:
            kind, shape = parse(text)
            array = np.empty(shape, TYPES[kind])
            at += fill(array, at)
            self.x.append(array)
        self.out_kind, shape = parse(out)
        self.out = np.empty(shape, TYPES[self.out_kind])
        self.kind = parse(ins[0])[0]
        self.methods = {}
        if torch:
            self.t = [view(a, self.kind) for a in self.x]
            self.t_out = view(self.out, self.out_kind)

    def keep(self, result):
        """A dense result stays where it is; a strided view is work left over,
        which is done here."""
        if isinstance(result, np.ndarray) and result.flags.c_contiguous:
            return result
        np.copyto(self.out, result)
        return self.out

    def keep_tensor(self, result):
        if result.is_contiguous() and result.dtype == self.t_out.dtype:
            return result
        self.t_out.copy_(result)
        return self.t_out


def parse(text):
    kind, shape = text.split(":")
    return kind, tuple(int(n) for n in shape.split("x") if n)


def fill(array, at):
    flat = memoryview(array.reshape(-1)).cast("B")
    done = 0
    while done < len(flat):
        n = os.preadv(3, [flat[done:done + (1 << 30)]], at + done)
        if n <= 0:
            raise OSError("operands are cut short")
        done += n
    return done


def spill(array):
    flat = memoryview(np.ascontiguousarray(array).reshape(-1)).cast("B")
    done = 0
    while done < len(flat):
        done += os.pwrite(3, flat[done:done + (1 << 30)], done)


def view(array, kind):
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if kind == "bf16" else tensor


# --- what is timed: a function of a case that returns a function ------------

def einsum_optimized(c):
    return lambda: c.keep(np.einsum(c.expr, *c.x, optimize=True))


def einsum_plain(c):
    return lambda: np.einsum(c.expr, *c.x, out=c.out)


def einsum_wide(c):
    return lambda: np.einsum(c.expr, *c.x, out=c.out, dtype=c.out.dtype)


def einsum_call(c):
    return lambda: np.einsum(c.expr, *c.x)


def matmul(c):
    return lambda: np.matmul(c.x[0], c.x[1], out=c.out)


def matmul_turned(c):
    """Of rows by a matrix."""
    return lambda: np.matmul(c.x[1], c.x[0].T, out=c.out)


def multiply(c):
    """By broadcasting, where nothing is summed."""
    return lambda: np.multiply(c.x[0], c.x[1], out=c.out)


def opt(c):
    plan = opt_einsum.contract_expression(c.expr, *[a.shape for a in c.x])
    return lambda: c.keep(plan(*c.x))


def opt_call(c):
    return lambda: opt_einsum.contract(c.expr, *c.x)


def torch_einsum(c):
    return lambda: c.keep_tensor(torch.einsum(c.expr, *c.t))


def torch_call(c):
    return lambda: torch.einsum(c.expr, *c.t)


def torch_mm(c):
    return lambda: torch.mm(c.t[0], c.t[1], out=c.t_out)


def torch_bmm(c):
    return lambda: torch.bmm(c.t[0], c.t[1], out=c.t_out)


def torch_baddbmm(c):
    c.t_out.fill_(float("nan"))
    return lambda: torch.baddbmm(c.t_out, c.t[0], c.t[1], beta=0, alpha=2,
                                 out=c.t_out)


# --- tasks of the set "statements": operands as its cases list them ---------

CHUNK = 500  # rows at a time: what numpy and torch are fastest with


def rows(c, f):
    """f of some rows of the first operand, for all of them."""
    n = c.x[0].shape[0]
    return lambda: np.concatenate(
        [f(c.x[0][i:i + CHUNK]) for i in range(0, n, CHUNK)])


def rows_torch(c, f):
    n = c.t[0].shape[0]
    return lambda: torch.cat(
        [f(c.t[0][i:i + CHUNK]) for i in range(0, n, CHUNK)])


def squares(c):
    """Squared distances to all of y, by a matrix product."""
    y2 = (c.x[1] ** 2).sum(1)
    return lambda x: (x ** 2).sum(1)[:, None] + y2 - 2 * (x @ c.x[1].T)


def gaussian(c):
    d = squares(c)
    return rows(c, lambda x: np.exp(-d(x)) @ c.x[2])


def gaussian_torch(c):
    return rows_torch(
        c, lambda x: torch.exp(-torch.cdist(x, c.t[1]) ** 2) @ c.t[2])


def sinkhorn(c):
    d = squares(c)

    def f(x):
        s = c.x[2] - 20 * d(x)
        most = s.max(1)
        return most + np.log(np.exp(s - most[:, None]).sum(1))
    return rows(c, f)


def sinkhorn_torch(c):
    return rows_torch(c, lambda x: torch.logsumexp(
        c.t[2] - 20 * torch.cdist(x, c.t[1]) ** 2, 1))


def nearest(c):
    d = squares(c)
    return rows(c, lambda x: d(x).argmin(1))


def nearest_torch(c):
    return rows_torch(c, lambda x: torch.cdist(x, c.t[1]).argmin(1))


def knn(c):
    d = squares(c)
    k = c.out.shape[1]

    def f(x):
        s = d(x)
        best = np.argpartition(s, k, 1)[:, :k]
        order = np.take_along_axis(s, best, 1).argsort(1)
        return np.take_along_axis(best, order, 1)
    return rows(c, f)


def knn_torch(c):
    k = c.out.shape[1]
    return rows_torch(c, lambda x: torch.cdist(x, c.t[1]).topk(
        k, largest=False)[1])


def genred(c, formula, operation, **more):
    """A reduction of KeOps over j: x[i], y[j] and perhaps b[j]."""
    os.environ.setdefault("KEOPS_CACHE_FOLDER", tempfile.mkdtemp())
    import pykeops
    from pykeops.numpy import Genred
    pykeops.set_verbose(False)
    d = c.x[0].shape[1]
    names = ["x=Vi(%d)" % d, "y=Vj(%d)" % d, "b=Vj(1)"][:len(c.x)]
    x = [a.reshape(len(a), -1) for a in c.x]
    run = Genred(formula, names, reduction_op=operation, axis=1, **more)
    return lambda: run(*x, backend="CPU").astype(c.out.dtype)


def gaussian_keops(c):
    return genred(c, "Exp(-SqDist(x,y))*b", "Sum")


def sinkhorn_keops(c):
    return genred(c, "b-IntCst(20)*SqDist(x,y)", "LogSumExp")


def nearest_keops(c):
    return genred(c, "SqDist(x,y)", "ArgMin")


def knn_keops(c):
    return genred(c, "SqDist(x,y)", "ArgKMin", opt_arg=c.out.shape[1])


def scores(c, mask=None):
    s = c.t[0] @ c.t[1].transpose(1, 2) / 8
    if mask is not None:
        s = s + mask
    return torch.softmax(s, 2) @ c.t[2]


def causal_math(c):
    n = c.t[0].shape[1]
    mask = torch.full((n, n), float("-inf")).triu(1)
    return lambda: scores(c, mask)


def sdpa(c, causal):
    f = torch.nn.functional.scaled_dot_product_attention
    return lambda: f(*[a[None] for a in c.t], is_causal=causal,
                     scale=1 / 8)[0]


def masked(c):
    m, a, b = c.x
    return lambda: np.where(m, a @ b, np.float32(0))


def masked_torch(c):
    m, a, b = c.t
    return lambda: torch.where(m, a @ b, 0.0)


def sddmm_torch(c):
    a, b, row, col = c.t
    return lambda: torch.cat(
        [(a[row[p:p + 10000]] * b[col[p:p + 10000]]).sum(1)
         for p in range(0, len(row), 10000)])


def spmm(c):
    ptr, col, val, x = c.x
    m = scipy.sparse.csr_matrix((val, col, ptr), (len(ptr) - 1, len(x)))
    return lambda: m @ x


def spmm_torch(c):
    ptr, col, val, x = c.t
    m = torch.sparse_csr_tensor(ptr, col, val, (len(ptr) - 1, len(x)))
    return lambda: m @ x


def cosine(c):
    def f():
        x, y = [a / np.sqrt((a ** 2).sum(1, keepdims=True)) for a in c.x]
        return np.matmul(x, y.T, out=c.out)
    return f


def cosine_torch(c):
    def f():
        x, y = [torch.nn.functional.normalize(a, dim=1) for a in c.t]
        return torch.mm(x, y.T, out=c.t_out)
    return f


def repeat(c):
    a, b = c.x
    p = len(b)
    return lambda: a.reshape(len(a), -1, p).sum(1) @ b


def repeat_torch(c):
    a, b = c.t
    p = len(b)
    return lambda: a.reshape(len(a), -1, p).sum(1) @ b


def experts_torch(c):
    a, m, q = c.t
    return lambda: torch.cat([torch.bmm(a[n:n + 4096], m[q[n:n + 4096]])
                              for n in range(0, len(q), 4096)])


def band_torch(c):
    a, b = c.t
    w = b.unfold(0, 201, 1)  # [i, k, t]: a view
    return lambda: torch.cat(
        [torch.bmm(a[i:i + 512, None], w[i:i + 512])[:, 0]
         for i in range(0, len(a), 512)])


def conv(c, **how):
    w = c.t[1].reshape(-1, c.t[0].shape[1] // how.get("groups", 1),
                       *c.t[1].shape[-2:])
    f = torch.nn.functional.conv2d
    return lambda: f(c.t[0], w, **how)


CONV = {"3x3": {"padding": 1}, "7x7": {"stride": 2, "padding": 3},
        "dilated": {"stride": 2, "dilation": 2}, "groups": {"groups": 8},
        "depthwise": {"groups": 64},
        "depthwise_padded": {"groups": 64, "padding": 1}}


METHODS = {
    **{"conv_%s.torch%s" % (name, threads): lambda c, how=how: conv(c, **how)
       for name, how in CONV.items() for threads in ("", "2")},
    "gaussian.numpy": gaussian, "gaussian.torch": gaussian_torch,
    "gaussian.keops": gaussian_keops,
    "wide.numpy": gaussian, "wide.torch": gaussian_torch,
    "sinkhorn.numpy": sinkhorn, "sinkhorn.torch": sinkhorn_torch,
    "sinkhorn.keops": sinkhorn_keops,
    "nearest.numpy": nearest, "nearest.torch": nearest_torch,
    "nearest.keops": nearest_keops,
    "knn.numpy": knn, "knn.torch": knn_torch, "knn.keops": knn_keops,
    "attention.math": lambda c: lambda: scores(c),
    "attention.torch": lambda c: sdpa(c, False),
    "causal.math": causal_math, "causal.torch": lambda c: sdpa(c, True),
    "sddmm.torch": sddmm_torch,
    "spmm.scipy": spmm, "spmm.torch": spmm_torch,
    "cosine.numpy": cosine, "cosine.torch": cosine_torch,
    "einsum6.numpy": lambda c: lambda: np.matmul(c.x[1], c.x[0].T, out=c.out),
    "einsum6.torch": lambda c: lambda: torch.mm(c.t[1], c.t[0].T,
                                                out=c.t_out),
    "masked.numpy": masked, "masked.torch": masked_torch,
    "repeat.numpy": repeat, "repeat.torch": repeat_torch,
    "experts.torch": experts_torch, "band.torch": band_torch,
    "numpy": einsum_optimized, "numpy.c": einsum_plain,
    "numpy.wide": einsum_wide, "numpy.call": einsum_call, "matmul": matmul,
    "opt_einsum": opt, "opt_einsum.call": opt_call,
    "torch": torch_einsum, "torch.call": torch_call, "torch.mm": torch_mm,
    "torch.bmm": torch_bmm, "torch.baddbmm": torch_baddbmm,
    "matmul.T": matmul_turned, "multiply": multiply,
}


def missing(name):
    peer = name.split(".")[-1]
    return (name.startswith("torch") and not torch
            or peer in ("torch", "math") and not torch
            or peer == "scipy" and not scipy
            or peer == "keops" and not keops
            or name.startswith("opt_einsum") and not opt_einsum
            or name not in METHODS)


def check(case, name):
    if missing(name):
        return "no absent"
    run = METHODS[name](case)
    start = time.process_time()
    result = run()
    spent = time.process_time() - start
    if torch and isinstance(result, torch.Tensor):
        if result.dtype == torch.bfloat16:
            result = result.float()
        result = result.numpy()
    spill(np.asarray(result).astype(case.out.dtype, copy=False))
    case.methods[name] = run
    return "ok %.9g" % spent


def timed(case, name, calls):
    run = case.methods[name]
    again = range(calls)
    many = name.endswith(".torch2")
    clock = time.perf_counter if many else time.process_time
    if many:
        torch.set_num_threads(2)
    start = clock()
    for _ in again:
        run()
    spent = clock() - start
    if many:
        torch.set_num_threads(1)
    return "ok %.9g" % spent


def main():
    case = None
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    print("ok " + ", ".join(FOUND), file=answers)
    for line in sys.stdin:
        verb, *rest = line.split()
        try:
            if verb == "open":
                case = Case(rest[0], rest[1], rest[2:])
                answer = "ok"
            elif verb == "check":
                answer = check(case, rest[0])
            elif verb == "time":
                answer = timed(case, rest[0], int(rest[1]))
            else:
                case = None
                answer = "ok"
        except Exception as error:
            answer = "no " + " ".join(str(error).split())[:150]
        print(answer, file=answers)


main()
