#!/usr/bin/env bash
# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Records exhaustive sweeps of the host as text in tests/data/sweeps, on a machine that does
# nothing else:
#   scripts/record-sweeps.sh ZORSE [NAME]…      ZORSE: the binary; NAME: only these problems
# Then write tuner/space/quick/host.json anew:
#   ZORSE_WRITE_QUICK_LIST=tuner/space/quick/host.json build/tests/zorse_strategy_test
set -euo pipefail

[ $# -ge 1 ] || {
  echo "record-sweeps: error: expected the zorse binary as the first argument" >&2
  exit 2
}
zorse="$(realpath "$1")"
shift
data="$(realpath "$(dirname "$0")/../tests/data/sweeps")"
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
