# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse db audit: which times still speak of what the compiler makes."""

import sqlite3

import cli_case
from cli_case import PARTLY_FAILED
from db_case import OP, DbCase, trial


class DbAuditTest(DbCase):
    def setUp(self):
        super().setUp()
        self.op("op.json", **OP)
        out = self.ran("compile", "op.json", "--target", "gfx942", "--format", "json").json()
        self.code, self.config = out["code_hash"], out["config_text"]

    def audit(self, path, *arguments, code=0):
        run = self.zorse("db", "audit", "--db", path, "--format", "json", *arguments)
        self.assertEqual(run.code, code, run.err)
        return run.json()

    def test_marks_come_and_go(self):
        path = self.make("a.db", [trial(self.config, 5.0, code=self.code),
                                  trial(self.config, 4.0, code="7" * 32, device="another")])
        out = self.audit(path)
        self.assertEqual((out["unchanged"], out["stale"], out["failed"]), (1, 1, 0))
        stale = self.rows(path, "--stale")
        self.assertEqual([r["code_hash"] for r in stale], ["7" * 32])
        self.assertEqual(stale[0]["stale"], f"compiles to other code: {self.code}")
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE trial SET stale = 'by hand' WHERE code_hash = ?",
                               (self.code,))
        connection.close()
        cli_case.seal(path)
        out = self.audit(path)
        self.assertEqual((out["unchanged"], out["fit_again"], out["stale"]), (1, 1, 1))
        self.assertEqual(len(self.rows(path, "--stale")), 1)

    def test_what_no_longer_compiles(self):
        path = self.make("a.db", [trial("no_such_knob=1", 5.0)])
        out = self.audit(path, code=PARTLY_FAILED)
        self.assertEqual(out["failed"], 1)
        self.assertTrue(self.rows(path)[0]["stale"].startswith("no longer compiles: "))

    def test_rebuild_makes_code_loadable(self):
        path = self.make("a.db", [trial(self.config, 5.0, code=self.code)])
        verify = ["db", "verify", "--db", path, "--format", "json"]
        self.assertEqual(len(self.ran(*verify).json()["remarks"]), 1)
        out = self.audit(path, "--rebuild")
        self.assertEqual(out["rebuilt"], 1)
        self.assertEqual(self.ran(*verify).json()["remarks"], [])
        # In another file the same code is foreign until it is built there.
        self.ran("db", "merge", "other.db", path)
        show = self.ran("db", "show", "1", "--db", "other.db", "--format", "json").json()
        self.assertEqual(show["code"]["trust"], "foreign")
        self.assertEqual(self.audit("other.db", "--rebuild")["rebuilt"], 1)
        show = self.ran("db", "show", "1", "--db", "other.db", "--format", "json").json()
        self.assertEqual(show["code"]["trust"], "built")


if __name__ == "__main__":
    cli_case.main()
