# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The installed tree, moved: what it holds, and programs of others that are built against it."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
MODEL = SOURCE / "tests" / "golden" / "zebra-stories-260k"
CONSUMER = SOURCE / "tests" / "e2e" / "install" / "consumer"
CMAKE, CC = os.environ.get("CMAKE", "cmake"), os.environ.get("CC", "cc")
PKG_CONFIG, NM = os.environ.get("PKG_CONFIG", "pkg-config"), os.environ.get("NM", "nm")
TOKENS = 48


def run(*arguments, **options):
    process = subprocess.run([str(a) for a in arguments], capture_output=True, text=True,
                             check=False, **options)
    if process.returncode != 0:
        raise AssertionError(f"{arguments}: exit code {process.returncode}\n{process.stdout}\n"
                             f"{process.stderr}")
    return process.stdout


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="zorse-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.prefix = cls.folder / "moved here"
        run(CMAKE, "--install", BUILD, "--prefix", cls.folder / "first")
        (cls.folder / "first").rename(cls.prefix)
        cls.env = {"PATH": os.environ["PATH"], "HOME": str(cls.folder),
                   "PKG_CONFIG_PATH": str(cls.prefix / "lib" / "pkgconfig")}
        cls.bundle = cls.folder / "model.zorse"
        run(cls.prefix / "bin" / "zorse", "bundle", "--model", MODEL, "--dtype", "f32", "--context",
            64, "--prefill", 8, "-o", cls.bundle, env=cls.env)
        cls.case = json.loads((MODEL / "golden.json").read_text())["cases"][0]

    def generate(self, program):
        out = run(program, MODEL, self.bundle, self.case["prompt"], TOKENS, env=self.env)
        version, *ids = out.split()
        self.assertRegex(version, r"^\d+\.\d+\.\d+$")
        self.assertEqual([int(i) for i in ids], self.case["greedy_ids"][:TOKENS])

    def configure(self, name, *more):
        return subprocess.run(
            [CMAKE, "-S", str(CONSUMER), "-B", str(self.folder / name), f"-DCMAKE_C_COMPILER={CC}",
             f"-DCMAKE_PREFIX_PATH={self.prefix}", *more], capture_output=True, text=True,
            env=self.env, check=False)

    def test_what_is_there(self):
        files = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if not p.is_dir()}
        for wanted in ("bin/zorse", "include/zorse.h", "lib/libzorse.so", "lib/libzorse.so.0",
                       "lib/cmake/zorse/zorseConfig.cmake", "lib/cmake/zorse/zorseTargets.cmake",
                       "lib/cmake/zorse/zorseConfigVersion.cmake", "lib/pkgconfig/zorse.pc",
                       "share/zorse/kernels.db"):
            self.assertIn(wanted, files)
        first = str(self.folder / "first")
        for name in ("lib/cmake/zorse/zorseConfig.cmake", "lib/cmake/zorse/zorseTargets.cmake",
                     "lib/pkgconfig/zorse.pc"):
            text = (self.prefix / name).read_text()
            self.assertNotIn(first, text, f"{name} knows where it was installed")
            self.assertNotIn(str(BUILD), text)

    def test_the_library_shows_its_header_and_nothing_else(self):
        header = (self.prefix / "include" / "zorse.h").read_text()
        declared = set(re.findall(r"ZORSE_API[^;()]*?\b(zorse_\w+)\(", header))
        self.assertGreater(len(declared), 15)
        shown = run(NM, "-D", "--defined-only", self.prefix / "lib" / "libzorse.so.0")
        self.assertEqual({line.split()[-1].split("@")[0] for line in shown.splitlines()}, declared)

    def test_the_library_needs_no_compiler(self):
        needed = run("ldd", self.prefix / "lib" / "libzorse.so.0")
        self.assertNotRegex(needed, r"libMLIR|libLLVM|libclang|not found")

    def test_a_program_built_with_cmake(self):
        made = self.configure("build", "-DWANTED=0.1")
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        run(CMAKE, "--build", self.folder / "build", env=self.env)
        self.generate(self.folder / "build" / "golden")

    def test_another_major_version_is_refused(self):
        made = self.configure("refused", "-DWANTED=1.0")
        self.assertNotEqual(made.returncode, 0)
        self.assertIn("compatible with requested version", " ".join(made.stderr.split()))

    @unittest.skipUnless(shutil.which(PKG_CONFIG), "pkg-config is not installed")
    def test_a_program_built_with_pkg_config(self):
        # Its answer is quoted for a shell, as the prefix has a space.
        flags = shlex.split(run(PKG_CONFIG, "--cflags", "--libs", "zorse", env=self.env))
        version = run(PKG_CONFIG, "--modversion", "zorse", env=self.env).strip()
        self.assertRegex(version, r"^\d+\.\d+\.\d+$")
        program = self.folder / "golden"
        run(CC, "-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", CONSUMER / "golden.c",
            *flags, f"-Wl,-rpath,{self.prefix / 'lib'}", "-o", program, env=self.env)
        self.generate(program)

    def test_the_header_is_cplusplus_too(self):
        source = self.folder / "header.cpp"
        source.write_text("#include <zorse.h>\nint main() { return zorse_version() == nullptr; }\n")
        run(CC, "-x", "c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
            f"-I{self.prefix / 'include'}", source, env=self.env)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:])
