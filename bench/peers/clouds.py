"""The arrays of the workloads, from fixed seeds, and what is measured on answers in float64."""
import gzip

import numpy as np


def normals(n, d, dtype, batch=None):
    """x ~ N(0, I) and y ~ N(.5, 1.3^2 I), the clouds of SinkhornDense."""
    r = np.random.default_rng(1)
    shape = (n, d) if batch is None else (batch, n, d)
    return r.normal(size=shape).astype(dtype), (.5 + 1.3 * r.normal(size=shape)).astype(dtype)


def mean_cost(x, y):
    """The mean of |x_i - y_j|^2 over all pairs."""
    x, y = x.astype("f8"), y.astype("f8")
    return float((x * x).sum(-1).mean() + (y * y).sum(-1).mean() - 2 * x.mean(-2) @ y.mean(-2))


def sqdist(x, y):
    """|x_i - y_j|^2 by one product: how the peers' users make a cost matrix."""
    c = x @ y.T
    c *= -2
    c += (x * x).sum(1)[:, None]
    c += (y * y).sum(1)[None]
    return c


def marginals(x, y, eps, u, v):
    """L1 errors of both marginals of P = exp(u_i + v_j - C_ij/eps) against uniform ones, in float64: their sum."""
    x, y, u, v = (np.asarray(q, "f8") for q in (x, y, u, v))
    n, col, row = len(x), np.zeros(len(y)), 0.
    for i in range(0, n, 512):
        p = np.exp(u[i:i + 512, None] + v[None] - np.maximum(sqdist(x[i:i + 512], y), 0) / eps)
        col += p.sum(0)
        row += np.abs(p.sum(1) - 1 / n).sum()
    return dict(marginals=row + np.abs(col - 1 / len(y)).sum())


def encoder_pair(n, d, delta=.05):
    """x ~ N(0, S) and y = (S^-1/2 + delta A) x, A antisymmetric of spectral norm 1; and the potential of delta = 0."""
    r = np.random.default_rng(3)
    q, _ = np.linalg.qr(r.normal(size=(d, d)))
    s = np.geomspace(.1, 2., d)
    x = r.normal(size=(n, d)) * np.sqrt(s) @ q.T
    root = q / np.sqrt(s) @ q.T
    a = r.normal(size=(d, d))
    a -= a.T
    y = x @ (root + delta * a / np.linalg.norm(a, 2)).T
    return x, y, (x * x).sum(1) - ((x @ root) * x).sum(1)


def images(path, n, d):
    """n images of d pixels in [-1, 1]: of a file of rows of 0 to 255, or drawn: ten classes on planes of 20 dimensions, clipped."""
    if path:
        with (gzip.open(path) if path.endswith(".gz") else open(path, "rb")) as f:
            return np.load(f).reshape(-1, d)[:n].astype("f8") / 127.5 - 1
    r = np.random.default_rng(4)
    means, planes = r.normal(size=(10, d)) - .6, r.normal(size=(10, 20, d)) / 5
    k = np.arange(n) % 10
    return np.clip(means[k] + np.einsum("nr,nrd->nd", r.normal(size=(n, 20)), planes[k]), -1, 1)
