"""Small networks that do odd things: what they hide, overwrite, share, decide. Each takes `(N, 3, 6, 6)`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

__all__ = ["ODD", "Odd"]


@torch.jit.script
def scripted(x: Tensor) -> Tensor:
    return torch.sigmoid(x) * x


@torch.jit.script
def scripted_write(x: Tensor) -> Tensor:
    x[:, 1].mul_(3.0)
    return x


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 0.5

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 7


class Odd(nn.Module):
    """A convolution, something odd, a fully connected layer."""

    def __init__(self, odd: Callable[[Odd, Tensor], Tensor], before: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.other = nn.Conv2d(4, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 36, 5)
        self.scale = nn.Parameter(torch.full((1, 4, 1, 1), 1.5))
        self.register_buffer("kept", torch.linspace(0.5, 1.5, 4 * 36).reshape(1, 4, 6, 6))
        self.odd, self.before = odd, before

    def forward(self, x: Tensor) -> Tensor:
        if self.before:
            x = self.odd(self, x)
            return self.fc(torch.relu(self.conv(x)).flatten(1))
        y = torch.relu(self.conv(x))
        return self.fc(self.odd(self, y).flatten(1))


ODD: dict[str, Callable[[], nn.Module]] = {}


def odd(before: bool = False) -> Callable[[Callable[[Odd, Tensor], Tensor]], None]:
    def register(function: Callable[[Odd, Tensor], Tensor]) -> None:
        ODD[function.__name__] = lambda: Odd(function, before)

    return register


@odd()
def scripted_function(net, y):
    return scripted(y)


@odd()
def scripted_branch(net, y):
    return y + scripted(y)


@odd()
def scripted_in_place(net, y):
    scripted_write(y)
    return y


@odd()
def numpy_detour(net, y):
    return torch.from_numpy(np.tanh(y.detach().numpy()))


@odd()
def numpy_branch(net, y):
    return y * torch.from_numpy(np.tanh(y.detach().numpy()))


@odd()
def numpy_shares_memory(net, y):
    return y + torch.from_numpy(y.detach().numpy())


@odd()
def numpy_writes(net, y):
    z = y * 1.0
    z.detach().numpy()[:, 0] = 2.0
    return z


@odd()
def list_detour(net, y):
    return y + torch.tensor(y.tolist(), dtype=y.dtype)


@odd()
def item_factor(net, y):
    return y * y.mean().item()


@odd()
def item_decides_slice(net, y):
    k = int((y.mean().item() * 1000) % 3) + 1
    z = torch.zeros_like(y)
    z[:, :k] = y[:, :k]
    return z


@odd()
def data_scaled(net, y):
    return y + y.data * 2


@odd()
def data_written(net, y):
    z = y * 1.0
    z.data.mul_(2)
    return z


@odd()
def set_number(net, y):
    z = y * 1.0
    z[:, 0] = 0
    return z


@odd()
def set_tensor(net, y):
    z = y * 1.0
    z[:, 0] = y[:, 2] * 3
    return z


@odd()
def slice_scaled(net, y):
    z = y * 1.0
    z[:, :2] *= 3
    return z


@odd()
def slice_added(net, y):
    z = y * 1.0
    z[0].add_(1)
    z[0, 1].mul_(-2)
    return z


@odd()
def view_scaled(net, y):
    z = y * 1.0
    v = z.view(-1)
    v.mul_(2)
    return z


@odd()
def view_read_after_base_changed(net, y):
    z = y * 1.0
    v = z.view(1, 4, 36)
    z.add_(1)
    z[:, :, ::2] *= -1
    return v


@odd()
def transposed_view(net, y):
    z = y * 1.0
    t = z.transpose(2, 3)
    t[..., 1:3] *= 4
    z[:, 1] = t[:, 2]
    return t


@odd()
def out_argument(net, y):
    z = torch.empty_like(y)
    torch.add(y, y, out=z)
    return z


@odd()
def out_is_input(net, y):
    z = y * 1.0
    torch.mul(z, 2.0, out=z)
    return z


@odd()
def index_put(net, y):
    z = y * 1.0
    z.index_put_((torch.tensor([0]), torch.tensor([2])), y[:, 1])
    return z


@odd()
def masked_fill(net, y):
    z = y * 1.0
    z.masked_fill_(y > 0.3, 0.25)
    return z


@odd()
def copied(net, y):
    z = y.new_zeros(1, 4, 6, 6)
    z.copy_(y * 2)
    return z


@odd()
def boolean_set(net, y):
    z = y * 1.0
    z[y > 0.2] = -1.0
    return z


@odd()
def filled_buffer(net, y):
    z = y.new_zeros(1, 4, 8, 8)
    z[:, :, 1:7, 1:7] = y
    return z[:, :, :6, :6]


@odd()
def overlapping_writes(net, y):
    z = y.new_zeros(1, 4, 6, 6)
    for k in range(3):
        z[:, :, k : k + 4] += y[:, :, k : k + 4]
    return z


@odd(before=True)
def input_in_place(net, x):
    x[:, 0] = 0
    x.mul_(2)
    return x


@odd(before=True)
def input_detour(net, x):
    return x + torch.from_numpy(np.roll(x.detach().numpy(), 1, axis=3))


@odd()
def shared_buffer(net, y):
    return y * net.kept + net.kept


@odd()
def buffer_changed(net, y):
    net.kept.add_(1)
    a = y * net.kept
    net.kept.mul_(2)
    return a + y * net.kept


@odd()
def buffer_from_image(net, y):
    net.kept.copy_(y.detach())
    return y + net.kept


@odd()
def custom_function(net, y):
    return StraightThrough.apply(y)


@odd()
def under_no_grad(net, y):
    with torch.no_grad():
        gate = net.other(y)
    return y + gate


@odd()
def detached(net, y):
    return y + y.detach() * 2


@odd()
def checkpointed(net, y):
    return checkpoint(net.other, y, use_reentrant=False)


@odd()
def checkpointed_reentrant(net, y):
    return checkpoint(net.other, y, use_reentrant=True)


@odd()
def vmapped(net, y):
    return torch.func.vmap(lambda channel: channel * 2 + channel.square())(y[0])[None]


@odd()
def branching(net, y):
    return net.other(y) if y.mean() > 0.1 else y


@odd()
def twice(net, y):
    return net.other(torch.relu(net.other(y)))


@odd()
def functional(net, y):
    weights = {name: p * 2 for name, p in net.other.named_parameters()}
    return torch.func.functional_call(net.other, weights, (y,))


@odd()
def dynamic_weight(net, y):
    return F.conv2d(y, net.other.weight * y.mean(), padding=1)


@odd()
def rows(net, y):
    return torch.cat([row[None] for row in y[0]])[None]


@odd()
def index_from_image(net, y):
    return y[:, y.mean((0, 2, 3)).argsort()]


@odd()
def relu_in_place(net, y):
    z = y - 0.2
    v = z[:, 1:3]
    F.relu(v, inplace=True)
    return z


@odd()
def module_in_place(net, y):
    z = y - 0.2
    nn.ReLU(inplace=True)(z.view(-1))
    return z


class Same(nn.Module):
    def forward(self, x):
        return x


class Hooked(Odd):
    pass


ODD["returns_input"] = Same
