# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse db: listings, and files that are not what they should be."""

import json
import sqlite3

import cli_case
from cli_case import DATABASE, USAGE
from db_case import DATE, OP, DbCase, trial

OP_TEXT = json.dumps(OP, separators=(",", ":"), sort_keys=True)


class DbTest(DbCase):
    def make_database(self):
        """Two measured trials of one op and one that failed."""
        self.make(self.db, [trial("waves=1", 5.0, code=f"{1:032x}", half=1),
                            trial("waves=2", 9.0, half=1),
                            trial("waves=3", state="failed")])

    def test_ls(self):
        self.make_database()
        run = self.ran("db", "ls")
        self.assertEqual(run.out,
            'id  op       target  tuned at      config   state   verified  time  source\n'
            '1*  rmsnorm  gfx942  {"tokens":1}  waves=1  ok      passed    5 us  measured\n'
            '2   rmsnorm  gfx942  {"tokens":1}  waves=2  ok      passed    9 us  measured\n'
            '3   rmsnorm  gfx942  {"tokens":1}  waves=3  failed  no        -     -\n')
        self.assertEqual(run.err, f"zorse: info: 3 of 3 shown, 1 winners (*), in {self.db}\n")

    def test_ls_filters(self):
        self.make_database()
        def ids(*arguments):
            return [r["id"] for r in self.ran("db", "ls", "--format", "json",
                                              *arguments).json()["records"]]
        self.assertEqual(ids(), [1, 2, 3])
        self.assertEqual(ids("--winners"), [1])
        self.assertEqual(ids("--op", "rmsnorm"), [1, 2, 3])
        self.assertEqual(ids("--op", "linear"), [])
        self.assertEqual(ids("--target", "gfx90a"), [])
        self.assertEqual(ids("--limit", "2"), [2, 3])

    def test_ls_json(self):
        self.make_database()
        record = self.ran("db", "ls", "--format", "json").json()["records"][0]
        self.assertEqual(record["winner"], True)
        self.assertEqual(record["op"]["hidden_size"], 64)
        self.assertEqual(record["config"], {"waves": 1})
        self.assertEqual(record["tuning_point"], {"tokens": 1})
        self.assertEqual(record["measurement"]["median_us"], 5.0)
        self.assertEqual(record["measurement"]["source"], "measured")
        self.assertEqual(record["verification"]["passed"], True)

    def test_show(self):
        self.make_database()
        run = self.ran("db", "show", "1")
        self.assertEqual(run.out,
            f"trial      1 (winner), {DATE}\n"
            f"op         {OP_TEXT}\n"
            "target     gfx942, 304 compute units\n"
            'tuned at   {"tokens":1}\n'
            "config     waves=1\n"
            "state      ok\n"
            "compiler   test\n"
            "time       5 us [4 us, 6 us], measured (median, 15 samples, on MI300X)\n"
            "verified   passed, 3 cases, largest error 0.5 of the allowed\n"
            "code       not stored\n")
        self.assertIsNone(self.ran("db", "show", "1", "--format", "json").json()["code"])
        self.refused(USAGE, f"no trial 9 in {self.db}; `zorse db ls` lists the 3 there are",
                     "db", "show", "9")

    def test_verify_lists_faults_and_remarks(self):
        self.make_database()
        out = self.ran("db", "verify", "--format", "json").json()
        self.assertEqual((out["sound"], out["faults"]), (True, []))
        self.assertEqual(out["remarks"], [
            "the code of 1 winners is not stored (trial 1, rmsnorm with waves=1); `zorse run` and "
            "`zorse bundle` build it again, `zorse db audit --rebuild` does so ahead"])
        self.assertEqual(self.ran("db", "verify").out,
                         f"{self.db} is sound\nremark: {out['remarks'][0]}\n")
        self.assertEqual(self.ran("doctor", "--format", "json").json()["database"]["remarks"],
                         out["remarks"])
        # Code that was stored and whose bytes are gone.
        with sqlite3.connect(self.db) as connection:
            connection.execute("INSERT INTO code_object (code_hash, op_hash, arch, config_text, "
                               "metadata, metadata_hash, scratch_bytes, lds_bytes, vector_regs, "
                               "scalar_regs) SELECT code_hash, op.hash, 'gfx942', 'waves=1', '{}', "
                               "op.hash, 0, 0, 0, 0 FROM trial, op WHERE trial.id = 1")
        connection.close()
        cli_case.seal(self.db)
        run = self.zorse("db", "verify")
        self.assertEqual(run.code, DATABASE)
        self.assertIn("of code_object refers to a row of code that is absent", run.out)

    def test_repair_creates_and_is_sound(self):
        run = self.ran("db", "verify", "--repair")
        self.assertEqual(run.out, f"{self.db} is sound\n")
        self.assertEqual(self.ran("db", "verify").out, f"{self.db} is sound\n")

    def refused_everywhere(self, message):
        before = self.db.read_bytes() if self.db.exists() else None
        for verb in ["db", "ls"], ["db", "show", "1"], ["db", "verify"]:
            self.refused(DATABASE, message, *verb)
        self.assertEqual(self.db.read_bytes() if self.db.exists() else None, before)

    def test_missing(self):
        self.refused_everywhere(f"no database at {self.db}; `zorse tune` makes one, or name an "
                                "existing one with --db")

    def test_not_a_database(self):
        self.db.write_text("kernels " * 1000)
        self.refused_everywhere(f"not a database: {self.db} does not begin as a SQLite file does; "
                                "name a database written by zorse with --db")

    def test_database_of_another_program(self):
        with sqlite3.connect(self.db) as connection:
            connection.execute("CREATE TABLE cookies (a)")
        connection.close()
        self.refused_everywhere(
            f"not a Zorse database: {self.db} has application id 0x00000000, expected 0x5a4f5253; "
            "it belongs to another program and was left as it is, name another file with --db")

    def test_newer(self):
        with sqlite3.connect(self.db) as connection:
            connection.execute("PRAGMA application_id = 0x5A4F5253")
            connection.execute("PRAGMA user_version = 99")
            connection.execute("CREATE TABLE op (id)")
        connection.close()
        self.refused_everywhere(f"{self.db} has schema version 99, this zorse knows versions up to "
                                "2; use the zorse that wrote it, or name another file with --db")

    def test_corrupt(self):
        self.make_database()
        data = bytearray(self.db.read_bytes())
        data[100] = 0x77
        self.db.write_bytes(data)
        self.refused_everywhere(f"database is corrupt: {self.db}: a page differs from its "
                                "checksum; restore a copy, or move the file away and tune again")

    def test_foreign_trigger(self):
        self.make_database()
        with sqlite3.connect(self.db) as connection:
            connection.execute("CREATE TRIGGER t AFTER INSERT ON op BEGIN SELECT 1; END")
        connection.close()
        run = self.zorse("db", "ls")
        self.assertEqual(run.code, DATABASE)
        self.assertIn("database is corrupt", run.err)


if __name__ == "__main__":
    cli_case.main()
