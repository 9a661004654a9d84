"""SinkhornDense, SinkhornLarge, SinkhornBatch and SinkhornSharp. A run goes from points to potentials."""
import numpy as np

from clouds import images, marginals, mean_cost, normals, sqdist
from contest import Contest, load


def jax_for(dtype):
    jax = load("jax")
    jax.config.update("jax_enable_x64", dtype == "float64")
    return jax


class Problem:
    """Two uniform clouds at one eps for so many iterations, and each peer's way to solve it."""

    def __init__(self, contest, x, y, eps, iterations):
        self.contest, self.x, self.y, self.eps, self.iterations = contest, x, y, eps, iterations
        self.dtype, self.n = contest.dtype, len(x)
        self.weights, self.log_weight = np.full(self.n, 1 / self.n, self.dtype), -np.log(self.n)
        self.cuda = contest.session.device == "cuda"

    def accuracy(self, potentials):
        u, v = potentials
        return marginals(self.x, self.y, self.eps, u, v)

    def monge(self):
        own = lambda o: self.accuracy((o["f"] / self.eps + self.log_weight, o["g"] / self.eps + self.log_weight))
        self.contest.monge("sinkhorn", dict(x=self.x, y=self.y), own, eps=self.eps, iterations=self.iterations, note="with the bracket of the unregularised optimum")

    def tensors(self, *arrays):
        torch = load("torch")
        return [torch.from_numpy(a).to("cuda" if self.cuda else "cpu") for a in arrays]

    def host(self, *arrays):
        """Copies of tensors on the host, which waits for the device."""
        return [a.detach().double().cpu().numpy() for a in arrays]

    def pot(self, backend, **options):
        import ot

        def run():
            if backend == "numpy":
                a, c = self.weights, sqdist(self.x, self.y)
            else:
                a, x, y = self.tensors(self.weights, self.x, self.y)
                c = load("torch").cdist(x, y, compute_mode="use_mm_for_euclid_dist").square_() if self.cuda else self.tensors(sqdist(self.x, self.y))[0]
            _, log = ot.bregman.sinkhorn_log(a, a, c, self.eps, **dict(dict(numItermax=self.iterations, stopThr=0), **options), log=True, warn=False)
            return (log["log_u"], log["log_v"]) if backend == "numpy" else self.host(log["log_u"], log["log_v"])
        return run

    def ott(self, batch=None, **options):
        jax = jax_for(self.dtype)
        from ott.geometry import pointcloud
        from ott.problems.linear import linear_problem
        from ott.solvers.linear import sinkhorn
        fixed = dict(threshold=0., inner_iterations=self.iterations, min_iterations=self.iterations, max_iterations=self.iterations)
        epsilon = options.pop("epsilon", self.eps)
        solver = sinkhorn.Sinkhorn(**(options or fixed))
        place = jax.devices("cuda" if self.cuda else "cpu")[0]

        @jax.jit
        def solve(x, y):
            out = solver(linear_problem.LinearProblem(pointcloud.PointCloud(x, y, epsilon=epsilon, batch_size=batch)))
            return out.f, out.g
        points = jax.device_put((self.x, self.y), place)
        compiled = solve.lower(*points).compile()

        def run():
            f, g = jax.block_until_ready(compiled(*points))
            if str(f.dtype) != self.dtype:
                raise RuntimeError(f"OTT computed in {f.dtype}")
            return np.asarray(f) / self.eps, np.asarray(g) / self.eps
        return run

    def geomloss(self, backend="tensorized"):
        """Its temperature is blur^2 for the cost |x - y|^2/2; the schedule is made so slow that it stays there."""
        from geomloss import SamplesLoss
        x, y = self.tensors(self.x, self.y)
        blur, top = (self.eps / 2) ** .5, 1.0001
        loops = self.iterations - 2  # it adds one iteration before its loop and one after
        loss = SamplesLoss("sinkhorn", p=2, blur=blur, diameter=blur * top, scaling=top ** (-1 / (loops - 2.5)), debias=False, potentials=True, backend=backend)

        def run():
            f, g = (a.reshape(-1) / (self.eps / 2) + self.log_weight for a in loss(x, y))
            return self.host(f, g)
        return run

    def scaling(self):
        """Matrix scaling: not in the log domain, so for large eps alone."""
        torch = load("torch")
        x, y = self.tensors(self.x, self.y)

        def run():
            c = self.tensors(sqdist(self.x, self.y))[0] if not self.cuda else torch.cdist(x, y).square_()
            k = torch.exp(c.mul_(-1 / self.eps))
            kt, u = k.T, torch.ones(self.n, dtype=k.dtype, device=k.device)
            for _ in range(self.iterations):
                v = (1 / self.n) / (kt @ u)
                u = (1 / self.n) / (k @ v)
            return self.host(u.double().log(), v.double().log())
        return run

    def flash(self, tf32):
        from flash_sinkhorn import SamplesLoss
        x, y = self.tensors(self.x, self.y)
        loss = SamplesLoss("sinkhorn", backend="alternating", use_epsilon_scaling=False, eps=self.eps, n_iters=self.iterations, potentials=True, allow_tf32=tf32)

        def run():
            return self.host(*(a.reshape(-1) / self.eps + self.log_weight for a in loss(x, y)))
        return run

    def add(self, name, module, make, *args, warm=True, note="", **options):
        """Adds a peer whose run is make(*args)."""
        if load(module) is None:
            self.contest.peer(name, module, None)
            return
        try:
            run = make(*args, **options)
        except Exception as e:
            run = lambda e=e: (_ for _ in ()).throw(e)
        self.contest.peer(name, module, run, self.accuracy, warm, note)


def flash(p):
    if p.cuda and p.dtype == "float32":
        p.add("FlashSinkhorn, TF32", "flash_sinkhorn", p.flash, True)
        p.add("FlashSinkhorn, float32", "flash_sinkhorn", p.flash, False)


def pairs(iterations, n, m, problems=1):
    return ("ns a pair and half-iteration", 1e9 / (2 * iterations * n * m * problems))


def dense(session):
    n, d, iterations = session.pick(64, 4096), 64, session.pick(5, 20, 100)
    for dtype in ("float32", "float64"):
        x, y = normals(n, d, dtype)
        c = Contest(session, "SinkhornDense", f"n = m = {n}, d = {d}, {iterations} iterations", dtype, pairs(iterations, n, n), 30)
        p = Problem(c, x, y, .05 * mean_cost(x, y), iterations)
        p.monge()
        if not p.cuda:
            p.add("POT sinkhorn_log, NumPy", "ot", p.pot, "numpy", warm=False)
        p.add("POT sinkhorn_log, torch", "ot", p.pot, "torch") if load("torch") else None
        p.add("OTT", "ott", p.ott, warm=False)
        p.add("GeomLoss, averaged", "geomloss", p.geomloss)
        p.add("torch, matrix scaling", "torch", p.scaling, note="not in the log domain")
        flash(p)
        c.hold()


def large(session):
    n, iterations = session.pick(96, 50_000 if session.device == "cuda" else 8192), session.pick(3, 5, 10)
    for d in (64, 768):
        x, y = normals(n, d, "float32")
        c = Contest(session, "SinkhornLarge", f"n = m = {n}, d = {d}, {iterations} iterations", "float32", pairs(iterations, n, n), 25)
        p = Problem(c, x, y, .05 * mean_cost(x, y), iterations)
        p.monge()
        if n <= 20_000:
            p.add("OTT, dense", "ott", p.ott, warm=False, note="O(n m) memory")
            p.add("POT sinkhorn_log, torch", "ot", p.pot, "torch", note="O(n m) memory") if load("torch") else None
        if d <= 64 or session.size == "full" or p.cuda:
            p.add("OTT, 1024 rows at a time", "ott", p.ott, 1024, warm=False)
        if load("pykeops") and session.size == "full":
            p.add("GeomLoss on KeOps, averaged", "geomloss", p.geomloss, "online")
        flash(p)
        c.hold()


def batch(session):
    problems, n, d, iterations = session.pick(3, 1024 if session.device == "cuda" else 64), session.pick(32, 256), 16, session.pick(5, 100)
    for dtype in ("float32", "float64"):
        x, y = normals(n, d, dtype, problems)
        eps = .05 * float(np.mean([mean_cost(p, q) for p, q in zip(x, y)]))
        some = sorted({0, problems // 2, problems - 1})
        lw = -np.log(n)
        c = Contest(session, "SinkhornBatch", f"{problems} problems of n = m = {n}, d = {d}, {iterations} iterations", dtype, pairs(iterations, n, n, problems), 20)

        def accuracy(potentials):
            u, v = (np.asarray(a).reshape(problems, n) for a in potentials)
            return dict(marginals=max(marginals(x[k], y[k], eps, u[k], v[k])["marginals"] for k in some))
        c.monge("sinkhorn-batch", dict(x=x, y=y), lambda o: accuracy((o["f"] / eps + lw, o["g"] / eps + lw)), eps=eps, iterations=iterations, note="with the brackets")
        costs = lambda: np.stack([sqdist(p, q) for p, q in zip(x, y)])
        place = "cuda" if session.device == "cuda" else "cpu"

        def pot():
            import ot.batch
            import torch
            o = ot.batch.solve_batch(torch.from_numpy(costs()).to(place), reg=eps, max_iter=iterations, tol=-1., method="log_sinkhorn", grad="detach")
            return [a.double().cpu().numpy() for a in o.potentials]

        def torch_scaling():
            import torch
            k = torch.exp(torch.from_numpy(costs()).to(place).mul_(-1 / eps))
            u = torch.ones(problems, n, 1, dtype=k.dtype, device=place)
            for _ in range(iterations):
                v = (1 / n) / (k.mT @ u)
                u = (1 / n) / (k @ v)
            return [a.double().log().cpu().numpy() for a in (u, v)]
        if load("torch"):
            c.peer("POT solve_batch, torch", "ot", pot, accuracy)
        if load("ott"):
            jax = jax_for(dtype)
            from ott.geometry import pointcloud
            from ott.problems.linear import linear_problem
            from ott.solvers.linear import sinkhorn
            solver = sinkhorn.Sinkhorn(threshold=0., inner_iterations=iterations, min_iterations=iterations, max_iterations=iterations)

            @jax.jit
            @jax.vmap
            def solve(x, y):
                o = solver(linear_problem.LinearProblem(pointcloud.PointCloud(x, y, epsilon=eps)))
                return o.f, o.g
            points = jax.device_put((x, y), jax.devices(place)[0])
            compiled = solve.lower(*points).compile()
            c.peer("OTT, vmap", "ott", lambda: [np.asarray(a) / eps for a in jax.block_until_ready(compiled(*points))], accuracy, warm=False)
        else:
            c.peer("OTT, vmap", "ott", None)
        c.peer("torch, matrix scaling", "torch", torch_scaling, accuracy, note="not in the log domain")
        c.hold()


def sharp(session):
    """Time until both marginals are within 1e-6 in L1, by whatever way a library has: OTT by its schedule with momentum, POT by its own stop."""
    tol = 1e-6
    n = session.pick(64, 4096)
    x, y = normals(n, 64, "float64")
    pixels = images(session.options.images, session.pick(96, 2048), 64 if not session.options.images else 784)
    white = (pixels - pixels.mean(0)) + .6 * np.random.default_rng(5).normal(size=pixels.shape)
    latents = np.random.default_rng(6).normal(size=white.shape)
    all_eps = (.05, .01, .002) if session.size == "full" else (.05, .01)
    cases = [(f"normals, n = {n}", x, y, e) for e in all_eps]
    cases += [(f"images and latents, n = {len(white)}", white, latents, e) for e in all_eps[1:]]
    for name, x, y, relative in cases:
        c = Contest(session, "SinkhornSharp", f"{name}, d = {x.shape[1]}, eps = {relative} mean cost", "float64", None, 25, rounds=2)
        p = Problem(c, x, y, relative * mean_cost(x, y), 0)
        own = lambda o, p=p: dict(p.accuracy((o["f"] / p.eps + p.log_weight, o["g"] / p.eps + p.log_weight)), iterations=o["iterations"])
        c.monge("sinkhorn", dict(x=x, y=y), own, eps=p.eps, tol=tol)
        # What takes longer than the peer's limit of iterations has not converged: its marginals say so.
        most = session.pick(50, 150, 5000)
        if load("torch") and (relative == .05 or session.size != "normal"):
            p.add("POT sinkhorn_log, torch", "ot", p.pot, "torch", warm=False, numItermax=most, stopThr=tol / len(x) ** .5, note=f"at most {most} iterations")
        if load("ott"):
            from ott.geometry import epsilon_scheduler
            from ott.solvers.linear import acceleration
            start = epsilon_scheduler.Epsilon(target=p.eps, init=max(1, .1 / relative), decay=.8)
            common = dict(threshold=tol, max_iterations=most, inner_iterations=10)
            p.add("OTT, momentum", "ott", p.ott, momentum=acceleration.Momentum(value=1.3, start=20), warm=False, note=f"at most {most} iterations", **common)
            p.add("OTT, schedule", "ott", p.ott, epsilon=start, warm=False, note=f"at most {most} iterations", **common)
        else:
            c.peer("OTT", "ott", None)
        c.hold()
