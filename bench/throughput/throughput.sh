#!/bin/sh
# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Decode throughput of the same width with three layer mixes, by the protocol of the papers: makes
# random checkpoints where they are missing and compares them. The weights need not be trained.
set -eu

if [ $# -lt 2 ]; then
  cat >&2 <<'TEXT'
usage: throughput.sh ZORSE FOLDER [LAYERS] [options of zorse bench]

  FOLDER   where the checkpoints are, or will be made (about 2.5 GB each at full depth)
  LAYERS   how many of the layers, first ones first (default: 16, all of them)

example: throughput.sh build/bin/zorse checkpoints 6 --batch 1,8,48 --depth 1K,8K
TEXT
  exit 2
fi
zorse=$1 folder=$2
shift 2
layers=16
case ${1:-} in
[0-9]*) layers=$1; shift ;;
esac

for preset in zebra-llama-1b-4mla-12mamba mambainllama-1b-0.50 llama-3.2-1b; do
  model=$folder/$preset-$layers
  if [ ! -e "$model/config.json" ]; then
    "$zorse" checkpoint "$preset" "$model.new" --layers "$layers" >&2
    mv "$model.new" "$model" # whole or not there
  fi
done
exec "$zorse" bench "$folder/zebra-llama-1b-4mla-12mamba-$layers" \
  --against "$folder/mambainllama-1b-0.50-$layers" --against "$folder/llama-3.2-1b-$layers" "$@"
