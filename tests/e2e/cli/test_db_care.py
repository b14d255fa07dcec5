# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse db ls with reasons, explain, gc; and what each verb says of files that are no good."""

import sqlite3

import cli_case
from cli_case import DATABASE, USAGE
from db_case import DbCase, trial


class DbCareTest(DbCase):
    def test_ls_says_what_is_blocked_and_why(self):
        path = self.make("a.db", [trial("waves=1", 5.0), trial("waves=2", state="timed_out",
                                                               error="took more than 30 s"),
                                  trial("waves=4", 3.0, stale="compiles to other code: 77")])
        self.assertEqual([r["config_text"] for r in self.rows(path, "--blocked")], ["waves=2"])
        self.assertEqual([r["config_text"] for r in self.rows(path, "--stale")], ["waves=4"])
        self.assertEqual([r["config_text"] for r in self.rows(path, "--state", "ok")],
                         ["waves=1", "waves=4"])
        self.assertEqual([r["config_text"] for r in self.rows(path, "--winners")], ["waves=1"])
        self.assertIn("2: took more than 30 s\n",
                      self.ran("db", "ls", "--blocked", "--db", path).out)
        self.assertIn("3: stale: compiles to other code: 77\n",
                      self.ran("db", "ls", "--stale", "--db", path).out)

    def explained(self, path, *arguments):
        return self.ran("db", "explain", "--db", path, "--format", "json", *arguments).json()

    def test_explain(self):
        path = self.make("a.db", [
            trial("waves=1", 5.0), trial("waves=2", 5.1), trial("waves=4", 9.0),
            trial("waves=8", 12.0), trial("waves=3", state="wrong", verified=[False, 9, 1, "y"]),
            trial("waves=5", 1.0, stale="compiles to other code"),
            trial("waves=1", 50.0, tokens=64), trial("waves=6", 2.0, device="another")])
        out = self.explained(path, "1", "--device", "MI300X")
        self.assertEqual(out["winner"]["config_text"], "waves=1")
        self.assertEqual([t["config"] for t in out["tied"]], ["waves=2"])
        self.assertEqual([t["config"] for t in out["slower"]], ["waves=4", "waves=8"])
        self.assertEqual(out["excluded"], {"stale": 1, "wrong": 1, "on another device": 1})
        self.assertEqual(out["winner"]["layer"], "user")
        self.assertEqual(out["code"], "not stored, so dispatch passes it over")
        self.assertTrue(0 < out["roofline"] < 1)
        # What dispatch takes for sizes that were never tuned.
        out = self.explained(path, "1", "--at", "tokens=48")
        self.assertEqual(out["asked_for"], '{"tokens":48}')
        self.assertEqual(out["winner"]["tuning_point"], {"tokens": 64})
        text = self.ran("db", "explain", "1", "--db", path, "--at", "tokens=48").out
        self.assertTrue(text.startswith('nearest    {"tokens":64} was tuned, {"tokens":48} '
                                        "was not\nlayer      user\n"), text)
        text = self.ran("db", "explain", "1", "--db", path).out
        self.assertIn("runner-up  waves=4 9 us, 1.80 times the winner's; 1 more are slower\n", text)

    def test_explain_what_cannot_be(self):
        path = self.make("a.db", [trial("waves=1", state="failed", error="no registers")])
        self.refused(USAGE, f"nothing wins for rmsnorm on gfx942 in {path}: 1 failed; make one "
                            "with `zorse tune`", "db", "explain", "1", "--db", path)
        self.refused(USAGE, f"no trial 7 in {path}; `zorse db ls` lists the 1 there are",
                     "db", "explain", "7", "--db", path)
        self.refused(USAGE, "sizes are name=number pairs such as tokens=8,context=4096, found "
                            "'tokens'", "db", "explain", "1", "--at", "tokens", "--db", path)

    def test_gc(self):
        path = self.make("a.db", [trial("waves=1", 5.0), trial("waves=2", 3.0, stale="old")])
        before = path.read_bytes()
        out = self.ran("db", "gc", "--db", path, "--drop-stale", "--dry-run", "--format",
                       "json").json()
        self.assertEqual((out["trials"], out["dry_run"]), (1, True))
        self.assertEqual(path.read_bytes(), before)
        self.ran("db", "gc", "--db", path, "--drop-stale")
        self.assertEqual([r["config_text"] for r in self.rows(path)], ["waves=1"])

    def verbs(self):
        return (["db", "ls"], ["db", "show", "1"], ["db", "verify"], ["db", "gc"],
                ["db", "export"], ["db", "explain", "1"])

    def test_no_verb_makes_a_file_to_look_into(self):
        for verb in self.verbs():
            if "explain" in verb:
                continue # reads layers, of which none may be there
            run = self.zorse(*verb)
            self.assertEqual(run.code, DATABASE, verb)
            self.assertIn(f"no database at {self.db}", run.err)
        self.assertFalse(self.db.exists())

    def test_newer_corrupt_and_foreign_files(self):
        path = self.make("a.db", [trial("waves=1", 5.0)])
        sound = path.read_bytes()
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA application_id = 0x5A4F5253")
            connection.execute("PRAGMA user_version = 99")
            connection.execute("CREATE TABLE op (id)")
        connection.close()
        newer = path.read_bytes()
        broken = bytearray(sound)
        broken[100] = 0x77
        for content, word in ((newer, "has schema version 99"), (bytes(broken), "is corrupt"),
                              (b"kernels " * 1000, "not a database")):
            for verb in self.verbs():
                path.write_bytes(content)
                run = self.zorse(*verb, "--db", path)
                self.assertEqual(run.code, DATABASE, (verb, run.err))
                self.assertIn(word, run.err)
                self.assertEqual(path.read_bytes(), content)


if __name__ == "__main__":
    cli_case.main()
