"""Calls that forwards of convolutional networks and vision transformers are made of, by the lists of PyTorch's manual.

Each is a layer, a function of `x`, `(2, 4, 6, 6)`, and `y` of the same shape, or a layer with its
function.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

torch.manual_seed(0)

IMAGE = {
    "Conv2d": nn.Conv2d(4, 6, 3, padding=1),
    "Conv2d, strided": nn.Conv2d(4, 6, 3, stride=2),
    "Conv2d, dilated": nn.Conv2d(4, 6, 3, padding="same", dilation=2),
    "Conv2d, depthwise": nn.Conv2d(4, 4, 3, groups=4),
    "Conv2d, reflect": nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    "ConvTranspose2d": nn.ConvTranspose2d(4, 3, 2, stride=2),
    "ConvTranspose2d, output padding": nn.ConvTranspose2d(4, 4, 3, 2, 1, output_padding=1, groups=2),
    "MaxPool2d": nn.MaxPool2d(2),
    "MaxPool2d, ceil": nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "AvgPool2d": nn.AvgPool2d(2),
    "AvgPool2d, ceil": nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    "AvgPool2d, divisor": nn.AvgPool2d(2, divisor_override=3),
    "LPPool2d": nn.LPPool2d(2, 2),
    "AdaptiveAvgPool2d": nn.AdaptiveAvgPool2d((4, 3)),
    "AdaptiveMaxPool2d": nn.AdaptiveMaxPool2d((4, None)),
    "BatchNorm2d": nn.BatchNorm2d(4),
    "BatchNorm2d, eval": nn.BatchNorm2d(4).eval(),
    "GroupNorm": nn.GroupNorm(2, 4),
    "InstanceNorm2d": nn.InstanceNorm2d(4, affine=True),
    "LayerNorm": nn.LayerNorm(6),
    "LayerNorm, image": nn.LayerNorm((4, 6, 6)),
    "RMSNorm": nn.RMSNorm(6),
    "LocalResponseNorm": nn.LocalResponseNorm(3),
    "CrossMapLRN, own": nn.LocalResponseNorm(5, alpha=0.1, beta=0.5, k=2.0),
    "Dropout": nn.Dropout(0.3),
    "Dropout2d": nn.Dropout2d(0.3),
    "Dropout, eval": nn.Dropout(0.3).eval(),
    "AlphaDropout, eval": nn.AlphaDropout(0.3).eval(),
    "ReflectionPad2d": nn.ReflectionPad2d(1),
    "ReplicationPad2d": nn.ReplicationPad2d((1, 0, 2, 1)),
    "ZeroPad2d": nn.ZeroPad2d(2),
    "ConstantPad2d": nn.ConstantPad2d(1, 0.3),
    "CircularPad2d": nn.CircularPad2d(1),
    "Upsample": nn.Upsample(scale_factor=2),
    "Upsample, bilinear": nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    "Upsample, bicubic": nn.Upsample(size=(9, 8), mode="bicubic"),
    "UpsamplingNearest2d": nn.UpsamplingNearest2d(scale_factor=2),
    "UpsamplingBilinear2d": nn.UpsamplingBilinear2d(scale_factor=2),
    "PixelShuffle": nn.PixelShuffle(2),
    "PixelUnshuffle": nn.PixelUnshuffle(2),
    "ChannelShuffle": nn.ChannelShuffle(2),
    "Flatten": nn.Flatten(),
    "Unflatten": nn.Unflatten(1, (2, 2)),
    "Unfold": nn.Unfold(3, padding=1, stride=2),
    "Fold": nn.Sequential(nn.Unfold(3, padding=1), nn.Fold((6, 6), 3, padding=1)),
    "Identity": nn.Identity(),
    "Softmax2d": nn.Softmax2d(),
    "Softmax": nn.Softmax(1),
    "LogSoftmax": nn.LogSoftmax(1),
    "PReLU": nn.PReLU(4),
    "GLU": nn.GLU(1),
    "Hardswish": nn.Hardswish(),
    "Mish": nn.Mish(),
    "SiLU": nn.SiLU(),
    "GELU": nn.GELU(),
    "GELU, tanh": nn.GELU("tanh"),
    "Softplus": nn.Softplus(),
    "LeakyReLU": nn.LeakyReLU(0.1),
    "RReLU, eval": nn.RReLU().eval(),
    "FeatureAlphaDropout, eval": nn.FeatureAlphaDropout(0.3).eval(),
    "spectral_norm": spectral_norm(nn.Conv2d(4, 3, 3)),
    "spectral_norm, eval": spectral_norm(nn.Conv2d(4, 3, 3)).eval(),
    "spectral_norm, old": torch.nn.utils.spectral_norm(nn.Conv2d(4, 3, 3)),
    "weight_norm": weight_norm(nn.Conv2d(4, 3, 3)),
    "CosineSimilarity": (nn.CosineSimilarity(1), lambda x, y, layer: layer(x, y)),
    "PairwiseDistance": (nn.PairwiseDistance(), lambda x, y, layer: layer(x, y)),
}
SIGNAL = {
    "Conv1d": nn.Conv1d(4, 3, 5, padding=2),
    "ConvTranspose1d": nn.ConvTranspose1d(4, 3, 3, 2),
    "MaxPool1d": nn.MaxPool1d(3, 2),
    "AvgPool1d": nn.AvgPool1d(3, 2, 1),
    "LPPool1d": nn.LPPool1d(2, 2),
    "AdaptiveAvgPool1d": nn.AdaptiveAvgPool1d(5),
    "AdaptiveMaxPool1d": nn.AdaptiveMaxPool1d(5),
    "BatchNorm1d": nn.BatchNorm1d(4),
    "InstanceNorm1d": nn.InstanceNorm1d(4),
    "ReflectionPad1d": nn.ReflectionPad1d(2),
    "ReplicationPad1d": nn.ReplicationPad1d(2),
    "Dropout1d": nn.Dropout1d(0.5),
    "Upsample, linear": nn.Upsample(scale_factor=2, mode="linear"),
    "Linear": nn.Linear(36, 3),
}
VOLUME = {
    "Conv3d": nn.Conv3d(4, 2, 2),
    "ConvTranspose3d": nn.ConvTranspose3d(4, 2, 2, 2),
    "MaxPool3d": nn.MaxPool3d(2),
    "AvgPool3d": nn.AvgPool3d(2, 1),
    "LPPool3d": nn.LPPool3d(2, 2),
    "AdaptiveAvgPool3d": nn.AdaptiveAvgPool3d((2, 2, 3)),
    "AdaptiveMaxPool3d": nn.AdaptiveMaxPool3d(2),
    "BatchNorm3d": nn.BatchNorm3d(4),
    "InstanceNorm3d": nn.InstanceNorm3d(4),
    "ReplicationPad3d": nn.ReplicationPad3d(1),
    "Dropout3d": nn.Dropout3d(0.5),
    "Upsample, trilinear": nn.Upsample(scale_factor=2, mode="trilinear"),
}
ROWS = {
    "TransformerEncoderLayer": nn.TransformerEncoderLayer(6, 2, 8, 0.0, batch_first=True),
    "TransformerEncoderLayer, norm first": nn.TransformerEncoderLayer(
        6, 3, 8, 0.0, "gelu", batch_first=True, norm_first=True
    ).eval(),
    "TransformerEncoderLayer, dropout": nn.TransformerEncoderLayer(6, 2, 8, 0.2),
    "TransformerEncoder": nn.TransformerEncoder(
        nn.TransformerEncoderLayer(6, 2, 8, 0.1, batch_first=True), 2, nn.LayerNorm(6)
    ).eval(),
    "TransformerDecoderLayer": nn.TransformerDecoderLayer(6, 2, 8, 0.0, batch_first=True),
}
ATTENTION = nn.MultiheadAttention(6, 2, batch_first=True)
WIDE = nn.MultiheadAttention(6, 3, kdim=4, vdim=5, batch_first=True)
BIASED = nn.MultiheadAttention(6, 2, add_bias_kv=True, add_zero_attn=True, batch_first=True)
EMBEDDING = nn.Embedding(5, 6)
BILINEAR = nn.Bilinear(6, 6, 3)
KEPT = torch.ones(24, 24).tril().bool()
LAST = torch.zeros(2, 24, dtype=torch.bool).index_fill(1, torch.tensor([22, 23]), True)
INDEX = torch.tensor([3, 0, 2])
KERNEL = torch.randn(3, 4, 3, 3, generator=torch.Generator().manual_seed(1)) / 6


def rows(x):
    return x.flatten(1, 2)


FUNCTIONS = {
    # Attention, as transformers call it.
    "MultiheadAttention": (ATTENTION, lambda x, y, layer: layer(rows(x), rows(x), rows(x))[0]),
    "MultiheadAttention, weights": (ATTENTION, lambda x, y, layer: layer(rows(x), rows(x), rows(x))[1]),
    "MultiheadAttention, each head": (
        ATTENTION,
        lambda x, y, layer: layer(*3 * [rows(x)], average_attn_weights=False)[1],
    ),
    "MultiheadAttention, no weights": (
        ATTENTION,
        lambda x, y, layer: layer(rows(x), *2 * [rows(y)], need_weights=False)[0],
    ),
    "MultiheadAttention, mask": (ATTENTION, lambda x, y, layer: layer(rows(x), rows(x), rows(x), attn_mask=~KEPT)[0]),
    "MultiheadAttention, padding": (
        ATTENTION,
        lambda x, y, layer: layer(*3 * [rows(x)], key_padding_mask=LAST)[0],
    ),
    "MultiheadAttention, kdim": (WIDE, lambda x, y, layer: layer(rows(x), rows(y)[..., :4], rows(y)[..., :5])[0]),
    "MultiheadAttention, bias_kv": (BIASED, lambda x, y, layer: layer(rows(x), rows(x), rows(x))[0]),
    "MultiheadAttention, one": (ATTENTION, lambda x, y, layer: layer(rows(x)[0], rows(x)[0], rows(x)[0])[0]),
    "scaled_dot_product_attention": lambda x, y: F.scaled_dot_product_attention(x, y, y),
    "scaled_dot_product_attention, causal": lambda x, y: F.scaled_dot_product_attention(x, y, x, is_causal=True),
    "x @ y": lambda x, y: x @ y.transpose(-2, -1),
    "matmul": lambda x, y: torch.matmul(x, y),
    "bmm": lambda x, y: torch.bmm(rows(x), rows(y).transpose(1, 2)),
    "einsum": lambda x, y: torch.einsum("nchw,ncwk->nchk", x, y),
    "baddbmm": lambda x, y: torch.baddbmm(torch.ones(1), x[0], y[0]),
    "embedding": (EMBEDDING, lambda x, y, layer: x + layer(torch.arange(4)).view(1, 4, 1, 6)),
    "F.embedding": (
        EMBEDDING,
        lambda x, y, layer: x * F.embedding(INDEX, layer.weight).sum(0),
    ),
    "Bilinear": (BILINEAR, lambda x, y, layer: layer(x, y)),
    "F.bilinear": (BILINEAR, lambda x, y, layer: F.bilinear(x, y, layer.weight, layer.bias)),
    "F.linear": (BILINEAR, lambda x, y, layer: F.linear(x, layer.weight[0])),
    # Convolution and windows.
    "F.conv2d": lambda x, y: F.conv2d(x, KERNEL, padding=1),
    "F.conv2d, same": lambda x, y: F.conv2d(x, KERNEL, padding="same"),
    "torch.conv2d": lambda x, y: torch.conv2d(x, KERNEL, stride=2),
    "F.conv1d": lambda x, y: F.conv1d(x.flatten(2), KERNEL[:, :, 0]),
    "F.conv3d": lambda x, y: F.conv3d(x.view(2, 4, 3, 2, 6), KERNEL.unsqueeze(2)[..., :2, :]),
    "F.conv_transpose1d": lambda x, y: F.conv_transpose1d(x.flatten(2), KERNEL[:, :, 0].transpose(0, 1), stride=2),
    "F.conv_transpose2d": lambda x, y: F.conv_transpose2d(x, KERNEL.transpose(0, 1), stride=2, padding=1),
    "F.conv_transpose3d": lambda x, y: F.conv_transpose3d(x.view(2, 4, 3, 2, 6), KERNEL.transpose(0, 1).unsqueeze(2)),
    "F.max_pool2d": lambda x, y: F.max_pool2d(x, 2),
    "F.max_pool2d, indices": lambda x, y: F.max_pool2d(x, 2, return_indices=True)[0],
    "F.max_pool1d": lambda x, y: F.max_pool1d(x.flatten(2), 3),
    "F.avg_pool2d": lambda x, y: F.avg_pool2d(x, 3, 1, 1),
    "F.avg_pool1d": lambda x, y: F.avg_pool1d(x.flatten(2), 3),
    "F.avg_pool3d": lambda x, y: F.avg_pool3d(x.view(2, 4, 3, 2, 6), 2),
    "F.lp_pool2d": lambda x, y: F.lp_pool2d(x, 2, 3, 2),
    "F.adaptive_avg_pool2d": lambda x, y: F.adaptive_avg_pool2d(x, 1),
    "F.adaptive_max_pool2d": lambda x, y: F.adaptive_max_pool2d(x, 4),
    "F.adaptive_avg_pool1d": lambda x, y: F.adaptive_avg_pool1d(x.flatten(2), 5),
    "F.unfold": lambda x, y: F.unfold(x, 3, padding=1),
    "F.fold": lambda x, y: F.fold(x.flatten(2).view(2, 16, 9), (4, 4), 2),
    "x.unfold": lambda x, y: x.unfold(2, 3, 1),
    # Enlargement.
    "interpolate": lambda x, y: F.interpolate(x, scale_factor=2),
    "interpolate, nearest-exact": lambda x, y: F.interpolate(x, (5, 9), mode="nearest-exact"),
    "interpolate, bilinear": lambda x, y: F.interpolate(x, (9, 5), mode="bilinear"),
    "interpolate, bicubic": lambda x, y: F.interpolate(x, scale_factor=1.5, mode="bicubic", align_corners=True),
    "interpolate, area": lambda x, y: F.interpolate(x, (4, 3), mode="area"),
    "interpolate, antialias": lambda x, y: F.interpolate(x, (4, 3), mode="bilinear", antialias=True),
    "F.upsample": lambda x, y: F.interpolate(x, y.shape[2:], mode="bilinear"),
    "grid_sample": lambda x, y: F.grid_sample(x, torch.linspace(-1, 1, 50).view(1, 5, 5, 2).expand(2, -1, -1, -1)),
    "F.pixel_shuffle": lambda x, y: F.pixel_shuffle(x, 2),
    "F.pixel_unshuffle": lambda x, y: F.pixel_unshuffle(x, 3),
    "F.channel_shuffle": lambda x, y: F.channel_shuffle(x, 2),
    # Joining and taking apart.
    "cat": lambda x, y: torch.cat([x, y], 1),
    "stack": lambda x, y: torch.stack([x, y], 2),
    "hstack": lambda x, y: torch.hstack([x, y]),
    "vstack": lambda x, y: torch.vstack((x, y)),
    "dstack": lambda x, y: torch.dstack((x, y)),
    "chunk": lambda x, y: torch.cat(x.chunk(2, 1)[::-1], 1),
    "split": lambda x, y: x.split([1, 3], 1)[1],
    "torch.split": lambda x, y: torch.split(x, 2, dim=2)[1],
    "tensor_split": lambda x, y: x.tensor_split(3, 2)[1],
    "unbind": lambda x, y: x.unbind(1)[2],
    "a, b = x": lambda x, y: [image for image in x][1],  # noqa: C416 -- iterating is what is tested
    "x[:, 1]": lambda x, y: x[:, 1],
    "x[..., ::2]": lambda x, y: x[..., ::2, 1:],
    "x[:, None]": lambda x, y: x[:, None],
    "x[:, [2, 0]]": lambda x, y: x[:, [2, 0]],
    "x[:, index]": lambda x, y: x[:, INDEX],
    "x[mask]": lambda x, y: x[:, torch.tensor([True, False, True, True])],
    "x[i, j]": lambda x, y: x[:, :, INDEX[:, None], INDEX],
    "index_select": lambda x, y: x.index_select(1, INDEX),
    "gather": lambda x, y: x.gather(1, INDEX.view(1, 3, 1, 1).expand(2, 3, 6, 6)),
    "take_along_dim": lambda x, y: torch.take_along_dim(x, INDEX.view(1, 3, 1, 1), 1),
    "narrow": lambda x, y: x.narrow(1, 1, 2),
    "select": lambda x, y: x.select(1, 2),
    "diagonal": lambda x, y: x.diagonal(dim1=2, dim2=3),
    "tril": lambda x, y: x.tril(),
    "triu": lambda x, y: torch.triu(x, 1),
    "view": lambda x, y: x.view(x.size(0), -1),
    "view_as": lambda x, y: x.flatten(1).view_as(y),
    "reshape": lambda x, y: x.reshape(2, 2, 2, 36),
    "reshape_as": lambda x, y: x.flatten(1).reshape_as(y),
    "torch.flatten": lambda x, y: torch.flatten(x, 1),
    "ravel": lambda x, y: x.ravel(),
    "unflatten": lambda x, y: x.unflatten(1, (2, 2)),
    "squeeze": lambda x, y: x.mean(1, True).squeeze(1),
    "unsqueeze": lambda x, y: x.unsqueeze(-1),
    "permute": lambda x, y: x.permute(0, 2, 3, 1),
    "transpose": lambda x, y: x.transpose(1, 2),
    "t": lambda x, y: x.flatten(1).t(),
    ".T": lambda x, y: x.flatten(1).T,
    ".mT": lambda x, y: x.mT,
    "swapaxes": lambda x, y: x.swapaxes(1, 3),
    "movedim": lambda x, y: x.movedim(1, -1),
    "flip": lambda x, y: x.flip(3),
    "roll": lambda x, y: torch.roll(x, (1, -1), (2, 3)),
    "rot90": lambda x, y: torch.rot90(x, 1, (2, 3)),
    "repeat": lambda x, y: x.repeat(1, 2, 1, 1),
    "repeat_interleave": lambda x, y: x.repeat_interleave(2, 1),
    "tile": lambda x, y: x.tile(1, 2, 1, 1),
    "expand": lambda x, y: x[:, :1].expand(-1, 3, -1, -1),
    "expand_as": lambda x, y: x.mean((2, 3), True).expand_as(y),
    "broadcast_to": lambda x, y: torch.broadcast_to(x[:, :1], (2, 5, 6, 6)),
    "contiguous": lambda x, y: x.transpose(1, 2).contiguous(),
    "clone": lambda x, y: x.clone(),
    "detach": lambda x, y: x + y.detach(),
    "F.pad": lambda x, y: F.pad(x, (1, 2, 0, 1)),
    "F.pad, reflect": lambda x, y: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    "F.one_hot": lambda x, y: x[:, :, 0] * F.one_hot(INDEX, 6).float().sum(0),
    "x[:, 0] = 0": lambda x, y: put(x),
    "masked_fill": lambda x, y: x.masked_fill(y > 0, -1.0),
    "scatter": lambda x, y: x.scatter(1, INDEX.view(1, 3, 1, 1).expand(2, 3, 6, 6), 0.5),
    "meshgrid": lambda x, y: x * torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")[0],
    # Arithmetic.
    "x + y": lambda x, y: x + y,
    "x + 1": lambda x, y: 1 + x,
    "x - y": lambda x, y: x - y,
    "torch.add": lambda x, y: torch.add(x, y, alpha=0.5),
    "torch.mul": lambda x, y: torch.mul(x, y),
    "torch.div": lambda x, y: torch.div(x, y.abs() + 1),
    "x += y": lambda x, y: x.clone().add_(y),
    "x / norm": lambda x, y: x / x.norm(dim=1, keepdim=True),
    "x ** 2": lambda x, y: x**2,
    "x.pow(3)": lambda x, y: x.pow(3),
    "sqrt": lambda x, y: (x.abs() + 0.1).sqrt(),
    "exp": lambda x, y: torch.exp(x),
    "log": lambda x, y: torch.log(x.abs() + 0.1),
    "abs": lambda x, y: x.abs(),
    "clamp": lambda x, y: x.clamp(0, 1),
    "maximum": lambda x, y: torch.maximum(x, y),
    "where": lambda x, y: torch.where(x > 0, x, y),
    "sin": lambda x, y: torch.sin(x),
    "addcmul": lambda x, y: torch.addcmul(x, y, y, value=0.5),
    "lerp": lambda x, y: torch.lerp(x, y, 0.3),
    "outer": lambda x, y: torch.outer(x[0, 0, 0], y[1, 1, 1]),
    "cumsum": lambda x, y: x.cumsum(2),
    "cumprod": lambda x, y: x.cumprod(2),
    "cummax": lambda x, y: x.cummax(2)[0],
    "diff": lambda x, y: x.diff(dim=3),
    "cdist": lambda x, y: torch.cdist(rows(x), rows(y)),
    "cosine_similarity": lambda x, y: F.cosine_similarity(x, y),
    "pairwise_distance": lambda x, y: F.pairwise_distance(x, y),
    # Reductions.
    "sum": lambda x, y: x.sum(1),
    "mean": lambda x, y: x.mean((2, 3)),
    "max": lambda x, y: x.max(1)[0],
    "amax": lambda x, y: torch.amax(x, (2, 3), keepdim=True),
    "min": lambda x, y: x.min(dim=1).values,
    "topk": lambda x, y: x.topk(2, 1)[0],
    "sort": lambda x, y: x.sort(1)[0],
    "median": lambda x, y: x.median(1)[0],
    "var": lambda x, y: x.var((2, 3), keepdim=True),
    "std": lambda x, y: torch.std(x, 1),
    "std_mean": lambda x, y: torch.std_mean(x, 1)[0],
    "norm": lambda x, y: x.norm(2, 1),
    "prod": lambda x, y: x.prod(1),
    "logsumexp": lambda x, y: torch.logsumexp(x, 1),
    "F.normalize": lambda x, y: F.normalize(x),
    "trace": lambda x, y: torch.trace(x[0, 0]),
    # Functionals of normalisation, activation and dropout.
    "F.batch_norm": lambda x, y: F.batch_norm(x, torch.zeros(4), torch.ones(4)),
    "F.layer_norm": lambda x, y: F.layer_norm(x, (6,)),
    "F.group_norm": lambda x, y: F.group_norm(x, 4),
    "F.instance_norm": lambda x, y: F.instance_norm(x),
    "F.rms_norm": lambda x, y: F.rms_norm(x, (6,)),
    "F.local_response_norm": lambda x, y: F.local_response_norm(x, 3),
    "F.dropout": lambda x, y: F.dropout(x, 0.3),
    "F.dropout, method": lambda x, y: torch.dropout(x, 0.3, True),
    "F.dropout2d": lambda x, y: F.dropout2d(x, 0.3),
    "F.dropout, eval": lambda x, y: F.dropout(x, 0.3, training=False),
    "F.alpha_dropout": lambda x, y: F.alpha_dropout(x, 0.3, training=True),
    "F.feature_alpha_dropout": lambda x, y: F.feature_alpha_dropout(x, 0.3),
    "DropPath": lambda x, y: x.div(0.8) * x.new_empty(2, 1, 1, 1).bernoulli_(0.8),
    "F.softmax": lambda x, y: F.softmax(x, 1),
    "F.log_softmax": lambda x, y: F.log_softmax(x, dim=1),
    "F.gumbel_softmax": lambda x, y: F.gumbel_softmax(x, dim=1),
    "torch.softmax": lambda x, y: torch.softmax(x, -1),
    "F.relu": lambda x, y: F.relu(x),
    "torch.relu": lambda x, y: torch.relu(x),
    "F.gelu": lambda x, y: F.gelu(x, approximate="tanh"),
    "F.silu": lambda x, y: F.silu(x),
    "x * sigmoid(x)": lambda x, y: x * torch.sigmoid(x),
    "F.hardswish": lambda x, y: F.hardswish(x),
    "F.softplus": lambda x, y: F.softplus(x),
    "x * tanh(softplus(x))": lambda x, y: x * torch.tanh(F.softplus(x)),
    "F.mish": lambda x, y: F.mish(x),
    "F.glu": lambda x, y: F.glu(x, 1),
    "F.prelu": lambda x, y: F.prelu(x, torch.tensor([0.1])),
    "F.leaky_relu": lambda x, y: F.leaky_relu(x, 0.2),
    "F.elu": lambda x, y: F.elu(x),
    "x.double().float()": lambda x, y: x.double().float(),
    "x.to(y)": lambda x, y: x.to(y),
}


def put(x):
    x = x.clone()
    x[:, 0] = 0
    return x


MADE_INTO = {
    "signal": lambda x, y, layer: layer(x.flatten(2)),
    "volume": lambda x, y, layer: layer(x.view(2, 4, 3, 2, 6)),
    "rows": lambda x, y, layer: layer(rows(x)),
    "both": lambda x, y, layer: layer(rows(x), rows(y)),
}


class Calling(nn.Module):
    """A function of x and y, with a layer or without."""

    def __init__(self, function, layer=None):
        super().__init__()
        self.function, self.layer = function, layer

    def forward(self, x):
        more = () if self.layer is None else (self.layer,)
        return self.function(x, x * 0.5 - 0.25, *more)


def network(call):
    """Put a layer, a function, or a layer with the function that calls it into a network."""
    if isinstance(call, nn.Module):
        return nn.Sequential(call)
    return Calling(call[1], call[0]) if isinstance(call, tuple) else Calling(call)


CALLS = {
    **IMAGE,
    **{name: (layer, MADE_INTO["signal"]) for name, layer in SIGNAL.items()},
    **{name: (layer, MADE_INTO["volume"]) for name, layer in VOLUME.items()},
    **{name: (layer, MADE_INTO["both" if "Decoder" in name else "rows"]) for name, layer in ROWS.items()},
    **FUNCTIONS,
}
