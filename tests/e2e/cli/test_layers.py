# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Site and shipped databases under `zorse run` and `zorse tune`: whose winners, whose code."""

import json
import shutil
import sqlite3
import tempfile

import cli_case
from cli_case import DATABASE, CliCase

BAD_CODE = "UPDATE code SET bytes = x'00' WHERE hash IN (SELECT hash FROM code LIMIT 3)"


class LayersTest(CliCase):
    """One run compiles the kernels of a model; its rows, with made-up times, are the winners."""

    compiled = None  # a database with code that has won nothing, once for all tests

    @classmethod
    def tearDownClass(cls):
        if cls.compiled:
            shutil.rmtree(cls.compiled.parent)

    def setUp(self):
        super().setUp()
        self.site, self.shipped = self.folder / "site.db", self.folder / "shipped.db"
        self.env["ZORSE_SITE_DB"], self.env["ZORSE_SHIPPED_DB"] = str(self.site), str(self.shipped)
        if not LayersTest.compiled:
            self.first = self.run_model()
            self.assertGreater(self.first["kernels_compiled"], 5)
            folder = tempfile.mkdtemp(prefix="zorse-cli-layers-")
            LayersTest.compiled = shutil.move(self.db, cli_case.pathlib.Path(folder) / "code.db")
            LayersTest.expected = self.first["output_ids"]

    def run_model(self):
        run = self.ran("run", self.model(), "--prompt", "Once", "--max-new-tokens", 4, "--format",
                       "json", env={"ZORSE_LOG": "debug"})
        out = run.json()
        # What is missing is compiled ahead, together, and not one by one at its first launch.
        self.assertNotIn("debug: compiled ", run.err)
        out["err"] = run.err
        return out

    def winners(self, device="Some CPU", change=lambda row: None):
        """The rows as text, each with a time."""
        lines = [json.loads(line) for line in
                 self.ran("db", "export", "--db", self.compiled).out.splitlines()]
        rows = [line for line in lines if "row" in line]
        for row in rows:
            row.update(meter=0, us=[5.0, 4.75, 5.25], samples=15, work=[1e6, 2e6],
                       verified=[True, 0.5, 3, ""])
            change(row)
        lines = [line for line in lines if "row" not in line]
        lines.append({"meter": ["measured", device, "median"]})
        self.winner_count = len({(row["row"][0], row["config"]) for row in rows})
        return "".join(json.dumps(line) + "\n" for line in lines + rows)

    def make(self, path, with_code, **more):
        """A database of winners, with their code or without."""
        if with_code:
            shutil.copy(self.compiled, path)
        self.ran("db", "import", "-", "--db", path, stdin=self.winners(**more))

    def expect(self, out, rebuilt, compiled=0, untuned=0):
        self.assertEqual(out["output_ids"], self.expected)
        self.assertEqual((out["kernels_rebuilt"], out["kernels_compiled"], out["kernels_untuned"]),
                         (rebuilt, compiled, untuned), out["err"])

    def test_winners_without_code_are_built_once(self):
        for layer in self.site, self.shipped:
            self.make(layer, with_code=False)
            before = layer.read_bytes()
            out = self.run_model()
            self.expect(out, self.winner_count)
            self.assertRegex(out["err"], rf"built the code of {self.winner_count} winners in .*; "
                             rf"remembered in {self.db}\n")
            self.assertNotIn("warning", out["err"])
            again = self.run_model()
            self.expect(again, 0)
            self.assertNotIn("built", again["err"])
            # Nothing was won by being built, and the layer is as it was.
            self.assertEqual(self.ran("db", "ls", "--winners", "--format", "json", "--db",
                                      self.db).json()["records"], [])
            self.assertEqual(layer.read_bytes(), before)
            layer.unlink()
            self.db.unlink()

    def test_code_that_is_not_what_was_measured_is_told_and_kept(self):
        def other(row):
            row["code"] = f"{int(row['code'], 16) ^ 1:032x}"
        self.make(self.shipped, with_code=False, change=other)
        for rebuilt in self.winner_count, 0:
            out = self.run_model()
            self.expect(out, rebuilt)
            self.assertIn(f"{self.winner_count} winners are other code here than was measured",
                          out["err"])
            self.assertNotIn("warning", out["err"])
        # Of the site it is said of each.
        self.shipped.rename(self.site)
        out = self.run_model()
        self.expect(out, 0)
        self.assertIn("was built again and is other code", out["err"])

    def test_unsigned_code_is_built_again_with_a_note(self):
        self.make(self.site, with_code=True)
        out = self.run_model()
        self.expect(out, self.winner_count)
        self.assertIn("was built by somebody else and is not signed by a key that you trust",
                      out["err"])
        again = self.run_model()
        self.expect(again, 0)
        self.assertNotIn("somebody else", again["err"])

    def test_signed_code_is_launched_by_those_who_trust_the_key(self):
        self.make(self.site, with_code=True)
        key = self.ran("key", "generate").out.strip()
        self.assertIn("signed", self.ran("key", "sign", self.site).out)
        self.expect(self.run_model(), self.winner_count)  # signed, by nobody that is trusted
        self.db.unlink()
        self.ran("key", "trust", key)
        out = self.run_model()
        self.expect(out, 0)
        self.assertNotIn("built", out["err"])
        # Nothing had to be remembered.
        self.assertEqual(self.ran("db", "ls", "--format", "json", "--db", self.db).json()["records"],
                         [])
        # A signature does not cover other bytes.
        with sqlite3.connect(self.site) as connection:
            connection.execute(BAD_CODE)
        connection.close()
        cli_case.seal(self.site)
        damaged = self.run_model()
        self.assertGreaterEqual(damaged["kernels_rebuilt"], 3)
        self.expect(damaged, damaged["kernels_rebuilt"])
        self.assertIn("was built again", damaged["err"])
        self.expect(self.run_model(), 0)

    def test_damaged_code_of_the_user_is_healed(self):
        self.make(self.db, with_code=True)
        self.expect(self.run_model(), 0)
        with sqlite3.connect(self.db) as connection:
            connection.execute(BAD_CODE)
        connection.close()
        cli_case.seal(self.db)
        self.assertEqual(self.zorse("db", "verify").code, DATABASE)
        out = self.run_model()
        self.assertGreaterEqual(out["kernels_rebuilt"], 1)
        self.expect(out, out["kernels_rebuilt"])
        self.assertIn("was built again", out["err"])
        again = self.run_model()
        self.expect(again, 0)
        self.assertNotIn("was built again", again["err"])

    def test_the_user_comes_before_the_site(self):
        self.make(self.db, with_code=True)
        self.make(self.site, with_code=False)
        self.make(self.shipped, with_code=False)
        self.expect(self.run_model(), 0)

    def test_a_broken_site_or_shipped_database_is_told_and_left_out(self):
        self.make(self.site, with_code=False)
        sound = self.site.read_bytes()
        self.site.unlink()
        for path, advice in ((self.site, "restore a sound copy, or unset ZORSE_SITE_DB"),
                             (self.shipped, "install zorse again, or name a sound copy with "
                              "ZORSE_SHIPPED_DB")):
            shutil.copy(self.compiled, self.db)
            for content in b"x" * 5000, sound[:len(sound) // 2]:
                path.write_bytes(content)
                out = self.run_model()
                self.expect(out, 0, untuned=out["kernels_recalled"])
                self.assertEqual(len(out["layers_left_out"]), 1)
                sentence = out["layers_left_out"][0]
                self.assertRegex(sentence, rf"^the {path.stem} database {path} cannot be read and is "
                                 "left out, so none of its kernels are used: .+; " + advice + "$")
                self.assertIn(f"warning: {sentence}\n", out["err"])
                self.assertEqual(self.zorse("doctor").code, DATABASE)
                self.assertEqual(path.read_bytes(), content)
            path.unlink()
        # The other layer still counts, and nothing is said of sound ones.
        self.site.write_bytes(sound)
        self.shipped.write_text("x" * 5000)
        self.db.unlink()
        out = self.run_model()
        self.expect(out, self.winner_count)
        self.assertEqual(len(out["layers_left_out"]), 1)
        self.shipped.unlink()
        self.assertEqual(self.run_model()["layers_left_out"], [])

    def test_a_broken_database_of_the_user_is_an_error(self):
        self.make(self.site, with_code=True)
        self.db.write_text("x" * 5000)
        run = self.zorse("run", self.model(), "--prompt", "x")
        self.assertEqual((run.code, run.out), (DATABASE, ""))
        self.assertIn(str(self.db), run.err)

    def bundle(self, path):
        return self.ran("bundle", "--model", self.model(), "--context", "64", "--prefill", "1..8",
                        "-o", path, "--format", "json")

    def test_a_bundle_has_the_code_of_shipped_winners(self):
        bundle = self.folder / "model.zorse"
        listing = ["bundle", "--list", bundle, "--format", "json"]
        self.ran("key", "generate")
        for layer in self.site, self.shipped:
            self.make(layer, with_code=False)
            made = self.bundle(bundle).json()
            self.assertGreater(made["winners_rebuilt"], 5)
            self.assertEqual((made["winners_differing"], made["buckets_default"]), (0, 0))
            # The code is that of the winners' own configurations, with the times of that code.
            listed = self.ran(*listing).json()
            won = {(row["config_text"], row["code_hash"]) for row in
                   self.ran("db", "ls", "--db", layer, "--format", "json").json()["records"]}
            for kernel in listed["kernels"]:
                self.assertEqual(kernel["median_us"], 5.0)
                self.assertIn((kernel["config"], kernel["code_hash"]), won)
            self.assertEqual(listed["manifest"]["winners_rebuilt"], str(made["winners_rebuilt"]))
            self.runs_alone(bundle)
            layer.unlink()
            self.db.unlink(missing_ok=True)

    def runs_alone(self, bundle):
        """Runs from the bundle with no database beside it; nothing is compiled."""
        aside = [(path, path.with_suffix(".aside")) for path in (self.site, self.shipped, self.db)
                 if path.exists()]
        for path, other in aside:
            path.rename(other)
        run = self.ran("run", self.model(), "--prompt", "Once", "--max-new-tokens", 4, "--format",
                       "json", "--bundle", bundle)
        self.assertEqual(run.json()["output_ids"], self.expected)
        self.assertEqual(run.json()["kernels_compiled"], 0)
        self.assertFalse(self.db.exists())
        for path, other in aside:
            other.rename(path)
        return run

    def test_a_bundle_claims_no_time_for_code_that_was_not_measured(self):
        def other(row):
            row["code"] = f"{int(row['code'], 16) ^ 1:032x}"
        bundle = self.folder / "model.zorse"
        self.ran("key", "generate")
        self.make(self.shipped, with_code=False, change=other)
        made = self.bundle(bundle)
        count = made.json()["winners_rebuilt"]
        self.assertGreater(count, 5)
        self.assertEqual(made.json()["winners_differing"], count)
        self.assertIn(f"built the code of {count} winners again; {count} of them are other code "
                      "than was measured", made.err)
        listed = self.ran("bundle", "--list", bundle, "--format", "json").json()
        self.assertEqual(listed["manifest"]["winners_differing"], str(count))
        stored = {kernel["code_hash"]: kernel for kernel in listed["kernels"]
                  if kernel["median_us"] is None}
        measured = [kernel for kernel in listed["kernels"] if kernel["median_us"] is not None]
        self.assertEqual(len(measured), count)
        for kernel in measured:
            self.assertEqual(stored[kernel["launched_code_hash"]]["config"], kernel["config"])
            self.assertNotIn(kernel["code_hash"], stored)
        self.assertIn("of other code than is launched", self.ran("bundle", "--list", bundle).out)
        run = self.runs_alone(bundle)
        self.assertRegex(run.err, r"\d+ winners of \S+ are other code than was measured")
        self.assertNotIn("warning", run.err)

    def test_tuning_measures_here_whatever_is_shipped(self):
        op = {"op": "rmsnorm", "hidden_size": 64, "dtype": "f32", "tuning": {"tokens": 1}}
        self.op(**op)
        tune = ["tune", "op.json", "--trials", 2, "--format", "json"]
        self.ran(*tune, "--db", self.folder / "there.db")
        text = self.ran("db", "export", "--winners", "--db", self.folder / "there.db").out
        meter = next(line for line in text.splitlines() if "meter" in line)
        device = json.loads(meter)["meter"][1]
        # The same rows as if of another processor, and much faster.
        moved = []
        for line in map(json.loads, text.splitlines()):
            if "row" in line:
                line["us"] = [1e-6, 1e-6, 1e-6]
            elif "meter" in line:
                line["meter"][1] = "Another CPU"
            moved.append(json.dumps(line) + "\n")
        self.ran("db", "import", "-", "--db", self.shipped, stdin="".join(moved))
        self.ran(*tune)
        rows = self.ran("db", "ls", "--format", "json", "--db", self.db).json()["records"]
        self.assertTrue(rows)
        for row in rows:
            self.assertEqual(row["measurement"]["device"], device)


if __name__ == "__main__":
    cli_case.main()
