# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The habits of this tree, as data. checks.py holds the tree against them."""

import re

# Folders at the top that are not ours to judge.
SKIPPED_DIRECTORIES = (".git", ".cache", "__pycache__")
SKIPPED_TOP_PREFIX = "build"

# Longest allowed file, in lines, by suffix.
LINE_LIMITS = {".cpp": 800, ".h": 300, ".td": 400, ".mlir": 400, ".test": 400, ".py": 400,
               ".sh": 200, ".sql": 400}
README_LINE_LIMIT = 60
# The two pages that a newcomer reads from top to bottom may be longer than one screen.
README_LONGER = {"README.md": 170}

# Texts that others wrote, and that are here as they published them. The READMEs beside them are ours.
THIRD_PARTY_PREFIX = "third_party/"

# Which part of the project a path belongs to; the longest prefix wins.
COMPONENTS = {
    "bench": "bench",
    "cmake": "compiler",
    "compiler": "compiler",
    "compiler/tools": "compiler tools",
    "dialect": "dialect",
    "dialect/desc": "desc",
    "kernels-db": "db",
    "kernels-db/tools": "tools",
    "runtime/bundle": "bundle",
    "runtime/capi": "capi",
    "runtime/device": "device",
    "runtime/device/emulator": "emulator",
    "runtime/device/hip": "hip",
    "runtime/dispatch": "dispatch",
    "runtime/hybrid": "hybrid",
    "runtime/reference": "reference",
    "runtime/tools": "tools",
    "scripts": "scripts",
    "tests": "tests",
    "tools": "tools",
    "tuner": "tuner",
    "tuner/tools": "tools",
}

ALL_LIBRARIES = {"bundle", "capi", "compiler", "db", "desc", "device", "dialect", "dispatch",
                 "emulator", "hip", "hybrid", "reference", "tuner"}

# Row: a component. Value: the components whose public headers it may include.
WALLS = {
    "bench": ALL_LIBRARIES - {"dialect"},
    "bundle": {"desc", "db", "device", "dispatch", "hybrid"},
    "capi": {"desc", "db", "device", "dispatch", "hybrid", "bundle", "hip"},
    "compiler": {"desc", "dialect"},
    "compiler tools": {"desc", "dialect", "compiler"},
    "db": {"desc"},
    "desc": set(),
    "device": {"desc"},
    "dialect": {"desc"},
    "dispatch": {"desc", "db", "device", "reference"},
    "emulator": {"desc", "device"},
    "hip": {"desc", "device"},
    "hybrid": {"desc", "device", "reference", "dispatch"},
    "reference": {"desc"},
    "scripts": {"desc"},
    "tests": ALL_LIBRARIES,
    "tools": ALL_LIBRARIES - {"dialect"},
    "tuner": {"desc", "compiler", "db", "device", "reference"},
}

# Headers from outside: prefix of the include, who may have it.
OUTSIDE_WALLS = [
    ("mlir/", {"dialect", "compiler", "compiler tools", "tests"}),
    ("mlir-c/", {"compiler", "compiler tools"}),
    ("llvm/", {"dialect", "compiler", "compiler tools", "emulator", "tests"}),
    ("llvm-c/", {"compiler", "compiler tools", "emulator"}),
    ("lld/", {"compiler", "compiler tools"}),
    ("sodium", {"db"}),
    ("sqlite3", {"db", "tests"}),
    ("hip/", {"hip"}),
    ("CLI/", {"tools", "compiler tools", "bench"}),
    ("oneapi/", {"bench"}),
]

# The compiler has two public headers and they show no MLIR.
COMPILER_PUBLIC_HEADERS = {"zorse/compiler/Compile.h", "zorse/compiler/Inspect.h"}

# Whose private headers a component may also include: tools for developers look inside, tests do
# everywhere.
LOOKS_INSIDE = {"compiler tools": {"compiler", "dialect"}, "tests": ALL_LIBRARIES | {"tools"}}

SOURCE_SUFFIXES = (".cpp", ".c")
# Python and shell files need not be in a CMakeLists, nor these folders of test data.
UNLISTED_PREFIXES = ("tests/golden/", "scripts/")

BAD_STEMS = {"common", "helper", "helpers", "misc", "stuff", "util", "utils", "utility"}
VERSION_IN_FILE_NAME = re.compile(r"(^|[_\-.])[vV]\d+([_\-.]|$)|(?<=[a-z])V\d+(?=\.)")

# (name, pattern, what to do instead, suffixes or None for every text file)
CODE = (".cpp", ".h", ".td", ".py", ".cmake", ".txt", ".sh", ".sql", ".c")
FORBIDDEN_WORDS = [
    ("unfinished work", re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\b[Nn]ot implemented\b"),
     "finish it or leave it out", None),
    ("a version in a name", re.compile(r"\b(?!sqlite3_|getV\d)[A-Za-z]\w*(?:[a-z]V|_v)[2-9]\b"),
     "name what differs", CODE),
    ("a path of one machine", re.compile(r"(?<![\w./}$~*])/(home|tmp|work|root)/"),
     "take the path as an argument, or a fresh temporary directory", None),
    ("a reference to a tracker", re.compile(r"\b[Ii]ssues? #?\d|\bticket\b|\bPR #?\d"),
     "say what is so, not where it was discussed", None),
    ("a word about how the project is made",
     re.compile(r"\bsub-?agent|\bAI (agent|assistant|session)|\b(coding|this) session\b"
                r"|\.\./shared\b|\bshared/(design|spec|field|models|vectors)"),
     "speak of the product only", None),
    ("the host of a package registry",
     re.compile(r"deb\.debian\.org|snapshot\.debian|apt\.llvm\.org|\bpypi\.|registry\.npmjs"
                r"|npmjs\.org|pkg\.dev\b|\bdocker\.io\b|\bghcr\.io\b|artifactregistry"),
     "name the package, not the host", None),
]
TEXT_SUFFIXES = (".c", ".cmake", ".cpp", ".h", ".in", ".json", ".md", ".mlir", ".py", ".sh",
                 ".sql", ".td", ".test", ".txt", "")
# Files that must spell what they forbid, and texts that are not ours.
WORD_EXEMPT_PREFIXES = ("tests/hygiene/", "tests/golden/", "LICENSE")

ARCHITECTURE = re.compile(r"\bgfx\d{1,2}[0-9a-f]{2}\b")
# Where names of architectures are data.
ARCHITECTURE_PREFIXES = ("tests/", "bench/", "scripts/", "kernels-db/seeds/", "dialect/ops/",
                         "compiler/tools/", "Makefile")
ARCHITECTURE_FILES = {"dialect/desc/lib/Targets.cpp"}
ARCHITECTURE_SUFFIXES = (".md", ".json", ".sql", ".csv")

LICENCE_LINE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
LICENCE_SUFFIXES = (".c", ".cpp", ".h", ".td", ".py", ".sh")
