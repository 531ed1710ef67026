"""The families' equations in float64, from a file's tensors by their hub names: no module, no FFT, no fused kernel.

Each function takes a configuration, tensors (name to float64 tensor) and ids (batch, length), and returns the last
state; `mask` (batch, length) is 1 where a token is. They are slow and short, and share nothing with the ports.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv1d, gelu, layer_norm, one_hot, pad, rms_norm, silu

Weights = Mapping[str, Tensor]
Part = Callable[[Tensor], Tensor]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    out = x @ w[f"{name}.weight"].T
    return out + w[f"{name}.bias"] if f"{name}.bias" in w else out


def norm(w: Weights, name: str, x: Tensor, eps: float = 1e-5) -> Tensor:
    return layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w.get(f"{name}.bias"), eps)


def conv(w: Weights, name: str, x: Tensor, dilation: int = 1, groups: int = 1) -> Tensor:
    """Over (batch, length, channels), as long as before."""
    kernel = w[f"{name}.weight"]
    extra = dilation * (kernel.shape[-1] - 1)
    wide = pad(x.transpose(1, 2), (extra // 2, extra - extra // 2))
    return conv1d(wide, kernel, w.get(f"{name}.bias"), dilation=dilation, groups=groups).transpose(1, 2)


def hyenadna(config: Mapping[str, Any], w: Weights, ids: Tensor) -> Tensor:
    """Long convolutions term by term."""
    width, length = config["d_model"], ids.shape[1]
    x = w["hyena.backbone.embeddings.word_embeddings.weight"][ids]
    for layer in range(config["n_layer"]):
        name = f"hyena.backbone.layers.{layer}"
        u = linear(w, f"{name}.mixer.in_proj", norm(w, f"{name}.norm1", x))
        short = w[f"{name}.mixer.short_filter.weight"]
        wide = pad(u.transpose(1, 2), (2, 2))
        u = conv1d(wide, short, w[f"{name}.mixer.short_filter.bias"], groups=len(short))[..., :length]
        *gates, v = u.transpose(1, 2).split(width, dim=-1)
        filters = hyena_filter(config, w, f"{name}.mixer.filter_fn", length).split(width, dim=-1)
        for gate, wave, bias in zip(gates[:0:-1], filters, w[f"{name}.mixer.filter_fn.bias"].split(width), strict=True):
            v = v * gate
            mixed = [sum(wave[i] * v[:, t - i] for i in range(t + 1)) for t in range(length)]
            v = torch.stack([torch.as_tensor(one) for one in mixed], 1) + v * bias
        x = x + linear(w, f"{name}.mixer.out_proj", v * gates[0])
        h = gelu(linear(w, f"{name}.mlp.fc1", norm(w, f"{name}.norm2", x)), approximate="tanh")
        x = x + linear(w, f"{name}.mlp.fc2", h)
    return norm(w, "hyena.backbone.ln_f", x, config.get("layer_norm_epsilon", 1e-5))


def hyena_filter(config: Mapping[str, Any], w: Weights, name: str, length: int) -> Tensor:
    """(length, channels): sines of sines of the position, under an exponential window."""
    n, bands = config["max_seq_len"], (config["emb_dim"] - 1) // 2
    t = torch.arange(n, dtype=torch.float64)[:length, None]
    turn = -2 * math.pi * t / n * torch.linspace(1e-4, bands - 1, bands, dtype=torch.float64)
    h = torch.cat([t / (n - 1), turn.cos(), turn.sin()], dim=1)
    inner = config.get("num_inner_mlps", 2)
    plain = torch.full((1,), float(config.get("activation_freq", 1)), dtype=torch.float64)
    for i in range(inner + 1):
        frequency = w.get(f"{name}.implicit_filter.1.freq", plain)
        h = torch.sin(frequency * linear(w, f"{name}.implicit_filter.{2 * i}", h))
    h = linear(w, f"{name}.implicit_filter.{2 * (inner + 1)}", h)
    decay = torch.linspace(math.log(0.01) / 1.5, math.log(0.01) / 0.3, h.shape[1], dtype=torch.float64)
    return h * (torch.exp(-t / (n - 1) * decay.abs()) + 0.05)


def mamba(w: Weights, name: str, x: Tensor) -> Tensor:
    """One direction, a step of Python per position."""
    u, z = linear(w, f"{name}.in_proj", x).chunk(2, dim=-1)
    kernel = w[f"{name}.conv1d.weight"]
    wide = pad(u.transpose(1, 2), (kernel.shape[-1] - 1, 0))
    u = silu(conv1d(wide, kernel, w.get(f"{name}.conv1d.bias"), groups=len(kernel)).transpose(1, 2))
    a = -torch.exp(w[f"{name}.A_log"])
    rank, states = w[f"{name}.dt_proj.weight"].shape[1], a.shape[1]
    delta, b, c = linear(w, f"{name}.x_proj", u).split([rank, states, states], dim=-1)
    delta = torch.log1p(torch.exp(linear(w, f"{name}.dt_proj", delta)))
    h, y = torch.zeros(len(x), *a.shape, dtype=torch.float64), []
    for t in range(x.shape[1]):
        h = torch.exp(delta[:, t, :, None] * a) * h + (delta[:, t] * u[:, t])[..., None] * b[:, t, None]
        y.append((h * c[:, t, None]).sum(-1) + w[f"{name}.D"] * u[:, t])
    return linear(w, f"{name}.out_proj", torch.stack(y, 1) * silu(z))


def caduceus(config: Mapping[str, Any], w: Weights, ids: Tensor) -> Tensor:
    """PS by its definition: the second half is what the first is of the other strand, turned back."""
    stranded, fused = config.get("rcps", False), config.get("fused_add_norm", True)
    words = "caduceus.backbone.embeddings.word_embeddings"
    if stranded:
        table = w[f"{words}.embedding.weight"]
        other = ids.clone().apply_(lambda token: config["complement_map"].get(str(token), token))
        halves = [table[ids], table[other].flip(-1)]
    else:
        halves = [w[f"{words}.weight"][ids]]
    inner, wrap = (".submodule" if stranded else ""), (".submodule" if stranded and not fused else "")
    residuals: list[Tensor] = []
    for layer in range(config["n_layer"]):
        name = f"caduceus.backbone.layers.{layer}"
        residuals = [a + b for a, b in zip(halves, residuals, strict=True)] if residuals else halves
        residuals = residuals[::-1] if fused else residuals
        mixer = partial(both_ways, config, w, f"{name}.mixer{inner}")
        halves = strands(residuals, mixer, w, f"{name}.norm{wrap}")
    residuals = [a + b for a, b in zip(halves, residuals, strict=True)]
    return torch.cat(strands(residuals, lambda x: x, w, f"caduceus.backbone.norm_f{wrap}"), dim=-1)


def strands(parts: list[Tensor], mix: Part, w: Weights, name: str) -> list[Tensor]:
    """Normed and mixed, the second half as the other strand is read."""

    def normed(x: Tensor) -> Tensor:
        has_bias = f"{name}.bias" in w
        return norm(w, name, x) if has_bias else rms_norm(x, x.shape[-1:], w[f"{name}.weight"], 1e-5)

    return [mix(normed(parts[0])), *(mix(normed(x.flip(1, 2))).flip(1, 2) for x in parts[1:])]


def both_ways(config: Mapping[str, Any], w: Weights, name: str, x: Tensor) -> Tensor:
    out = mamba(w, f"{name}.mamba_fwd", x)
    if not config.get("bidirectional", True):
        return out
    tied = {k.replace(".mamba_fwd.", ".mamba_rev."): v for k, v in w.items() if ".mamba_fwd." in k}
    back = mamba({**tied, **w}, f"{name}.mamba_rev", x.flip(1)).flip(1)
    return out * back if config.get("bidirectional_strategy") == "ew_multiply" else out + back


def dnabert2(config: Mapping[str, Any], w: Weights, ids: Tensor, mask: Tensor) -> Tensor:
    """ALiBi with its published slopes; padding is cut off each row."""
    heads, eps = config["num_attention_heads"], config.get("layer_norm_eps", 1e-12)
    out = torch.zeros(*ids.shape, config["hidden_size"], dtype=torch.float64)
    power = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    slopes += [2 ** (-8 * (i + 1) / (2 * power)) for i in range(0, 2 * power, 2)][: heads - power]
    for row, keep in enumerate(mask.bool()):
        b = "bert" if any(name.startswith("bert.") for name in w) else ""
        at = f"{b}.".lstrip(".")
        x = w[f"{at}embeddings.word_embeddings.weight"][ids[row, keep]]
        x = norm(w, f"{at}embeddings.LayerNorm", x + w[f"{at}embeddings.token_type_embeddings.weight"][0], eps)
        place = torch.arange(len(x))
        for layer in range(config["num_hidden_layers"]):
            name = f"{at}encoder.layer.{layer}"
            query, key, value = linear(w, f"{name}.attention.self.Wqkv", x).chunk(3, dim=-1)
            mixed = []
            for head, (q, k, v) in enumerate(zip(*(p.chunk(heads, -1) for p in (query, key, value)), strict=True)):
                scores = q @ k.T / math.sqrt(q.shape[1]) - slopes[head] * (place[:, None] - place).abs()
                mixed.append(scores.softmax(-1) @ v)
            x = norm(
                w,
                f"{name}.attention.output.LayerNorm",
                x + linear(w, f"{name}.attention.output.dense", torch.cat(mixed, -1)),
                eps,
            )
            gate, up = linear(w, f"{name}.mlp.gated_layers", x).chunk(2, dim=-1)
            x = norm(w, f"{name}.mlp.layernorm", x + linear(w, f"{name}.mlp.wo", gelu(gate) * up), eps)
        out[row, keep] = x
    return out


def gpn(config: Mapping[str, Any], w: Weights, ids: Tensor) -> Tensor:
    """Both networks: `n_layers` is a key of the older one."""
    older = config["model_type"] == "ConvNet"
    layers = config["n_layers"] if older else config["num_hidden_layers"]
    cycle, most = (6, 32) if older else (8, 9999)
    if config.get("embedding") == "embedding":
        x = w["model.embeddings.word_embeddings.weight"][ids]
    else:
        x = one_hot(ids, config["hidden_size"]).double()
    for i in range(layers):
        step = (i % config.get("dilation_cycle", cycle)) // config.get("dilation_double_every", 1)
        dilation = min(config.get("dilation_max", most), config.get("dilation_base", 2) ** step)
        groups = config["hidden_size"] if config.get("depthwise") and i else 1
        name = f"model.encoder.{i}" if older else f"model.encoder.layer.{i}"
        x = older_block(w, name, x, dilation) if older else newer_block(config, w, name, x, (dilation, groups))
    return x if older else norm(w, "model.ln_f", x)


def older_block(w: Weights, name: str, x: Tensor, dilation: int) -> Tensor:
    x = x + norm(w, f"{name}.conv.4", gelu(conv(w, f"{name}.conv.1", x, dilation)))
    return x + norm(w, f"{name}.ffn.2", gelu(linear(w, f"{name}.ffn.0", x)))


def newer_block(config: Mapping[str, Any], w: Weights, name: str, x: Tensor, how: tuple[int, int]) -> Tensor:
    if config.get("encoder") == "bytenet":
        h = linear(w, f"{name}.layer.2", gelu(norm(w, f"{name}.layer.0", x)))
        slim = h.shape[-1] if how[1] > 1 else 1
        h = conv(w, f"{name}.layer.6", gelu(norm(w, f"{name}.layer.3", h)), how[0], slim)
        return x + linear(w, f"{name}.layer.10", gelu(norm(w, f"{name}.layer.8", h)))
    x = x + linear(w, f"{name}.conv.5", gelu(conv(w, f"{name}.conv.2", norm(w, f"{name}.conv.0", x), *how)))
    h = gelu(linear(w, f"{name}.ffn.1", norm(w, f"{name}.ffn.0", x)))
    return x + linear(w, f"{name}.ffn.3", h)


def convnova(config: Mapping[str, Any], w: Weights, ids: Tensor) -> Tensor:
    """The complement is that of every base; what is no base is its own."""
    other = ids.clone().apply_(lambda token: {0: 3, 1: 2, 2: 1, 3: 0}.get(token, token))
    main, gate = (gelu(conv(w, n, one_hot(i, 5).double())) for n, i in (("linear", ids), ("rc_linear", other)))
    stacks, base = config.get("num_cnn_stacks", 1), config.get("dilation", 2)
    for layer in range(config.get("num_conv1d", 5) * stacks):
        dilation = min(1024, base ** max(0, layer // stacks - 2))
        g = torch.sigmoid(conv(w, f"gates.{layer}", norm(w, f"rc_norms.{layer}", gate), dilation))
        main = main + gelu(conv(w, f"convs.{layer}", norm(w, f"norms.{layer}", main), dilation)) * g
        gate = gate + g
        if config.get("ffn", True):
            main = main + norm(w, f"mlpgroup2.{layer}.2", gelu(linear(w, f"mlpgroup2.{layer}.0", main)))
    h = linear(w, "milinear.2", gelu(linear(w, "milinear.0", main)))
    h = linear(w, "milinear.6", gelu(linear(w, "milinear.4", norm(w, "milinear.3", h))))
    x = main + norm(w, "milinear.7", h)
    return conv(w, "final_conv.2", gelu(conv(w, "final_conv.0", x))) if config.get("final_conv") else x
