# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse key: making keys, believing them, signing; what is refused, and who may read the files."""

import stat

import cli_case
from cli_case import DATABASE, USAGE
from db_case import DbCase, trial

OTHER = "ab" * 32


class KeyTest(DbCase):
    def setUp(self):
        super().setUp()
        self.settings = self.folder / "home" / ".config" / "zorse"
        self.key, self.trusted = self.settings / "key", self.settings / "trusted_keys"

    def mode(self, path):
        return stat.S_IMODE(path.stat().st_mode)

    def test_generate_and_show(self):
        made = self.ran("key", "generate")
        self.assertRegex(made.out, r"\A[0-9a-f]{64}\n\Z")
        self.assertIn(str(self.key), made.err)
        self.assertEqual((self.mode(self.key), self.mode(self.settings)), (0o600, 0o700))
        # The secret is in the file alone.
        secret = self.key.read_text().split()[-1]
        self.assertEqual(len(secret), 128)
        self.assertNotIn(secret[:64], made.out + made.err)
        shown = self.ran("key", "show", "--format", "json").json()
        self.assertEqual(shown, {"schema_version": 1, "public_key": made.out.strip(),
                                 "file": str(self.key)})
        self.assertEqual(self.ran("key", "show").out, made.out)
        another = self.ran("key", "generate", "--key", self.folder / "other")
        self.assertNotEqual(another.out, made.out)

    def test_a_key_is_never_replaced(self):
        self.ran("key", "generate")
        before = self.key.read_bytes()
        self.refused(USAGE, f"{self.key} is there already and is not replaced; name another file "
                     "or move it away", "key", "generate")
        self.assertEqual(self.key.read_bytes(), before)

    def test_bad_keys_are_refused(self):
        self.refused(USAGE, f"cannot open {self.key}: No such file or directory", "key", "show")
        self.ran("key", "generate")
        self.key.chmod(0o640)
        self.refused(USAGE, f"{self.key} has mode 0640: others may read it; run `chmod 600 "
                     f"{self.key}`", "key", "show")
        self.key.chmod(0o600)
        text = self.key.read_text()
        flipped = "1" if text[-2] == "0" else "0"
        self.key.write_text(text[:-2] + flipped + "\n")
        self.refused(USAGE, f"{self.key} is damaged: its halves do not belong together; restore a "
                     "copy", "key", "show")
        for wrong in "", "secret", text[:-10], text.replace("zorse", "horse"), "\0" * 200:
            self.key.write_text(wrong)
            self.refused(USAGE, f"{self.key} is no secret key: expected one line 'zorse secret "
                         "key ' and 128 hexadecimal digits; make one with `zorse key generate`",
                         "key", "show")

    def test_trust(self):
        self.assertEqual(self.ran("key", "trust").out, "")
        self.assertFalse(self.trusted.exists())
        mine = self.ran("key", "generate").out.strip()
        self.assertEqual(self.ran("key", "trust", mine, "--comment", "my own").out, mine + "\n")
        self.assertEqual(self.trusted.read_text(), f"{mine} # my own\n")
        self.assertEqual(self.mode(self.trusted), 0o600)
        self.ran("key", "trust", mine)  # believed already
        out = self.ran("key", "trust", OTHER, "--format", "json").json()
        self.assertEqual(out["trusted_keys"], [mine, OTHER])
        self.assertEqual(self.trusted.read_text(), f"{mine} # my own\n{OTHER}\n")
        # Another file, by flag and by variable.
        elsewhere = self.folder / "keys"
        self.ran("key", "trust", OTHER, "--trust", elsewhere)
        self.assertEqual(elsewhere.read_text(), OTHER + "\n")
        self.assertEqual(self.ran("key", "trust", env={"ZORSE_TRUST_FILE": str(elsewhere)}).out,
                         OTHER + "\n")

    def test_bad_trust_is_refused(self):
        for wrong in "x", OTHER[:-1], OTHER + "0", OTHER.upper():
            self.refused(USAGE, "a public key has 64 lower-case hexadecimal digits, found "
                         f"'{wrong}'; `zorse key show` prints one", "key", "trust", wrong)
        self.refused(USAGE, "the comment behind a key is one line", "key", "trust", OTHER,
                     "--comment", f"x\n{OTHER}")
        self.assertFalse(self.trusted.exists())
        self.ran("key", "trust", OTHER)
        self.trusted.chmod(0o620)
        self.refused(USAGE, f"{self.trusted} has mode 0620: others may write it; run `chmod go-w "
                     f"{self.trusted}`", "key", "trust")
        self.trusted.chmod(0o600)
        self.trusted.write_text(f"# mine\n{OTHER}\nnonsense # yes\n")
        self.refused(USAGE, f"{self.trusted}:3: expected a public key of 64 hexadecimal digits, "
                     "found 'nonsense'; `zorse key show` prints one", "key", "trust")

    def test_sign_counts_code_and_makes_no_database(self):
        missing = self.folder / "missing.db"
        self.refused(USAGE, f"cannot open {self.key}: No such file or directory", "key", "sign",
                     missing)
        mine = self.ran("key", "generate").out.strip()
        run = self.zorse("key", "sign", missing)
        self.assertEqual((run.code, run.out), (DATABASE, ""))
        self.assertIn(str(missing), run.err)
        self.assertFalse(missing.exists())
        # Rows that came as text have no code.
        self.make(self.db, [trial("waves=1", 5.0)])
        self.assertEqual(self.ran("key", "sign", self.db).out,
                         f"signed 0 code objects of {self.db} with {mine}\n")
        out = self.ran("key", "sign", self.db, "--format", "json").json()
        self.assertEqual((out["signed"], out["public_key"]), (0, mine))


if __name__ == "__main__":
    cli_case.main()
