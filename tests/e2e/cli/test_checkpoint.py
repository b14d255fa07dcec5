# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse checkpoint: folders of random weights in the published formats, whole or not at all."""

import json
import os
import resource
import signal
import struct
import subprocess
import time

import cli_case
from cli_case import RUNTIME, USAGE, CliCase

SMALL = "x-ecomla-smollm-135m-kv16"  # the smallest of all
FILES = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]


def tensors(path):
    """The header of a safetensors file."""
    with open(path, "rb") as stream:
        header = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
    header.pop("__metadata__")
    return header


class CheckpointTest(CliCase):
    def made(self, preset, *options, folder="m"):
        return self.ran("checkpoint", preset, folder, "--format", "json", *options).json()

    def config(self, file, folder="m"):
        return json.loads((self.folder / folder / file).read_text())

    def files(self, folder="m"):
        return sorted(os.listdir(self.folder / folder))

    def nothing_left(self):
        self.assertEqual([f for f in os.listdir(self.folder) if "m" in f and f != "home"], [])

    def test_files_of_each_format(self):
        second = {SMALL: ["MLA_config.json", "mla_layer_config.json"],
                  "zebra-llama-1b-4mla-12mamba": ["hybrid_config.json"],
                  "mambainllama-3b-0.50": ["mamba_config.json"], "llama-3.2-1b": []}
        for preset, names in second.items():
            self.made(preset, "--config-only", folder=preset)
            self.assertEqual(self.files(preset), sorted(
                names + ["config.json", "generation_config.json"]), preset)
            # Nothing but the second files tells: config.json is the base's.
            self.assertEqual(self.config("config.json", preset)["model_type"], "llama")
        out = self.made(SMALL, "--layers", "1")
        self.assertEqual(self.files(), sorted(FILES + second[SMALL] + ["model.safetensors"]))
        self.assertEqual(out["tensors"], 12)
        self.assertEqual(out["parameters"] * 2, sum(
            t["data_offsets"][1] - t["data_offsets"][0]
            for t in tensors(self.folder / "m" / "model.safetensors").values()))

    def test_keys_of_zebra_llama(self):
        self.made("zebra-llama-8b-8mla-24mamba", "--config-only")
        self.assertEqual(self.config("hybrid_config.json"), {
            "hidden_size": 4096, "intermediate_size": 14336, "hidden_act": "silu", "n_layer": 32,
            "mla_layers": [0, 4, 8, 12, 16, 20, 25, 30], "rms_norm_eps": 1e-5,
            "num_attention_heads": 32, "num_key_value_heads": 8, "kv_lora_rank": 160,
            "q_lora_rank": 2048, "use_lora_layer_norm": False, "use_full_kv_head": False,
            "qk_rope_head_dim": 64, "qk_nope_head_dim": 64, "v_head_dim": 128,
            "qkv_rank_divisor": 8, "max_position_embeddings": 131072, "rope_theta": 500000.0,
            "rope_scaling": {"factor": 8.0, "original_max_position_embeddings": 8192,
                             "rope_type": "yarn"},
            "attention_bias": False, "attention_dropout": 0.0, "rope_type": "yarn",
            "d_model": 4096, "d_inner": 4096, "d_xb": 1024,
            "ssm_cfg": {"expand": 1, "ngroups": 32, "d_state": 128,
                        "repeat_kv_before_conv": False}})

    def test_keys_of_x_ecomla(self):
        self.made("x-ecomla-3b-kv816", "--config-only", folder="a")
        layer = self.config("mla_layer_config.json", "a")
        # Equal to the defaults of the class, so left out by its dump.
        for key in "q_lora_rank", "qk_rope_head_dim", "v_head_dim":
            self.assertNotIn(key, layer)
        self.assertEqual(layer["kv_lora_rank"], 816)
        self.assertEqual(layer["mla_num_key_value_heads"], 24)
        self.assertEqual(layer["rope_scaling"], {
            "factor": 32.0, "original_max_position_embeddings": 8192, "type": "yarn"})
        self.assertEqual(layer["layer_rank_list"]["27"], {"q_rank": 1536, "kv_rank": 816})
        self.assertEqual(self.config("MLA_config.json", "a"), {
            "d_model": 3072, "rms_norm_eps": 1e-5, "vocab_size": None, "d_inner": 3072,
            "d_xb": 1024, "intermediate_size": 8192, "hidden_act": "silu", "n_layer": 28,
            "attn_layers": []})
        self.made("x-ecomla-1b-kv128", "--config-only", folder="b")
        self.assertEqual(self.config("mla_layer_config.json", "b")["rope_scaling"], {
            "factor": 32.0, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 0.0,
            "type": "yarn"})
        self.made(SMALL, "--config-only", folder="c")
        self.assertNotIn("rope_scaling", self.config("mla_layer_config.json", "c"))
        self.assertIsNone(self.config("config.json", "c")["rope_scaling"])

    def test_keys_of_mambainllama(self):
        self.made("mambainllama-8b-0.75", "--config-only")
        self.assertEqual(self.config("mamba_config.json"), {
            "d_model": 4096, "ssm_cfg": {"expand": 1, "ngroups": 32, "d_state": 128},
            "rms_norm_eps": 1e-5, "vocab_size": None, "d_inner": 4096, "d_xb": 1024,
            "intermediate_size": 14336, "hidden_act": "silu", "n_layer": 32,
            "attn_layers": [3, 7, 11, 15, 19, 23, 27, 31]})

    def test_tensor_counts_with_a_stored_head(self):
        counts = {"zebra-llama-1b-4mla-12mamba": 199, "zebra-llama-1b-8mla-8mamba": 187,
                  "zebra-llama-3b-6mla-22mamba": 349, "zebra-llama-3b-14mla-14mamba": 325,
                  "zebra-llama-8b-8mla-24mamba": 395, "zebra-llama-8b-16mla-16mamba": 371,
                  "x-ecomla-1b-kv512": 163, "x-ecomla-3b-kv816": 283,
                  "x-ecomla-smollm-1.7b-kv480": 243}
        per_layer = {"mla": 10, "mamba2": 13, "gqa": 9}
        for preset, count in counts.items():
            self.made(preset, "--config-only", folder=preset)
            layers = self.ran("inspect", preset, "--format", "json").json()["layer_counts"]
            self.assertEqual(3 + sum(per_layer[k] * n for k, n in layers.items()), count, preset)

    def test_seed_and_layers(self):
        for folder, seed in ("a", 3), ("b", 3), ("c", 4):
            self.made(SMALL, "--layers", "1", "--seed", str(seed), folder=folder)
        a, b, c = [(self.folder / f / "model.safetensors").read_bytes() for f in "abc"]
        self.assertTrue(a == b)
        self.assertFalse(a == c)
        out = self.made("zebra-llama-1b-4mla-12mamba", "--layers", "6", "--config-only")
        self.assertEqual(out["layers"], 6)
        self.assertEqual(self.config("hybrid_config.json")["mla_layers"], [0, 5])
        self.assertEqual(self.config("config.json")["num_hidden_layers"], 6)

    def test_types(self):
        for dtype, name, torch in ("f32", "F32", "float32"), ("f16", "F16", "float16"):
            self.made(SMALL, "--layers", "1", "--dtype", dtype, folder=dtype)
            header = tensors(self.folder / dtype / "model.safetensors")
            self.assertEqual({t["dtype"] for t in header.values()}, {name})
            self.assertEqual(self.config("config.json", dtype)["torch_dtype"], torch)
            out = self.ran("inspect", dtype, "--format", "json").json()
            self.assertEqual(out["dtype"], dtype)

    def test_head(self):
        def stored(*options):
            name = "m" + "".join(options)
            self.made(SMALL, "--layers", "1", *options, folder=name)
            return "lm_head.weight" in tensors(self.folder / name / "model.safetensors")
        self.assertEqual([stored(), stored("--separate-head"), stored("--tied-head")],
                         [False, True, False])
        self.made("smollm-1.7b", "--config-only", "--separate-head", folder="own")
        self.assertFalse(self.config("config.json", "own")["tie_word_embeddings"])

    def test_shards(self):
        self.made(SMALL, "--layers", "2", folder="whole")
        out = self.made(SMALL, "--layers", "2", "--shard-size", "5MB")
        count = out["weight_files"]
        self.assertGreater(count, 1)
        names = [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
        index = self.config("model.safetensors.index.json")
        self.assertEqual(sorted(set(index["weight_map"].values())), names)
        whole = (self.folder / "whole" / "model.safetensors").read_bytes()
        start = 8 + struct.unpack("<Q", whole[:8])[0]
        total = 0
        for tensor, place in tensors(self.folder / "whole" / "model.safetensors").items():
            file = self.folder / "m" / index["weight_map"][tensor]
            data, own = file.read_bytes(), tensors(file)[tensor]
            base = 8 + struct.unpack("<Q", data[:8])[0]
            (a, b), (c, d) = place["data_offsets"], own["data_offsets"]
            self.assertTrue(whole[start + a:start + b] == data[base + c:base + d], tensor)
            total += b - a
        self.assertEqual(index["metadata"]["total_size"], total)
        seen = self.ran("inspect", "m", "--format", "json").json()
        self.assertEqual(seen["parameters"], out["parameters"])

    def test_folder_that_exists(self):
        (self.folder / "m").mkdir()
        self.made(SMALL, "--config-only")  # an empty one gives way
        before = self.files()
        self.refused(USAGE, f"{self.folder}/m: expected a folder that does not exist yet or is "
                     "empty; choose another name or remove it", "checkpoint", SMALL, "m/")
        self.assertEqual(self.files(), before)
        self.write("file", "text")
        self.refused(USAGE, f"{self.folder}/file: expected a folder that does not exist yet or is "
                     "empty; choose another name or remove it", "checkpoint", SMALL, "file")

    def test_full_disk(self):
        """A limit on the size of files stands for one."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))
        run = subprocess.run([cli_case.ZORSE, "checkpoint", SMALL, "m"], env=self.env, text=True,
                             cwd=self.folder, capture_output=True, preexec_fn=limit,
                             restore_signals=False, check=False)
        # Lines that tell how far it is may stand before it.
        self.assertEqual(run.stderr.splitlines()[-1], f"zorse: error: {self.folder}/m: cannot "
                         "write model.safetensors: File too large; nothing is left of it")
        self.assertEqual((run.returncode, run.stdout), (RUNTIME, ""))
        self.nothing_left()

    def test_interrupted(self):
        process = subprocess.Popen([cli_case.ZORSE, "checkpoint", "zebra-llama-1b-4mla-12mamba",
                                    "m"], env=self.env, cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3000):  # until weights are being written
            if any((self.folder / f / "model.safetensors").exists()
                   for f in os.listdir(self.folder) if ".writing-" in f):
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130)
        self.nothing_left()

    def test_wrong_requests(self):
        refused = lambda message, *words: self.refused(USAGE, message, "checkpoint", *words)
        count = len(self.ran("checkpoint", "--list").out.splitlines())
        refused("unknown preset 'zebra-llama-1b-4mla-12mambo' (did you mean "
                f"'zebra-llama-1b-4mla-12mamba'?); `zorse checkpoint --list` shows all {count}",
                "zebra-llama-1b-4mla-12mambo", "m")
        refused("expected a preset and a folder to write; `zorse checkpoint --list` shows the "
                "presets", SMALL)
        refused(f"--layers: expected [1, 30], the layers of {SMALL}, found 31", SMALL, "m",
                "--layers", "31")
        refused("--dtype is f32, f16 or bf16, found 'int8'", SMALL, "m", "--dtype", "int8")
        refused("--separate-head and --tied-head exclude each other", SMALL, "m",
                "--separate-head", "--tied-head")
        refused("--shard-size: expected bytes such as 5GB, 500MB or 1000000, found '5GiB'", SMALL,
                "m", "--shard-size", "5GiB")
        self.nothing_left()


if __name__ == "__main__":
    cli_case.main()
