# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse run --device hip over the fake HIP library: golden tokens, the calls made, what is told
when something is missing. The library is named in the environment of the test, FAKE_HIP."""

import collections
import json
import os

from cli_case import DEVICE, RUNTIME, CliCase, main
from test_run import has_compiler

ELSEWHERE = ("without an AMD GPU take the device emulator or host (--device emulator, --device "
             "host)")


class HipTest(CliCase):
    def setUp(self):
        super().setUp()
        self.log = self.folder / "calls.log"
        self.env["ZORSE_HIP_LIBRARY"] = os.environ["FAKE_HIP"]
        self.env["FAKE_HIP_LOG"] = str(self.log)
        self.model_run = ["run", self.model(), "--device", "hip", "--prompt"]

    def calls(self):
        lines = self.log.read_text().splitlines()
        self.assertEqual([line for line in lines if not line.endswith(" = 0")], [])
        return collections.Counter(line.split("(")[0] for line in lines)

    def test_golden_tokens_mostly_from_graphs(self):
        if not has_compiler():
            self.skipTest("built without the compiler, and the database is empty")
        case = json.loads((self.model() / "golden.json").read_text())["cases"][0]
        for arch in ("gfx90a", "gfx942"):
            self.log.unlink(missing_ok=True)
            out = self.ran(*self.model_run, case["prompt"], "--max-new-tokens", 64, "--ignore-eos",
                           "--dtype", "f32", "--format", "json", env={"FAKE_HIP_ARCH": arch}).json()
            self.assertEqual(out["output_ids"], case["greedy_ids"])
            self.assertTrue(out["device"].startswith(f"Emulated {arch}, {arch}:sramecc+:xnack-, "))
            calls = self.calls()
            # 63 steps after the first token; the first of each power of two is launched plainly.
            self.assertGreaterEqual(calls["hipGraphLaunch"], 63 - 6)
            for made, gone in (("hipMalloc", "hipFree"), ("hipModuleLoadData", "hipModuleUnload"),
                               ("hipGraphInstantiate", "hipGraphExecDestroy"),
                               ("hipStreamCreateWithFlags", "hipStreamDestroy")):
                self.assertEqual(calls[made], calls[gone], made)

    def test_without_a_library(self):
        reason = "cannot open shared object file: No such file or directory"
        self.refused(DEVICE, f"no HIP library; tried nowhere.so ({reason}); install the HIP runtime "
                     f"of ROCm, or name its library in ZORSE_HIP_LIBRARY; {ELSEWHERE}",
                     *self.model_run, "x", env={"ZORSE_HIP_LIBRARY": "nowhere.so"})
        run = self.zorse(*self.model_run, "x", env={"ZORSE_HIP_LIBRARY": ""})
        if run.code == DEVICE and "no HIP library" in run.err:  # a machine without ROCm
            for name in (".so.7", ".so.6", ".so", ".so.5"):
                self.assertIn(f"libamdhip64{name} ({reason})", run.err)

    def test_without_a_gpu(self):
        self.refused(DEVICE, "hipInit(0) failed: hipErrorNoDevice (100), no ROCm-capable device is "
                     "detected; check that /dev/kfd and /dev/dri are there and open to this user, "
                     "and that HIP_VISIBLE_DEVICES and ROCR_VISIBLE_DEVICES hide no GPU; "
                     + ELSEWHERE, *self.model_run, "x", env={"FAKE_HIP_ARCH": ""})

    def test_a_call_that_fails(self):
        run = self.zorse(*self.model_run, "x", env={"FAKE_HIP_FAIL": "hipMalloc:3:2"})
        self.assertEqual(run.code, RUNTIME)
        self.assertRegex(run.err, r"zorse: error: .*: hipMalloc\(\d+ bytes\) failed: "
                         r"hipErrorOutOfMemory \(2\), out of memory; use fewer slots, a shorter")


if __name__ == "__main__":
    main()
