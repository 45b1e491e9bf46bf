"""The oracle of relevance propagation: a transformer and its relevances, written by hand with NumPy.

Relevances follow the equations of the papers, which divide by the outputs of each layer: `R_i = sum_j x_i w_ij / z_j
R_j`. Numbers have 64 bits of mantissa, so that these divisions cost no precision that counts.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
EPSILON = 1e-3

erf = np.vectorize(math.erf, otypes=[np.longdouble])


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def normal(x: Array) -> Array:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.longdouble(np.pi))


def gelu_argument(x: Array) -> Array:
    return np.sqrt(2 / np.longdouble(np.pi)) * (x + np.longdouble("0.044715") * x**3)


def tanh_slope(x: Array) -> Array:
    return 1 - np.tanh(x) ** 2


def softplus(x: Array) -> Array:
    return np.log1p(np.exp(x))


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * np.longdouble(1)),
    "gelu": (lambda x: x * (1 + erf(x / np.sqrt(2))) / 2, lambda x: (1 + erf(x / np.sqrt(2))) / 2 + x * normal(x)),
    "gelu_tanh": (
        lambda x: x * (1 + np.tanh(gelu_argument(x))) / 2,
        lambda x: (
            (1 + np.tanh(gelu_argument(x))) / 2
            + x / 2 * tanh_slope(gelu_argument(x)) * gelu_argument(1) * (1 + 3 * 0.044715 * x**2) / 1.044715
        ),
    ),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "tanh": (np.tanh, tanh_slope),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(x)), lambda x: np.where(x > 0, 1, np.exp(x))),
    "mish": (
        lambda x: x * np.tanh(softplus(x)),
        lambda x: np.tanh(softplus(x)) + x * tanh_slope(softplus(x)) * sigmoid(x),
    ),
    "relu2": (lambda x: np.maximum(x, 0) ** 2, lambda x: 2 * np.maximum(x, 0)),
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * (1 - sigmoid(x))),
}
"""Functions and their derivatives. All are 0 at 0 except sigmoid, which is a gate."""


def over(relevance: Array, z: Array) -> Array:
    """Return `R / z`; an output of 0 has no relevance."""
    return np.where(z == 0, 0, relevance / np.where(z == 0, 1, z))


def of_sum(x: Array, y: Array, relevance: Array) -> tuple[Array, Array]:
    """`z = x + y`: `R_x = x / z R`."""
    return x * over(relevance, x + y), y * over(relevance, x + y)


@dataclass
class NaiveTransformer:
    """A transformer and the relevances of its first logit, for one text.

    Args:
        weights: The weights by their names in the module.
        layers: Number of layers.
        heads: Number of attention heads.
        norm: `layer` or `rms`.
        place: `pre` or `post`: where the norms stand.
        activation: The activation of the feed-forward layer.
        gated: Whether the activation weights another linear layer.
        rules: `attn_lrp`, `cp_lrp` or `gi_detached`.
    """

    weights: Mapping[str, Array]
    layers: int
    heads: int
    norm: str
    place: str
    activation: str
    gated: bool
    rules: str

    def relevances(self, vectors: Array) -> tuple[Array, Array]:
        """Return the first logit, and the relevance of each token with these word vectors `(T, D)`."""
        w, positions = self.weights, self.weights["positions"][: len(vectors)]
        x = vectors + positions
        steps = []
        for i in range(self.layers):
            for part in (self.attention, self.feed_forward):
                x, step = self.residual(x, part, f"blocks.{i}.{part.__name__}")
                steps.append(step)
        if self.place == "pre":
            x, step = self.normalised(x, "norm")
            steps.append(step)
        pooled = x.mean(0)
        logit = (w["head.weight"] @ pooled + w["head.bias"])[0]
        of_pooled = w["head.weight"][0] * pooled / logit * logit
        relevance = x / len(x) * over(of_pooled, pooled)
        for step in reversed(steps):
            relevance = step(relevance)
        return logit, of_sum(vectors, positions, relevance)[0].sum(-1)

    def residual(self, x: Array, part: Callable, name: str) -> tuple[Array, Callable[[Array], Array]]:
        """`x + part(norm(x))`, or `norm(x + part(x))`."""
        if self.place == "pre":
            inside, through_norm = self.normalised(x, f"{name}.norm")
            y, through_part = part(inside, name)

            def back(relevance: Array) -> Array:
                of_x, of_y = of_sum(x, y, relevance)
                return of_x + through_norm(through_part(of_y))

            return x + y, back
        y, through_part = part(x, name)
        z, through_norm = self.normalised(x + y, f"{name}.norm")

        def back_post(relevance: Array) -> Array:
            of_x, of_y = of_sum(x, y, through_norm(relevance))
            return of_x + through_part(of_y)

        return z, back_post

    def normalised(self, x: Array, name: str) -> tuple[Array, Callable[[Array], Array]]:
        """`y_j = w_j (x_j - mean(x)) / s + b_j`: `R_i = x_i sum_j ([i = j] - 1 / D) w_j / s R_j / y_j`."""
        layer = self.norm == "layer"
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias", 0)
        centred = x - x.mean(-1, keepdims=True) if layer else x
        s = np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        y = weight * centred / s + bias

        def back(relevance: Array) -> Array:
            share = weight / s * over(relevance, y)
            return x * (share - share.mean(-1, keepdims=True)) if layer else x * share

        return y, back

    def linear(self, x: Array, name: str) -> tuple[Array, Callable[[Array], Array]]:
        """`z_j = sum_i w_ji x_i + b_j`: `R_i = x_i sum_j w_ji R_j / z_j`."""
        weight = self.weights[f"{name}.weight"]
        z = x @ weight.T + self.weights[f"{name}.bias"]
        return z, lambda relevance: x * (over(relevance, z) @ weight)

    def attention(self, x: Array, name: str) -> tuple[Array, Callable[[Array], Array]]:
        """Halves for both products, and `R_i = s_i (R_i - p_i sum_j R_j)` for the softmax `p` of scores `s`."""
        (q, to_q), (k, to_k), (v, to_v) = (self.linear(x, f"{name}.{part}") for part in ("query", "key", "value"))
        size = x.shape[1] // self.heads
        parts = [slice(h * size, (h + 1) * size) for h in range(self.heads)]
        scores = [q[:, part] @ k[:, part].T / np.sqrt(np.longdouble(size)) for part in parts]
        exponentials = [np.exp(s) for s in scores]
        weights = [e / e.sum(-1, keepdims=True) for e in exponentials]
        mixed = np.concatenate([p @ v[:, part] for p, part in zip(weights, parts, strict=True)], -1)
        out, to_mixed = self.linear(mixed, f"{name}.out")

        def back(relevance: Array) -> Array:
            shares = over(to_mixed(relevance), mixed)
            of_q, of_k, of_v = (np.zeros_like(x) for _ in range(3))
            for s, p, part in zip(scores, weights, parts, strict=True):
                products = np.einsum("id,ij,jd->ijd", shares[:, part], p, v[:, part])
                if self.rules != "attn_lrp":
                    of_v[:, part] = products.sum(0)
                    continue
                of_v[:, part] = products.sum(0) / 2
                of_p = products.sum(2) / 2
                of_s = s * (of_p - p * of_p.sum(-1, keepdims=True))
                terms = np.einsum("id,jd->ijd", q[:, part], k[:, part]) / np.sqrt(np.longdouble(size))
                of_terms = terms * over(of_s, s)[:, :, None]
                of_q[:, part], of_k[:, part] = of_terms.sum(1) / 2, of_terms.sum(0) / 2
            return to_q(of_q) + to_k(of_k) + to_v(of_v)

        return out, back

    def feed_forward(self, x: Array, name: str) -> tuple[Array, Callable[[Array], Array]]:
        """The identity rule for the activation; halves for the product with a signal, the whole beside a gate."""
        function, derivative = ACTIVATIONS[self.activation]
        a, to_a = self.linear(x, f"{name}.inner")
        y = function(a)
        u, to_u = self.linear(x, f"{name}.up") if self.gated else (np.ones_like(y), lambda _: np.zeros_like(x))
        out, to_product = self.linear(y * u, f"{name}.outer")

        def back(relevance: Array) -> Array:
            of_product = to_product(relevance)
            if self.rules == "gi_detached":
                return to_u(of_product) + to_a(a * derivative(a) * over(of_product, y))
            if not self.gated:
                return to_a(of_product)
            if self.activation == "sigmoid":
                return to_u(of_product)
            return to_u(of_product / 2) + to_a(of_product / 2)

        return out, back
