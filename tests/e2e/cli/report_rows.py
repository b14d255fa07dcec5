# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rows for the tests of reports, as text that `zorse db import` and `zorse report` read."""

import json

# Would run, load, close an element or confuse a spreadsheet, where it is taken for more than text.
HOSTILE = ("</script><script>document.title='owned'</script><img src=\"http://x.invalid/\" "
           "onerror=alert(1)>]]>&lt;\u2028\u202e'\"")
FORMULA = "=cmd|' /C calc'!A0"


def rows():
    """Two problems on a GPU, a prediction, what failed and why, and hostile texts, 38 rows."""
    lines = [{"format": "zorse trials", "version": 1},
             {"op": {"hidden_size": 2048, "op": "rmsnorm"}},
             {"target": ["gfx942", 304]},
             {"revision": "LLVM 22.1 " + HOSTILE},
             {"meter": ["measured", "MI300X " + HOSTILE, "median of 15 rounds"]},
             {"meter": ["model", "model of gfx942", "roofline"]}]
    for point, tokens in enumerate((1, 64)):
        for i in range(16):
            time = (4 + point) * (1 + abs(i % 4 - 2)) * (1 + abs(i // 4 - 1)) + 0.25 * i
            lines.append(row(tokens, f"rows={2 ** (i % 4)},waves={2 ** (i // 4)}", time, i))
    lines.append({**row(1, "rows=1,waves=1", 3, 90), "meter": 1})
    for i, (state, why) in enumerate((("failed", HOSTILE), ("timed_out", FORMULA),
                                      ("crashed", "signal 11"), ("wrong", "got NaN"))):
        lines.append({"row": [0, 0, 0], "at": {"tokens": 1}, "config": f"rows=32,waves={i + 1}",
                      "code": f"{80 + i:032x}", "state": state, "error": why,
                      "date": "2026-11-21T14:42:19Z"})
    lines.append({**row(64, "rows=16,waves=16", 0.5, 91), "stale": "compiles to other code"})
    return "".join(json.dumps(line) + "\n" for line in lines)


def row(tokens, config, time, number):
    return {"row": [0, 0, 0], "at": {"tokens": tokens}, "config": config,
            "code": f"{number + 100 * tokens + 1:032x}", "meter": 0,
            "us": [time, time * 0.98, time * 1.03], "samples": 15,
            "work": [8192.0 * tokens, 12288.0 * tokens + 4096],
            "verified": [True, 0.25, 6, "out[0]: " + HOSTILE], "date": "2026-11-21T14:42:18Z"}
