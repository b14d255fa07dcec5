#!/usr/bin/env bash
# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The main job, with what `make build` built: tune the kernels of a small trained model, let it
# write a story through them, look at AMD machine code for one of its ops, then let the model write
# through AMD code objects, executed instruction by instruction. Everything it makes lies in
# build/demo; a second run takes up what the first has tuned.
#   scripts/demo.sh [TUNING_BUDGET]        (default 45s)
set -euo pipefail
cd "$(dirname "$0")/.."

zorse=build/bin/zorse
model=tests/golden/zebra-stories-5m
out=build/demo
budget=${1:-45s}
export ZORSE_DB=$out/kernels.db
mkdir -p "$out"

# Shows a command as a user would type it, and runs it.
step() {
  local shown="" word
  for word in "$@"; do
    case $word in
    *[!A-Za-z0-9_./,=:-]*) shown+=" '$word'" ;;
    *) shown+=" $word" ;;
    esac
  done
  printf '\n$%s\n' "${shown/ $zorse/ zorse}"
  "$@"
}

echo "== 1. tune the kernels of a small trained model on this machine =="
step $zorse tune --model $model --prefill 8 --context 256 --budget "$budget"

echo
echo "== 2. let the model write through them =="
step $zorse run $model --prompt "Once upon a time" --max-new-tokens 160

echo
echo "== 3. the same ops for an AMD Instinct MI300X =="
cat >"$out/mla_decode.json" <<'JSON'
{"op":"mla_decode","num_heads":24,"kv_lora_rank":128,"qk_rope_head_dim":64,"qk_nope_head_dim":64,"dtype":"bf16"}
JSON
step $zorse compile $out/mla_decode.json --target gfx942 -o $out/mla_decode.hsaco
step $zorse inspect $out/mla_decode.hsaco
printf '\n$ zorse compile %s --target gfx942 --emit asm | grep -m 6 v_mfma\n' $out/mla_decode.json
# Read to the end, so that the compiler is not cut off while it writes.
$zorse compile $out/mla_decode.json --target gfx942 --emit asm >"$out/mla_decode.s"
grep -m 6 v_mfma "$out/mla_decode.s"

echo
echo "== 4. the same model through AMD code objects, executed instruction by instruction =="
step $zorse run $model --prompt "Once upon a time" --max-new-tokens 16 --device emulator --arch gfx942
