# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse run: the published JSON against golden outputs, text, and what bad input is told."""

import json
import shutil
import signal
import sqlite3
import subprocess

import cli_case
from cli_case import DATABASE, RUNTIME, USAGE, CliCase, has_compiler


class RunTest(CliCase):
    def golden(self, model="zebra-stories-260k"):
        return json.loads((self.model(model) / "golden.json").read_text())["cases"]

    def test_json_matches_golden(self):
        if not has_compiler():
            self.skipTest("built without the compiler, and the database is empty")
        for case in self.golden():
            run = self.ran("run", self.model(), "--prompt", case["prompt"], "--max-new-tokens", 64,
                           "--greedy", "--ignore-eos", "--dtype", "f32", "--logits", "--format",
                           "json")
            out = run.json()
            self.assertEqual(out["prompt_ids"], case["prompt_ids"])
            self.assertEqual(out["output_ids"], case["greedy_ids"])
            self.assertEqual(len(out["last_prompt_logits"]), 512)
            for got, want in zip(out["last_prompt_logits"], case["logits_first32"]):
                self.assertAlmostEqual(got, want, delta=1e-4)
            self.assertGreater(out["prefill_tokens_per_second"], 0)
            self.assertGreater(out["decode_tokens_per_second"], 0)
            self.assertEqual(out["stop_reason"], "max_tokens")

    def test_kernels_are_compiled_once_and_remembered(self):
        if not has_compiler():
            self.skipTest("built without the compiler")
        arguments = ["run", self.model(), "--prompt", "Once", "--max-new-tokens", 4]
        first = self.ran(*arguments)
        self.assertRegex(first.err, r"compiled \d+ kernels that the database lacked, with default "
                         rf"configurations, in .*; remembered in {self.db}\n")
        second = self.ran(*arguments, "--format", "json")
        self.assertEqual(second.json()["kernels_compiled"], 0)
        self.assertNotIn("compiled", second.err)
        # What was only compiled has won nothing.
        self.assertEqual(self.ran("db", "ls", "--winners", "--format", "json").json()["records"],
                         [])
        self.ran("db", "verify")

    def test_damaged_code_is_made_again(self):
        if not has_compiler():
            self.skipTest("built without the compiler")
        arguments = ["run", self.model(), "--prompt", "Once", "--max-new-tokens", 4, "--format",
                     "json"]
        first = self.ran(*arguments).json()
        with sqlite3.connect(self.db) as connection:
            connection.execute("UPDATE code SET bytes = x'00' WHERE hash IN "
                               "(SELECT hash FROM code LIMIT 3)")
        connection.close()
        cli_case.seal(self.db)
        second = self.ran(*arguments).json()
        self.assertEqual(second["output_ids"], first["output_ids"])
        self.assertGreaterEqual(second["kernels_compiled"], 3)

    def test_text_streams_to_stdout(self):
        if not has_compiler():
            self.skipTest("built without the compiler")
        case = self.golden()[0]
        run = self.ran("run", self.model(), "--prompt", case["prompt"], "--max-new-tokens", 64,
                       "--dtype", "f32", "--ignore-eos", "--times")
        self.assertEqual(run.out, case["prompt"] + case["greedy_text"] + "\n")
        self.assertRegex(run.err, r"prefill \d+ tokens at [\d.]+ tokens/s, decode 63 at ")
        self.assertRegex(run.err, r"mla_decode +\d+ launches")
        piped = self.ran("run", self.model(), "--prompt", "-", "--max-new-tokens", 64, "--dtype",
                         "f32", "--ignore-eos", stdin=case["prompt"])
        self.assertEqual(piped.out, run.out)

    def test_sampling_follows_the_seed(self):
        if not has_compiler():
            self.skipTest("built without the compiler")
        def sample(seed, temperature=1.0):
            return self.ran("run", self.model(), "--prompt", "Once", "--max-new-tokens", 24,
                            "--temperature", temperature, "--top-k", 50, "--top-p", 0.95, "--seed",
                            seed, "--format", "json", "--ignore-eos").json()["output_ids"]
        self.assertEqual(sample(7), sample(7))
        self.assertNotEqual(sample(7), sample(8))
        self.assertEqual(sample(7, 0), sample(8, 0))

    def test_every_dtype_runs(self):
        if not has_compiler():
            self.skipTest("built without the compiler")
        for dtype in "f32", "f16", "bf16":
            out = self.ran("run", self.model(), "--prompt", "Once", "--max-new-tokens", 3,
                           "--dtype", dtype, "--format", "json").json()
            self.assertEqual(out["dtype"], dtype)
            self.assertEqual(len(out["output_ids"]), 3)

    def test_interrupt_keeps_the_text(self):
        if not has_compiler():
            self.skipTest("built without the compiler")
        # Large enough that 400 tokens take far longer than the signal.
        arguments = ["run", self.model("zebra-stories-5m"), "--prompt", "Once", "--ignore-eos"]
        self.ran(*arguments, "--max-new-tokens", 4)
        process = subprocess.Popen([cli_case.ZORSE, *map(str, arguments), "--max-new-tokens",
                                    "400", "--threads", "1"], env=self.env, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        seen = process.stdout.read(len("Once") + 8)
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertTrue(seen.startswith("Once"))
        self.assertTrue(rest.endswith("\n"))

    def test_wrong_arguments(self):
        self.refused(USAGE, "--dtype is f32, f16 or bf16, found 'f8'", "run", self.model(),
                     "--prompt", "x", "--dtype", "f8")
        self.refused(USAGE, "no device 'abacus'; the devices are host, emulator and hip", "run",
                     self.model(), "--prompt", "x", "--device", "abacus")
        run = self.zorse("run", self.model(), "--prompt", "x", "--temperature", "-1")
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertIn("temperature", run.err)

    def test_wrong_models(self):
        self.ran("db", "verify", "--repair")
        run = self.zorse("run", self.folder / "none", "--prompt", "x")
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertIn(f"{self.folder}/none: expected a model folder", run.err)

        broken = self.folder / "model"
        shutil.copytree(self.model(), broken)
        (broken / "model.safetensors").write_bytes(b"\xff" * 8 + b"{}")
        run = self.zorse("run", broken, "--prompt", "x")
        self.assertIn(run.code, (RUNTIME, USAGE))
        self.assertIn("model.safetensors", run.err)

        (broken / "model.safetensors").unlink()
        (broken / "pytorch_model.bin").write_bytes(b"\x80\x02}q\x00.")
        run = self.zorse("run", broken, "--prompt", "x")
        self.assertIn(run.code, (RUNTIME, USAGE))
        self.assertIn("pytorch_model.bin", run.err)
        self.assertIn("safetensors", run.err)

    def test_wrong_databases(self):
        self.db.write_text("x" * 5000)
        self.refused(DATABASE, f"not a database: {self.db} does not begin as a SQLite file does; "
                     "name a database written by zorse with --db", "run", self.model(), "--prompt",
                     "x")
        self.db.unlink()
        self.ran("db", "verify", "--repair")
        with sqlite3.connect(self.db) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        cli_case.seal(self.db)
        self.refused(DATABASE, f"{self.db} has schema version 99, this zorse knows versions up to "
                     "2; use the zorse that wrote it, or name another file with --db", "run",
                     self.model(), "--prompt", "x")


if __name__ == "__main__":
    cli_case.main()
