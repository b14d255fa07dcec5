# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse tune --model: what a model launches, where a budget goes, what a database covers."""

import json
import shlex

import cli_case
from cli_case import DATABASE, USAGE, CliCase

STATES = ("covered", "bucket", "fallback")
# Wide intervals will do: what is tried here is not how times are taken.
QUICKLY = ("--precision", "1")


def key(row):
    return json.dumps([row["op"], row["tuning_point"]])


class PlanTest(CliCase):
    def sizes(self, batch="1..4", context="64..256", prefill="64"):
        return ["--model", self.model(), "--batch", batch, "--context", context, "--prefill",
                prefill]

    def finished(self):
        """How many trials have a result; others were compiled and wait, where a budget ended."""
        rows = self.ran("db", "ls", "--format", "json").json()["records"]
        return sum(row["state"] not in ("queued", "running", "interrupted") for row in rows)

    def check_coverage(self, coverage):
        """What must hold of every report."""
        self.assertAlmostEqual(sum(coverage[state] for state in STATES), 1)
        for state in STATES:
            share = sum(k["share"] for k in coverage["kernels"] if k["state"] == state)
            self.assertAlmostEqual(share, coverage[state])
        for kernel in coverage["kernels"]:
            self.assertGreater(kernel["us"], 0)
            if kernel["state"] == "covered":
                self.assertEqual((kernel["source"], kernel["expected_loss"]), ("measured", 0))
                low, high = kernel["interval_us"]
                self.assertTrue(low <= kernel["us"] <= high, kernel)
                continue
            # Nothing but what was measured passes for measured, and no loss comes from nowhere.
            self.assertEqual(kernel["source"], "model")
            self.assertNotIn("interval_us", kernel)
            self.assertTrue(kernel["expected_loss_from"])
            self.assertEqual("tuned_at" in kernel, kernel["state"] == "bucket")
            if kernel["expected_loss"] is not None:
                self.assertGreaterEqual(kernel["expected_loss"], 0)
        for scenario in coverage["scenarios"]:
            kind, *numbers = scenario["name"].split()
            tokens = int(numbers[0].lstrip("b")) if kind == "decode" else int(numbers[0])
            self.assertAlmostEqual(scenario["tokens_per_second"] * scenario["step_us"] / 1e6 /
                                   tokens, 1)
            low, high = scenario["interval"]
            self.assertTrue(low <= scenario["tokens_per_second"] <= high, scenario)
            self.assertTrue(0 <= scenario["measured_share"] <= 1 + 1e-9)
            if scenario["measured_share"] == 0:
                self.assertEqual(low, high)

    def test_a_plan_before_anything_is_tuned(self):
        out = self.ran("tune", *self.sizes(), "--dry-run", "--format", "json").json()
        self.assertEqual(out["plan"]["scenarios"],
                         [f"decode b{b} c{c}" for b in (1, 2, 4) for c in (64, 128, 256)] +
                         ["prefill 64"])
        problems = out["plan"]["problems"]
        self.assertAlmostEqual(sum(p["share"] for p in problems), 1)
        self.assertEqual([p["share"] for p in problems],
                         sorted((p["share"] for p in problems), reverse=True))
        self.assertEqual([key(p) for p in problems], [key(op) for op in out["ops"]])
        for problem in problems:
            self.assertEqual(len(problem["launches"]), 10)
            self.assertGreater(sum(problem["launches"]), 0)
        self.assertEqual({p["tuning_point"]["tokens"] for p in problems}, {1, 2, 4, 64})
        text = self.ran("tune", *self.sizes(), "--dry-run").out
        self.assertTrue(text.startswith(f"{len(problems)} problems in 10 scenarios; the heaviest "
                                        "by predicted time:\n"), text[:200])
        self.assertRegex(text, f"all quick spaces of {len(problems)} problems: {out['selected']} "
                               r"configurations, at most [^\n]+\n$")

        coverage = self.ran("tune", *self.sizes(), "--status", "--format", "json").json()[
            "coverage"]
        self.check_coverage(coverage)
        self.assertAlmostEqual(coverage["fallback"], 1)
        self.assertEqual({key(k) for k in coverage["kernels"]}, {key(p) for p in problems})
        self.assertEqual({(k["expected_loss"], k["expected_loss_from"])
                          for k in coverage["kernels"]}, {(None, "nothing of this kind was tuned")})
        self.assertEqual({s["measured_share"] for s in coverage["scenarios"]}, {0})
        text = self.ran("tune", *self.sizes(), "--status").out
        self.assertIn("coverage of the expected time: 0.0 % covered, 0.0 % at the nearest bucket, "
                      "100.0 % at the defaults\n", text)
        self.assertRegex(text, r"decode b1 c64 +[\d.]+ tokens/s, 0 % of it measured, the rest "
                               r"predicted \(source model\)\n")
        self.assertFalse(self.db.exists(), "looking makes no database")

    def test_a_budget_that_ends_and_how_to_go_on(self):
        run = self.ran("tune", *self.sizes(), "--budget", "2s", "--format", "json")
        out = run.json()
        self.check_coverage(out["coverage"])
        self.assertGreater(out["coverage"]["covered"], 0)
        self.assertGreater(out["coverage"]["fallback"], 0)
        tuned = {key(op) for op in out["ops"]}
        self.assertEqual({key(k) for k in out["coverage"]["kernels"] if k["state"] == "covered"},
                         {key(op) for op in out["ops"] if op["best"]})
        for kernel in out["coverage"]["kernels"]:
            if kernel["state"] == "fallback" and kernel["expected_loss"] is not None:
                self.assertRegex(kernel["expected_loss_from"],
                                 r"^\d+ tuned buckets of this (op|kind)$")
        total = len(out["coverage"]["kernels"])
        self.assertLess(len(tuned), total)
        self.assertRegex(run.err, f"info: \\d+ of {total} problems are not done; go on with: zorse "
                                  "tune --model ")
        words = shlex.split(run.err.split("go on with: ")[1].splitlines()[0])
        self.assertEqual(words[0], "zorse")
        self.assertFalse({"--budget", "--trials"} & set(words))
        before = self.finished()
        self.assertGreater(before, 0)
        again = self.ran(*words[1:], "--trials", "3", "--format", "json").json()
        self.check_coverage(again["coverage"])
        self.assertEqual(sum(op["ok"] + op["failed"] for op in again["ops"]), 3)
        self.assertEqual(self.finished(), before + 3, "no trial is repeated")
        was = {key(k) for k in out["coverage"]["kernels"] if k["state"] == "covered"}
        now = {key(k) for k in again["coverage"]["kernels"] if k["state"] == "covered"}
        self.assertLessEqual(was, now)
        after = self.ran("tune", *self.sizes(), "--status", "--format", "json").json()
        self.assertEqual(after["coverage"], again["coverage"])

    def test_trials_are_counted_over_the_whole_model(self):
        first = self.ran("tune", *self.sizes(), "--trials", "5", "--format", "json", *QUICKLY)
        self.assertEqual(sum(op["ok"] + op["failed"] for op in first.json()["ops"]), 5)
        self.assertIn("problems are not done; go on with: ", first.err)
        second = self.ran("tune", *self.sizes(), "--trials", "4", "--format", "json",
                          *QUICKLY).json()
        self.assertEqual(sum(op["ok"] + op["failed"] for op in second["ops"]), 4)
        self.assertEqual(self.finished(), 9)

    def test_other_buckets_take_the_nearest_winner(self):
        plan = self.ran("tune", *self.sizes(), "--dry-run", "--format", "json").json()["plan"]
        tuned = next(p for p in plan["problems"] if p["op"]["op"] == "linear" and
                     p["tuning_point"] == {"tokens": 4})
        self.ran("tune", self.op(**tuned["op"], tuning=tuned["tuning_point"]), *QUICKLY)
        coverage = self.ran("tune", *self.sizes(), "--status", "--format", "json").json()[
            "coverage"]
        self.check_coverage(coverage)
        same = {k["tuning_point"]["tokens"]: k for k in coverage["kernels"]
                if k["op"] == tuned["op"]}
        self.assertEqual({tokens: k["state"] for tokens, k in same.items()},
                         {1: "bucket", 2: "bucket", 4: "covered", 64: "bucket"})
        for tokens, doublings in ((1, 2), (2, 1), (64, 4)):
            self.assertEqual(same[tokens]["tuned_at"], {"tokens": 4})
            self.assertEqual(same[tokens]["config"], same[4]["config"])
            self.assertIsNone(same[tokens]["expected_loss"])
            self.assertEqual(same[tokens]["expected_loss_from"],
                             f"no pair of buckets {doublings} doublings apart was measured")
        self.assertIn("expected loss unknown: no pair of buckets 1 doublings apart was measured",
                      self.ran("tune", *self.sizes(), "--status").out)

    def test_shards_make_the_whole(self):
        sizes = self.sizes(batch="1", context="64", prefill="1")
        whole = self.ran("tune", *sizes, "--dry-run", "--format", "json").json()["plan"]
        names, tuned = [], []
        for shard in ("0/2", "1/2"):
            names.append(self.folder / f"{shard[0]}.db")
            out = self.ran("tune", *sizes, "--shard", shard, "--db", names[-1], "--format", "json",
                           *QUICKLY).json()
            tuned.append({key(op) for op in out["ops"]})
            # One shard speaks of the whole model too: the rest is at the defaults, not missing.
            self.check_coverage(out["coverage"])
            self.assertEqual({key(k) for k in out["coverage"]["kernels"]},
                             {key(p) for p in whole["problems"]})
            self.assertEqual({key(k) for k in out["coverage"]["kernels"]
                              if k["state"] == "covered"}, tuned[-1])
        self.assertTrue(tuned[0] and tuned[1])
        self.assertFalse(tuned[0] & tuned[1])
        self.assertEqual(tuned[0] | tuned[1], {key(p) for p in whole["problems"]})
        merged = self.folder / "all.db"
        self.ran("db", "merge", merged, *names)
        coverage = self.ran("tune", *sizes, "--status", "--db", merged, "--format",
                            "json").json()["coverage"]
        self.check_coverage(coverage)
        self.assertAlmostEqual(coverage["covered"], 1)
        for scenario in coverage["scenarios"]:
            self.assertAlmostEqual(scenario["measured_share"], 1)
        self.assertIn(", 100 % of it measured\n",
                      self.ran("tune", *sizes, "--status", "--db", merged).out)
        again = self.ran("tune", *sizes, "--db", merged, "--format", "json", *QUICKLY)
        self.assertEqual(sum(op["ok"] + op["failed"] for op in again.json()["ops"]), 0)
        self.assertNotIn("go on with", again.err)

    def test_wrong_arguments(self):
        sizes = "expected sizes from 1 to 2^31 such as 8 or 1,4,8 or 1..64 or 512..32K, found "
        for option in ("--batch", "--context", "--prefill"):
            for text in ("4..1", "0", "many", "1..", "1,,2"):
                self.refused(USAGE, f"{option}: {sizes}'{text}'", "tune", "--model", self.model(),
                             f"{option}={text}")
        self.refused(USAGE, "--context must not exceed the 512 positions that the model was made "
                     "for, found 1024,2048", "tune", "--model", self.model(), "--context", "1k..2k")
        self.refused(USAGE, "--batch: a decode step takes up to 4096 sequences, found 5000", "tune",
                     "--model", self.model(), "--batch", "5000")
        self.refused(USAGE, "--budget: a duration is a number above 0 with s, m or h, such as 90s "
                     "or 1.5h, found 'a while'", "tune", "--model", self.model(), "--budget",
                     "a while")
        self.refused(USAGE, "--dtype is f32, f16 or bf16, found 'int8'", "tune", "--model",
                     self.model(), "--dtype", "int8")
        run = self.ran("tune", "--model", self.model(), "--context", "512..1k", "--dry-run")
        self.assertIn("warning: --context above 512 is left out: the model was made for so many "
                      "positions\n", run.err)
        self.db.write_text("x" * 5000)
        for option in ("--status", "--dry-run"):
            run = self.zorse("tune", "--model", self.model(), option)
            self.assertEqual(run.code, DATABASE)
            self.assertIn("not a database: ", run.err)


if __name__ == "__main__":
    cli_case.main()
