"""The supervised networks' equations in float64, from tensors by their file names: no module, no LSTM of torch.

Each function takes a configuration, tensors (name to float64 tensor) and one-hot rows (n, 4, length), or what the
network reads instead, and returns its logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from port_formulas import linear
from torch import Tensor
from torch.nn.functional import conv1d, gelu, pad

Weights = Mapping[str, Tensor]


def conv(w: Weights, name: str, x: Tensor, around: int = 0, dilation: int = 1) -> Tensor:
    """Over (n, channels, length) with so many zeros at each end."""
    return conv1d(pad(x, (around, around)), w[f"{name}.weight"], w[f"{name}.bias"], dilation=dilation)


def same(w: Weights, name: str, x: Tensor) -> Tensor:
    """As long as before: of an odd number of zeros the extra one stands behind."""
    extra = w[f"{name}.weight"].shape[-1] - 1
    return conv1d(pad(x, (extra // 2, extra - extra // 2)), w[f"{name}.weight"], w[f"{name}.bias"])


def pooled(x: Tensor, window: int, *, rest: bool = False) -> Tensor:
    """The largest of every window; what fills none is dropped unless it is wanted."""
    last = x.shape[-1] if rest else x.shape[-1] // window * window
    return torch.stack([x[..., i : i + window].amax(-1) for i in range(0, last, window)], -1)


def batch_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    shape = (1, -1, *[1] * (x.ndim - 2))
    mean, variance = (w[f"{name}.running_{part}"].reshape(shape) for part in ("mean", "var"))
    return (x - mean) / (variance + 1e-5).sqrt() * w[f"{name}.weight"].reshape(shape) + w[f"{name}.bias"].reshape(shape)


def deepsea(config: Mapping[str, Any], w: Weights, x: Tensor) -> Tensor:
    for name, last in (("conv_net.0", False), ("conv_net.4", False), ("conv_net.8", True)):
        x = conv(w, name, x).relu()
        x = x if last else pooled(x, config["pool"])
    return linear(w, "classifier.2", linear(w, "classifier.0", x.flatten(1)).relu())


def basset(config: Mapping[str, Any], w: Weights, x: Tensor) -> Tensor:
    for i, window in enumerate(config["conv_pool_sizes"]):
        name = f"model.encoder.layers.{i}"
        x = pooled(batch_norm(w, f"{name}.batch_norm", conv(w, f"{name}.conv", x)).relu(), window, rest=True)
    x = x.flatten(1)
    for i in range(len(config["fc_sizes"])):
        name = f"model.encoder.fc_layers.{i}"
        x = batch_norm(w, f"{name}.batch_norm", linear(w, f"{name}.dense", x)).relu()
    return linear(w, "sequence_head.decoder", x)


def basset_bend(config: Mapping[str, Any], w: Weights, x: Tensor) -> Tensor:
    for i, (_, _, window) in enumerate(config["conv"]):
        x = pooled(batch_norm(w, f"conv_net.{4 * i + 1}", same(w, f"conv_net.{4 * i}", x)).relu(), window)
    return linear(w, "clf.6", linear(w, "clf.4", linear(w, "clf.1", x.flatten(1)).relu()))


def danq(config: Mapping[str, Any], w: Weights, x: Tensor) -> Tensor:
    x = pooled(conv(w, "nnet.0", x).relu(), config["pool"]).transpose(1, 2)
    both = torch.cat([lstm(w, "", x), lstm(w, "_reverse", x.flip(1)).flip(1)], -1)
    return linear(w, "classifier.3", linear(w, "classifier.1", both.flatten(1)).relu())


def lstm(w: Weights, end: str, x: Tensor) -> Tensor:
    """One direction, gates in the order input, forget, cell, output."""
    inner, outer, b, c = (w[f"bdlstm.0.{part}_l0{end}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h, cell, said = x.new_zeros(len(x), outer.shape[1]), x.new_zeros(len(x), outer.shape[1]), []
    for t in range(x.shape[1]):
        i, f, g, o = (x[:, t] @ inner.T + h @ outer.T + b + c).chunk(4, -1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        h = o.sigmoid() * cell.tanh()
        said.append(h)
    return torch.stack(said, 1)


def dart_probe(config: Mapping[str, Any], w: Weights, x: Tensor, at: str = "") -> Tensor:
    x = x.transpose(1, 2)
    for name in ("conv1", "conv2", "conv3"):
        x = conv(w, f"{at}{name}", x, around=1).relu()
    return linear(w, f"{at}fc1", x.sum(-1))


def dart_front(w: Weights, x: Tensor) -> Tensor:
    return (same(w, "iconv", x).transpose(1, 2) + linear(w, "pos_proj", w["pos_emb"])).relu()


def dart_abinitio(config: Mapping[str, Any], w: Weights, x: Tensor) -> Tensor:
    return dart_probe(config, w, dart_front(w, x), "trunk.")


def dart_chrombpnet_like(config: Mapping[str, Any], w: Weights, x: Tensor) -> Tensor:
    x = conv(w, "trunk.iconv", dart_front(w, x).transpose(1, 2)).relu()
    for i in range(config["n_residual"]):
        x = x[..., 2**i : x.shape[-1] - 2**i] + conv(w, f"trunk.rconvs.{i}", x, dilation=2**i).relu()
    return linear(w, "trunk.output_layer", x.mean(-1))


def bend_cnn(config: Mapping[str, Any], w: Weights, x: Tensor) -> Tensor:
    factor, window = config["upsample_factor"] or 1, config["output_downsample_window"]
    places = ((torch.arange(x.shape[1] * factor).double() + 0.5) / factor - 0.5).clamp(0, x.shape[1] - 1)
    low = places.floor().long()
    high, part = (low + 1).clamp(max=x.shape[1] - 1), (places - low)[:, None]
    x = (x[:, low] * (1 - part) + x[:, high] * part).transpose(1, 2)
    x = gelu(conv(w, "conv2.1", gelu(conv(w, "conv1.1", x, around=1)), around=1)).transpose(1, 2)
    if window:
        x = torch.stack([x[:, i : i + window].mean(1) for i in range(0, x.shape[1] // window * window, window)], 1)
    x = linear(w, "linear.0", x)
    return x.flatten(1) if window or config["output_size"] == 1 else x


def gb_cnn(config: Mapping[str, Any], w: Weights, codes: Tensor) -> Tensor:
    """What the published network returns: no ReLU but the first, a sigmoid where two classes share an output."""
    x = w["embeddings.weight"][codes].transpose(1, 2)
    x = pooled(batch_norm(w, "cnn_model.1", conv(w, "cnn_model.0", x)).relu(), 2)
    x = pooled(batch_norm(w, "cnn_model.5", conv(w, "cnn_model.4", x)), 2)
    x = pooled(batch_norm(w, "cnn_model.8", conv(w, "cnn_model.7", x)), 2)
    x = linear(w, "dense_model.1", linear(w, "dense_model.0", x.flatten(1)))
    return x.sigmoid() if config["number_of_classes"] == 2 else x
