#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make.py - writes the records of tests/language and their arrays.

usage: make.py        (needs numpy; the tests do not)
What is expected is computed here by numpy in double or in integers, from the
meaning of an expression, never by einc. Integer data are compared exactly;
the others within 1e-5 (f32) or 1e-13 (f64) of the largest sum of magnitudes
of the terms, which allows some 100 roundings of that type.
"""
import glob
import os
import shutil

import records
from records import Book, write

import case_worked, case_keops, case_listed, case_reductions  # noqa: F401
import case_language, case_errors, case_more                  # noqa: F401

records.OPEN.update({})

if __name__ == "__main__":
    folder = os.path.join(records.HERE, "data")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for m in (case_worked, case_keops, case_listed, case_reductions,
              case_language, case_errors, case_more):
        m.make()
    write()
    size = sum(os.path.getsize(f) for f in glob.glob(folder + "/*"))
    size += sum(os.path.getsize(f)
                for f in glob.glob(records.HERE + "/*.test"))
    print("%d cases, %d kB" % (sum(len(b.names) for b in Book.books.values()),
                               size // 1000))
