# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse run --device emulator: golden tokens, counts of both phases, options that do not fit."""

import json

from cli_case import DEVICE, USAGE, CliCase, main
from test_run import has_compiler


class DeviceTest(CliCase):
    def test_golden_tokens_and_counts(self):
        if not has_compiler():
            self.skipTest("built without the compiler, and the database is empty")
        case = json.loads((self.model() / "golden.json").read_text())["cases"][0]
        totals = {}
        for arch, checks in (("gfx90a", []), ("gfx942", []), ("gfx942", ["--checks"])):
            out = self.ran("run", self.model(), "--device", "emulator", "--arch", arch, *checks,
                           "--prompt", case["prompt"], "--max-new-tokens", 9, "--ignore-eos",
                           "--dtype", "f32", "--format", "json").json()
            self.assertEqual(out["output_ids"], case["greedy_ids"][:9])
            self.assertEqual(out["target"], arch)
            counted = out["simulated"]["decode"]
            self.assertEqual(counted["source"], "simulated")
            self.assertEqual(counted["tokens"], 8)
            self.assertGreater(counted["total"]["by_class"]["mfma"], 0)
            self.assertAlmostEqual(counted["instructions_per_token"],
                                   counted["total"]["instructions"] / 8)
            self.assertEqual(counted["total"]["instructions"],
                             sum(k["instructions"] for k in counted["kernels"].values()))
            # Counts depend on code and data alone, so checks and repeats change nothing.
            self.assertEqual(totals.setdefault(arch, counted["total"]), counted["total"])

    def test_people_see_the_counts(self):
        if not has_compiler():
            self.skipTest("built without the compiler, and the database is empty")
        run = self.ran("run", self.model(), "--device", "emulator", "--arch", "gfx942", "--prompt",
                       "Once", "--max-new-tokens", 3, "--ignore-eos")
        self.assertIn("decode of 2 tokens on an emulated gfx942, per token (simulated): ", run.err)
        self.assertIn("zorse_linear", run.err)

    def test_options_that_do_not_fit(self):
        prompt = ["run", self.model(), "--prompt", "Once"]
        self.refused(USAGE, "the emulator needs --arch, one of gfx90a, gfx942, gfx950", *prompt,
                     "--device", "emulator")
        self.refused(USAGE, "--arch goes with --device emulator, found --device host", *prompt,
                     "--arch", "gfx942")
        self.refused(USAGE, "--checks goes with --device emulator, found --device hip", *prompt,
                     "--device", "hip", "--checks")
        self.refused(USAGE, "--pin goes with --device host, found --device emulator", *prompt,
                     "--device", "emulator", "--arch", "gfx942", "--pin")
        self.refused(DEVICE, "the emulator does not execute code for x86_64-avx2; it does for "
                     "gfx90a, gfx942, gfx950", *prompt, "--device", "emulator", "--arch",
                     "x86_64-avx2")


if __name__ == "__main__":
    main()
