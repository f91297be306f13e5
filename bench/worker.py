# SPDX-License-Identifier: MIT
"""The peers that live in Python, driven by the benchmark over pipes.

One command a line on stdin, one answer a line on stdout:
    open EXPR OUT IN...   operands are read from file descriptor 3, one after
                          the other; each is type:2x3x4
    check METHOD          makes it ready and runs it; the result is written to
                          descriptor 3
    time METHOD CALLS     seconds of so many calls
    close                 forgets the operands
Answers are "ok ..." or "no reason". Times are CPU time of the process: the
libraries are held to one thread by the environment.
"""
import os
import sys
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

TYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16,
         "bf16": np.uint16, "i8": np.int8, "i32": np.int32}


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


METHODS = {
    "numpy": einsum_optimized, "numpy.c": einsum_plain,
    "numpy.wide": einsum_wide, "numpy.call": einsum_call, "matmul": matmul,
    "opt_einsum": opt, "opt_einsum.call": opt_call,
    "torch": torch_einsum, "torch.call": torch_call, "torch.mm": torch_mm,
    "torch.bmm": torch_bmm,
}


def missing(name):
    return (name.startswith("torch") and not torch
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
    start = time.process_time()
    for _ in again:
        run()
    return "ok %.9g" % (time.process_time() - start)


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
