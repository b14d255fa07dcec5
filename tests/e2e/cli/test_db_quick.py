# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse db quick: few configurations that serve all recorded problems, as a file of lists."""

import json

import cli_case
from cli_case import USAGE
from db_case import DbCase, trial

HOST = ("x86_64-avx2", 2)


class DbQuickTest(DbCase):
    def sweep(self, times, tokens, **more):
        """Trials of the configurations block_m=1, 2, 4, …, as long as there are times."""
        return [trial(f"block_m={2 ** i}", us, device="here", tokens=tokens, **more)
                for i, us in enumerate(times) if us]

    def quick(self, *arguments):
        return json.loads(self.ran("db", "quick", *arguments).out)

    def test_few_serve_all(self):
        # The second is the best of one problem and nearly the best of the others.
        path = self.make("a.db", self.sweep([100.0, 102.0, 300.0], 1) +
                         self.sweep([200.0, 100.0, 300.0], 8) +
                         self.sweep([300.0, 104.0, 100.0], 64), target=HOST)
        lists = self.quick(path, "--depth", "1")
        self.assertEqual((lists["family"], lists["fraction"], lists["depth"]), ("host", 0.95, 1))
        self.assertEqual(lists["lists"]["rmsnorm"]["configs"], ["block_m=2"])
        self.assertEqual(len(lists["lists"]["rmsnorm"]["problems"]), 3)
        self.assertEqual(self.quick(path, "--depth", "1", "--fraction", "1")["lists"]["rmsnorm"]
                         ["configs"], ["block_m=2", "block_m=1", "block_m=4"])
        self.assertEqual(len(self.quick(path)["lists"]["rmsnorm"]["configs"]), 3)

    def test_databases_and_texts_in_any_order(self):
        first, second = self.sweep([9.0, 5.0], 1), self.sweep([5.0, 9.0], 8)
        a = self.make("a.db", first, target=HOST)
        b = self.write("b.jsonl", self.text(second, target=HOST))
        both = self.make("both.db", first + second, target=HOST)
        made = self.quick(both)
        self.assertEqual(self.quick(a, b), made)
        self.assertEqual(self.quick(b, a), made)
        self.assertEqual(self.quick("--db", both), made)
        out = self.folder / "host.json"
        run = self.ran("db", "quick", a, b, "-o", out)
        self.assertEqual((run.out, run.err), ("", "zorse: info: lists of host from 2 problems\n"))
        self.assertEqual(json.loads(out.read_text()), made)
        self.assertEqual(b.read_text(), self.text(second, target=HOST))

    def test_the_shipped_list_is_that_of_the_recorded_sweeps(self):
        sweeps = sorted((cli_case.SOURCE / "tests/data/sweeps").glob("*.jsonl"))
        shipped = cli_case.SOURCE / "tuner/space/quick/host.json"
        self.assertEqual(self.ran("db", "quick", *sweeps).out, shipped.read_text())

    def test_what_makes_no_list(self):
        missing = self.zorse("db", "quick", "none.db")
        self.assertEqual((missing.code, missing.out), (USAGE, ""))
        self.assertIn("cannot read none.db", missing.err)
        nonsense = self.zorse("db", "quick", self.write("text", "nonsense\n"))
        self.assertEqual((nonsense.code, nonsense.out), (USAGE, ""))
        failed = self.make("failed.db", [trial("block_m=1", state="failed", error="no")], target=HOST)
        run = self.zorse("db", "quick", failed)
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertIn(f"no measured row in {failed}; tune something first", run.err)
        host = self.make("host.db", self.sweep([5.0], 1), target=HOST)
        gpu = self.make("gpu.db", [trial("block_m=1,waves=1", 5.0)])
        self.refused(USAGE, "rows of several families (amdgpu, host), and a list is for one; name "
                     "it with --family", "db", "quick", host, gpu)
        self.assertEqual(self.quick(host, gpu, "--family", "amdgpu")["family"], "amdgpu")
        self.refused(USAGE, f"no measured row of the family amdgpu in {host}; it has host", "db",
                     "quick", host, "--family", "amdgpu")


if __name__ == "__main__":
    cli_case.main()
