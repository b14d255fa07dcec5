# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The ops of a decode step that only move memory, as a PyTorch user would write them.

Used by torch_ops.py; a class has `inputs`, drawn once, and `forms()`, functions of them.
"""

import torch
import torch.nn.functional as F


def precise(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def unit_by_length(rows, eps):
    """Rows over their root mean square, by their Euclidean length, which is one pass."""
    length = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return rows * torch.rsqrt(length.square() / rows.shape[-1] + eps)


class CausalConv1dUpdate:
    """One step of the convolution; the stored inputs lie oldest first and are shifted in place."""

    LOSING = set()

    def __init__(self, op, sizes, dtype):
        tokens, channels, taps = sizes["tokens"], op["conv_dim"], op.get("d_conv", 4)
        self.inputs = (torch.randn(tokens, channels).to(dtype),
                       torch.randn(taps, channels).to(dtype), torch.randn(channels).to(dtype),
                       torch.randn(tokens, taps, channels).to(dtype))

    def roll(self, x, weight, bias, state):
        state.copy_(torch.roll(state, -1, 1))
        state[:, -1] = x
        return F.silu((state * weight).sum(1) + bias)

    def cat(self, x, weight, bias, state):
        state.copy_(torch.cat([state[:, 1:], x[:, None]], 1))
        return F.silu(torch.einsum("tjc,jc->tc", state, weight) + bias)

    def forms(self):
        return {"roll": self.roll, "cat": self.cat}


class GatedRmsnorm:
    """Gate, then norm of each group, in f32 as the published models have it."""

    LOSING = set()

    def __init__(self, op, sizes, dtype):
        self.groups, self.eps = op["num_groups"], op.get("eps", 1e-5)
        width = self.groups * op["group_size"]
        self.inputs = (torch.randn(sizes["tokens"], width).to(dtype),
                       torch.randn(sizes["tokens"], width).to(dtype),
                       torch.randn(width).to(dtype))

    def spelled(self, y, z, weight):
        gated = (precise(y) * F.silu(precise(z))).unflatten(-1, (self.groups, -1))
        unit = gated * torch.rsqrt(gated.square().mean(-1, keepdim=True) + self.eps)
        return (unit.flatten(-2) * weight).to(y.dtype)

    def by_length(self, y, z, weight):
        gated = (precise(y) * F.silu(precise(z))).unflatten(-1, (self.groups, -1))
        return (unit_by_length(gated, self.eps).flatten(-2) * weight).to(y.dtype)

    def forms(self):
        return {"spelled": self.spelled, "by length": self.by_length}


class Rmsnorm:
    LOSING = set()

    def __init__(self, op, sizes, dtype):
        self.eps = op.get("eps", 1e-5)
        self.inputs = (torch.randn(sizes["tokens"], op["hidden_size"]).to(dtype),
                       torch.randn(op["hidden_size"]).to(dtype))

    def spelled(self, x, weight):
        wide = precise(x)
        unit = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (unit * weight).to(x.dtype)

    def by_length(self, x, weight):
        return (unit_by_length(precise(x), self.eps) * weight).to(x.dtype)

    def forms(self):
        return {"spelled": self.spelled, "by length": self.by_length}


class Swiglu:
    LOSING = set()

    def __init__(self, op, sizes, dtype):
        self.inputs = (torch.randn(sizes["tokens"], 2 * op["intermediate_size"]).to(dtype),)

    def chunks(self, gate_up):
        gate, up = gate_up.chunk(2, -1)
        return F.silu(gate) * up

    def in_place(self, gate_up):
        gate, up = gate_up.chunk(2, -1)
        return F.silu(gate).mul_(up)

    def forms(self):
        return {"chunks": self.chunks, "in place": self.in_place}


class Mamba2Step:
    """Convolution, recurrence and gated norm one after another; `recurrence` is the class whose
    forms do the middle."""

    LOSING = set()
    recurrence = None

    def __init__(self, op, sizes, dtype):
        heads, width, state = op["num_heads"], op["head_dim"], op["d_state"]
        self.conv = CausalConv1dUpdate(
            {"conv_dim": op["num_kv_heads"] * (width + state) + heads * state,
             "d_conv": op.get("d_conv", 4)}, sizes, dtype)
        self.ssm = self.recurrence(op, sizes, dtype)
        self.norm = GatedRmsnorm({"num_groups": heads, "group_size": width,
                                  "eps": op.get("eps", 1e-5)}, sizes, dtype)
        # The convolution makes xbc, the recurrence y.
        self.inputs = self.conv.inputs + self.ssm.inputs[1:] + self.norm.inputs[1:]

    def steps(self, convolve, recur):
        def run(x, weight, bias, conv_state, dt, a_log, dt_bias, d, state, z, norm_weight):
            xbc = convolve(x, weight, bias, conv_state)
            y = recur(xbc, dt, a_log, dt_bias, d, state)
            return self.norm.spelled(y.flatten(-2), z, norm_weight)
        return run

    def forms(self):
        return {f"{a}, {b}": self.steps(convolve, recur)
                for (a, convolve), (b, recur) in zip(self.conv.forms().items(),
                                                     self.ssm.forms().items())}


OPS = {"causal_conv1d_update": CausalConv1dUpdate, "gated_rmsnorm": GatedRmsnorm,
       "mamba2_step": Mamba2Step, "rmsnorm": Rmsnorm, "swiglu": Swiglu}

CHECKS = [({"op": "causal_conv1d_update", "conv_dim": 24}, {"tokens": 3}),
          ({"op": "gated_rmsnorm", "num_groups": 3, "group_size": 16}, {"tokens": 5}),
          ({"op": "rmsnorm", "hidden_size": 40}, {"tokens": 5}),
          ({"op": "swiglu", "intermediate_size": 40}, {"tokens": 5}),
          ({"op": "mamba2_step", "num_heads": 6, "num_kv_heads": 2, "head_dim": 8, "d_state": 16},
           {"tokens": 3})]
