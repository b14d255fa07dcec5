# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The documentation of the ops in the .td files, as data."""

import pathlib
import re

OP = re.compile(r'def \w+ : Zorse_Op<"(?P<kind>\w+)"> \{\s*'
                r'let summary = (?P<summary>"[^"]*"(?:\s*"[^"]*")*);'
                r'\s*let description = \[\{(?P<description>.*?)\}\];', re.S)
EXAMPLE = re.compile(r"```mlir\n(.*?)```", re.S)


def one_line(text):
    return " ".join(text.split())


def read_ops(source):
    """kind -> (summary, description) of every op of the dialect."""
    folder = pathlib.Path(source) / "dialect/include/zorse/Dialect/Zorse"
    ops = {}
    for path in sorted(folder.glob("*Ops.td")):
        for match in OP.finditer(path.read_text()):
            summary = "".join(re.findall(r'"([^"]*)"', match["summary"]))
            ops[match["kind"]] = (summary, match["description"])
    return ops


def example_of(description):
    found = EXAMPLE.findall(description)
    assert len(found) == 1, "expected one example"
    return found[0]
