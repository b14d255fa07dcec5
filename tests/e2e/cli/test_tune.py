# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse tune: spaces, winners, stopping and going on."""

import json
import signal
import subprocess
import time

import cli_case
from cli_case import DATABASE, DEVICE, USAGE, CliCase


class TuneTest(CliCase):
    def small(self):
        return self.op(op="rmsnorm", hidden_size=256, dtype="f32", tuning={"tokens": 64})

    def test_dry_run_describes_the_space(self):
        op = self.op(op="mla_decode", num_heads=24, kv_lora_rank=128, qk_rope_head_dim=64,
                     qk_nope_head_dim=64)
        out = self.ran("tune", op, "--target", "gfx942", "--dry-run", "--space", "full",
                       "--format", "json").json()
        space = out["ops"][0]
        self.assertGreater(space["total"], space["legal"])
        self.assertEqual(space["spaces"]["exhaustive"], space["legal"])
        self.assertEqual(space["selected"], space["spaces"]["full"])
        self.assertLessEqual(space["spaces"]["quick"], space["spaces"]["full"])
        removed = {rule["label"]: rule for rule in space["removed"]}
        self.assertGreater(removed["mla_decode_k1"]["count"], 0)
        self.assertTrue(all(rule["reason"] for rule in space["removed"]))
        self.assertGreater(space["seconds"], 0)
        self.assertIn("model", space["seconds_source"])
        text = self.ran("tune", op, "--target", "gfx942", "--dry-run").out
        self.assertRegex(text, r"^mla_decode at \{.*\}: \d+ combinations, \d+ legal; quick \d+, "
                         r"full \d+, exhaustive \d+\n  mla_decode_k1 +removes +\d+: ")
        self.assertFalse(self.db.exists())

    def test_finds_a_verified_winner(self):
        out = self.ran("tune", self.small(), "--format", "json").json()
        op = out["ops"][0]
        self.assertEqual(op["source"], "measured")
        self.assertTrue(op["complete"])
        self.assertGreater(op["ok"], 0)
        self.assertTrue(op["best"]["verification"]["passed"])
        winners = self.ran("db", "ls", "--winners", "--format", "json").json()["records"]
        self.assertEqual(len(winners), 1)
        self.assertTrue(winners[0]["verification"]["passed"])
        self.assertEqual(self.ran("db", "verify").out, f"{self.db} is sound\n")

    def test_finished_trials_are_not_repeated(self):
        op = self.small()
        first = self.ran("tune", op, "--trials", "2", "--format", "json")
        self.assertEqual(first.json()["ops"][0]["ok"], 2)
        self.assertIn(f"1 of 1 searches were cut short; go on with: zorse tune {op} --space quick "
                      f"--strategy auto --seed 1 --db {self.db}\n", first.err)
        second = self.ran("tune", op, "--format", "json").json()["ops"][0]
        self.assertEqual(second["reused"], 2)
        self.assertTrue(second["complete"])
        third = self.ran("tune", op, "--format", "json").json()["ops"][0]
        self.assertEqual((third["reused"], third["ok"]), (second["reused"] + second["ok"], 0))

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
                         "mamba2_step", "argmax"} <= kinds)
        self.assertEqual(out["selected"], sum(op["selected"] for op in out["ops"]))

    def test_shards_of_a_model_are_the_whole(self):
        def keys(*more):
            ops = self.ran("tune", "--model", self.model(), "--dry-run", "--prefill", "5",
                           "--format", "json", *more).json()["ops"]
            return sorted(json.dumps([op["op"], op["tuning_point"]]) for op in ops)
        whole = keys()
        self.assertEqual(sorted(keys("--shard", "0/3") + keys("--shard", "1/3") +
                                keys("--shard", "2/3")), whole)

    def test_status_counts_rows(self):
        op = self.small()
        self.assertEqual(self.ran("tune", op, "--status").out, 'rmsnorm at {"tokens":64}: no rows\n')
        self.assertFalse(self.db.exists())
        self.ran("tune", op, "--trials", "2")
        states = self.ran("tune", op, "--status", "--format", "json").json()["ops"][0]["states"]
        self.assertEqual(states["ok"], 2)

    def test_explain_config(self):
        op = self.op(op="linear", in_features=512, out_features=512, tuning={"tokens": 8})
        run = self.ran("tune", op, "--target", "gfx942", "--explain-config", "", "--dry-run")
        self.assertIn("exhaustive", run.out)
        legal = self.ran("tune", op, "--explain-config", "block_m=8", "--format", "json").json()
        self.assertTrue(legal["legal"])
        self.assertIn("exhaustive", legal["spaces"])
        self.assertTrue(all(rule["holds"] for rule in legal["constraints"]))
        self.refused(USAGE, "configuration: expected knob=integer, found \"blocks\"", "tune", op,
                     "--explain-config", "blocks")

    def test_events(self):
        run = self.ran("tune", self.small(), "--format", "jsonl")
        events = [json.loads(line) for line in run.out.splitlines()]
        self.assertEqual((events[0]["event"], events[-1]["event"]), ("start", "end"))
        self.assertEqual({event["schema_version"] for event in events}, {1})
        trials = [event for event in events if event["event"] == "trial"]
        begun = [event for event in events if event["event"] == "begin"]
        self.assertEqual([t["config"] for t in trials], [b["config"] for b in begun])
        self.assertTrue(all(t["median_us"] > 0 and t["source"] == "measured" for t in trials))
        outcome = next(event for event in events if event["event"] == "outcome")
        self.assertEqual(outcome["ok"], len(trials))

    def test_wrong_arguments(self):
        op = self.small()
        self.refused(USAGE, "tune needs an op description (OP.json) or --model DIR, found neither",
                     "tune")
        self.refused(USAGE, "--budget: a duration is a number above 0 with s, m or h, such as 90s "
                     "or 1.5h, found '3 weeks'", "tune", op, "--budget", "3 weeks")
        for option, text, message in [
                ("--shard", "4/4", "--shard: expected I/N with I from 0 to N - 1, such as 0/4, "
                 "found '4/4'"),
                ("--memory-limit", "8", "--memory-limit: a size is a number with M or G, from 64M "
                 "on, such as 512M or 8G, found '8'"),
                ("--retune-before", "today", "--retune-before: expected a time in UTC such as "
                 "2026-01-31T12:00:00Z, found 'today'"),
                ("--device", "emulator", "the emulator has no time of its own to tune by; try "
                 "--target ARCH without --device, which predicts (source model), or --device host "
                 "or hip"),
                ("--device", "abacus", "no device 'abacus' to tune on; the devices are host and "
                 "hip"),
                ("--compile-limit", "soon", "--compile-limit: a duration is a number above 0 with "
                 "s, m or h, such as 90s or 1.5h, found 'soon'")]:
            self.refused(USAGE, message, "tune", op, option, text)
        self.assertIn("(did you mean 'exhaustive'?)",
                      self.zorse("tune", op, "--strategy", "exhaustiv").err)
        self.refused(USAGE, "--simulate replays one op: name its OP.json instead of --model",
                     "tune", "--model", self.model(), "--simulate", "sweep.db")
        self.refused(USAGE, "--device host does not run code for gfx942; leave out one of the two",
                     "tune", op, "--device", "host", "--target", "gfx942")
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
