# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse inspect: what a file of machine code tells of itself (of models: test_inspect_model.py)."""

import cli_case
from cli_case import USAGE, CliCase


class InspectTest(CliCase):
    def test_amd_code_tells_what_the_compiler_said(self):
        op = self.op(op="rmsnorm", hidden_size=2048)
        said = self.ran("compile", op, "--target", "gfx942", "-o", "op.hsaco", "--format",
                        "json").json()
        seen = self.ran("inspect", "op.hsaco", "--format", "json").json()["objects"][0]
        self.assertEqual(seen["target"], "gfx942")
        self.assertEqual(seen["code_hash"], said["code_hash"])
        for one, other in zip(seen["kernels"], said["kernels"]):
            for key in "symbol", "vgpr", "agpr", "sgpr", "lds_bytes", "vgpr_spills", "block":
                self.assertEqual(one[key], other[key], key)
        self.assertEqual(len(seen["kernels"]), len(said["kernels"]))

    def test_host_code(self):
        self.ran("compile", self.op(op="rmsnorm", hidden_size=64), "-o", "op.so")
        run = self.ran("inspect", "op.so")
        self.assertIn("target     x86_64\n", run.out)
        self.assertIn("kernel     zorse_rmsnorm\n", run.out)

    def test_folder_of_code(self):
        op = self.op(op="rmsnorm", hidden_size=64)
        (self.folder / "code").mkdir()
        for name in "b.so", "a.so":
            self.ran("compile", op, "-o", f"code/{name}")
        seen = self.ran("inspect", "code", "--format", "json").json()["objects"]
        self.assertEqual([o["file"] for o in seen], ["code/a.so", "code/b.so"])

    def test_what_is_no_code(self):
        self.write("text.so", "hello")
        run = self.zorse("inspect", "text.so")
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertTrue(run.err.startswith("zorse: error: text.so: expected an ELF code object"))
        self.refused(USAGE, "cannot read none.so: No such file or directory", "inspect", "none.so")
        (self.folder / "empty").mkdir()
        self.refused(USAGE, "empty holds neither a config.json nor .hsaco or .so files", "inspect",
                     "empty")

    def test_truncated_code(self):
        self.ran("compile", self.op(op="rmsnorm", hidden_size=64), "--target", "gfx942", "-o",
                 "op.hsaco")
        data = (self.folder / "op.hsaco").read_bytes()
        for size in 4, 63, 64, 200, len(data) // 2, len(data) - 1:
            (self.folder / "cut.hsaco").write_bytes(data[:size])
            run = self.zorse("inspect", "cut.hsaco")
            self.assertEqual((run.code, run.out), (USAGE, ""), size)


if __name__ == "__main__":
    cli_case.main()
