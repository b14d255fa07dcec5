# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Feeds every check a small tree that breaks it, and one that does not."""

import os
import tempfile
import unittest

import checks
import run_docs

LICENCE = "// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception\n"


class CheckTest(unittest.TestCase):
    def faults(self, check, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as stream:
                    stream.write(text)
            return list(checks.CHECKS[check](checks.Tree(root)))

    def expect(self, check, files, *expected):
        self.assertEqual(list(expected), self.faults(check, files))


class SizesTest(CheckTest):
    def test_limits(self):
        self.expect("sizes", {"a/A.cpp": "\n" * 800, "a/A.h": "\n" * 300, "a/A.td": "\n" * 400,
                              "a/README.md": "\n" * 60})
        self.expect("sizes", {"a/A.cpp": "\n" * 801},
                    "a/A.cpp: 801 lines, the limit is 800; split it by subject")
        self.expect("sizes", {"a/A.h": "\n" * 301},
                    "a/A.h: 301 lines, the limit is 300; split it by subject")
        self.expect("sizes", {"a/README.md": "\n" * 61},
                    "a/README.md: 61 lines, the limit is 60; split it by subject")

    def test_build_folders_are_not_read(self):
        self.expect("sizes", {"build-dev/A.cpp": "\n" * 801})


class ThirdPartyTest(CheckTest):
    def test_texts_of_others_are_left_alone(self):
        self.expect("licence", {"third_party/x/A.cpp": ""})
        self.expect("words", {"third_party/x/a_v2.txt": "FIX" + "ME"})

    def test_readmes_beside_them_are_ours(self):
        self.expect("sizes", {"third_party/x/README.md": "\n" * 61},
                    "third_party/x/README.md: 61 lines, the limit is 60; split it by subject")


class WallsTest(CheckTest):
    DESC = {"dialect/desc/include/zorse/desc/Hash.h": ""}
    COMPILE = {"compiler/include/zorse/compiler/Compile.h": ""}

    def test_allowed(self):
        self.expect("walls", {**self.DESC, "tuner/lib/A.cpp": '#include "zorse/desc/Hash.h"\n'})
        self.expect("walls", {"compiler/lib/A.cpp": '#include "mlir/IR/Builders.h"\n'})
        self.expect("walls", {**self.COMPILE,
                              "tuner/A.cpp": '#include "zorse/compiler/Compile.h"\n'})

    def test_between_components(self):
        self.expect("walls", {**self.COMPILE,
                              "runtime/dispatch/lib/A.cpp":
                                  '#include "zorse/compiler/Compile.h"\n'},
                    "runtime/dispatch/lib/A.cpp: dispatch includes zorse/compiler/Compile.h of "
                    "compiler; allowed: db, desc, device, reference")
        self.expect("walls", {"kernels-db/include/zorse/db/Database.h": "",
                              "dialect/desc/lib/A.cpp": '#include "zorse/db/Database.h"\n'},
                    "dialect/desc/lib/A.cpp: desc includes zorse/db/Database.h of db; "
                    "allowed: none")

    def test_outside_headers(self):
        self.expect("walls", {"tuner/lib/A.cpp": '#include "mlir/IR/Builders.h"\n'},
                    "tuner/lib/A.cpp: tuner includes mlir/IR/Builders.h; only compiler, "
                    "compiler tools, dialect, tests may")
        self.expect("walls", {"runtime/hybrid/lib/A.cpp": "#include <sqlite3.h>\n"},
                    "runtime/hybrid/lib/A.cpp: hybrid includes sqlite3.h; only db, tests may")
        self.expect("walls", {"runtime/device/host/A.cpp": "#include <hip/hip_runtime.h>\n"},
                    "runtime/device/host/A.cpp: device includes hip/hip_runtime.h; only hip may")

    def test_second_compiler_header(self):
        self.expect("walls", {"compiler/include/zorse/compiler/Passes.h": "",
                              "tools/A.cpp": '#include "zorse/compiler/Passes.h"\n'},
                    "tools/A.cpp: includes zorse/compiler/Passes.h; outside the compiler only "
                    "zorse/compiler/Compile.h, zorse/compiler/Inspect.h is seen")

    def test_private_header(self):
        files = {"compiler/lib/Schedule/Tiles.h": "",
                 "compiler/lib/Schedule/A.cpp": '#include "Schedule/Tiles.h"\n'}
        self.expect("walls", files)
        self.expect("walls", {**files, "compiler/tools/A.cpp": '#include "Schedule/Tiles.h"\n'})
        self.expect("walls", {**files, "tuner/lib/A.cpp": '#include "Schedule/Tiles.h"\n'},
                    "tuner/lib/A.cpp: includes Schedule/Tiles.h, which is private to compiler")
        self.expect("walls", {"tuner/lib/A.cpp": '#include "../B.h"\n'},
                    "tuner/lib/A.cpp: includes ../B.h; expected a path without '..'")

    def test_unknown_component(self):
        self.expect("walls", {"novelty/A.cpp": ""},
                    "novelty/A.cpp: lies in no component that tests/hygiene/rules.py knows")


class CMakeTest(CheckTest):
    def test_sorted(self):
        self.expect("sorted", {"a/CMakeLists.txt": "add_library(a SOURCES A.cpp b.cpp C.cpp)\n"})
        self.expect("sorted", {"a/CMakeLists.txt": "add_library(a SOURCES\n  B.cpp\n  A.cpp)\n"},
                    "a/CMakeLists.txt: in add_library(), A.cpp comes after B.cpp; sort the list")

    def test_listed(self):
        self.expect("listed", {"a/CMakeLists.txt": "add_library(a lib/A.cpp)\n", "a/lib/A.cpp": ""})
        self.expect("listed", {"a/CMakeLists.txt": "# add_library(a A.cpp)\n", "a/A.cpp": ""},
                    "a/A.cpp: in no CMakeLists.txt; add it to the sources of its target")


class ReadmesTest(CheckTest):
    def test_readmes(self):
        self.expect("readmes", {"a/README.md": "", "a/lib/A.cpp": "", "a/lib/b/c/A.cpp": ""})
        self.expect("readmes", {"README.md": "", "a/A.cpp": ""},
                    "a: has sources and no README.md; say what flows in and what flows out")


class WordsTest(CheckTest):
    def test_names(self):
        self.expect("words", {"a/Util.cpp": ""},
                    "a/Util.cpp: a file named 'Util.cpp' collects anything; name it after what "
                    "it holds")
        self.expect("words", {"a/gemm_v2.cpp": ""},
                    "a/gemm_v2.cpp: a version in a file name; name what differs")
        self.expect("words", {"a/GemmV2.cpp": ""},
                    "a/GemmV2.cpp: a version in a file name; name what differs")

    def test_words(self):
        for text, fault in (
                ("// TODO: later", "unfinished work: 'TODO'; finish it or leave it out"),
                ("return error; // not implemented",
                 "unfinished work: 'not implemented'; finish it or leave it out"),
                ("int planV2 = 0;", "a version in a name: 'planV2'; name what differs"),
                ('open("/tmp/x")', "a path of one machine: '/tmp/'; take the path as an "
                                   "argument, or a fresh temporary directory"),
                ("// see issue 7", "a reference to a tracker: 'issue 7'; say what is so, not "
                                   "where it was discussed"),
                ("// as ../shared says", "a word about how the project is made: '../shared'; "
                                         "speak of the product only"),
                ("// from deb.debian.org", "the host of a package registry: 'deb.debian.org'; "
                                           "name the package, not the host")):
            self.expect("words", {"a/A.cpp": text + "\n"}, f"a/A.cpp:1: {fault}")

    def test_allowed(self):
        self.expect("words", {"a/A.cpp": "auto x = mamba2; // ${dir}/tmp/x, /usr/lib, v_mfma, op.getV2()\n"})


class ArchitecturesTest(CheckTest):
    def test_architectures(self):
        self.expect("architectures", {"dialect/desc/lib/Targets.cpp": '"gfx942"\n',
                                      "tests/A.cpp": '"gfx942"\n', "README.md": "gfx942\n",
                                      "tuner/A.cpp": "// as on gfx942\n"})
        self.expect("architectures", {"compiler/lib/A.cpp": '\nif (arch == "gfx90a")\n'},
                    "compiler/lib/A.cpp:2: names gfx90a; ask TargetDesc a question instead "
                    "(dialect/desc/lib/Targets.cpp holds the names)")


class HeaderLinesTest(CheckTest):
    def test_licence(self):
        self.expect("licence", {"a/A.cpp": LICENCE})
        self.expect("licence", {"a/A.cpp": "int x;\n"},
                    "a/A.cpp: no line 'SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception' "
                    "at its top")

    def test_once(self):
        self.expect("once", {"a/A.h": "#pragma once\n"})
        self.expect("once", {"a/A.h": "#ifndef A_H\n"}, "a/A.h: no #pragma once")


class RunDocsTest(unittest.TestCase):
    MARKED = "text\n\n<!-- run -->\n```console\n$ echo one two\none two\n```\n"

    def test_finds_marked_blocks_only(self):
        unmarked = "```console\n$ false\n```\n"
        examples = list(run_docs.examples(unmarked + self.MARKED))
        self.assertEqual([(8, "echo one two", ["one two"])], examples)

    def test_continued_command(self):
        text = "<!-- run -->\n```console\n$ echo one \\\n    two\none two\n```\n"
        self.assertEqual([(3, "echo one \\\n    two", ["one two"])], list(run_docs.examples(text)))

    def test_dots_match_anything(self):
        self.assertTrue(run_docs.matches(["a … c", "…", "z"], ["a b c", "1", "2", "z"]))
        self.assertTrue(run_docs.matches(["…"], []))
        self.assertFalse(run_docs.matches(["a … c"], ["a b"]))
        self.assertFalse(run_docs.matches(["a"], ["a", "b"]))
        self.assertFalse(run_docs.matches(["a.c"], ["abc"]))

    def test_faults(self):
        with tempfile.TemporaryDirectory() as root:
            path = os.path.join(root, "README.md")
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(self.MARKED)
            self.assertEqual([], run_docs.faults(root, root, ["README.md"]))
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(self.MARKED.replace("\none two\n```", "\none\n```"))
            self.assertEqual(["README.md:5: `echo one two` printed\n  one two\nbut the page "
                              "says\n  one"], run_docs.faults(root, root, ["README.md"]))
            with open(path, "w", encoding="utf-8") as stream:
                stream.write("<!-- run -->\n```console\n$ exit 3\n```\n")
            self.assertEqual(["README.md:3: `exit 3` ended with exit code 3\n  "],
                             run_docs.faults(root, root, ["README.md"]))


class CommandLineTest(unittest.TestCase):
    def test_every_check_is_known_and_tested(self):
        tested = {name for name in checks.CHECKS for cls in CheckTest.__subclasses__()
                  if any(f'"{name}"' in line for line in SOURCE)}
        self.assertEqual(set(checks.CHECKS), tested)

    def test_exit_codes(self):
        self.assertEqual(2, checks.main([]))
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(2, checks.main([root, "nonsense"]))
            self.assertEqual(0, checks.main([root]))
            with open(os.path.join(root, "A.h"), "w", encoding="utf-8") as stream:
                stream.write(LICENCE)
            self.assertEqual(1, checks.main([root, "once"]))


with open(__file__, encoding="utf-8") as own:
    SOURCE = own.readlines()

if __name__ == "__main__":
    unittest.main()
