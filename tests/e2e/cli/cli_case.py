# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the tests of the command line share: a fresh folder, a fresh database, a clean environment."""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

ZORSE = ""
SOURCE = pathlib.Path()

OK, RUNTIME, USAGE, PARTLY_FAILED, WRONG, DATABASE, DEVICE = range(7)


def main():
    """Runs the tests of the calling file: test_VERB.py ZORSE SOURCE [unittest arguments]."""
    global ZORSE, SOURCE
    ZORSE, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    unittest.main(module="__main__", argv=[sys.argv[0]] + sys.argv[3:])


def has_compiler():
    out = subprocess.run([ZORSE, "--help"], capture_output=True, text=True, check=True).stdout
    return "\n  compile " in out


class Run:
    """The three things that a run of the tool gives."""

    def __init__(self, process):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    def json(self):
        return json.loads(self.out)


def seal(path):
    """Sets the checksums of the pages of a database that was changed behind zorse's back."""
    data = bytearray(pathlib.Path(path).read_bytes())
    size = int.from_bytes(data[16:18], "big")
    for page in range(0, len(data), size):
        words = struct.unpack_from(f"<{size // 4 - 2}I", data, page)
        first = second = 0
        for i in range(0, len(words), 2):
            first = (first + words[i] + second) & 0xFFFFFFFF
            second = (second + words[i + 1] + first) & 0xFFFFFFFF
        struct.pack_into("<2I", data, page + size - 8, first, second)
    pathlib.Path(path).write_bytes(data)


class CliCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zorse-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.db = self.folder / "kernels.db"
        self.env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder / "home"),
                    "ZORSE_DB": str(self.db),
                    # An empty world: what comes with the tool would be found beside it.
                    "ZORSE_SHIPPED_DB": str(self.folder / "none.db")}
        # Sanitizers are set up by the environment of the tests.
        self.env.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})

    def zorse(self, *arguments, stdin="", env=None):
        process = subprocess.run([ZORSE, *map(str, arguments)], input=stdin, text=True,
                                 capture_output=True, env={**self.env, **(env or {})},
                                 cwd=self.folder, check=False)
        self.assertGreaterEqual(process.returncode, 0,
                                f"killed by a signal: {arguments}\n{process.stderr}")
        return Run(process)

    def ran(self, *arguments, **options):
        """Runs; it must succeed."""
        run = self.zorse(*arguments, **options)
        self.assertEqual(run.code, OK, run.err)
        return run

    def refused(self, code, message, *arguments, **options):
        """Runs; it must fail with this code and this message, and print no data."""
        run = self.zorse(*arguments, **options)
        self.assertEqual(run.err, f"zorse: error: {message}\n")
        self.assertEqual(run.code, code)
        self.assertEqual(run.out, "")
        return run

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def op(self, name="op.json", **fields):
        """Writes an op description."""
        return self.write(name, json.dumps(fields))

    def model(self, name="zebra-stories-260k"):
        return SOURCE / "tests" / "golden" / name
