#!/usr/bin/env bash
# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Installs the missing packages of the named sections of scripts/packages.txt:
#   scripts/setup.sh [build|develop|bench]…      (default: build)
# Prints nothing when there is nothing to do.
set -euo pipefail

list="$(dirname "$0")/packages.txt"
[ $# -gt 0 ] || set -- build

die() {
  echo "setup: error: $*" >&2
  exit 1
}

packagesOf() {
  awk -v wanted="[$1]" '
    /^\[/ { on = ($1 == wanted); found = found || on; next }
    on { sub(/#.*/, ""); if (NF) print $1 }
    END { if (!found) exit 3 }' "$list" ||
    die "no section '$1' in $list; expected one of:$(sed -n 's/^\[\(.*\)\]$/ \1/p' "$list" | tr -d '\n')"
}

# A package counts as there when dpkg says "installed"; a name that another package provides
# (pkg-config by pkgconf) counts too.
isInstalled() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
for section in "$@"; do
  names="$(packagesOf "$section")"
  for name in $names; do
    isInstalled "$name" || missing+=("$name")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
  die "needs Debian 12 with apt-get; install by your own means: ${missing[*]}"
asRoot=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null ||
    die "must install ${missing[*]}; run as root or install sudo"
  asRoot=(sudo)
fi

echo "setup: installing ${missing[*]}" >&2
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
"${asRoot[@]}" apt-get -qq update </dev/null >"$log" 2>&1 ||
  echo "setup: warning: apt-get update failed, going on with the package lists at hand" >&2
unavailable=()
for name in "${missing[@]}"; do
  [[ "$(apt-cache policy "$name" 2>/dev/null)" =~ Candidate:\ [^\(] ]] || unavailable+=("$name")
done
[ ${#unavailable[@]} -eq 0 ] || {
  cat "$log" >&2
  die "no candidate for ${unavailable[*]}; expected Debian 12 with its main and security archives enabled, found $(sed -n 's/^PRETTY_NAME=//p' /etc/os-release)"
}
"${asRoot[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
  "${missing[@]}" </dev/null >"$log" 2>&1 || {
  tail -n 30 "$log" >&2
  die "apt-get could not install ${missing[*]}; its last lines are above"
}
