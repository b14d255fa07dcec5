# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints every example of the documentation as a function with the operands as arguments."""

import re
import sys

import td_docs

for kind, (_, description) in td_docs.read_ops(sys.argv[1]).items():
    example = td_docs.example_of(description)
    arguments = []
    for names, types in re.findall(r"(?:ins|outs)\(([^:]*):([^)]*)\)", example):
        arguments += [f"{name.strip()}: {type.strip()}"
                      for name, type in zip(names.split(","), types.split(","), strict=True)]
    print(f"func.func @{kind}({', '.join(arguments)}) {{\n{example}    return\n}}")
