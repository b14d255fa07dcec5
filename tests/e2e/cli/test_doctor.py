# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse doctor."""

import cli_case
from cli_case import DATABASE, CliCase


class DoctorTest(CliCase):
    def test_json(self):
        out = self.ran("doctor", "--format", "json").json()
        self.assertEqual(out["schema_version"], 1)
        self.assertTrue(out["host"]["cpu"])
        self.assertGreater(out["host"]["memory_bytes"], 0)
        self.assertTrue({"gfx90a", "gfx942"} <= {t["arch"] for t in out["targets"]})
        self.assertTrue(out["hip"]["device"] or out["hip"]["error"])
        self.assertIn(out["emulator"], (None, ["gfx90a", "gfx942", "gfx950"]))
        self.assertIn(out["hip"]["kfd"], ("absent", "usable", "no permission"))
        self.assertEqual(out["database"]["state"], "absent")
        self.assertGreater(out["database"]["free_bytes"], 0)
        self.assertFalse(self.db.exists())

    def test_human(self):
        run = self.ran("doctor")
        self.assertEqual(run.err, "")
        self.assertEqual([line[:11].strip() for line in run.out.splitlines()],
                         ["system", "cpu", "host", "targets", "compiler", "emulator", "hip",
                          "database", "disk"])
        self.assertIn(f"database   {self.db}: absent\n", run.out)

    def test_a_broken_database_is_named(self):
        self.db.write_text("x" * 5000)
        run = self.zorse("doctor", "--format", "json")
        self.assertEqual(run.code, DATABASE)
        self.assertEqual(run.json()["database"]["state"], "unusable")
        self.assertIn("not a database", run.json()["database"]["error"])
        self.assertIn("not a database", self.zorse("doctor").out)

    def test_an_empty_database_is_sound(self):
        self.ran("db", "verify", "--repair")
        out = self.ran("doctor", "--format", "json").json()["database"]
        self.assertEqual((out["state"], out["trials"], out["winners"]), ("sound", 0, 0))


if __name__ == "__main__":
    cli_case.main()
