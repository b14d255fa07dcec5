# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse tune: spaces, winners, stopping and going on."""

import signal
import subprocess
import time

import cli_case
from cli_case import DATABASE, DEVICE, USAGE, CliCase


class TuneTest(CliCase):
    def small(self):
        return self.op(op="rmsnorm", hidden_size=256, dtype="f32")

    def test_dry_run_describes_the_space(self):
        op = self.op(op="mla_decode", num_heads=24, kv_lora_rank=128, qk_rope_head_dim=64,
                     qk_nope_head_dim=64)
        out = self.ran("tune", op, "--target", "gfx942", "--dry-run", "--space", "full",
                       "--format", "json").json()
        space = out["ops"][0]
        self.assertGreater(space["total"], space["legal"])
        self.assertEqual(space["selected"], space["legal"])
        self.assertGreater(space["removed"]["mla_decode_k1"], 0)
        text = self.ran("tune", op, "--target", "gfx942", "--dry-run").out
        self.assertRegex(text, r"^mla_decode at \{.*\}: \d+ configurations, \d+ legal, \d+ would "
                         r"be tried\n  mla_decode_k1 +removes \d+\n")
        self.assertFalse(self.db.exists())

    def test_finds_a_verified_winner(self):
        out = self.ran("tune", self.small(), "--format", "json").json()
        op = out["ops"][0]
        self.assertEqual(op["source"], "measured")
        self.assertTrue(op["complete"])
        self.assertEqual(op["ok"], op["selected"])
        self.assertTrue(op["best"]["verification"]["passed"])
        winners = self.ran("db", "ls", "--winners", "--format", "json").json()["records"]
        self.assertEqual(len(winners), 1)
        self.assertTrue(winners[0]["verification"]["passed"])
        self.assertEqual(self.ran("db", "verify").out, f"{self.db} is sound\n")

    def test_finished_trials_are_not_repeated(self):
        op = self.small()
        first = self.ran("tune", op, "--trials", "2", "--format", "json")
        self.assertEqual(first.json()["ops"][0]["ok"], 2)
        self.assertIn(f"1 of 1 searches were cut short; go on with: zorse tune {op} --target host "
                      f"--space quick --seed 1 --db {self.db}\n", first.err)
        second = self.ran("tune", op, "--format", "json").json()["ops"][0]
        self.assertEqual(second["reused"], 2)
        self.assertTrue(second["complete"])
        third = self.ran("tune", op, "--format", "json").json()["ops"][0]
        self.assertEqual((third["reused"], third["ok"]), (third["selected"], 0))

    def test_predictions_never_win(self):
        run = self.ran("tune", self.small(), "--target", "gfx942", "--format", "json")
        op = run.json()["ops"][0]
        self.assertEqual(op["source"], "model")
        self.assertFalse(op["best"]["winner"])
        self.assertIn("no prediction becomes a winner", run.err)
        self.assertEqual(self.ran("db", "ls", "--winners", "--format", "json").json()["records"],
                         [])

    def test_interrupt_prints_how_to_go_on(self):
        op = self.op(op="linear", in_features=512, out_features=512, tuning={"tokens": 64})
        process = subprocess.Popen([cli_case.ZORSE, "tune", op, "--space", "full", "--format",
                                    "json"], env=self.env, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not self.finished_trials():
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("stopped; everything finished is kept, go on with: zorse tune ", err)
        self.assertIn('"interrupted": true', out)
        finished = self.finished_trials()
        self.assertGreater(finished, 0)
        again = self.ran("tune", op, "--space", "full", "--trials", "1", "--format", "json")
        self.assertGreaterEqual(again.json()["ops"][0]["reused"], finished)

    def finished_trials(self):
        run = self.zorse("db", "ls", "--format", "json")
        return sum(r["state"] == "ok" for r in run.json()["records"]) if run.code == 0 else 0

    def test_model_ops_are_those_that_the_run_needs(self):
        out = self.ran("tune", "--model", self.model(), "--dry-run", "--prefill", "5,16",
                       "--batch", "1", "--format", "json").json()
        kinds = {op["op"]["op"] for op in out["ops"]}
        self.assertTrue({"embed", "rmsnorm", "linear", "mla_decode", "mla_prefill", "ssd_scan",
                         "ssm_update", "argmax"} <= kinds)
        self.assertEqual(out["selected"], sum(op["selected"] for op in out["ops"]))
        tokens = {op["tuning_point"]["tokens"] for op in out["ops"]}
        self.assertEqual(tokens, {1, 8, 16})

    def test_wrong_arguments(self):
        op = self.small()
        self.refused(USAGE, "tune needs an op description (OP.json) or --model DIR, found neither",
                     "tune")
        self.refused(USAGE, "--budget: a duration is a number above 0 with s, m or h, such as 90s "
                     "or 1.5h, found '3 weeks'", "tune", op, "--budget", "3 weeks")
        run = self.zorse("tune", op, "--model", self.model())
        self.assertEqual((run.code, run.out), (USAGE, ""))
        run = self.zorse("tune", op, "--target", "gfx1")
        self.assertEqual((run.code, run.out), (DEVICE, ""))
        run = self.zorse("tune", self.write("bad.json", '{"op":"rmsnorm"}'))
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertIn("bad.json: $.hidden_size: ", run.err)
        self.db.write_text("x" * 5000)
        self.refused(DATABASE, f"not a database: {self.db} does not begin as a SQLite file does; "
                     "name a database written by zorse with --db", "tune", op)


if __name__ == "__main__":
    cli_case.main()
