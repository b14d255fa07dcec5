# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse db: listings, and files that are not what they should be."""

import sqlite3

import cli_case
from cli_case import DATABASE, USAGE, CliCase

OP = '{"dtype":"f32","hidden_size":64,"op":"rmsnorm"}'


class DbTest(CliCase):
    def make_database(self):
        """A database as the migrations make it, with two trials of one op."""
        schema = cli_case.SOURCE / "kernels-db" / "schema"
        with sqlite3.connect(self.db) as connection:
            files = sorted(schema.glob("*.sql"))
            for file in files:
                connection.executescript(file.read_text())
            connection.execute("PRAGMA application_id = 0x5A4F5253")
            connection.execute(f"PRAGMA user_version = {len(files)}")
            connection.execute("INSERT INTO op VALUES (1, ?, 'rmsnorm', ?)", ("0" * 32, OP))
            connection.execute("INSERT INTO target VALUES (1, 'gfx942', 304)")
            for i, (state, us) in enumerate((("ok", 5.0), ("ok", 9.0), ("failed", None)), 1):
                connection.execute("INSERT INTO config VALUES (?, ?)", (i, f"waves={i}"))
                connection.execute(
                    "INSERT INTO trial VALUES (?, 1, 1, '{\"tokens\":1}', ?, 'test', ?, ?, ?, ?, "
                    "'', '', '', ?, 0.5, 3, '', '2026-01-01T00:00:00Z')",
                    (i, i, f"{i:032x}", "measured" if us else "", "MI300X" if us else "", state,
                     1 if us else None))
                if us:
                    connection.execute("INSERT INTO measurement VALUES (?, 'median', "
                                       "?, ?, ?, 15, 1e6, 2e6, '{}')", (i, us, us - 1, us + 1))
        connection.close()

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
            "trial      1 (winner), 2026-01-01T00:00:00Z\n"
            f"op         {OP}\n"
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

    def test_verify_lists_faults(self):
        self.make_database()
        run = self.zorse("db", "verify")
        self.assertEqual(run.code, DATABASE)
        lines = run.out.splitlines()
        self.assertRegex(lines[0], "^the op 0{32} has a description that hashes to [0-9a-f]{32}$")
        self.assertEqual(lines[1:], ["trial 1 wins for rmsnorm with waves=1, but its code " +
                                     f"{1:032x} is not stored"])
        out = self.zorse("db", "verify", "--format", "json").json()
        self.assertEqual(out["sound"], False)
        self.assertEqual(out["faults"], lines)

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
        self.make_database()
        with sqlite3.connect(self.db) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
        self.refused_everywhere(f"{self.db} has schema version 99, this zorse knows versions up to "
                                "2; use the zorse that wrote it, or name another file with --db")

    def test_corrupt(self):
        self.make_database()
        data = bytearray(self.db.read_bytes())
        data[100] = 0x77
        self.db.write_bytes(data)
        self.refused_everywhere(f"database is corrupt: {self.db}: database disk image is "
                                "malformed; restore a copy, or move the file away and tune again")

    def test_foreign_trigger(self):
        self.make_database()
        with sqlite3.connect(self.db) as connection:
            connection.execute("CREATE TRIGGER t AFTER INSERT ON op BEGIN SELECT 1; END")
        connection.close()
        self.refused_everywhere(f"database is corrupt: the tables of {self.db} differ from those "
                                "of schema version 2; restore a copy, or move the file away and "
                                "tune again")


if __name__ == "__main__":
    cli_case.main()
