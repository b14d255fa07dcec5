# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trains byte-level.json: byte pairs in Llama 3's shape, from the Markdown of this repository.

    make.py ROOT MERGES > byte-level.json

With node and the npm package @anush008/tokenizers, `oracle.js` then writes golden.json.
"""

import collections
import json
import pathlib
import re
import sys

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
           r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# The same for the ASCII that the training looks at.
ASCII = re.compile(r"'(?:s|t|re|ve|m|ll|d)|[^\r\na-zA-Z0-9]?[a-zA-Z]+|[0-9]{1,3}|"
                   r" ?[^\sa-zA-Z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+", re.IGNORECASE)
OTHERS = "你好世界 こんにちは привет мир Größe naïve مرحبا 👩‍👩‍👧 한국어 "
SPECIAL = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
           "<|eot_id|>", "<|im_start|>", "<|im_end|>"]


def alphabet():
    """The printable character of each byte."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def train(words, count):
    merges = []
    for _ in range(count):
        pairs = collections.Counter()
        for word, times in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += times
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        changed = collections.Counter()
        for word, times in words.items():
            out = []
            for piece in word:
                if out and (out[-1], piece) == best:
                    out[-1] += piece
                else:
                    out.append(piece)
            changed[tuple(out)] += times
        words = changed
    return merges


def main():
    root, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    text = "".join(path.read_text() for path in sorted(root.glob("*.md"))) + OTHERS * 20
    letters = alphabet()
    words = collections.Counter(tuple(letters[b] for b in piece.encode())
                                for piece in ASCII.findall(text))
    merges = train(words, count)
    vocab = {letters[b]: b for b in range(256)}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    vocab["Ġunreachable"] = len(vocab)  # by ignore_merges alone
    added = [{"id": len(vocab) + i, "content": token, "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False, "special": True}
             for i, token in enumerate(SPECIAL)]
    begin = {"SpecialToken": {"id": SPECIAL[0], "type_id": 0}}
    print(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
        "post_processor": {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            {"type": "TemplateProcessing",
             "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [begin, {"Sequence": {"id": "A", "type_id": 0}},
                      {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {SPECIAL[0]: {"id": SPECIAL[0], "ids": [added[0]["id"]],
                                             "tokens": [SPECIAL[0]]}}}]},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": True, "vocab": vocab, "merges": [" ".join(m) for m in merges]}},
        ensure_ascii=True))


main()
