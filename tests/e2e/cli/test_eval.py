# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse eval: the model's own regret on recorded measurements."""

import cli_case
from cli_case import USAGE, CliCase


class Eval(CliCase):
    def sweep(self, name):
        return cli_case.SOURCE / "tests/data/sweeps" / f"{name}.jsonl"

    def test_judges_a_recorded_sweep(self):
        answer = self.ran("eval", self.sweep("linear_2048x2048_m64"), "--format", "json").json()
        [problem] = answer["problems"]
        self.assertEqual(problem["op"]["op"], "linear")
        self.assertEqual(problem["tuning_point"], {"tokens": 64})
        self.assertEqual(problem["configurations"], 714)
        for depth in ("1", "4", "8"):
            self.assertLess(problem["before_codegen"]["regret"][depth],
                            problem["random"]["regret"][depth])
        self.assertIsNone(problem["after_codegen"])
        self.assertIn("before codegen", self.ran("eval", self.sweep("mla_decode_h24_r128_b1")).out)

    def test_stores_predictions_that_never_count_as_measured(self):
        stored = self.folder / "model.db"
        self.ran("eval", self.sweep("mla_decode_h24_r128_b1"), "--store", stored)
        rows = self.ran("db", "ls", "--db", stored, "--format", "json").json()["records"]
        self.assertEqual(len(rows), 224)
        self.assertFalse(any(row["winner"] for row in rows))
        refused = self.zorse("eval", stored)
        self.assertEqual(refused.code, USAGE)
        self.assertIn("expected rows with source measured", refused.err)

    def test_refuses_what_it_cannot_read(self):
        self.assertEqual(self.zorse("eval", "missing.db").code, USAGE)
        self.assertEqual(self.zorse("eval", self.sweep("mla_decode_h24_r128_b1"),
                                    "--op", "swiglu").code, USAGE)


if __name__ == "__main__":
    cli_case.main()
