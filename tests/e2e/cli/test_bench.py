# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse bench: rows and formats on a small model, comparisons, and what wrong requests are told."""

import csv
import io
import json

import cli_case
from cli_case import USAGE, CliCase, has_compiler

SIZES = ("expected sizes from 0 to 2^31 such as 512 or 0,4K or 16-512*2 or 1-9+4 or 1..64, found ")


class BenchRequestTest(CliCase):
    def bench(self, *more):
        return ("bench", self.model(), *more)

    def test_wrong_sizes(self):
        for option in ("--prompt", "--gen", "--batch", "--depth"):
            self.refused(USAGE, f"{option}: {SIZES}'1-8'", *self.bench(option, "1-8"))
        self.refused(USAGE, "--batch: expected 1 to 4096 sequences, found 0",
                     *self.bench("--batch", "0"))
        self.refused(USAGE, "there is nothing to time: --prompt and --gen are both 0",
                     *self.bench("--prompt", "0", "--gen", "0"))

    def test_wrong_formats(self):
        self.refused(USAGE, "--format is md, csv, json or jsonl, found 'human'",
                     *self.bench("--format", "human"))
        self.refused(USAGE, "--also is md, csv, json or jsonl, found 'x'",
                     *self.bench("--also", "x"))

    def test_more_than_the_model_was_made_for(self):
        self.refused(USAGE, "depth 500 with 40 tokens more exceeds the 512 positions that the model "
                     "was made for", *self.bench("--depth", "500", "--gen", "40", "--prompt", "0"))

    def test_a_comparison_times_decode_alone(self):
        self.refused(USAGE, "a comparison times decode steps alone: --batch, --depth and --seconds; "
                     "leave --prompt, --gen and --first-token out",
                     *self.bench("--against", self.model("llama-stories-260k"), "--gen", "8"))
        refused = self.zorse(*self.bench("--against", "missing"))
        self.assertEqual((refused.code, refused.out), (USAGE, ""))
        # Found before anything is measured.
        self.assertEqual(refused.err, "zorse: error: missing: expected a model folder\n")
        self.refused(USAGE, "a comparison takes batches from 1 to 4096 and depths from 1, found batch "
                     "1 and depth 0", *self.bench("--against", self.model("llama-stories-260k"),
                                                  "--batch", "1", "--depth", "0"))

    def test_a_model_that_is_not_there(self):
        run = self.zorse("bench", self.folder / "none")
        self.assertEqual((run.code, run.out), (USAGE, ""))


class BenchTest(CliCase):
    kept = None  # the database with the kernels that the first run compiled

    def setUp(self):
        super().setUp()
        if not has_compiler():
            self.skipTest("nothing compiles the kernels")
        if BenchTest.kept:
            self.db.write_bytes(BenchTest.kept)

    def tearDown(self):
        if self.db.exists():
            BenchTest.kept = self.db.read_bytes()

    def test_rows(self):
        out = self.ran("bench", self.model(), "--dtype", "f32", "--prompt", "8", "--gen", "4",
                       "--batch", "1,2", "--depth", "0,32", "-r", 3, "--format", "json", "--also",
                       "md", "--first-token", "--threads", 1)
        table = out.json()
        self.assertEqual([(r["test"], r["batch"], r["depth"]) for r in table["rows"]],
                         [(test, batch, depth) for batch in (1, 2) for depth in (0, 32)
                          for test in ("pp8", "tg4")])
        for row in table["rows"]:
            decodes = row["test"].startswith("tg")
            self.assertEqual(row["source"], "measured")
            self.assertEqual(row["repetitions"], 3)
            self.assertGreater(row["low"], 0)
            self.assertLessEqual(row["low"], row["tokens_per_second"])
            self.assertLessEqual(row["tokens_per_second"], row["high"])
            self.assertGreater(row["gb_per_second" if decodes else "gflops"], 0)
            self.assertIsNone(row["gflops" if decodes else "gb_per_second"])
            self.assertAlmostEqual(row["tokens_per_second"] * row["seconds"],
                                   row["batch"] * row["tokens"], delta=1e-6)
            self.assertGreater(row["cache_bytes"], 0)
            self.assertGreater(row["memory_peak_bytes"], row["cache_bytes"])
        byte = {(r["batch"], r["depth"]): r["bytes"] for r in table["rows"] if r["bytes"]}
        self.assertGreater(byte[1, 32], byte[1, 0], "caches are read")
        self.assertGreater(byte[2, 0], byte[1, 0], "each sequence has states")
        self.assertLess(byte[2, 0], 2 * byte[1, 0], "they share the weights")
        setting = table["setting"]
        self.assertEqual((setting["dtype"], setting["threads"]), ("f32", 1))
        self.assertGreater(setting["read_gb_per_second"], 0)
        self.assertIn("peaks measured in this run", setting["peaks"])
        first = table["first_token"]
        self.assertEqual(first["prompt_tokens"], 8)
        self.assertGreater(first["cold_seconds"], first["loaded_seconds"])
        self.assertGreater(first["warm_seconds"], first["loaded_seconds"])
        self.assertIn("| pp8 | 1 | 0 |", out.err)
        self.assertIn("First token of 8 tokens", out.err)

    def test_formats(self):
        arguments = ("bench", self.model(), "--dtype", "f32", "-p", "8", "-n", "0", "-r", 1)
        rows = list(csv.DictReader(io.StringIO(self.ran(*arguments, "--format", "csv").out)))
        self.assertEqual([row["test"] for row in rows], ["pp8"])
        self.assertEqual(rows[0]["model"], str(self.model()))
        lines = self.ran(*arguments, "--format", "jsonl").out.splitlines()
        self.assertEqual([json.loads(line)["test"] for line in lines], ["pp8"])
        self.assertRegex(self.ran(*arguments).out, r"\| pp8 \| 1 \| 0 \| \d")

    def test_comparison(self):
        run = self.ran("bench", self.model(), "--against", self.model("mambainllama-stories-260k"),
                       "--against", self.model("llama-stories-260k"), "--dtype", "f32", "--batch",
                       "1,2", "--depth", "16,480", "--seconds", "0.01", "--format", "json")
        table = run.json()
        self.assertEqual(len(table["cells"]), 3 * 4)
        for cell in table["cells"]:
            if cell["context"] == 480:
                self.assertEqual(cell["skipped"], "the model was made for 512 positions")
                self.assertIsNone(cell["tokens_per_second"])
                self.assertEqual(cell["source"], "model")
                continue
            self.assertGreater(cell["tokens_per_second"], 0)
            self.assertGreaterEqual(cell["steps"], 6)
            self.assertGreater(cell["step_bytes_caches"], 0)
            self.assertGreater(cell["needed_bytes"], cell["weight_bytes"])
        mamba = table["cells"][1]
        self.assertEqual(mamba["model"], "mambainllama-stories-260k")
        self.assertGreater(mamba["first_over_this"], 0)
        says = " ".join(table["says"])
        self.assertIn("times over MambaInLlama", says)
        self.assertIn("Not here: batch 1, context 480 (the model was made for 512 positions)", says)


if __name__ == "__main__":
    cli_case.main()
