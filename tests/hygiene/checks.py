# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Holds the source tree against rules.py.

    checks.py ROOT [CHECK]…

Prints one line a fault and exits with 1 if there is any. Without names it runs every check.
"""

import os
import re
import sys

import rules


class Tree:
    """The files below a folder, as paths with '/' relative to it, sorted."""

    def __init__(self, root):
        self.root = root
        self.files = []
        for folder, names, files in os.walk(root):
            top = folder == root
            names[:] = sorted(n for n in names if n not in rules.SKIPPED_DIRECTORIES and
                              not (top and n.startswith(rules.SKIPPED_TOP_PREFIX)))
            for name in files:
                path = os.path.relpath(os.path.join(folder, name), root)
                path = path.replace(os.sep, "/")
                if is_ours(path):
                    self.files.append(path)
        self.files.sort()
        self.known = set(self.files)

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def with_suffix(self, *suffixes):
        return [f for f in self.files if suffix(f) in suffixes]


def is_ours(path):
    """Not what others wrote; the READMEs that stand beside it are ours."""
    return (not path.startswith(rules.THIRD_PARTY_PREFIX) or
            os.path.basename(path) == "README.md")


def suffix(path):
    return os.path.splitext(path)[1]


def component(path):
    """The part of the project that a path belongs to, or None."""
    parts = path.split("/")[:-1]
    for length in range(len(parts), 0, -1):
        name = rules.COMPONENTS.get("/".join(parts[:length]))
        if name:
            return name
    return None


def check_sizes(tree):
    """No file is longer than its kind may be."""
    for path in tree.files:
        if os.path.basename(path) == "README.md":
            limit = rules.README_LONGER.get(path, rules.README_LINE_LIMIT)
        else:
            limit = rules.LINE_LIMITS.get(suffix(path))
        if path.startswith("tests/golden/") or limit is None:
            continue
        lines = tree.read(path).count("\n")
        if lines > limit:
            yield f"{path}: {lines} lines, the limit is {limit}; split it by subject"


INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)


def public_headers(tree):
    """Include name -> component, for every header below an include/ folder."""
    table = {}
    for path in tree.with_suffix(".h"):
        if "/include/" in path:
            table[path.split("/include/", 1)[1]] = component(path)
    return table


def check_walls(tree):
    """Every include goes through a door that rules.WALLS has."""
    public = public_headers(tree)
    by_name = {}
    for path in tree.with_suffix(".h"):
        by_name.setdefault(os.path.basename(path), []).append(path)
    for path in tree.with_suffix(".cpp", ".c", ".h"):
        own = component(path)
        if own is None:
            yield f"{path}: lies in no component that tests/hygiene/rules.py knows"
            continue
        for quoted, angled in INCLUDE.findall(tree.read(path)):
            name = quoted or angled
            if ".." in name.split("/"):
                yield f"{path}: includes {name}; expected a path without '..'"
                continue
            yield from check_outside_include(path, own, name)
            target = public.get(name)
            if target is not None:
                if target != own and target not in rules.WALLS[own]:
                    allowed = ", ".join(sorted(rules.WALLS[own])) or "none"
                    yield f"{path}: {own} includes {name} of {target}; allowed: {allowed}"
                elif (target == "compiler" and own not in ("compiler", *rules.LOOKS_INSIDE)
                      and name not in rules.COMPILER_PUBLIC_HEADERS):
                    yield (f"{path}: includes {name}; outside the compiler only "
                           f"{', '.join(sorted(rules.COMPILER_PUBLIC_HEADERS))} is seen")
            elif quoted:
                yield from check_private_include(path, own, name, by_name)


def check_outside_include(path, own, name):
    for prefix, allowed in rules.OUTSIDE_WALLS:
        if name.startswith(prefix) and own not in allowed:
            yield f"{path}: {own} includes {name}; only {', '.join(sorted(allowed))} may"


def check_private_include(path, own, name, by_name):
    """A header that is not public is used in its own component only, or where rules allow it."""
    owners = {component(p) for p in by_name.get(os.path.basename(name), ())
              if p == name or p.endswith("/" + name)}
    if owners and own not in owners and not owners & rules.LOOKS_INSIDE.get(own, set()):
        yield f"{path}: includes {name}, which is private to {', '.join(sorted(map(str, owners)))}"


CALL = re.compile(r"\b(\w+)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)", re.S)
LISTED = re.compile(r"^[\w./\-]+\.(cpp|c|h|td|json)$")


def cmake_files(tree):
    return [f for f in tree.files if f.endswith("CMakeLists.txt") or suffix(f) == ".cmake"]


def cmake_calls(text):
    """(command, [tokens]) for each call in a CMake file, comments and quotes removed."""
    text = re.sub(r"#[^\n]*", "", text)
    for command, arguments in CALL.findall(text):
        yield command, arguments.replace('"', " ").split()


def check_sorted(tree):
    """Lists of files in CMake are sorted, so that two changes seldom meet in one line."""
    for path in cmake_files(tree):
        for command, tokens in cmake_calls(tree.read(path)):
            previous = None
            for token in tokens:
                if not LISTED.match(token):
                    previous = None
                    continue
                if previous and token.casefold() < previous.casefold():
                    yield f"{path}: in {command}(), {token} comes after {previous}; sort the list"
                previous = token


def check_listed(tree):
    """Every source file is named in a CMakeLists.txt of its folder or of one above."""
    mentioned = set()
    for path in cmake_files(tree):
        folder = os.path.dirname(path)
        for _, tokens in cmake_calls(tree.read(path)):
            for token in tokens:
                token = re.sub(r"^\$\{(CMAKE_CURRENT_SOURCE_DIR)\}/", "", token)
                mentioned.add(os.path.normpath(os.path.join(folder, token)).replace(os.sep, "/"))
    for path in tree.with_suffix(*rules.SOURCE_SUFFIXES):
        if path not in mentioned and not path.startswith(rules.UNLISTED_PREFIXES):
            yield f"{path}: in no CMakeLists.txt; add it to the sources of its target"


def check_readmes(tree):
    """A folder with sources has a README.md: there, one folder up, or beside its lib/ or include/."""
    folders = {os.path.dirname(f) for f in tree.with_suffix(".cpp", ".py", ".td", ".mlir")}
    for folder in sorted(folders):
        library = re.split(r"/(?:include|lib)(?:/|$)", folder, maxsplit=1)[0]
        places = {folder, os.path.dirname(folder), library} - {""}
        if not any(f"{p}/README.md" in tree.known for p in places):
            yield f"{folder}: has sources and no README.md; say what flows in and what flows out"


def check_words(tree):
    """Nothing unfinished, no names with versions, no paths or hosts of one machine."""
    for path in tree.files:
        if path.startswith(rules.WORD_EXEMPT_PREFIXES) or suffix(path) not in rules.TEXT_SUFFIXES:
            continue
        name = os.path.basename(path)
        if name.split(".")[0].lower() in rules.BAD_STEMS:
            yield f"{path}: a file named '{name}' collects anything; name it after what it holds"
        if rules.VERSION_IN_FILE_NAME.search(name):
            yield f"{path}: a version in a file name; name what differs"
        for number, line in enumerate(tree.read(path).splitlines(), 1):
            for what, pattern, instead, suffixes in rules.FORBIDDEN_WORDS:
                if suffixes and suffix(path) not in suffixes:
                    continue
                found = pattern.search(line)
                if found:
                    yield f"{path}:{number}: {what}: '{found.group(0)}'; {instead}"


def check_architectures(tree):
    """Names of GPU architectures are data: the target table, tests, documents, comments."""
    for path in tree.files:
        if (path.startswith(rules.ARCHITECTURE_PREFIXES) or path in rules.ARCHITECTURE_FILES or
                suffix(path) in rules.ARCHITECTURE_SUFFIXES or
                suffix(path) not in rules.TEXT_SUFFIXES):
            continue
        for number, line in enumerate(tree.read(path).splitlines(), 1):
            if suffix(path) in (".cpp", ".h", ".c", ".td"):
                line = line.split("//", 1)[0]
            found = rules.ARCHITECTURE.search(line)
            if found:
                yield (f"{path}:{number}: names {found.group(0)}; ask TargetDesc a question "
                       f"instead ({', '.join(sorted(rules.ARCHITECTURE_FILES))} holds the names)")


def check_licence(tree):
    """Every source file says its licence in its first ten lines."""
    for path in tree.with_suffix(*rules.LICENCE_SUFFIXES):
        if rules.LICENCE_LINE not in "\n".join(tree.read(path).splitlines()[:10]):
            yield f"{path}: no line '{rules.LICENCE_LINE}' at its top"


def check_once(tree):
    """Headers are guarded by #pragma once."""
    for path in tree.with_suffix(".h"):
        if "\n#pragma once\n" not in "\n" + tree.read(path):
            yield f"{path}: no #pragma once"


CHECKS = {name[len("check_"):]: globals()[f"check_{name[len('check_'):]}"] for name in (
    "check_architectures", "check_licence", "check_listed", "check_once", "check_readmes",
    "check_sizes", "check_sorted", "check_walls", "check_words")}


def main(arguments):
    if not arguments or not os.path.isdir(arguments[0]):
        print("usage: checks.py ROOT [CHECK]…", file=sys.stderr)
        return 2
    names = arguments[1:] or sorted(CHECKS)
    unknown = [n for n in names if n not in CHECKS]
    if unknown:
        print(f"unknown check '{unknown[0]}'; expected one of {', '.join(sorted(CHECKS))}",
              file=sys.stderr)
        return 2
    tree = Tree(os.path.abspath(arguments[0]))
    faults = [f"{name}: {fault}" for name in names for fault in CHECKS[name](tree)]
    print("\n".join(faults) if faults else f"{len(tree.files)} files: {', '.join(names)} hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
