# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse compile: the published JSON, files, stages, and what bad input is told."""

import json
import os
import subprocess

import cli_case
from cli_case import DEVICE, RUNTIME, USAGE, CliCase

MLA = {"op": "mla_decode", "num_heads": 24, "kv_lora_rank": 128, "qk_rope_head_dim": 64,
       "qk_nope_head_dim": 64, "dtype": "bf16"}


class CompileTest(CliCase):
    def compiled(self, *arguments, **fields):
        return self.ran("compile", self.op(**(fields or MLA)), *arguments, "--format",
                        "json").json()

    def test_json_describes_the_launch(self):
        out = self.compiled("-o", "op.so", "--config", "kv_splits=4")
        self.assertEqual(out["schema_version"], 1)
        self.assertEqual(out["op"]["num_heads"], 24)
        self.assertEqual(out["config"]["kv_splits"], 4)
        self.assertIn("kv_splits=4", out["config_text"].split(","))
        self.assertTrue(out["kernels"])
        sizes = {"tokens", "num_slots", "max_len", "context"}
        for kernel in out["kernels"]:
            arguments = kernel["arguments"]
            self.assertEqual([a["order"] for a in arguments], list(range(len(arguments))))
            kinds = [a["kind"] for a in arguments]
            self.assertEqual(kinds, sorted(kinds, key=["operand", "workspace", "size"].index))
            operands = [a for a in arguments if a["kind"] == "operand"]
            self.assertEqual([a["name"] for a in operands],
                             ["q_latent", "q", "cache", "slots", "positions", "out"])
            self.assertEqual([a["dtype"] for a in operands],
                             ["bf16", "bf16", "bf16", "i32", "i32", "bf16"])
            self.assertEqual(operands[2]["shape"], ["num_slots", "max_len", "192"])
            self.assertEqual(operands[5]["role"], "out")
            self.assertEqual({a["name"] for a in arguments if a["kind"] == "size"}, sizes)
            for text in kernel["grid"] + kernel["block"]:
                self.assertIsInstance(text, str)
            self.assertEqual(len(kernel["grid"]), 3)
            self.assertEqual(len(kernel["block"]), 3)
            for resource in "lds_bytes", "vgpr", "agpr", "sgpr", "vgpr_spills", "sgpr_spills":
                self.assertIsInstance(kernel[resource], int)
        self.assertRegex(out["code_hash"], "^[0-9a-f]{32}$")
        self.assertEqual(out["code_bytes"], os.path.getsize(self.folder / "op.so"))

    def test_the_same_input_gives_the_same_bytes(self):
        first = self.compiled("-o", "first.so")
        second = self.compiled("-o", "second.so")
        self.assertEqual(first["code_hash"], second["code_hash"])
        self.assertEqual((self.folder / "first.so").read_bytes(),
                         (self.folder / "second.so").read_bytes())

    def test_amd_code_reports_its_resources(self):
        out = self.compiled("--target", "gfx942", "-o", "op.hsaco")
        for kernel in out["kernels"]:
            self.assertGreater(kernel["vgpr"], 0)
            self.assertEqual((kernel["vgpr_spills"], kernel["sgpr_spills"]), (0, 0))
            self.assertLessEqual(kernel["lds_bytes"], 65536)
        self.assertGreater(out["instruction_mix"]["mfma"], 0)
        self.assertEqual((self.folder / "op.hsaco").read_bytes()[:4], b"\x7fELF")

    def test_human_text(self):
        run = self.ran("compile", self.op(**MLA), "-o", "op.so")
        self.assertIn("kernel     zorse_mla_decode\n", run.out)
        self.assertIn("written    op.so\n", run.out)
        self.assertEqual(run.err, "")

    def test_reads_stdin(self):
        out = self.ran("compile", "-", "--format", "json",
                       stdin='{"op":"rmsnorm","hidden_size":64}').json()
        self.assertEqual(out["op"]["op"], "rmsnorm")

    def test_writes_stdout(self):
        op = self.op(op="rmsnorm", hidden_size=64)
        process = subprocess.run([cli_case.ZORSE, "compile", op, "-o", "-"], env=self.env,
                                 capture_output=True, check=True)
        self.assertEqual(process.stdout[:4], b"\x7fELF")
        self.refused(USAGE, "-o - writes the code to stdout, which --format json and --emit write "
                     "to as well; give -o a file", "compile", op, "-o", "-", "--emit", "asm")

    def test_emits_every_stage(self):
        op = self.op(op="rmsnorm", hidden_size=64)
        marks = {"zorse": "zorse.rmsnorm", "tile": "tile.", "mlir": "llvm.func",
                 "llvm": "define", "asm": ".text"}
        for stage, mark in marks.items():
            self.assertIn(mark, self.ran("compile", op, "--emit", stage).out)
        everything = self.ran("compile", op, "--emit", "all", "--format", "json").json()["stages"]
        self.assertEqual(list(everything), list(marks))
        for stage, mark in marks.items():
            self.assertIn(mark, everything[stage])

    def test_files_are_replaced_whole(self):
        target = self.write("op.so", "old")
        self.compiled("-o", "op.so")
        self.assertEqual(target.read_bytes()[:4], b"\x7fELF")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["op.json", "op.so"])

    def test_unwritable_output(self):
        self.refused(RUNTIME, "cannot create none/op.so: No such file or directory", "compile",
                     self.op(op="rmsnorm", hidden_size=64), "-o", "none/op.so")

    def test_unknown_target(self):
        run = self.zorse("compile", self.op(**MLA), "--target", "gfx9999")
        self.assertEqual(run.code, DEVICE)
        self.assertRegex(run.err, r'^zorse: error: unknown target "gfx9999"; did you mean gfx90a\? '
                         r"legal targets: host, x86_64-avx2, .*gfx942")

    def test_configuration_that_does_not_fit_the_lds(self):
        run = self.zorse("compile", self.op(**{**MLA, "kv_lora_rank": 512}), "--target", "gfx942",
                         "--config", "block_h=32,block_n=128,kv_splits=8,waves=2")
        self.assertEqual(run.code, USAGE)
        self.assertRegex(run.err, "mla_decode_k3: queries, latents and probabilities must fit the "
                         "LDS, found .*lds_bytes = 65536")

    def test_wrong_configurations(self):
        op = self.op(**MLA)
        run = self.zorse("compile", op, "--config", "block_q=3")
        self.assertEqual(run.code, USAGE)
        self.assertIn("unknown knob block_q of mla_decode", run.err)
        self.assertIn("did you mean block_h? legal knobs: block_h, block_n, kv_splits", run.err)
        run = self.zorse("compile", op, "--config", "kv_splits=3")
        self.assertEqual(run.code, USAGE)
        self.assertIn("kv_splits", run.err)

    def test_wrong_descriptions(self):
        cases = {
            '{"op":"mla_decode","num_head":24}':
                "stdin: $.num_head: unknown field of mla_decode; did you mean num_heads? ",
            '{"op":"mla_decod"}': "stdin: $.op: expected one of argmax, ",
            '{"op":"rmsnorm"}': "stdin: $.hidden_size: ",
            '{"op":"rmsnorm","hidden_size":"64"}': "stdin: $.hidden_size: ",
            '{"op":"rmsnorm","hidden_size":0}': "stdin: $.hidden_size: ",
            '{"op":"rmsnorm","hidden_size":64,"dtype":"f8"}': "stdin: $.dtype: ",
            '{"op":"rmsnorm","hidden_size":64,"hidden_size":65}': "stdin: $.hidden_size: duplicate",
            "[" * 100000: "stdin: ",
            '{"op":': "stdin: not valid JSON: ",
            "": "stdin: not valid JSON: ",
        }
        for text, message in cases.items():
            with self.subTest(text=text[:60]):
                run = self.zorse("compile", "-", stdin=text)
                self.assertEqual(run.code, USAGE)
                self.assertTrue(run.err.startswith("zorse: error: " + message), run.err)
                self.assertEqual(run.out, "")

    def test_missing_and_huge_descriptions(self):
        self.refused(USAGE, "cannot read none.json: No such file or directory", "compile",
                     "none.json")
        self.refused(USAGE, "stdin is larger than 1.0 MiB", "compile", "-",
                     stdin=json.dumps({"op": "x" * (2 << 20)}))


if __name__ == "__main__":
    cli_case.main()
