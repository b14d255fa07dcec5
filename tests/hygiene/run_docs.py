# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the examples of the documentation and compares what they print.

    run_docs.py ROOT BINARY_DIRECTORY [PAGE]…

An example is a ```console block right after a line `<!-- run -->`: a line "$ command" and the
output that a reader sees, standard error included. "…" stands for any text within a line, alone on
a line for any number of lines. Commands run in a shell in ROOT with the binaries in PATH; $WORK
names a fresh folder that all examples of one page share.
"""

import os
import re
import subprocess
import sys
import tempfile

import checks

BLOCK = re.compile(r"^<!-- run -->\n```console\n(.*?)^```$", re.M | re.S)


def examples(text):
    """(line number, command, expected lines) for each example of a page."""
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1)) + 1
        command = None
        for row in block.group(1).splitlines():
            if row.startswith("$ "):
                if command is not None:
                    yield start, command, expected
                start, command, expected = line, row[2:], []
            elif command is not None and command.endswith("\\") and not expected:
                command += "\n" + row
            elif command is not None:
                expected.append(row)
            line += 1
        if command is not None:
            yield start, command, expected


def matches(expected, found):
    """Whether the found lines are the expected ones, '…' standing for anything."""
    pattern = ""
    for line in expected:
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.split("…")) + r"\n"
    return re.fullmatch(pattern, "".join(line + "\n" for line in found)) is not None


def faults(root, binaries, pages):
    """One text for each example that fails or prints something else than its page says."""
    result = []
    for page in pages:
        with open(os.path.join(root, page), encoding="utf-8") as stream:
            text = stream.read()
        with tempfile.TemporaryDirectory() as work:
            environment = dict(os.environ, WORK=work, NO_COLOR="1", XDG_DATA_HOME=work,
                               XDG_CACHE_HOME=work,
                               PATH=binaries + os.pathsep + os.environ.get("PATH", ""))
            for line, command, expected in examples(text):
                run = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=root,
                                     env=environment, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     timeout=600, check=False)
                found = run.stdout.decode("utf-8", "replace").splitlines()
                shown = "\n  ".join(found)
                if run.returncode:
                    result.append(f"{page}:{line}: `{command}` ended with exit code "
                                  f"{run.returncode}\n  {shown}")
                elif not matches([e.rstrip() for e in expected], [f.rstrip() for f in found]):
                    wanted = "\n  ".join(expected)
                    result.append(f"{page}:{line}: `{command}` printed\n  {shown}\nbut the page "
                                  f"says\n  {wanted}")
    return result


def main(arguments):
    if len(arguments) < 2:
        print("usage: run_docs.py ROOT BINARY_DIRECTORY [PAGE]…", file=sys.stderr)
        return 2
    root = os.path.abspath(arguments[0])
    pages = arguments[2:] or checks.Tree(root).with_suffix(".md")
    found = faults(root, os.path.abspath(arguments[1]), pages)
    print("\n".join(found) if found else f"{len(pages)} pages hold")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
