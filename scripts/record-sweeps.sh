#!/usr/bin/env bash
# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Records exhaustive sweeps of the host as text in tests/data/sweeps, on a machine that does
# nothing else (a minute or two each on two cores):
#   scripts/record-sweeps.sh [-o FOLDER] ZORSE [NAME]…
#     ZORSE   the binary
#     NAME    only these problems
#     FOLDER  where to write instead
# Every configuration is verified and gets several samples, and the fastest play in rounds; only one
# that takes far longer than the best so far is given up early. Then write the quick list anew:
#   zorse db quick tests/data/sweeps/*.jsonl -o tuner/space/quick/host.json
set -euo pipefail

data="$(realpath "$(dirname "$0")/../tests/data/sweeps")"
if [ "${1-}" = -o ] && [ $# -ge 2 ]; then
  mkdir -p "$2"
  data="$(realpath "$2")"
  shift 2
fi
[ $# -ge 1 ] || {
  echo "record-sweeps: error: expected the zorse binary as the first argument" >&2
  exit 2
}
zorse="$(realpath "$1")"
shift
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# NAME OP
problems() {
  cat <<'END'
linear_2048x1344_m8 {"op":"linear","in_features":2048,"out_features":1344,"dtype":"bf16","tuning":{"tokens":8}}
linear_2048x2048_m1 {"op":"linear","in_features":2048,"out_features":2048,"dtype":"bf16","tuning":{"tokens":1}}
linear_2048x2048_m64 {"op":"linear","in_features":2048,"out_features":2048,"dtype":"bf16","tuning":{"tokens":64}}
linear_3072x1024_m1 {"op":"linear","in_features":3072,"out_features":1024,"dtype":"bf16","tuning":{"tokens":1}}
linear_5632x1024_m16 {"op":"linear","in_features":5632,"out_features":1024,"dtype":"bf16","tuning":{"tokens":16}}
mla_decode_h24_r128_b1 {"op":"mla_decode","num_heads":24,"kv_lora_rank":128,"qk_rope_head_dim":64,"qk_nope_head_dim":64,"dtype":"bf16","tuning":{"tokens":1,"context":4096,"max_len":4096,"num_slots":1}}
mla_decode_h32_r128_b1 {"op":"mla_decode","num_heads":32,"kv_lora_rank":128,"qk_rope_head_dim":32,"qk_nope_head_dim":32,"dtype":"bf16","tuning":{"tokens":1,"context":8192,"max_len":8192,"num_slots":1}}
mla_decode_h32_r128_b8 {"op":"mla_decode","num_heads":32,"kv_lora_rank":128,"qk_rope_head_dim":32,"qk_nope_head_dim":32,"dtype":"bf16","tuning":{"tokens":8,"context":1024,"max_len":1024,"num_slots":8}}
mla_decode_h32_r160_b1 {"op":"mla_decode","num_heads":32,"kv_lora_rank":160,"qk_rope_head_dim":64,"qk_nope_head_dim":64,"dtype":"bf16","tuning":{"tokens":1,"context":2048,"max_len":2048,"num_slots":1}}
ssd_scan_h24_d128_t256 {"op":"ssd_scan","num_heads":24,"num_kv_heads":8,"head_dim":128,"d_state":128,"dt_stride":8216,"dt_offset":8192,"dtype":"bf16","tuning":{"tokens":256,"batch":1,"num_slots":1}}
ssd_scan_h32_d64_t512 {"op":"ssd_scan","num_heads":32,"num_kv_heads":8,"head_dim":64,"d_state":64,"dt_stride":5152,"dt_offset":5120,"dtype":"bf16","tuning":{"tokens":512,"batch":1,"num_slots":1}}
END
}

for name in "$@"; do
  problems | grep -q "^$name " || {
    echo "record-sweeps: error: no problem $name; expected one of: $(problems | cut -d' ' -f1 | xargs)" >&2
    exit 2
  }
done
problems | while read -r name op; do
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
  echo "$op" >"$work/op.json"
  start=$SECONDS
  "$zorse" tune "$work/op.json" --space exhaustive --strategy exhaustive --db "$work/$name.db" \
    >"$work/log" 2>&1 </dev/null || [ $? -eq 3 ] || { # 3: some configurations failed; they are rows
    cat "$work/log" >&2
    exit 1
  }
  "$zorse" db export --db "$work/$name.db" >"$work/$name.jsonl" </dev/null
  mv "$work/$name.jsonl" "$data/"
  echo "$name: $(grep -c '"config"' "$data/$name.jsonl") configurations in $((SECONDS - start)) s"
done
