# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse doctor."""

import cli_case
from cli_case import DATABASE
from db_case import DbCase, trial


class DoctorTest(DbCase):
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
                          "database", "disk", "user", "site", "shipped", "trust", "key", "sqlite"])
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

    def layers(self, out):
        return {layer["name"]: layer for layer in out["layers"]}

    def test_layers(self):
        out = self.ran("doctor", "--format", "json").json()
        self.assertEqual([layer["name"] for layer in out["layers"]], ["user", "site", "shipped"])
        layers = self.layers(out)
        self.assertEqual([layers[name]["state"] for name in ("user", "site", "shipped")],
                         ["absent", "none", "absent"])
        self.assertIn("site       none; ZORSE_SITE_DB names one\n", self.ran("doctor").out)

        site = self.make("site.db", [trial("waves=1", 5.0), trial("waves=2", 9.0)])
        env = {"ZORSE_SITE_DB": str(site)}
        found = self.layers(self.ran("doctor", "--format", "json", env=env).json())["site"]
        self.assertEqual(found, {"name": "site", "path": str(site), "state": "readable", "rows": 2,
                                 "winners": 1, "winners_with_code": 0,
                                 "winners_with_foreign_code": 0})
        self.assertIn(f"site       {site}: readable, 2 trials, 1 winners, 0 of them with code that "
                      "is launched\n", self.ran("doctor", env=env).out)

        site.write_text("x" * 5000)
        run = self.zorse("doctor", "--format", "json", env=env)
        self.assertEqual(run.code, DATABASE)
        found = self.layers(run.json())["site"]
        self.assertEqual(found["state"], "unusable")
        self.assertIn("not a database", found["error"])
        self.assertIn(f"site       {site}: unusable: not a database",
                      self.zorse("doctor", env=env).out)

    def test_the_shipped_database_is_found_beside_the_tool(self):
        program = cli_case.pathlib.Path(cli_case.ZORSE).resolve()
        path = program.parent.parent / "share" / "zorse" / "kernels.db"
        self.env.pop("ZORSE_SHIPPED_DB")
        shipped = self.layers(self.ran("doctor", "--format", "json").json())["shipped"]
        self.assertEqual((shipped["path"], shipped["state"]), (str(path), "readable"))
        self.assertEqual(shipped["rows"], shipped["winners"])
        self.assertEqual(path.stat().st_mode & 0o777, 0o644)

    def test_keys(self):
        out = self.ran("doctor", "--format", "json").json()
        settings = self.folder / "home" / ".config" / "zorse"
        self.assertEqual(out["trust"], {"file": str(settings / "trusted_keys"), "state": "absent",
                                        "keys": []})
        self.assertEqual(out["signing_key"], {"file": str(settings / "key"), "state": "absent"})
        self.assertFalse(settings.exists())
        key = self.ran("key", "generate").out.strip()
        self.ran("key", "trust", key)
        out = self.ran("doctor", "--format", "json").json()
        self.assertEqual(out["trust"]["keys"], [key])
        self.assertEqual((out["signing_key"]["state"], out["signing_key"]["public_key"]),
                         ("usable", key))
        text = self.ran("doctor").out
        self.assertIn(f"trust      {settings}/trusted_keys: 1 keys\n", text)
        self.assertIn(f"key        {settings}/key: public key {key}\n", text)
        for name, entry in ("trusted_keys", "trust"), ("key", "signing_key"):
            (settings / name).chmod(0o666)
            run = self.zorse("doctor", "--format", "json")
            self.assertEqual(run.code, DATABASE)
            self.assertEqual(run.json()[entry]["state"], "unusable")
            self.assertIn("has mode 0666", run.json()[entry]["error"])
            self.assertIn("unusable: ", self.zorse("doctor").out)
            (settings / name).chmod(0o600)

    def test_hazards_and_sqlite(self):
        out = self.ran("doctor", "--format", "json").json()
        self.assertEqual(out["database"]["hazards"], [])
        self.assertRegex(out["sqlite"]["version"], r"\A3\.\d+\.\d+\Z")
        self.assertIsNone(out["sqlite"]["journal_mode"])
        self.ran("db", "verify", "--repair")
        out = self.ran("doctor", "--format", "json").json()
        self.assertEqual(out["sqlite"]["journal_mode"], "delete")
        self.assertRegex(self.ran("doctor").out, r"sqlite     3\.\S+, journal mode delete\n")
        self.folder.chmod(0o777)
        hazards = self.ran("doctor", "--format", "json").json()["database"]["hazards"]
        self.assertEqual(len(hazards), 1)
        self.assertIn(f"the folder {self.folder} has mode 0777; run `chmod go-w {self.folder}`",
                      hazards[0])
        self.assertIn("has mode 0777", self.ran("doctor").out)


if __name__ == "__main__":
    cli_case.main()
