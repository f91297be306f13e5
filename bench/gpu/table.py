# SPDX-License-Identifier: MIT
"""Measures einc on a GPU against torch, and KeOps where it is there.

    table.py LIBRARY [--rows 1,3,8] [--small] [--cpu] > table.txt

A row is an expression, its operands and what a peer takes for the same. Both
sides have the same tensors in the same process, in turns; a time is the
median of at least 20 replays of a captured graph, over operands of which some
sets pass through so that the cache does not hold them. A row counts only if
the result is right: poisoned with NaN before, near a result in float64, and
the same bits in two runs. --cpu is for the mock of tests/cuda, with --small
sizes: it proves this script, and its times mean nothing.
"""
import argparse
import ctypes as C
import math
import statistics
import sys
import time

import torch

F16, BF16, F32, F64 = 10, 11, 12, 13
TYPES = {torch.float16: F16, torch.bfloat16: BF16, torch.float32: F32,
         torch.float64: F64, torch.int64: 8, torch.int32: 6}


class Layout(C.Structure):
    _fields_ = [("size", C.c_uint32), ("dtype", C.c_int32),
                ("ndim", C.c_int32), ("reserved", C.c_int32),
                ("shape", C.POINTER(C.c_int64)),
                ("stride", C.POINTER(C.c_int64))]


class Options(C.Structure):  # the head; einc reads the rest as 0
    _fields_ = [("size", C.c_uint32), ("flags", C.c_uint32),
                ("tier", C.c_int32), ("reserved", C.c_int32)]


class RunOptions(C.Structure):
    _fields_ = [("size", C.c_uint32), ("threads", C.c_int32),
                ("alpha", C.c_void_p), ("beta", C.c_void_p),
                ("work", C.c_void_p), ("work_bytes", C.c_size_t),
                ("stream", C.c_void_p), ("place", C.c_int32),
                ("reserved", C.c_int32)]


INTERP, CUDA = 1, 1


class Einc:
    """The library; a plan is a function of tensors on the device."""

    def __init__(self, path):
        self.lib = C.CDLL(path)
        self.lib.einc_err_text.restype = C.c_char_p
        self.lib.einc_err_text.argtypes = [C.c_void_p]

    def check(self, status, err):
        if status:
            text = self.lib.einc_err_text(err) if err else b""
            raise RuntimeError("einc: %d %s" % (status, text.decode()))

    def plan(self, expr, tensors):
        layouts = (Layout * len(tensors))()
        for x, t in zip(layouts, tensors):
            n = t.dim()
            x.size, x.dtype, x.ndim = C.sizeof(Layout), TYPES[t.dtype], n
            x.shape = (C.c_int64 * max(n, 1))(*t.shape)
            x.stride = (C.c_int64 * max(n, 1))(*t.stride())
        plan, err = C.c_void_p(), C.c_void_p()
        o = Options(C.sizeof(Options), 0, INTERP, 0)
        self.check(self.lib.einc_compile(None, expr.encode(), len(tensors),
                                         layouts, None, C.byref(o),
                                         C.byref(plan), C.byref(err)), err)
        self.check(self.lib.einc_plan_prepare(plan, CUDA, C.byref(err)), err)
        return plan

    def run(self, plan, tensors, out, stream):
        n = len(tensors)
        pointers = (C.c_void_p * n)(*[t.data_ptr() for t in tensors])
        o = RunOptions(size=C.sizeof(RunOptions), place=CUDA, stream=stream)
        err = C.c_void_p()
        self.check(self.lib.einc_run(plan, pointers,
                                     C.c_void_p(out.data_ptr()), C.byref(o),
                                     C.byref(err)), err)


# --- rows --------------------------------------------------------------------

def gemm(n, dtype, a, b):
    """A product of n x n matrices, each as it lies or turned."""
    turned = {"N": "ik", "T": "ki"}[a], {"N": "kj", "T": "jk"}[b]
    expr = "%s,%s->ij" % turned
    return dict(expr=expr, make=lambda r: [r(n, n, dtype=dtype)
                                           for _ in range(2)],
                peer=lambda x, y: (x if a == "N" else x.t()) @
                (y if b == "N" else y.t()), flop=2 * n ** 3)


def contraction(line):
    """A line of cases/tccg.txt, with its extents in f32."""
    expr, _, sizes, _ = line.split(" ")[0:1] + [None, None, None]
    parts = line.split()
    size = dict(w.split("=") for w in parts[2].split(","))
    left = expr.split("->")[0].split(",")
    flop = 2 * math.prod(int(v) for v in size.values())
    return dict(expr=expr, flop=flop,
                make=lambda r: [r(*[int(size[c]) for c in t]) for t in left],
                peer=lambda *x: torch.einsum(expr, *x))


def keops(formula, reduction):
    """The formula through KeOps; None where it is not there."""
    try:
        from pykeops.torch import LazyTensor
    except ImportError:
        return None

    def call(x, y, *b):
        d = ((LazyTensor(x[:, None, :]) - LazyTensor(y[None])) ** 2).sum(-1)
        return reduction(formula(d), *b)
    return call


def distances(x, y):
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist") ** 2


def gauss(m, n, d):
    return dict(
        expr="o[i] = sum[j](exp(-sum[d]((x[i,d]-y[j,d])^2))*b[j])",
        make=lambda r: [r(m, d) / d ** 0.5, r(n, d) / d ** 0.5, r(n)],
        peer=keops(lambda q: (-q).exp(),
                   lambda k, b: (k @ b[:, None])[:, 0]) or
        (lambda x, y, b: torch.exp(-distances(x, y)) @ b),
        flop=(3 * d + 3) * m * n, pairs=m * n)


def nearest(m, n, d):
    return dict(expr="o[i] = argmin[j](sum[d]((x[i,d]-y[j,d])^2))",
                make=lambda r: [r(m, d), r(n, d)],
                peer=keops(lambda q: q, lambda q: q.argmin(1)[:, 0]) or
                (lambda x, y: distances(x, y).argmin(1)),
                flop=3 * d * m * n, pairs=m * n, exact=0)


def soft(m, n, d):
    return dict(expr="o[i] = logsumexp[j](-sum[d]((x[i,d]-y[j,d])^2))",
                make=lambda r: [r(m, d), r(n, d)],
                peer=keops(lambda q: -q, lambda q: q.logsumexp(1)[:, 0]) or
                (lambda x, y: torch.logsumexp(-distances(x, y), 1)),
                flop=(3 * d + 3) * m * n, pairs=m * n)


def attention(b, h, n, d, causal):
    guard = " if j <= i" if causal else ""
    expr = ("o[b,h,i,e] = sum[j](softmax[j](sum[d](q[b,h,i,d]*k[b,h,j,d])*%r"
            "%s)*v[b,h,j,e])" % (d ** -0.5, guard))
    sdpa = torch.nn.functional.scaled_dot_product_attention
    return dict(expr=expr, flop=4 * b * h * n * n * d // (2 if causal else 1),
                make=lambda r: [r(b, h, n, d, dtype=torch.bfloat16)
                                for _ in range(3)],
                peer=lambda q, k, v: sdpa(q, k, v, is_causal=bool(causal)))


def convolution(n, size, c, k, stride, dilation):
    out = (size - 1) // stride + 1
    at = "pad(%d*%%s+%d*%%s-%d,%d)" % (stride, dilation, dilation, dilation)
    expr = ("o[n,h,w,k] = sum[r,s,c](I[n,%s,%s,c]*W[r,s,c,k]) where h in "
            "0:%d, w in 0:%d" % (at % ("h", "r"), at % ("w", "s"), out, out))

    def peer(image, weight):
        return torch.nn.functional.conv2d(
            image.permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1),
            stride=stride, dilation=dilation, padding=dilation
        ).permute(0, 2, 3, 1)
    return dict(expr=expr, peer=peer, flop=2 * n * out * out * 9 * c * k,
                make=lambda r: [r(n, size, size, c, dtype=torch.bfloat16),
                                r(3, 3, c, k, dtype=torch.bfloat16)])


def plain(expr, *shapes, flop=0):
    return dict(expr=expr, flop=flop, make=lambda r: [r(*s) for s in shapes],
                peer=lambda *x: torch.einsum(expr, *x))


def all_rows(small, tccg):
    s = (lambda big, little: little) if small else (lambda big, little: big)
    bf16, f32 = torch.bfloat16, torch.float32
    rows = []
    for n in s((4096, 8192), (96,)):
        for a, b in ("NN", "NT", "TN", "TT"):
            rows.append(("1", "bf16 GEMM %d %s%s" % (n, a, b),
                         gemm(n, bf16, a, b)))
    rows.append(("3", "f32 GEMM", gemm(s(4096, 80), f32, "N", "N")))
    for line in tccg[:s(len(tccg), 0)]:
        rows.append(("4", "TCCG " + line.split()[0], contraction(line)))
    for n in (8, 16, 32):
        m = s(200000, 50)
        rows.append(("6", "batched %d" % n,
                     plain("bij,bjk->bik", (m, n, n), (m, n, n),
                           flop=2 * m * n ** 3)))
    n = s(1 << 28, 1 << 12)
    rows.append(("7", "sum of all", plain("i->", (n,))))
    n = s(16384, 64)
    rows.append(("7", "sums of rows", plain("ij->i", (n, n))))
    rows.append(("7", "transpose", plain("ij->ji", (n, n))))
    rows.append(("8", "Gaussian sum, D 3",
                 gauss(s(10 ** 6, 300), s(10 ** 6, 200), 3)))
    rows.append(("9", "Gaussian sum, few rows",
                 gauss(s(1000, 5), s(10 ** 7, 3000), 3)))
    for d in (64, 256):
        rows.append(("10", "Gaussian sum, D %d" % d,
                     gauss(s(10 ** 5, 40), s(10 ** 5, 30), d)))
    n = s(10 ** 5, 120)
    rows.append(("11", "nearest, D 3", nearest(n, n, 3)))
    rows.append(("11", "logsumexp, D 3", soft(n, n, 3)))
    for d in (64, 128):
        for causal in (0, 1):
            rows.append(("12", "attention hd %d%s" %
                         (d, ", causal" if causal else ""),
                         attention(s(4, 1), s(16, 2), s(4096, 24), d,
                                   causal)))
    for stride, dilation in ((1, 1), (2, 1), (1, 2)):
        rows.append(("13", "conv 3x3 stride %d dilation %d" %
                     (stride, dilation),
                     convolution(s(32, 1), s(56, 9), s(256, 8), s(256, 8),
                                 stride, dilation)))
    rows.append(("15", "GEMM 64, a call of the host",
                 dict(gemm(s(64, 16), f32, "N", "N"), host=1)))
    return rows


# --- measuring ---------------------------------------------------------------

class Device:
    def __init__(self, cpu):
        self.cpu = cpu
        self.name = "cpu" if cpu else "cuda"

    def stream(self):
        return None if self.cpu else torch.cuda.current_stream().cuda_stream

    def wait(self):
        if not self.cpu:
            torch.cuda.synchronize()

    def seconds(self, call, sets):
        """Median seconds of a call, of at least 20, one set after another."""
        if self.cpu:
            began = time.perf_counter()
            call(sets[0])
            return time.perf_counter() - began
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for s in sets:
                call(s)
        side.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for s in sets:
                call(s)
        times = []
        while len(times) < 20:
            a, b = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            a.record()
            graph.replay()
            b.record()
            b.synchronize()
            times.append(1e-3 * a.elapsed_time(b) / len(sets))
        return statistics.median(times)

    def host_seconds(self, call, one):
        """Of the caller, who does not wait."""
        for _ in range(10):
            call(one)
        self.wait()
        began = time.perf_counter()
        for _ in range(200):
            call(one)
        took = (time.perf_counter() - began) / 200
        self.wait()
        return took


def sets_of(row, device):
    """Operands, so many that they do not fit in the cache together."""
    generator = torch.Generator(device=device.name)
    generator.manual_seed(1)

    def random(*shape, dtype=torch.float32):
        return torch.randn(*shape, generator=generator, device=device.name,
                           dtype=torch.float32).to(dtype)
    first = row["make"](random)
    held = sum(t.numel() * t.element_size() for t in first)
    more = 0 if device.cpu else min(7, (1 << 27) // max(held, 1))
    return [first] + [row["make"](random) for _ in range(more)]


def apart(got, want):
    """The error in the norm of Frobenius, or the share of other numbers."""
    if not want.is_floating_point():
        return float((got.long() != want.long()).double().mean())
    got, want = got.double(), want.double()
    return float((got - want).norm() / want.norm())


def wanted(row, one):
    """The peer in float64, of a part that fits."""
    wide = [t.double() if t.is_floating_point() else t for t in one]
    try:
        return row["peer"](*wide)
    except (RuntimeError, TypeError):
        return row["peer"](*one)


def measure(einc, row, device):
    sets = sets_of(row, device)
    like = row["peer"](*sets[0])
    began = time.perf_counter()
    plan = einc.plan(row["expr"], sets[0])
    first = time.perf_counter() - began
    outs = [torch.empty(like.shape, dtype=like.dtype, device=device.name)
            for _ in range(2)]
    for out in outs:
        out.fill_(math.nan if like.is_floating_point() else -7)
        einc.run(plan, sets[0], out, device.stream())
    device.wait()
    same = all(torch.equal(a.view(torch.uint8) if a.dim() else a, b.view(
        torch.uint8) if b.dim() else b) for a, b in [outs])
    want = wanted(row, sets[0])
    error = apart(outs[0], want)

    def ours(s):
        einc.run(plan, s, outs[0], device.stream())

    def theirs(s):
        row["peer"](*s)
    if row.get("host"):
        a = device.host_seconds(ours, sets[0])
        b = device.host_seconds(theirs, sets[0])
    else:
        a, b = device.seconds(ours, sets), device.seconds(theirs, sets)
    return dict(ours=a, peer=b, error=error, same=same, first=first)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("library")
    p.add_argument("--rows", default="")
    p.add_argument("--tccg", default="")
    p.add_argument("--small", action="store_true")
    p.add_argument("--cpu", action="store_true")
    a = p.parse_args()
    device = Device(a.cpu)
    torch.backends.cuda.matmul.allow_tf32 = False
    einc = Einc(a.library)
    tccg = [x for x in open(a.tccg) if x[0] != "#"] if a.tccg else []
    chosen = set(a.rows.split(",")) - {""}
    name = "the CPU" if a.cpu else torch.cuda.get_device_name()
    print("torch %s on %s" % (torch.__version__, name))
    print("%-3s %-34s %10s %10s %7s %9s %9s %s" %
          ("row", "case", "us", "peer us", "ratio", "TFLOP/s", "error",
           "first ms"))
    failed = 0
    for number, title, row in all_rows(a.small, tccg):
        if chosen and number not in chosen:
            continue
        try:
            m = measure(einc, row, device)
        except Exception as why:  # a row that fails does not end the others
            print("%-3s %-34s %s" % (number, title[:34],
                                     str(why).split("\n")[0]))
            failed += 1
            continue
        good = m["same"] and m["error"] < 2e-2
        failed += not good
        print("%-3s %-34s %10.1f %10.1f %7.3f %9.2f %9.1e %.0f%s" %
              (number, title[:34], 1e6 * m["ours"], 1e6 * m["peer"],
               m["peer"] / m["ours"], 1e-12 * row["flop"] / m["ours"],
               m["error"], 1e3 * m["first"],
               "" if good else "  WRONG" if m["same"] else "  OTHER BITS"))
        sys.stdout.flush()
    print("%d rows failed" % failed)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
