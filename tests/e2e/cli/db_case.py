# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Databases for the tests of zorse db, made by zorse itself from lines of text."""

import json
import zlib

from cli_case import CliCase

# Every field, so that the text is canonical.
OP = {"dtype": "f32", "eps": 1e-05, "hidden_size": 64, "op": "rmsnorm", "rounding": "single"}
DATE = "2026-01-31T12:00:00Z"


def trial(config, us=None, device="MI300X", tokens=1, code=None, half=0.25, samples=15, **more):
    """A trial for make(): measured and verified if it has a time, else as `more` says."""
    row = {"at": {"tokens": tokens}, "config": config, "date": DATE,
           "code": code or f"{zlib.crc32(f'{config} {tokens}'.encode()):032x}"}
    if us:
        row.update(us=[us, us - half, us + half], samples=samples, work=[1e6, 2e6],
                   verified=[True, 0.5, 3, ""], device=device)
    row.update(more)
    return row


class DbCase(CliCase):
    def text(self, trials, op=None, target=("gfx942", 304)):
        devices = sorted({t["device"] for t in trials if "device" in t})
        lines = [{"format": "zorse trials", "version": 1}, {"op": op or OP},
                 {"target": list(target)}, {"revision": "test"}]
        lines += [{"meter": ["measured", device, "median"]} for device in devices]
        for t in trials:
            row = {"row": [0, 0, 0], **t}
            if "device" in row:
                row["meter"] = devices.index(row.pop("device"))
            lines.append(row)
        return "".join(json.dumps(line) + "\n" for line in lines)

    def make(self, name, trials, **more):
        """A database with these trials."""
        path = self.folder / name
        self.ran("db", "import", "-", "--db", path, stdin=self.text(trials, **more))
        return path

    def rows(self, path, *filters):
        return self.ran("db", "ls", "--db", path, "--format", "json", *filters).json()["records"]
