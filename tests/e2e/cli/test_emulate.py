# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse emulate: code objects from anywhere, executed without a GPU.

LLVM_MC and LD_LLD name the assembler and the linker; CLANG, which may be missing, a clang for
OpenCL C.
"""

import os
import struct
import subprocess

import cli_case
from cli_case import DEVICE, RUNTIME, USAGE, CliCase

FORMS = "i8:N, i16:N, i32:N, i64:N, f32:X, f64:X, hex:BYTES, in:FILE, inout:FILE, out:BYTES:FILE"

# y[i] = a * x[i] + y[i] over one workgroup: s[0:1] points to y, x, a.
SAXPY = """
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  s_load_dword s8, s[0:1], 0x10
  v_lshlrev_b32_e32 v0, 2, v0
  s_waitcnt lgkmcnt(0)
  global_load_dword v1, v0, s[4:5]
  global_load_dword v2, v0, s[6:7]
  s_waitcnt vmcnt(0)
  v_fmac_f32_e32 v1, s8, v2
  global_store_dword v0, v1, s[4:5]
"""
METADATA = """.amdgpu_metadata
amdhsa.version: [1, 2]
amdhsa.kernels:
  - .name: NAME
    .symbol: NAME.kd
    .kernarg_segment_size: 24
    .kernarg_segment_align: 8
    .group_segment_fixed_size: 0
    .private_segment_fixed_size: 0
    .wavefront_size: 64
    .sgpr_count: 32
    .vgpr_count: 8
    .max_flat_workgroup_size: 256
    .args:
      - {.name: y, .offset: 0, .size: 8, .value_kind: global_buffer, .address_space: global}
      - {.name: x, .offset: 8, .size: 8, .value_kind: global_buffer, .address_space: global}
      - {.name: a, .offset: 16, .size: 4, .value_kind: by_value}
.end_amdgpu_metadata
"""


def kernel(name, body, lds=0):
    """The assembly of a kernel with its descriptor."""
    return f""".text
.globl {name}
.p2align 8
.type {name},@function
{name}:
{body}
  s_endpgm
.rodata
.p2align 6
.amdhsa_kernel {name}
  .amdhsa_group_segment_fixed_size {lds}
  .amdhsa_kernarg_size 24
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_system_sgpr_workgroup_id_x 1
  .amdhsa_next_free_vgpr 8
  .amdhsa_next_free_sgpr 32
  .amdhsa_accum_offset 8
  .amdhsa_float_denorm_mode_32 3
.end_amdhsa_kernel
"""


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


class EmulateTest(CliCase):
    def tool(self, *command):
        process = subprocess.run([str(c) for c in command], capture_output=True, text=True,
                                 cwd=self.folder, check=False)
        self.assertEqual(process.returncode, 0, process.stderr)

    def assemble(self, text, arch="gfx942", name="k.hsaco"):
        self.write("k.s", text)
        self.tool(os.environ["LLVM_MC"], "-triple=amdgcn-amd-amdhsa", f"-mcpu={arch}",
                  "-filetype=obj", "-o", "k.o", "k.s")
        self.tool(os.environ["LD_LLD"], "-shared", "-o", name, "k.o")
        return name

    def data(self, name, values):
        (self.folder / name).write_bytes(floats(values))

    def floats(self, name):
        data = (self.folder / name).read_bytes()
        return list(struct.unpack(f"<{len(data) // 4}f", data))

    def saxpy_files(self):
        self.data("y", [1.0] * 64)
        self.data("x", range(64))

    SAXPY_ARGUMENTS = ("--grid", "64", "--block", "64", "--arg", "inout:y", "--arg", "in:x",
                       "--arg", "f32:2")

    def test_counts_and_results(self):
        for arch in "gfx90a", "gfx942":
            for metadata in "", METADATA.replace("NAME", "saxpy"):
                self.saxpy_files()
                code = self.assemble(kernel("saxpy", SAXPY) + metadata, arch)
                out = self.ran("emulate", code, *self.SAXPY_ARGUMENTS, "--checks", "--format",
                               "json").json()
                self.assertEqual(self.floats("y"), [1 + 2 * i for i in range(64)])
                self.assertEqual(self.floats("x"), list(range(64)))
                self.assertEqual(out["schema_version"], 1)
                self.assertEqual(out["source"], "simulated")
                self.assertEqual((out["kernel"], out["target"]), ("saxpy", arch))
                self.assertEqual((out["grid"], out["block"]), ([64, 1, 1], [64, 1, 1]))
                self.assertEqual(out["total"], 10)
                self.assertEqual(out["by_class"], {"other": 1, "smem": 2, "valu": 2, "vmem": 3,
                                                   "wait": 2})
                self.assertEqual(out["by_mnemonic"], {
                    "global_load_dword": 2, "global_store_dword": 1, "s_endpgm": 1,
                    "s_load_dword": 1, "s_load_dwordx4": 1, "s_waitcnt": 2, "v_fmac_f32": 1,
                    "v_lshlrev_b32": 1})
                self.assertEqual(out["active_lanes"], 128)
                lines = {"requested": 512, "moved_64": 512, "moved_128": 512, "first_64": 512,
                         "first_128": 512, "repeat_64": 0, "repeat_128": 0}
                self.assertEqual(out["bytes"], {
                    "loads": lines,
                    "stores": {k: v // 2 for k, v in lines.items()},
                    "scalar": 20, "scratch": 0})
                self.assertEqual(out["lds"], {"bytes": 0, "read_bytes": 0, "written_bytes": 0,
                                              "conflict_cycles": 0})
                self.assertEqual(out["mfma_flops"], {"issued": 0, "useful": 0})
                self.assertEqual((out["barriers"], out["waves"], out["workgroups"]), (0, 1, 1))
                self.assertEqual(out["occupancy"], {"waves_per_simd": 8, "limited_by": "hardware"})

    def test_human_format(self):
        self.saxpy_files()
        run = self.ran("emulate", self.assemble(kernel("saxpy", SAXPY)), *self.SAXPY_ARGUMENTS)
        self.assertTrue(run.out.startswith(
            "kernel       saxpy\ntarget       gfx942\n"
            "instructions 10 of 1 waves in 1 workgroups (simulated)\n"
            "classes      1 other, 2 smem, 2 valu, 3 vmem, 2 wait\n"), run.out)
        self.assertIn("loads        512 B requested; in 64 B lines 512 B moved, 512 B for the "
                      "first time; in 128 B lines 512 B, 512 B\n", run.out)
        self.assertIn("             2  global_load_dword\n", run.out)

    def test_lds_and_barriers_over_many_threads(self):
        # Every wave reads what the next one wrote.
        body = """
          s_load_dwordx2 s[4:5], s[0:1], 0x0
          v_lshlrev_b32_e32 v1, 2, v0
          v_add_u32_e32 v2, 0x100, v1
          v_and_b32_e32 v2, 0x3ff, v2
          ds_write_b32 v1, v0
          s_waitcnt lgkmcnt(0)
          s_barrier
          ds_read_b32 v3, v2
          s_lshl_b32 s2, s2, 10
          v_add_u32_e32 v1, s2, v1
          s_waitcnt lgkmcnt(0)
          global_store_dword v1, v3, s[4:5]
        """
        code = self.assemble(kernel("turn", body))
        runs = [self.ran("emulate", code, "--grid", "2560", "--block", "256", "--lds", "1024",
                         "--arg", f"out:10240:y{threads}", "--checks", "--threads", threads,
                         "--format", "json") for threads in (1, 4)]
        self.assertEqual(runs[0].out, runs[1].out)
        out = runs[0].json()
        self.assertEqual((out["barriers"], out["waves"], out["workgroups"]), (40, 40, 10))
        self.assertEqual(out["lds"], {"bytes": 1024, "read_bytes": 10240, "written_bytes": 10240,
                                      "conflict_cycles": 0})
        expected = struct.pack("<256I", *[(i + 64) % 256 for i in range(256)]) * 10
        for threads in (1, 4):
            self.assertEqual((self.folder / f"y{threads}").read_bytes(), expected)

    def test_code_from_clang(self):
        if not os.environ.get("CLANG"):
            self.skipTest("no clang 22 for OpenCL C")
        self.write("sum.cl", """
          kernel void sum(global const float *x, float scale, long n, global float *out) {
            long i = (long)__builtin_amdgcn_workgroup_id_x() * __builtin_amdgcn_workgroup_size_x()
                     + __builtin_amdgcn_workitem_id_x();
            if (i < n) out[i] = scale * x[i] + __builtin_amdgcn_grid_size_x();
          }""")
        for arch in "gfx90a", "gfx942":
            self.tool(os.environ["CLANG"], "-x", "cl", "-cl-std=CL2.0",
                      "--target=amdgcn-amd-amdhsa", f"-mcpu={arch}", "-nogpulib",
                      "-cl-kernel-arg-info", "-O2", "sum.cl", "-o", "sum.hsaco")
            self.data("x", range(100))
            run = self.ran("emulate", "sum.hsaco", "--grid", "100", "--block", "64", "--arg",
                           "in:x", "--arg", "f32:0.5", "--arg", "i64:100", "--arg", "out:400:y",
                           "--checks", "--format", "json")
            self.assertEqual(run.json()["kernel"], "sum")
            self.assertEqual(self.floats("y"), [0.5 * i + 100 for i in range(100)])
        self.refused(USAGE, "kernel 'sum' has 4 arguments, found 1 --arg; it has x (global_buffer) "
                     "of 8 bytes, scale (by_value) of 4 bytes, n (by_value) of 8 bytes, out "
                     "(global_buffer) of 8 bytes", "emulate", "sum.hsaco", "--grid", "100",
                     "--block", "64", "--arg", "in:x")

    def test_arguments_that_do_not_fit(self):
        self.saxpy_files()
        code = self.assemble(kernel("saxpy", SAXPY) + METADATA.replace("NAME", "saxpy"))
        shape = ("emulate", code, "--grid", "64", "--block", "64")
        self.refused(USAGE, "argument 2 of kernel 'saxpy' has 4 bytes (by_value), found f64:2 of 8 "
                     "bytes", *shape, "--arg", "inout:y", "--arg", "in:x", "--arg", "f64:2")
        self.refused(USAGE, "argument 1 of kernel 'saxpy' is a buffer: expected in:FILE, "
                     "inout:FILE, out:BYTES:FILE or the 8 bytes of an address, found i32:1", *shape,
                     "--arg", "inout:y", "--arg", "i32:1", "--arg", "f32:2")
        code = self.assemble(kernel("saxpy", SAXPY))
        self.refused(USAGE, "the arguments take 32 bytes; kernel 'saxpy', which says nothing else "
                     "about them, takes 24", *shape, *["--arg", "i64:1"] * 4)
        for form, message in {
                "32": f"--arg 32: expected one of {FORMS}",
                "i9:1": f"--arg i9:1: expected one of {FORMS}",
                "i8:256": "--arg i8:256: expected an integer from -128 to 255, found '256'",
                "i32:": "--arg i32:: expected an integer from -2147483648 to 4294967295, found ''",
                "i32:0x1g": "--arg i32:0x1g: expected an integer from -2147483648 to 4294967295, "
                            "found '0x1g'",
                "f32:one": "--arg f32:one: expected a number, found 'one'",
                "f32:1e40": "--arg f32:1e40: 1e40 is beyond the range of f32",
                "hex:123": "--arg hex:123: expected two hexadecimal digits a byte",
                "in:none": "cannot read none: No such file or directory",
                "in:-": "--arg in:-: expected the name of a file",
                "out:y": "--arg out:y: expected out:BYTES:FILE with at most 8589934592 bytes",
        }.items():
            self.refused(USAGE, message, *shape, "--arg", form)
        self.refused(USAGE, "--arg inout:y: another argument writes y, too", *shape, "--arg",
                     "out:4:y", "--arg", "inout:y")

    def test_faults_leave_the_files_alone(self):
        self.saxpy_files()
        before = (self.folder / "y").read_bytes()
        code = self.assemble(kernel("saxpy", SAXPY))
        run = self.zorse("emulate", code, "--grid", "64", "--block", "64", "--arg", "in:y",
                         "--arg", "inout:x", "--arg", "f32:2", "--checks")
        self.assertEqual((run.code, run.out), (RUNTIME, ""))
        self.assertIn("zorse: error: kernel 'saxpy' stopped: write outside the output: lane 0 "
                      "stores 4 bytes", run.err)
        self.assertIn("global_store_dword v0, v1, s[4:5]; workgroup (0, 0, 0), wave 0", run.err)
        self.assertEqual((self.folder / "y").read_bytes(), before)
        run = self.zorse("emulate", code, "--grid", "65", "--block", "65", "--arg", "inout:y",
                         "--arg", "in:x", "--arg", "f32:2")
        self.assertEqual((run.code, run.out), (RUNTIME, ""))
        self.assertIn("lane 0 loads 4 bytes", run.err)
        self.assertIn("workgroup (0, 0, 0), wave 1", run.err)
        self.assertEqual((self.folder / "y").read_bytes(), before)

    def test_checks_find_what_hardware_lets_pass(self):
        self.saxpy_files()
        code = self.assemble(kernel("saxpy", SAXPY.replace("s_waitcnt vmcnt(0)", "")))
        self.ran("emulate", code, *self.SAXPY_ARGUMENTS)
        run = self.zorse("emulate", code, *self.SAXPY_ARGUMENTS, "--checks")
        self.assertEqual((run.code, run.out), (RUNTIME, ""))
        self.assertIn("v2 is read before 'global_load_dword v2, v0, s[6:7]'", run.err)
        self.assertIn("s_waitcnt vmcnt(0) is missing between", run.err)

    def test_endless_loop(self):
        code = self.assemble(kernel("loop", "again: s_branch again"))
        run = self.zorse("emulate", code, "--grid", "64", "--block", "64", "--max-instructions",
                         "1000")
        self.assertEqual((run.code, run.out), (RUNTIME, ""))
        self.assertIn("the wave has executed 1000 instructions, the limit that was set", run.err)

    def test_which_kernel(self):
        code = self.assemble(kernel("first", "s_nop 0") + kernel("second", "s_nop 0"))
        shape = ("--grid", "1", "--block", "1")
        self.refused(USAGE, "k.hsaco has 2 kernels, say which one by --kernel: first, second",
                     "emulate", code, *shape)
        self.refused(USAGE, "k.hsaco has no kernel 'secnod' (did you mean 'second'?); it has "
                     "first, second", "emulate", code, "--kernel", "secnod", *shape)
        out = self.ran("emulate", code, "--kernel", "second", *shape, "--format", "json").json()
        self.assertEqual((out["kernel"], out["total"]), ("second", 2))

    def test_shapes(self):
        code = self.assemble(kernel("nothing", "s_nop 0"))
        self.refused(USAGE, "how many work-items? say --grid X,Y,Z", "emulate", code, "--block", "1")
        self.refused(USAGE, "kernel 'nothing' does not say how large its workgroups are; say "
                     "--block X,Y,Z", "emulate", code, "--grid", "1")
        for text in "0", "1,0", "1,2,3,4", "x", "1,", "-1", "4294967296":
            self.refused(USAGE, "--grid is X, X,Y or X,Y,Z in work-items, each from 1 to "
                         f"4294967295; found '{text}'", "emulate", code, f"--grid={text}",
                         "--block", "1")
        run = self.zorse("emulate", code, "--grid", "4096", "--block", "2048")
        self.assertEqual((run.code, run.out), (USAGE, ""))
        run = self.zorse("emulate", code, "--grid", "64", "--block", "64", "--lds", "65537")
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertIn("needs 65537 bytes of LDS", run.err)
        out = self.ran("emulate", code, "--grid", "100,3,2", "--block", "32,2,1", "--format",
                       "json").json()
        self.assertEqual((out["workgroups"], out["waves"]), (16, 16))

    def test_what_is_no_code_of_ours(self):
        shape = ("--grid", "1", "--block", "1")
        self.refused(USAGE, "cannot read none.hsaco: No such file or directory", "emulate",
                     "none.hsaco", *shape)
        self.write("text", "hello")
        self.refused(USAGE, "text: expected an ELF code object, found 5 bytes that are none",
                     "emulate", "text", *shape)
        run = self.zorse("emulate", cli_case.ZORSE, *shape)
        self.assertEqual((run.code, run.out), (DEVICE, ""))
        self.assertIn("expected code for AMD GPUs (ELF machine 224), found machine 62", run.err)
        code = self.assemble(kernel("nothing", "s_nop 0"))
        data = bytearray((self.folder / code).read_bytes())
        for size in 4, 63, 64, 200, len(data) // 2, len(data) - 1:
            (self.folder / "cut.hsaco").write_bytes(data[:size])
            run = self.zorse("emulate", "cut.hsaco", *shape)
            self.assertIn(run.code, (cli_case.OK, USAGE), size)
        data[48] = 0x41
        (self.folder / "other.hsaco").write_bytes(data)
        run = self.zorse("emulate", "other.hsaco", *shape)
        self.assertEqual((run.code, run.out), (DEVICE, ""))
        self.assertIn("name no architecture that is executed here; those are gfx", run.err)

    def test_the_architecture_can_be_said(self):
        shape = ("--grid", "1", "--block", "1", "--format", "json")
        code = self.assemble(kernel("nothing", "s_nop 0"))
        self.refused(DEVICE, "k.hsaco is for gfx942, --arch says gfx90a; leave --arch away",
                     "emulate", code, *shape, "--arch", "gfx90a")
        data = bytearray((self.folder / code).read_bytes())
        data[48] = 0
        (self.folder / "plain.hsaco").write_bytes(data)
        self.assertEqual(self.zorse("emulate", "plain.hsaco", *shape).code, DEVICE)
        out = self.ran("emulate", "plain.hsaco", *shape, "--arch", "gfx942").json()
        self.assertEqual((out["target"], out["total"]), ("gfx942", 2))


if __name__ == "__main__":
    cli_case.main()
