"""ExactHard, ExactEncoder and CertifyLarge. A run goes from points to the optimum: the peers' cost matrix is part of it."""
import importlib
import os
import sys

import numpy as np

from clouds import encoder_pair, images, sqdist
from contest import Contest, load


def lapx(session):
    """lapx, which calls its module lap as lap does, from the folder where it was installed; None where it is not."""
    folder = session.options.lapx
    if not os.path.isdir(os.path.join(folder, "lap")):
        return None
    held = {k: sys.modules.pop(k) for k in list(sys.modules) if k == "lap" or k.startswith(("lap.", "_lapjv"))}
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("lap")
    finally:
        sys.path.remove(folder)
        for k in [k for k in sys.modules if k == "lap" or k.startswith(("lap.", "_lapjv"))]:
            del sys.modules[k]
        sys.modules.update(held)


def solvers(c, session, x, y, skip=(), potential=None):
    """Adds monge and the peers, each to find the least mean cost."""
    n = len(x)
    best = []
    matrix = lambda: np.ascontiguousarray(np.maximum(sqdist(x, y), 0))

    def cost(rows):
        return float(((x - y[rows]) ** 2).sum(1).mean())

    def accuracy(value):
        best.append(value)
        return dict(excess=value / best[0] - 1 if best[0] else value)

    def peer(name, module, run, note=""):
        if name not in skip:
            c.peer(name, module, run, accuracy, warm=False, note=note)
    c.monge("exact", dict(x=x, y=y), lambda o: dict(accuracy(o["cost"]), gap=max(0., 1 - o["lower"] / o["cost"]) if o["cost"] else 0.), note="with the proof")
    w = np.full(n, 1 / n)

    def emd(warm=None):
        import ot
        m = matrix()
        if warm is None:
            return float(ot.emd2(w, w, m, numItermax=10**8))
        return float(ot.emd2(w, w, m, numItermax=10**8, potentials_init=(warm, np.min(m - warm[:, None], 0))))
    peer("POT emd2", "ot", emd)
    if potential is not None:
        peer("POT emd2, warm", "ot", lambda: emd(potential), "from the potential of the symmetric part of the map, which no user has")

    def scipy_solver():
        from scipy.optimize import linear_sum_assignment
        return cost(linear_sum_assignment(matrix())[1])
    peer("SciPy linear_sum_assignment", "scipy", scipy_solver)
    peer("lap lapjv", "lap", lambda: cost(load("lap").lapjv(matrix())[1]))
    peer("lapjv, float32 costs", "lapjv", lambda: cost(load("lapjv").lapjv(matrix().astype("f4"))[0]))
    other = lapx(session)
    if "lapx lapjv" not in skip:
        if other is None:
            c.absent.append(dict(name="lapx lapjv", module="lapx"))
        else:
            c.peer("lapx lapjv", "numpy", lambda: cost(other.lapjv(matrix())[1]), accuracy, warm=False)
            c.contestants[-1].library = "lapx"


def hard(session):
    n = session.pick(64, 4096)
    for d in (2, 64):
        r = np.random.default_rng(2)
        x, y = r.normal(size=(n, d)), r.normal(size=(n, d))
        c = Contest(session, "ExactHard", f"n = {n}, d = {d}", "float64", None, 25)
        # At d = 2 the shortest augmenting paths of lap and its kin take 20 s and more.
        solvers(c, session, x, y, ("lap lapjv", "lapx lapjv", "lapjv, float32 costs") if d == 2 and session.size == "normal" else ())
        c.hold()


def encoder(session):
    n = session.pick(64, 4096)
    for d in (2, 8, 64):
        x, y, f = encoder_pair(n, d)
        c = Contest(session, "ExactEncoder", f"n = {n}, d = {d}", "float64", None, 12)
        slow = ("SciPy linear_sum_assignment", "lap lapjv", "lapx lapjv", "lapjv, float32 costs") if d == 2 else ("SciPy linear_sum_assignment", "lapjv, float32 costs")
        solvers(c, session, x, y, slow if session.size == "normal" else (), f)
        c.hold()


def certify(session):
    """No peer certifies. Beside monge's bracket: the bare products x y^T that a look at all pairs is made of, and a solver that holds all costs."""
    n, d = session.pick(96, 10_000), session.pick(16, 784)
    x = images(session.options.images, n, d)
    n, d = x.shape
    x += .2 * np.random.default_rng(6).normal(size=x.shape)
    centred = x - x.mean(0)
    l, q = np.linalg.eigh(centred.T @ centred / n)
    y = centred @ (q / np.sqrt(l)) @ q.T  # symmetric positive definite: the given pairing is optimal
    c = Contest(session, "CertifyLarge", f"n = {n}, d = {d}", "float64", None, 40)
    identity = float(((x - y) ** 2).sum(1).mean())
    c.monge("certify", dict(x=x, y=y), lambda o: dict(gap=o["relative"], excess=o["cost"] / identity - 1, passes=o["passes"]), note="bracket, proved in float64")
    for dtype in ("float32", "float64"):
        a, b = x.astype(dtype), y.astype(dtype)
        block = 1024

        def numpy_products(a=a, b=b):
            return [np.matmul(a[i:i + block], b.T)[0, 0] for i in range(0, n, block)]

        def torch_minima(a=a, b=b):
            import torch
            s, t = torch.from_numpy(a), torch.from_numpy(b)
            off = (t * t).sum(1)
            return torch.cat([torch.addmm(off, q, t.T, alpha=-2).amin(1) for q in s.split(block)])
        c.peer(f"NumPy, bare products, {dtype}", "numpy", numpy_products, note="no answer: a bound")
        c.peer(f"torch, products and row minima, {dtype}", "torch", torch_minima, note="no answer: one pass")
    other = lapx(session)
    if other:
        cost = lambda rows: dict(excess=float(((x - y[rows]) ** 2).sum(1).mean()) / identity - 1)
        c.peer("lapx lapjv", "numpy", lambda: other.lapjv(np.maximum(sqdist(x, y), 0))[1], cost, warm=False, note="O(n^2) memory, no proof")
        c.contestants[-1].library = "lapx"
    else:
        c.absent.append(dict(name="lapx lapjv", module="lapx"))
    c.hold()
