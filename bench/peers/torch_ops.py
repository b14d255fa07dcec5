# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PyTorch's side of zorse-bench: the ops as a PyTorch user would write them.

Started by zorse-bench as a child. One JSON object a line on standard input, one on standard output:

    {"prepare": {"op": {...}, "sizes": {...}, "threads": 1, "rotate_bytes": 0}}
                                   -> {"variants": ["torch bf16 bmm", ...]}
    {"round": 0, "target_us": 20000}  -> {"us": 12.5, "launches": 1600}

A round repeats launches of one variant for about target_us and answers the mean time of one. Inputs
are drawn once; with rotate_bytes the launches go round over copies of them that are so large
together. `torch_ops.py --check` compares all formulations in fp64 and exits with 1 if they differ.
"""

import json
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(json.dumps({"error": f"no PyTorch in this Python ({error}); "
                               "install python3-torch"}), flush=True)
    sys.exit(1)

import torch_memory_ops  # needs PyTorch, so it stands behind the answer to its absence

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def attend(scores, values, scale, mask=None):
    """softmax(scale * scores) . values, the softmax in f32 or better."""
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32)) * scale
    if mask is not None:
        scores = scores.masked_fill(mask, float("-inf"))
    return torch.softmax(scores, -1).to(values.dtype), values


def hidden(tokens, context):
    """Which cached rows each of the last `tokens` of `context` positions must not see."""
    rows = torch.arange(context - tokens, context)[:, None]
    return torch.arange(context)[None, :] > rows


class MlaDecode:
    """Attention of absorbed queries over the latent cache, every sequence at its full context.

    s = scale * q . cache, out = softmax(s) . cache[:, :rank], the queries already joined as
    [latent | rotary], which spares PyTorch a copy. Softmax in f32. Several tokens of a sequence
    are further rows, without the mask that they would need.
    """

    LOSING = {("f32", "einsum")}  # forms that are never the fastest in a dtype are not timed

    def __init__(self, op, sizes, dtype):
        self.rank, rope = op["kv_lora_rank"], op["qk_rope_head_dim"]
        self.scale = (op["qk_nope_head_dim"] + rope) ** -0.5
        batch, context = sizes.get("num_slots", sizes["tokens"]), sizes["context"]
        rows = sizes["tokens"] // batch * op["num_heads"]
        self.inputs = (torch.randn(batch, rows, self.rank + rope).to(dtype),
                       torch.randn(batch, context, self.rank + rope).to(dtype))

    def bmm(self, q, cache):
        return torch.bmm(*attend(torch.bmm(q, cache.transpose(1, 2)), cache[:, :, :self.rank],
                                 self.scale))

    def einsum(self, q, cache):
        weights, values = attend(torch.einsum("bhr,bcr->bhc", q, cache), cache[:, :, :self.rank],
                                 self.scale)
        return torch.einsum("bhc,bcr->bhr", weights, values)

    def forms(self):
        return {"bmm": self.bmm, "einsum": self.einsum}


class GqaDecode:
    """Attention of single tokens over keys and values: one product for the heads of a group.

    `grouped` keeps the caches as [sequences, kv heads, context, width], which suits PyTorch;
    `in place` as an engine appends them, [sequences, context, kv heads, width].
    """

    LOSING = {("f32", "in place")}

    def __init__(self, op, sizes, dtype):
        groups, width = op["num_kv_heads"], op["head_dim"]
        batch, context = sizes["tokens"], sizes["context"]
        self.scale = width ** -0.5
        self.inputs = (torch.randn(batch, groups, op["num_heads"] // groups, width).to(dtype),
                       torch.randn(batch, groups, context, width).to(dtype),
                       torch.randn(batch, groups, context, width).to(dtype))

    def grouped(self, q, k, v):
        return torch.matmul(*attend(torch.matmul(q, k.transpose(-1, -2)), v, self.scale))

    def in_place(self, q, k, v):
        k, v = (t.view(t.shape[0], t.shape[2], t.shape[1], t.shape[3]).transpose(1, 2)
                for t in (k, v))
        return self.grouped(q, k, v)

    def forms(self):
        return {"grouped": self.grouped, "in place": self.in_place}


class CausalAttention:
    """The last tokens of one sequence over all its keys and values, heads first and joined.

    Keys and values are given for each head and contiguous, which spares PyTorch copies.
    """

    LOSING = set()

    def __init__(self, op, sizes, dtype):
        heads, tokens, context = op["num_heads"], sizes["tokens"], sizes["context"]
        if sizes["batch"] != 1:
            raise ValueError("one sequence only")
        key = op.get("head_dim") or op["qk_nope_head_dim"] + op["qk_rope_head_dim"]
        self.scale = key ** -0.5
        self.mask = hidden(tokens, context)
        self.inputs = (torch.randn(heads, tokens, key).to(dtype),
                       torch.randn(heads, context, key).to(dtype),
                       torch.randn(heads, context, op.get("v_head_dim", key)).to(dtype))

    def bmm(self, q, k, v):
        return torch.bmm(*attend(torch.bmm(q, k.transpose(1, 2)), v, self.scale, self.mask))

    def blocks(self, q, k, v, rows=128):
        """Rows in blocks, each over the keys that it can see."""
        tokens, context = q.shape[1], k.shape[1]
        parts = []
        for start in range(0, tokens, rows):
            end = min(start + rows, tokens)
            seen = context - tokens + end
            parts.append(torch.bmm(*attend(
                torch.bmm(q[:, start:end], k[:, :seen].transpose(1, 2)), v[:, :seen], self.scale,
                self.mask[start:end, :seen])))
        return torch.cat(parts, 1)

    def forms(self):
        return {"bmm": self.bmm, "blocks": self.blocks}


def split_xbc(op, xbc):
    """[..., x of each kv head | B of each kv head | C of each head] -> x, B, C for each head."""
    heads, groups = op["num_heads"], op["num_kv_heads"]
    width, state = op["head_dim"], op["d_state"]
    x, b, c = xbc.split([groups * width, groups * state, heads * state], -1)
    lead = xbc.shape[:-1]
    expand = heads // groups

    def spread(t, size):
        t = t.reshape(*lead, groups, 1, size).expand(*lead, groups, expand, size)
        return t.reshape(*lead, heads, size)
    return spread(x, width), spread(b, state), c.reshape(*lead, heads, state)


def mamba_inputs(op, rows, sequences, dtype):
    """xbc, dt as it comes out of the projection, a_log, dt_bias, d, state."""
    heads, groups = op["num_heads"], op["num_kv_heads"]
    width, state = op["head_dim"], op["d_state"]
    precise = torch.promote_types(dtype, torch.float32)
    step = torch.exp(torch.empty(heads).uniform_(-6.9, -2.3))
    return (torch.randn(*rows, groups * (width + state) + heads * state).to(dtype),
            torch.randn(*rows, heads).to(dtype),
            torch.log(torch.empty(heads).uniform_(1, 16)).to(precise),
            (step + torch.log(-torch.expm1(-step))).to(precise),
            torch.randn(heads).to(precise),
            torch.randn(sequences, heads, width, state).to(dtype))


class SsmUpdate:
    """One step of the recurrence for every sequence, the state in place."""

    LOSING = set()

    def __init__(self, op, sizes, dtype):
        self.op = op
        self.inputs = mamba_inputs(op, (sizes["tokens"],), sizes["tokens"], dtype)

    def prologue(self, xbc, dt, a_log, dt_bias):
        x, b, c = split_xbc(self.op, xbc)
        dt = F.softplus(dt.to(a_log.dtype) + dt_bias)
        decay = torch.exp(-dt * torch.exp(a_log)).to(xbc.dtype)
        return x, b, c, decay, dt.to(xbc.dtype)

    def addcmul(self, xbc, dt, a_log, dt_bias, d, state):
        x, b, c, decay, dt = self.prologue(xbc, dt, a_log, dt_bias)
        state.mul_(decay[..., None, None])
        state.addcmul_((dt[..., None] * x)[..., None], b[..., None, :])
        y = torch.matmul(state, c[..., None]).squeeze(-1)
        return y + d[:, None].to(x.dtype) * x

    def baddbmm(self, xbc, dt, a_log, dt_bias, d, state):
        x, b, c, decay, dt = self.prologue(xbc, dt, a_log, dt_bias)
        flat = state.view(-1, *state.shape[2:])
        flat.mul_(decay.reshape(-1, 1, 1))
        flat.baddbmm_((dt[..., None] * x).view(flat.shape[0], -1, 1),
                      b.reshape(flat.shape[0], 1, -1))
        y = torch.bmm(flat, c.reshape(flat.shape[0], -1, 1)).view(x.shape)
        return y + d[:, None].to(x.dtype) * x

    def forms(self):
        return {"addcmul": self.addcmul, "baddbmm": self.baddbmm}


class SsdScan:
    """The recurrence over sequences of equal length: by chunks, or step by step."""

    LOSING = {("bf16", "sequential"), ("f32", "sequential")}

    def __init__(self, op, sizes, dtype):
        self.op = op
        batch = sizes["batch"]
        self.inputs = mamba_inputs(op, (batch, sizes["tokens"] // batch), batch, dtype)

    def prologue(self, xbc, dt, a_log, dt_bias):
        x, b, c = split_xbc(self.op, xbc)
        dt = F.softplus(dt.to(a_log.dtype) + dt_bias)
        return x, b, c, dt, -dt * torch.exp(a_log)

    def sequential(self, xbc, dt, a_log, dt_bias, d, state):
        x, b, c, dt, log_decay = self.prologue(xbc, dt, a_log, dt_bias)
        decay = torch.exp(log_decay)
        h = state.to(dt.dtype)
        ys = []
        for t in range(x.shape[1]):
            dx = dt[:, t, :, None] * x[:, t]
            h = h * decay[:, t, :, None, None] + dx[..., None] * b[:, t, :, None, :]
            ys.append(torch.matmul(h, c[:, t, :, :, None].to(h.dtype)).squeeze(-1))
        state.copy_(h)
        return torch.stack(ys, 1).to(x.dtype) + d[:, None].to(x.dtype) * x

    def chunked(self, xbc, dt, a_log, dt_bias, d, state, chunk=64):
        """Inside a chunk a masked product of C, B and x, between chunks the state of each.

        Tensors are [batch, head, chunks, place in chunk, …]. Products in the dtype of x, decays
        and the state in f32.
        """
        x, b, c, dt, log_decay = self.prologue(xbc, dt, a_log, dt_bias)
        batch, length, heads, width = x.shape
        chunks = length // chunk

        def fold(t):
            return t.view(batch, chunks, chunk, heads, -1).permute(0, 3, 1, 2, 4)
        xs, bs, cs = fold(x), fold(b), fold(c)
        steps = fold(dt)
        total = fold(log_decay).squeeze(-1).cumsum(-1)
        mask = torch.ones(chunk, chunk, dtype=torch.bool).tril()
        between = (total[..., :, None] - total[..., None, :]).masked_fill(~mask, float("-inf"))
        dx = (steps * xs).to(x.dtype)
        scores = torch.matmul(cs, bs.transpose(-1, -2)) * torch.exp(between).to(x.dtype)
        y = torch.matmul(scores, dx)
        to_end = torch.exp(total[..., -1:] - total)[..., None].to(x.dtype)
        gained = torch.matmul((dx * to_end).transpose(-1, -2), bs)
        whole = torch.exp(total[..., -1])
        h = state.to(dt.dtype)
        before = []
        for index in range(chunks):
            before.append(h)
            h = h * whole[:, :, index, None, None] + gained[:, :, index]
        carried = torch.stack(before, 2).to(x.dtype)
        state.copy_(h)
        y = y + (torch.matmul(cs, carried.transpose(-1, -2)) *
                 torch.exp(total)[..., None].to(x.dtype))
        y = y.permute(0, 2, 3, 1, 4).reshape(batch, length, heads, width)
        return y + d[:, None].to(x.dtype) * x

    def forms(self):
        return {"chunked": self.chunked, "sequential": self.sequential}


OPS = {"mla_decode": MlaDecode, "gqa_decode": GqaDecode, "mla_prefill": CausalAttention,
       "gqa_prefill": CausalAttention, "ssm_update": SsmUpdate, "ssd_scan": SsdScan}
OPS.update(torch_memory_ops.OPS)
OPS["mamba2_step"].recurrence = SsmUpdate


class Variant:
    """One formulation in one dtype, with as many copies of its inputs as the rotation needs."""

    def __init__(self, function, inputs, rotate_bytes):
        self.function = function
        size = sum(t.numel() * t.element_size() for t in inputs)
        copies = max(1, -(-rotate_bytes // size))
        self.copies = [inputs] + [tuple(t.clone() for t in inputs) for _ in range(copies - 1)]
        self.next = 0

    def launch(self):
        result = self.function(*self.copies[self.next])
        self.next = (self.next + 1) % len(self.copies)
        return result

    def round(self, target_us):
        start = time.perf_counter()
        launches = 0
        while True:
            self.launch()
            launches += 1
            passed = (time.perf_counter() - start) * 1e6
            if passed >= target_us:
                return passed / launches, launches


def prepare(request):
    torch.set_num_threads(request["threads"])
    torch.manual_seed(1)
    op, variants = request["op"], {}
    form = OPS[op["op"]]
    for dtype in ("bf16", "f32"):
        made = form(op, request["sizes"], DTYPES[dtype])
        for name, function in made.forms().items():
            if (dtype, name) in form.LOSING:
                continue
            variant = Variant(function, made.inputs, request["rotate_bytes"])
            variant.launch()
            variants[f"torch {dtype} {name}"] = variant
    return variants


def serve():
    variants = []
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                variants = []
                table = prepare(request["prepare"])
                variants = list(table.values())
                answer = {"variants": list(table), "version": f"PyTorch {torch.__version__}"}
            else:
                mean, launches = variants[request["round"]].round(request["target_us"])
                answer = {"us": mean, "launches": launches}
        except (KeyError, IndexError, RuntimeError, ValueError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def check():
    """Every formulation against its sibling in fp64, state included."""
    mamba = {"num_heads": 6, "num_kv_heads": 2, "head_dim": 8, "d_state": 16}
    cases = [({"op": "mla_decode", "num_heads": 3, "kv_lora_rank": 8, "qk_rope_head_dim": 4,
               "qk_nope_head_dim": 4}, {"tokens": 2, "context": 37}),
             ({"op": "gqa_prefill", "num_heads": 4, "num_kv_heads": 2, "head_dim": 8},
              {"tokens": 150, "context": 201, "batch": 1}),
             ({"op": "ssm_update", **mamba}, {"tokens": 3}),
             ({"op": "ssd_scan", **mamba}, {"tokens": 256, "batch": 2})] + torch_memory_ops.CHECKS
    worst = 0.0
    for op, sizes in cases:
        torch.manual_seed(1)
        made = OPS[op["op"]](op, sizes, torch.float64)
        results = []
        for function in made.forms().values():
            inputs = tuple(t.clone() for t in made.inputs)
            results.append([function(*inputs), *inputs])
        for got, want in zip(*results):
            worst = max(worst, float((got - want).abs().max()))
    print(f"largest difference between formulations in fp64: {worst:.2e}")
    return 0 if worst < 1e-12 else 1


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    sys.exit(check() if "--check" in sys.argv else serve())
