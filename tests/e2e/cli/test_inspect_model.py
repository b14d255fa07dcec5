# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse inspect on model folders: the published figures of every published configuration.

The numbers below are typed as they are published or as follows from the published shapes, not as
the tool prints them; the last digit of each decides how exactly it must agree.
"""

import json
import unittest

import cli_case
from cli_case import USAGE, CliCase

Z1, Z3, Z8 = "zebra-llama-1b-", "zebra-llama-3b-", "zebra-llama-8b-"
X1, X3, XS = "x-ecomla-1b-", "x-ecomla-3b-", "x-ecomla-smollm-"

# Cache of the base's in percent.
PERCENT = {
    Z1 + "4mla-12mamba": "3.906", Z1 + "8mla-8mamba": "7.8125", Z1 + "6mla-10mamba": "5.859",
    Z3 + "6mla-22mamba": "2.009", Z3 + "14mla-14mamba": "4.6875", Z3 + "8mla-20mamba": "2.679",
    Z8 + "8mla-24mamba": "2.734", Z8 + "16mla-16mamba": "5.469",
    X1 + "kv512": "53.125", X1 + "kv64": "9.375", X1 + "kv128": "15.625", X1 + "kv48": "7.8125",
    X1 + "dynamic": "54.7", X3 + "kv816": "42.97", X3 + "dynamic": "43", X3 + "kv96": "7.8",
    XS + "1.7b-kv480": "12.5", XS + "135m-kv16": "12.5", XS + "360m-kv48": "12.5",
    "mambainllama-1b-0.50": "50", "mambainllama-3b-0.50": "50", "mambainllama-8b-0.50": "50",
    "mambainllama-8b-0.75": "25", "mambainllama-8b-0.875": "12.5", "mambainllama-8b-1": "0",
    "llama-3.2-1b": "100", "llama-3.2-3b": "100", "llama-3.1-8b": "100", "smollm-1.7b": "100",
}
# How many times smaller that is.
TIMES = {
    Z1 + "4mla-12mamba": "25.6", Z1 + "8mla-8mamba": "12.8", Z3 + "6mla-22mamba": "49.8",
    Z3 + "14mla-14mamba": "21.3", Z8 + "8mla-24mamba": "36.6", Z8 + "16mla-16mamba": "18.3",
    X1 + "kv64": "10.67", X1 + "kv128": "6.4", X1 + "kv48": "12.8",
}
# In bf16: latent bytes a token, Llama's, MiB of state, that in Llama's tokens, smaller from, and
# the tokens in thousands up to which the states outweigh the latents in a decode step.
BYTES = {
    Z1 + "4mla-12mamba": (1280, 32768, "3.28", 105, 110, "5.4"),
    Z1 + "8mla-8mamba": (2560, 32768, "2.19", 70, 76, "1.8"),
    Z3 + "6mla-22mamba": (2304, 114688, "17.36", 159, 162, "15.8"),
    Z3 + "14mla-14mamba": (5376, 114688, "11.05", 101, 106, "4.3"),
    Z8 + "8mla-24mamba": (3584, 131072, "25.13", 201, 207, "14.7"),
    Z8 + "16mla-16mamba": (7168, 131072, "16.75", 134, 142, "4.9"),
}
# Parameters in 1e9, tied and with a head of their own; None where nobody says.
PARAMETERS = {
    Z1 + "8mla-8mamba": ("1.2671", "1.5298"), Z1 + "4mla-12mamba": ("1.2857", "1.5484"),
    Z3 + "14mla-14mamba": ("3.2692", "3.6632"), Z3 + "6mla-22mamba": ("3.3896", "3.7836"),
    Z8 + "16mla-16mamba": (None, "8.1857"), Z8 + "8mla-24mamba": (None, "8.3791"),
    X1 + "kv512": ("1.2348", None), X1 + "kv64": ("1.2348", None), X1 + "kv128": ("1.2348", None),
    X1 + "kv48": ("1.2345", None), X1 + "dynamic": ("1.23", None),
    "llama-3.2-1b": ("1.235814400", None), "llama-3.2-3b": ("3.212749824", None),
    "llama-3.1-8b": (None, "8.030261248"), "smollm-1.7b": ("1.711376384", None),
    "mambainllama-8b-0.50": (None, "8.3"),  # 33.2 GB in f32
}
# Heads, nope, rope, value, kv_b's heads, and latent width of the layers that have it.
SHAPES = {
    Z1 + "4mla-12mamba": (32, 32, 32, 64, 8, 160), Z3 + "6mla-22mamba": (24, 64, 64, 128, 8, 192),
    Z8 + "8mla-24mamba": (32, 64, 64, 128, 8, 224), X1 + "kv512": (32, 32, 32, 64, 32, 544),
    X1 + "kv64": (32, 32, 32, 64, 32, 96), X1 + "kv128": (32, 32, 32, 64, 32, 160),
    X1 + "kv48": (32, 32, 32, 64, 32, 80), X3 + "kv816": (24, 64, 64, 128, 24, 880),
    XS + "1.7b-kv480": (32, 32, 32, 64, 32, 512), XS + "135m-kv16": (9, 32, 32, 64, 9, 48),
}


def figure(value, said):
    """A number rounded to the digits of a typed one."""
    return f"{value:.{len(said.partition('.')[2])}f}"


class PublishedTest(CliCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seen = {}

    def inspected(self, preset, *options):
        key = (preset, options)
        if key not in self.seen:
            self.ran("checkpoint", preset, "m", "--config-only")
            self.seen[key] = self.ran("inspect", "m", "--format", "json", *options).json()
            for file in (self.folder / "m").iterdir():
                file.unlink()
        return self.seen[key]

    def test_every_preset_has_a_figure(self):
        listed = self.ran("checkpoint", "--list", "--format", "json").json()["presets"]
        self.assertEqual(sorted(p["preset"] for p in listed), sorted(PERCENT))

    def test_part_of_the_base_cache(self):
        for preset, said in PERCENT.items():
            with self.subTest(preset):
                self.assertEqual(figure(self.inspected(preset)["cache_percent_of_base"], said), said)
        for preset, said in TIMES.items():
            with self.subTest(preset):
                self.assertEqual(figure(self.inspected(preset)["cache_times_smaller"], said), said)
        # "9.14x" against a MambaInLlama with half its attention.
        half = self.inspected("mambainllama-8b-0.50")["cache_bytes_per_token"]
        zebra = self.inspected(Z8 + "16mla-16mamba")["cache_bytes_per_token"]
        self.assertEqual(figure(half / zebra, "9.14"), "9.14")

    def test_bytes_of_cache_and_state(self):
        for preset, (latent, llama, mib, tokens, smaller, outweigh) in BYTES.items():
            with self.subTest(preset):
                out = self.inspected(preset)
                self.assertEqual(out["cache_bytes_per_token"], latent)
                self.assertEqual(out["base_cache_bytes_per_token"], llama)
                # 25.125 is told as 25.13: half a unit of the last digit either way.
                self.assertAlmostEqual(out["state_bytes_per_sequence"] / 2**20, float(mib),
                                       delta=0.00501)
                self.assertEqual(round(out["state_in_base_tokens"]), tokens)
                self.assertEqual(out["smaller_than_base_from_tokens"], smaller)
                self.assertEqual(figure(out["states_outweigh_cache_up_to_tokens"] / 1000, outweigh),
                                 outweigh)

    def test_the_break_even_is_one(self):
        for preset in BYTES:
            out = self.inspected(preset)
            tokens = out["smaller_than_base_from_tokens"]
            for length, smaller in (tokens - 1, False), (tokens, True):
                own = out["state_bytes_per_sequence"] + length * out["cache_bytes_per_token"]
                self.assertEqual(own < length * out["base_cache_bytes_per_token"], smaller, preset)

    def test_state_in_f32_nearly_doubles(self):
        for preset in BYTES:
            wide = self.inspected(preset, "--state-dtype", "f32")["state_bytes_per_sequence"]
            self.assertTrue(1.9 < wide / self.inspected(preset)["state_bytes_per_sequence"] < 2)
            out = self.inspected(preset, "--cache-dtype", "f32")
            self.assertEqual(out["cache_bytes_per_token"], 2 * BYTES[preset][0])
            self.assertEqual(out["base_cache_bytes_per_token"], 2 * BYTES[preset][1])

    def test_parameters(self):
        for preset, said in PARAMETERS.items():
            out = self.inspected(preset)
            for key, digits in zip(("parameters_tied", "parameters_separate_head"), said):
                with self.subTest(preset, key=key):
                    if digits:
                        self.assertEqual(figure(out[key] / 1e9, digits), digits)

    def test_shapes_of_mla(self):
        for preset, (heads, nope, rope, value, kv_heads, latent) in SHAPES.items():
            with self.subTest(preset):
                layers = [l for l in self.inspected(preset)["layers"] if l["mixer"] == "mla"]
                for layer in layers:
                    self.assertEqual((layer["num_heads"], layer["qk_nope_head_dim"],
                                      layer["qk_rope_head_dim"], layer["v_head_dim"],
                                      layer["kv_b_heads"]), (heads, nope, rope, value, kv_heads))
                    self.assertEqual(layer["kv_lora_rank"] + layer["qk_rope_head_dim"], latent)

    def test_layers(self):
        mixers = {"mla": [0, 4, 8, 12, 16, 20, 25, 30]}
        for i, layer in enumerate(self.inspected(Z8 + "8mla-24mamba")["layers"]):
            self.assertEqual(layer["mixer"], "mla" if i in mixers["mla"] else "mamba2", i)
        for preset, kept in (("1b-0.50", 8), ("3b-0.50", 14), ("8b-0.50", 16), ("8b-0.75", 8),
                             ("8b-0.875", 4), ("8b-1", 0)):
            counts = self.inspected("mambainllama-" + preset)["layer_counts"]
            self.assertEqual(counts["gqa"], kept)
        self.assertEqual([i for i, layer in enumerate(
            self.inspected("mambainllama-8b-0.75")["layers"]) if layer["mixer"] == "gqa"],
            [3, 7, 11, 15, 19, 23, 27, 31])
        three = [l for l in self.inspected(Z3 + "6mla-22mamba")["layers"] if l["mixer"] == "mamba2"]
        self.assertEqual(len(three), 22)
        for layer in three:  # three query heads share a kv head
            self.assertEqual((layer["num_heads"], layer["num_kv_heads"], layer["head_dim"],
                              layer["d_state"], layer["d_conv"]), (24, 8, 128, 128, 4))

    def test_ranks_by_layer(self):
        layers = self.inspected(X1 + "dynamic")["layers"]
        ranks = [layer["kv_lora_rank"] for layer in layers]
        self.assertGreater(len(set(ranks)), 8)
        self.assertEqual(sum(ranks) / len(ranks), 528)
        self.assertEqual({rank % 8 for rank in ranks}, {0})

    def test_decode_traffic(self):
        out = self.inspected(Z8 + "8mla-24mamba", "--batch", "1,48", "--context", "1K,32K")
        self.assertEqual([(s["batch"], s["context"]) for s in out["steps"]],
                         [(1, 1024), (1, 32768), (48, 1024), (48, 32768)])
        first = out["steps"][0]
        # 15.7 GB of weights, 52.7 MB of states a step, equal at a batch of about 300.
        self.assertEqual(figure(first["weight_bytes"] / 1e9, "15.7"), "15.7")
        self.assertEqual(figure(first["state_bytes"] / 1e6, "52.7"), "52.7")
        self.assertTrue(290 < out["states_equal_weights_at_batch"] < 310)
        self.assertEqual(first["cache_bytes"], 1025 * 3584)
        for step in out["steps"]:
            self.assertEqual(step["bytes"], step["weight_bytes"] + step["cache_bytes"] +
                             step["state_bytes"])
            self.assertEqual(step["bytes_per_token"], step["bytes"] // step["batch"])

    def test_what_fits_into_192_gb(self):
        """The published limits: what sequences hold, weights aside, in 1e9 bytes."""
        cases = [("llama-3.1-8b", 8193, 128, "137"), ("llama-3.1-8b", 8193, 256, "275"),
                 ("llama-3.1-8b", 32768, 48, "206"), ("mambainllama-8b-0.50", 65536, 48, "206")]
        for preset, context, batch, said in cases:
            step = self.inspected(preset, "--batch", str(batch), "--context",
                                  str(context))["steps"][0]
            llama = preset.startswith("llama")
            held = step["held_bytes"] if llama else context * batch * 65536
            self.assertEqual(figure(held / 1e9, said), said)
            if not llama:
                self.assertGreater(step["held_bytes"], held)  # the states come on top
        zebra = self.inspected(Z8 + "8mla-24mamba", "--batch", "48", "--context", "263168")
        latents = zebra["steps"][0]["held_bytes"] - 48 * zebra["state_bytes_per_sequence"]
        self.assertEqual(figure(latents / 1e9, "45"), "45")


class FolderTest(CliCase):
    def test_golden_model(self):
        out = self.ran("inspect", self.model(), "--format", "json").json()
        self.assertEqual(out["format"], "Zebra-Llama")
        self.assertEqual(out["parameters"], 300400)
        self.assertTrue(out["separate_head"])
        self.assertEqual(out["cache_bytes_per_token"], 240)
        self.assertEqual([l["mixer"] for l in out["layers"]],
                         ["mla", "mamba2", "mla", "mamba2", "mla"])
        self.assertEqual(out["layer_counts"], {"mla": 3, "mamba2": 2, "gqa": 0})
        text = self.ran("inspect", self.model()).out
        self.assertIn("mla         3 layers: 0,2,4\n", text)
        self.assertIn("cache       240 bytes a token in f32: 18.750 % of the 1280 bytes of its "
                      "Llama, 5.3 times smaller\n", text)
        self.assertIn("the head is stored\n", text)

    def test_golden_parts_of_llama(self):
        for model, said in {"llama-stories-260k": "100", "x-ecomla-stories-260k": "46.25",
                            "zebra-stories-260k": "18.75", "mambainllama-stories-260k": "40",
                            "zebra-stories-5m": "31.25"}.items():
            out = self.ran("inspect", self.model(model), "--format", "json").json()
            self.assertEqual(figure(out["cache_percent_of_base"], said), said, model)

    def test_ranks_that_vary_are_told_layer_by_layer(self):
        text = self.ran("inspect", self.model("x-ecomla-stories-260k")).out
        self.assertIn("            kv rank 32 16 24 24 32 (mean 25.6)\n", text)
        self.assertIn("            q rank 48 24 32 24 48 (mean 35.2)\n", text)

    def edited(self, preset, file, edit):
        self.ran("checkpoint", preset, "m", "--config-only")
        path = self.folder / "m" / file
        document = json.loads(path.read_text())
        edit(document)
        path.write_text(json.dumps(document))

    def test_unknown_base(self):
        self.edited(X1 + "kv512", "config.json", lambda d: d.pop("num_key_value_heads"))
        out = self.ran("inspect", "m", "--format", "json").json()
        for key in ("base_cache_bytes_per_token", "cache_percent_of_base", "cache_times_smaller",
                    "smaller_than_base_from_tokens"):
            self.assertIsNone(out[key], key)
        self.assertIn("its Llama's are unknown: config.json has no num_key_value_heads",
                      self.ran("inspect", "m").out)

    def test_type_of_the_configuration_without_weights(self):
        self.edited(X1 + "kv512", "config.json", lambda d: d.update(torch_dtype="float32"))
        out = self.ran("inspect", "m", "--format", "json").json()
        self.assertEqual((out["dtype"], out["cache_bytes_per_token"]), ("f32", 16 * 544 * 4))
        self.assertNotIn("parameters", out)
        self.assertIn("no weights", out["no_weights"])

    def test_pickle_is_told_not_read(self):
        self.ran("checkpoint", "mambainllama-3b-0.50", "m", "--config-only")
        self.write("m/pytorch_model.bin", "not read")
        out = self.ran("inspect", "m", "--format", "json").json()
        self.assertIn("a pickle can run code when it is read and is never opened",
                      out["no_weights"])

    def test_mamba1_is_refused(self):
        self.edited("mambainllama-8b-0.50", "mamba_config.json",
                    lambda d: d.update(ssm_cfg={"expand": 1}))
        self.refused(USAGE, "mamba_config.json: $.ssm_cfg: expected the Mamba2 fields ngroups and "
                     "d_state (Mamba1 is not supported), found an object", "inspect", "m")

    def test_wrong_options(self):
        model = self.model()
        self.refused(USAGE, "--cache-dtype is f32, f16 or bf16, found 'int8'", "inspect", model,
                     "--cache-dtype", "int8")
        self.refused(USAGE, "--state-dtype is f32, f16 or bf16, found 'i32'", "inspect", model,
                     "--state-dtype", "i32")
        self.refused(USAGE, "--context: expected sizes from 1 to 2^31 such as 8 or 1,4,8 or 1..64 "
                     "or 512..32K, found '0'", "inspect", model, "--context", "0")
        self.refused(USAGE, "--batch: expected sizes from 1 to 2^31 such as 8 or 1,4,8 or 1..64 "
                     "or 512..32K, found 'many'", "inspect", model, "--batch", "many")


if __name__ == "__main__":
    cli_case.main()
