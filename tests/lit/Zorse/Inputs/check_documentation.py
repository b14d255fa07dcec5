# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds the documentation of every op against its spec; prints each difference."""

import json
import pathlib
import sys

import td_docs

source = pathlib.Path(sys.argv[1])
invalid = "".join(path.read_text() for path in (source / "tests/lit/Zorse").glob("invalid*.mlir"))
ops = td_docs.read_ops(source)
specs = {path.stem: json.loads(path.read_text())
         for path in (source / "dialect/ops").glob("*.json")}
failures = []

if set(ops) != set(specs):
    failures.append(f"ops {sorted(ops)} differ from specs {sorted(specs)}")
for kind in sorted(set(ops) & set(specs)):
    summary, description = ops[kind]
    spec = specs[kind]
    text = td_docs.one_line(description)
    wanted = [f"Formula: {spec['formula']}", "Example:", "Available on: host, AMD"]
    for rule in spec["constraints"]:
        if rule["on"] == "desc":
            wanted.append(f"* {rule['label']}: {rule['message']}.")
            if f"@{rule['label']}(" not in invalid:
                failures.append(f"{kind}: no function @{rule['label']} in invalid*.mlir")
    if summary != spec["summary"]:
        failures.append(f"{kind}: summary: expected \"{spec['summary']}\", found \"{summary}\"")
    failures += [f"{kind}: expected \"{part}\"" for part in wanted if part not in text]

print("\n".join(failures) if failures else f"{len(ops)} ops agree with their specs")
sys.exit(bool(failures))
