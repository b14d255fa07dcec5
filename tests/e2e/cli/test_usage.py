# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command line itself: help, typos, environment."""

import re

import cli_case
from cli_case import USAGE, CliCase


class UsageTest(CliCase):
    def verbs(self):
        text = self.ran("--help").out
        return re.findall(r"^  ([a-z]+) ", text.split("Subcommands:\n")[1].split("\n\n")[0], re.M)

    def test_help_goes_to_stdout_with_examples_first(self):
        for verb in [[], *([v] for v in self.verbs()), *(["db", v] for v in self.db_verbs()),
                     *(["key", v] for v in ("generate", "show", "sign", "trust"))]:
            with self.subTest(verb=verb):
                run = self.ran(*verb, "--help")
                self.assertEqual(run.err, "")
                lines = run.out.split("\n")
                self.assertEqual(lines[1].split()[:2], ["Usage:", "zorse"])
                examples = run.out.index("Examples:\n  ")
                self.assertLess(examples, run.out.index("Options:"))
                shown = run.out[examples:].split("\n\n")[0].split("\n")[1:]
                self.assertIn(len(shown), range(1, 6))
                self.assertIn("zorse " + " ".join(verb), shown[0])
                for line in shown: # an option of another verb may be what an example is about
                    self.assertRegex(line, r"\bzorse\b" + "".join(rf".*\b{v}\b" for v in verb))
                self.assertEqual(self.ran(*verb, "-h").out, run.out)

    def test_help_lists_the_environment(self):
        text = self.ran("--help").out
        names = re.findall(r"^  (ZORSE_\w+) ", text, re.M)
        self.assertEqual(names, ["ZORSE_DB", "ZORSE_HIP_LIBRARY", "ZORSE_LOG", "ZORSE_PACK_CACHE",
                                 "ZORSE_SHIPPED_DB", "ZORSE_SITE_DB", "ZORSE_THREADS",
                                 "ZORSE_TRUST_FILE"])

    def test_version(self):
        self.assertRegex(self.ran("--version").out, r"^zorse \d+\.\d+\.\d+\n$")

    def test_no_verb(self):
        verbs = ", ".join(self.verbs())
        self.refused(USAGE, f"zorse needs a verb: {verbs}; `--help` explains them")

    def test_unknown_verb(self):
        verbs = ", ".join(self.verbs())
        self.refused(USAGE, f"unknown verb 'rnu' (did you mean 'run'?); the verbs of zorse are "
                     f"{verbs}", "rnu")
        self.refused(USAGE, f"unknown verb 'frobnicate'; the verbs of zorse are {verbs}",
                     "frobnicate")

    def db_verbs(self):
        verbs = ["ls", "show", "explain", "merge", "diff", "export", "import", "quick",
                 "verify", "gc"]
        return verbs + (["audit"] if cli_case.has_compiler() else [])

    def test_verbs_of_verbs(self):
        verbs = ", ".join(self.db_verbs())
        self.refused(USAGE, f"db needs a verb: {verbs}; `--help` explains them", "db")
        self.refused(USAGE, "unknown verb 'veryfi' (did you mean 'verify'?); the verbs of db are "
                     f"{verbs}", "db", "veryfi")

    def test_wrong_options(self):
        hint = "; `--help` after the verb lists its options"
        run = self.zorse("doctor", "--format", "xml")
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertIn("xml", run.err)
        self.refused(USAGE, "the following argument was not expected: --fromat" + hint,
                     "doctor", "--fromat")
        self.refused(USAGE, "id is required" + hint, "db", "show")
        self.refused(USAGE, "could not convert: id = abc" + hint, "db", "show", "abc")
        self.refused(USAGE, "model is required" + hint, "run")
        self.refused(USAGE, "the prompt is empty; give some text with --prompt or on stdin",
                     "run", "x", "--prompt", "")
        self.refused(USAGE, "--greedy excludes --temperature" + hint, "run", "x", "--prompt", "y",
                     "--greedy", "--temperature", "1")

    def test_environment_of_the_wrong_type(self):
        self.refused(USAGE, "environment variable ZORSE_THREADS: expected integer from 0 to 4096, "
                     "found 'many'", "doctor", env={"ZORSE_THREADS": "many"})
        self.refused(USAGE, "environment variable ZORSE_LOG: expected trace, debug, info, warning, "
                     "error, critical or off, found 'loud'", "doctor", env={"ZORSE_LOG": "loud"})

    def test_unknown_variable_is_a_warning(self):
        run = self.ran("doctor", env={"ZORSE_DATABASE": "x"})
        self.assertEqual(run.err, "zorse: warning: unknown environment variable ZORSE_DATABASE; "
                         "`zorse --help` lists the known ones\n")
        self.assertEqual(self.ran("doctor", env={"ZORSE_DATABASE": "x", "ZORSE_LOG": "off"}).err, "")

    def test_default_database_follows_the_base_directories(self):
        env = {"ZORSE_DB": "", "XDG_DATA_HOME": str(self.folder / "data")}
        path = self.ran("doctor", "--format", "json", env=env).json()["database"]["path"]
        self.assertEqual(path, str(self.folder / "data" / "zorse" / "kernels.db"))
        env["XDG_DATA_HOME"] = ""
        path = self.ran("doctor", "--format", "json", env=env).json()["database"]["path"]
        self.assertEqual(path, str(self.folder / "home" / ".local/share/zorse/kernels.db"))

    def test_a_flag_goes_before_the_variable(self):
        run = self.ran("doctor", "--format", "json", "--db", "other.db")
        self.assertEqual(run.json()["database"]["path"], "other.db")

    def test_colour_only_where_asked(self):
        for arguments, coloured in ([], False), (["--color", "always"], True), \
                (["--color", "never"], False):
            run = self.ran("doctor", *arguments, env={"ZORSE_X": "1"})
            self.assertEqual("\x1b[" in run.err, coloured)
            self.assertNotIn("\x1b", run.out)


if __name__ == "__main__":
    cli_case.main()
