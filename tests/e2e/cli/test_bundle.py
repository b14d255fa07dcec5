# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse bundle and run --bundle: the same tokens with nothing but one file, and what damage is told."""

import json
import random
import shlex
import shutil
import stat
import sys

import cli_case
from cli_case import DATABASE, DEVICE, OK, USAGE, CliCase

SEED = 20


class BundleTest(CliCase):
    def setUp(self):
        super().setUp()
        self.bundle = self.folder / "model.zorse"
        self.case = json.loads((self.model() / "golden.json").read_text())["cases"][0]

    made = None  # the JSON of the first bundle, itself and its database: kernels are compiled once

    def make(self, *more):
        kept = type(self)
        if not more and kept.made:
            self.db.write_bytes(kept.made[1])
            self.bundle.write_bytes(kept.made[2])
            return kept.made[0]
        if kept.made and not self.db.exists():
            self.db.write_bytes(kept.made[1])
        out = self.build(*more)
        if not more and not kept.made:
            kept.made = out, self.db.read_bytes(), self.bundle.read_bytes()
        return out

    def build(self, *more):
        return self.ran("bundle", "--model", self.model(), "--dtype", "f32", "--batch", "1",
                        "--context", "64..128", "--prefill", "4..32", "-o", self.bundle,
                        "--format", "json", *more).json()

    def run_arguments(self, *more):
        return ["run", self.model(), "--prompt", self.case["prompt"], "--max-new-tokens", 64,
                "--greedy", "--ignore-eos", "--dtype", "f32", "--format", "json", "--bundle",
                self.bundle, *more]

    def test_runs_the_model_and_compiles_nothing(self):
        made = self.make()
        self.assertEqual(made["buckets_tuned"], 0)
        self.assertGreater(made["buckets_default"], 10)
        self.assertEqual(made["bytes"], self.bundle.stat().st_size)
        self.db.unlink()
        out = self.ran(*self.run_arguments("--trust-unsigned")).json()
        self.assertEqual(out["output_ids"], self.case["greedy_ids"])
        self.assertEqual(out["kernels_compiled"], 0)
        self.assertFalse(self.db.exists(), "a run from a bundle needs no database")
        self.assertEqual(sorted(p.name for p in self.folder.glob("model.zorse*")),
                         ["model.zorse"])

    def test_tuned_kernels_come_along(self):
        op = {"op": "argmax", "vocab_size": 512, "dtype": "f32", "tuning": {"tokens": 1}}
        self.ran("tune", self.op(**op), "--space", "quick")
        made = self.build()
        self.assertEqual(made["buckets_tuned"], 1)
        listed = self.ran("bundle", "--list", self.bundle, "--format", "json").json()
        measured = [k for k in listed["kernels"] if k["median_us"] is not None]
        self.assertEqual([k["op"] for k in measured], ["argmax"])
        winner, = self.ran("db", "ls", "--winners", "--format", "json").json()["records"]
        self.assertEqual((measured[0]["config"], measured[0]["code_hash"]),
                         (winner["config_text"], winner["code_hash"]))
        self.db.unlink()
        out = self.ran(*self.run_arguments("--trust-unsigned")).json()
        self.assertEqual(out["output_ids"], self.case["greedy_ids"])
        self.assertEqual(out["kernels_compiled"], 0)

    def test_unsigned_code_needs_the_users_word(self):
        self.make()
        run = self.zorse(*self.run_arguments())
        self.assertEqual((run.code, run.out), (DATABASE, ""))
        self.assertRegex(run.err, r"has code that no key in the trust store signed \(.*\); believe the "
                         r"maker's key with `zorse key trust PUBLIC_KEY` or --trust FILE, or vouch "
                         r"for the code with --trust-unsigned; bundles of your own are signed once "
                         r"there is a key \(`zorse key generate`\)")
        made = self.ran("bundle", "--model", self.model(), "--dtype", "f32", "--context", "64",
                        "--prefill", "4", "-o", self.bundle)
        self.assertIn("`zorse key generate` makes one, then bundle again; or vouch for the code: "
                      f"`zorse run {self.model()} --bundle {self.bundle} --trust-unsigned "
                      "--prompt TEXT`", made.err)

    def test_the_three_lines_of_the_readme(self):
        text = (cli_case.SOURCE / "tools" / "zorse" / "README.md").read_text()
        lines = [line.strip() for line in text.splitlines() if line.startswith("    zorse ")]
        self.assertEqual([line.split()[1] for line in lines], ["key", "bundle", "run"])
        for line in lines:
            words = [str(self.model()) if word == "MODEL_DIR" else word
                     for word in shlex.split(line)[1:]]
            run = self.ran(*words)
            self.assertNotIn("warning", run.err)
        self.assertTrue(run.out.startswith("Once"), run.out)
        # Somebody who does not have this key must believe it first.
        (self.folder / "home" / ".config" / "zorse" / "key").rename(self.folder / "key")
        self.assertEqual(self.zorse(*words).code, DATABASE)

    def test_a_trusted_signature_is_enough(self):
        key, trusted = self.folder / "key", self.folder / "trusted_keys"
        public = self.ran("key", "generate", "--key", key, "--format", "json").json()["public_key"]
        made = self.make("--key", key)
        listed = self.ran("bundle", "--list", self.bundle, "--format", "json").json()
        self.assertEqual(listed["code"], {"foreign": made["signed"]})
        trusted.write_text(f"{public} # the maker\n")
        out = self.ran(*self.run_arguments("--trust", trusted)).json()
        self.assertEqual(out["output_ids"], self.case["greedy_ids"])
        listed = self.ran("bundle", "--list", self.bundle, "--trust", trusted, "--format",
                          "json").json()
        self.assertEqual(listed["code"], {"signed": made["signed"]})

    def test_the_list_says_what_it_is_for(self):
        self.make()
        listed = self.ran("bundle", "--list", self.bundle, "--format", "json").json()
        facts = listed["manifest"]
        self.assertEqual(facts["model"], "zebra-stories-260k")
        self.assertEqual(facts["dtype"], "f32")
        self.assertEqual(facts["context"], "64,128")
        self.assertEqual(facts["prefill"], "4,8,16,32")
        self.assertRegex(facts["created_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        for name in ("ops_hash", "model_config_hash", "content_hash"):
            self.assertRegex(facts[name], r"^[0-9a-f]{32}$")
        self.assertIn("zorse kernel bundle", self.ran("bundle", "--list", self.bundle).out)

    def test_other_models_and_devices_are_refused(self):
        self.make()
        other = self.run_arguments("--trust-unsigned")
        other[1] = self.model("llama-stories-260k")
        run = self.zorse(*other)
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertRegex(run.err, r"was made for another model \(zebra-stories-260k, passes of 512 "
                         r"tokens\): it lacks \d+ of \d+ ops, such as ")
        arguments = self.run_arguments("--trust-unsigned")
        arguments[arguments.index("f32")] = "bf16"
        run = self.zorse(*arguments)
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertIn("was made for activations of f32, found bf16; run with --dtype f32", run.err)
        self.ran("bundle", "--model", self.model(), "--dtype", "f32", "--target", "gfx942",
                 "--context", "64", "--prefill", "1", "-o", self.bundle)
        run = self.zorse(*self.run_arguments("--trust-unsigned"))
        self.assertEqual((run.code, run.out), (DEVICE, ""))
        self.assertIn("was made for gfx942, this device is x86_64", run.err)

    def test_an_ordinary_database_is_no_bundle(self):
        self.make()
        shutil.copy(self.db, self.bundle)
        run = self.zorse(*self.run_arguments("--trust-unsigned"))
        self.assertEqual((run.code, run.out), (DATABASE, ""))
        self.assertIn("it is an ordinary database (--db)", run.err)

    def test_damage_is_told_before_the_first_token(self):
        self.make()
        sound = self.bundle.read_bytes()
        draw = random.Random(SEED)
        damaged = [sound[:n] for n in (0, 1, 99, 4096, len(sound) // 2, len(sound) - 1)]
        # Not in bytes 24 to 27 and 92 to 99: counters of SQLite that say nothing of the content.
        places = [draw.randrange(len(sound)) for _ in range(40)]
        for place in places:
            if place in range(24, 28) or place in range(92, 100):
                continue
            flipped = bytearray(sound)
            flipped[place] ^= 1 << draw.randrange(8)
            damaged.append(bytes(flipped))
        for index, content in enumerate(damaged):
            self.bundle.write_bytes(content)
            for more in (["--trust-unsigned"], []):
                run = self.zorse(*self.run_arguments(*more))
                self.assertEqual((run.code, run.out), (DATABASE, ""),
                                 f"seed {SEED}, damage {index}, {more}: {run.err}")
                self.assertTrue(run.err.startswith("zorse: error: "), run.err)

    def test_all_or_nothing(self):
        self.make()
        before = self.bundle.read_bytes()
        locked = self.folder / "locked"
        locked.mkdir()
        locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
        self.addCleanup(locked.chmod, stat.S_IRWXU)
        run = self.zorse("bundle", "--model", self.model(), "-o", self.folder / "none" / "x")
        self.assertEqual((run.code, run.out), (1, ""))
        self.assertIn("cannot write", run.err)
        run = self.zorse("bundle", "--model", self.model("none"), "-o", self.bundle)
        self.assertNotEqual(run.code, OK)
        self.assertEqual(self.bundle.read_bytes(), before)

    def test_wrong_arguments(self):
        self.refused(USAGE, "bundle needs --model DIR and -o FILE, or --list FILE", "bundle")
        sizes = ("expected sizes from 1 to 2^31 such as 8 or 1,4,8 or 1..64 or 512..32K, found ")
        for text in ("0", "8..4", "x", "1,", "1..", "4G", "-1", "1...4"):
            self.refused(USAGE, f"--batch: {sizes}'{text}'", "bundle", "--model", self.model(),
                         f"--batch={text}", "-o", self.bundle)
        self.refused(USAGE, "--context must not exceed the 512 positions that the model was made "
                     "for, found 1024", "bundle", "--model", self.model(), "--context", "1k", "-o",
                     self.bundle)
        self.assertFalse(self.bundle.exists())


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    cli_case.main()
