"""FlowMixture, FlowEmpirical, FlowGaussian and JacobianProbes. A run takes the points in memory through the flow."""
import numpy as np

from clouds import images
from contest import Contest, load
from mixture import END, Mixture
from sinkhorn import jax_for

TARGET = 1e-6  # of the largest error of a coordinate over the checked samples


def loosest(run, x, reference, first):
    """The loosest tolerance, in half decades from 10^(-first/2) on, at which the largest error of run(tol, x) meets the target."""
    for k in range(first, 26):
        tol = 10 ** (-k / 2)
        if np.abs(run(tol, x) - reference).max() <= TARGET:
            return tol
    return tol


def mixture(session):
    law = Mixture()
    n, checked = session.pick(16, 1000, 10_000), session.pick(4, 64, 256)
    x = law.sample(n)
    c = Contest(session, "FlowMixture", f"{n} samples, 16 covariances, d = 64, errors below 1e-6", "float64", ("us a sample", 1e6 / n), 60)
    if load("scipy") is None:
        c.peer("SciPy", "scipy", None)
        reference = None
    else:
        reference = law.reference(x[:checked])
    error = lambda z: dict(error=np.abs(z[:checked] - reference).max()) if reference is not None else {}
    c.monge("encode", dict(law.arrays(), x=x), lambda o: dict(error(o["z"].reshape(x.shape)), evaluations=o["evaluations"]), tol=1e-7)

    def add(name, module, run, first, warm=True):
        """Finds the tolerance on few samples and adds the run at it."""
        if load(module) is None:
            c.peer(name, module, None)
            return
        if reference is None:
            c.absent.append(dict(name=name, module="scipy, which finds the exact latents,"))
            return
        try:
            tol = loosest(run, x[:checked], reference, first)
        except Exception as e:
            return c.peer(name, module, lambda e=e: (_ for _ in ()).throw(e), warm=False)

        def timed():
            law.evaluations = 0
            return run(tol, x), law.evaluations
        c.peer(name, module, timed, lambda o: dict(error(o[0]), evaluations=o[1], tol=tol), warm)

    def scipy_run(tol, x):
        from scipy.integrate import solve_ivp
        return solve_ivp(lambda t, y: law.numpy(t, y.reshape(x.shape)).ravel(), (0, END), x.ravel(), method="RK45", rtol=tol, atol=tol).y[:, -1].reshape(x.shape)
    add("SciPy RK45", "scipy", scipy_run, 15, warm=False)
    device = "cuda" if session.device == "cuda" else "cpu"
    if load("torch"):
        import torch
        velocity = law.torch(device)

        def torch_run(tol, x):
            with torch.no_grad():
                span = torch.tensor([0, END], dtype=torch.float64, device=device)
                return load("torchdiffeq").odeint(velocity, torch.from_numpy(x).to(device), span, method="dopri5", rtol=tol, atol=tol)[-1].cpu().numpy()
        add("torchdiffeq dopri5", "torchdiffeq", torch_run, 14, warm=False)
    else:
        c.peer("torchdiffeq dopri5", "torchdiffeq", None)
    if load("diffrax"):
        jax = jax_for("float64")
        import diffrax
        compiled = {}

        def diffrax_run(solver, stages):
            def run(tol, x):
                if solver not in compiled:
                    f = law.jax()

                    def solve(x, tol):
                        r = diffrax.diffeqsolve(diffrax.ODETerm(f), getattr(diffrax, solver)(), 0., END, None, x, saveat=diffrax.SaveAt(t1=True),
                                                stepsize_controller=diffrax.PIDController(rtol=tol, atol=tol), max_steps=2000, throw=False)
                        return r.ys[-1], r.stats["num_steps"]
                    compiled[solver] = jax.jit(jax.vmap(solve, (0, None)))
                y, steps = jax.block_until_ready(compiled[solver](jax.device_put(x, jax.devices(device)[0]), tol))
                law.evaluations = int(np.max(steps)) * stages + 1
                return np.asarray(y)
            return run
        for solver, stages, first in (("Dopri5", 6, 15), ("Dopri8", 13, 13)):
            add(f"diffrax {solver}", "diffrax", diffrax_run(solver, stages), first)
    else:
        c.peer("diffrax", "diffrax", None)
    stack, back = law.stack, np.ascontiguousarray(law.stack.T)
    c.peer("NumPy, the two products of one evaluation", "numpy", lambda: (x @ stack) @ back, note="no flow: the bound of an evaluation")
    c.hold()


def empirical(session):
    """One score: the posterior mean over the atoms, a softmax of (a <x, y> - a^2 |y|^2/2)/(a^2 h^2 + s^2) and the mean that it weights."""
    atoms, queries, d, h, angle = session.pick(96, 10_000), session.pick(16, 1024), session.pick(16, 784), .2, .8
    y = images(session.options.images, atoms, d)
    atoms, d = y.shape
    a, s = np.cos(angle), np.sin(angle)
    r = np.random.default_rng(9)
    x = a * (y[r.permutation(atoms)[:queries]] + h * r.normal(size=(queries, d))) + s * r.normal(size=(queries, d))
    device = "cuda" if session.device == "cuda" else "cpu"
    reference = None
    for dtype in ("float64", "float32"):
        points, at = y.astype(dtype), x.astype(dtype)
        half = .5 * (points * points).sum(1)
        scale, shift = np.asarray(a / (a * a * h * h + s * s), dtype), np.asarray(a, dtype)

        def numpy_mean():
            z = at @ points.T
            z -= shift * half
            z *= scale
            z -= z.max(1, keepdims=True)
            np.exp(z, out=z)
            total = z.sum(1, keepdims=True)
            return (z @ points) / total
        if reference is None:
            reference = numpy_mean()
        error = lambda m: dict(error=np.abs(np.asarray(m, "f8") - reference).max())
        pull = a * h * h / (a * a * h * h + s * s)  # E[x0 | x] = m + pull (x - a m) for the mean m of the atoms
        own = lambda o: error((o["posterior"].reshape(x.shape) - pull * x) / (1 - a * pull))
        c = Contest(session, "FlowEmpirical", f"a score, {queries} queries, {atoms} atoms, d = {d}", dtype, ("us a query", 1e6 / queries), 20, rounds=5)
        c.monge("score", dict(points=points, x=at), own, bandwidth=h, angle=angle)
        c.peer("NumPy, the bare pair of products", "numpy", lambda: (at @ points.T) @ points, note="no answer: a bound")
        c.peer("NumPy, products and softmax", "numpy", numpy_mean, error)
        if load("torch"):
            import torch
            pt, xt, ht = (torch.from_numpy(v).to(device) for v in (points, at, half))

            def torch_mean(clamp):
                z = torch.addmm(-float(shift) * ht, xt, pt.T).mul_(float(scale))
                z.sub_(z.amax(1, keepdim=True))
                if clamp:  # what lies 80 below the largest would be denormal in float32
                    z.clamp_(min=-80)
                z.exp_()
                return (z @ pt).div_(z.sum(1, keepdim=True)).cpu().numpy()
            c.peer("torch, the bare pair of products", "torch", lambda: ((xt @ pt.T) @ pt).cpu(), note="no answer: a bound")
            c.peer("torch, products and softmax", "torch", lambda: torch_mean(False), error)
            c.peer("torch, the same with logits clamped", "torch", lambda: torch_mean(True), error)
        else:
            c.peer("torch", "torch", None)
        c.hold()
    encode(session)


def encode(session):
    """A whole encoding on smoothed points at an error of 1e-5."""
    atoms, queries, d, h = session.pick(64, 2000), session.pick(8, 256), session.pick(16, 64), .3
    y = images("", atoms, d)
    x = y[:queries] + h * np.random.default_rng(10).normal(size=(queries, d))
    device = "cuda" if session.device == "cuda" else "cpu"
    c = Contest(session, "FlowEmpirical", f"encoding {queries} points, {atoms} atoms, d = {d}, errors below 1e-5", "float64", ("us a sample", 1e6 / queries), 20)
    if load("torchdiffeq") is None:
        c.monge("encode", dict(points=y, x=x), None, tol=1e-6, bandwidth=h)
        c.peer("torchdiffeq dopri5", "torchdiffeq", None)
        return c.hold()
    import torch
    pt = torch.from_numpy(y).to(device)
    half, count = .5 * (pt * pt).sum(1), [0]

    def velocity(t, q):
        count[0] += 1
        t = float(t)
        a, s = np.cos(t), np.sin(t)
        v = a * a * h * h + s * s
        mean = torch.softmax(torch.addmm(-a * half, q, pt.T).mul_(a / v), 1) @ pt
        e = s * (q - a * mean) / v
        return a * e - s * (mean + a * h * h / v * (q - a * mean))

    def run(tol, x):
        count[0] = 0
        with torch.no_grad():
            span = torch.tensor([0, END], dtype=torch.float64, device=device)
            return load("torchdiffeq").odeint(velocity, torch.from_numpy(x).to(device), span, method="dopri5", rtol=tol, atol=tol)[-1].cpu().numpy()
    few = x[:32]
    reference = run(1e-11, few)
    error = lambda z: dict(error=np.abs(z[:len(few)] - reference).max())
    tol = next(t for t in (10 ** (-k / 2) for k in range(10, 24)) if error(run(t, few))["error"] <= 1e-5)
    c.monge("encode", dict(points=y, x=x), lambda o: dict(error(o["z"].reshape(x.shape)), evaluations=o["evaluations"]), tol=1e-6, bandwidth=h)
    c.peer("torchdiffeq dopri5", "torchdiffeq", lambda: (run(tol, x), count[0]), lambda o: dict(error(o[0]), evaluations=o[1], tol=tol), warm=False)
    c.hold()


def gaussian(session):
    """A Gaussian of any covariance, given by its eigenvalues and three reflections: its encoder is known in closed form."""
    n, d = session.pick(16, 1024, 4096), session.pick(24, 3072)
    r = np.random.default_rng(11)
    mean, l, v = r.normal(size=d), 10 ** r.uniform(-1, 1, size=d), r.normal(size=(3, d))
    v /= np.linalg.norm(v, axis=1, keepdims=True)

    def reflect(x, order):
        for k in order:
            x = x - 2 * np.outer(x @ v[k], v[k])
        return x
    x = mean + reflect(np.sqrt(l) * r.normal(size=(n, d)), (2, 1, 0))
    c = Contest(session, "FlowGaussian", f"{n} samples, d = {d}", "float64", ("us a sample", 1e6 / n), 20)
    exact = reflect(reflect(x - mean, (0, 1, 2)) / np.sqrt(l), (2, 1, 0))
    error = lambda z: dict(error=np.abs(z - exact).max())
    c.monge("encode", dict(mean=mean, eigenvalues=l, reflections=v, x=x), lambda o: error(o["z"].reshape(x.shape)), tol=1e-8)
    c.monge("encode", dict(mean=mean, eigenvalues=l, reflections=v, x=x[:64]), lambda o: dict(error=np.abs(o["z"].reshape(-1, d) - exact[:64]).max()),
            "monge, integrated, 64 of the samples", tol=1e-8, method="dopri5") if session.size != "normal" else None
    if load("torch"):
        import torch
        device = "cuda" if session.device == "cuda" else "cpu"
        basis = torch.from_numpy(reflect(np.eye(d), (2, 1, 0)).T.copy()).to(device)  # x @ basis: into the axes
        xt, mt, root, vt = (torch.from_numpy(q).to(device) for q in (x, mean, l ** -.5, v))
        c.peer("torch, closed form, dense basis", "torch", lambda: (((xt - mt) @ basis * root) @ basis.T).cpu().numpy(), error)

        def reflections():
            z = xt - mt
            for k in (0, 1, 2):
                z = z - 2 * torch.outer(z @ vt[k], vt[k])
            z = z * root
            for k in (2, 1, 0):
                z = z - 2 * torch.outer(z @ vt[k], vt[k])
            return z.cpu().numpy()
        c.peer("torch, closed form, reflections", "torch", reflections, error)
    else:
        c.peer("torch", "torch", None)
    c.hold()


def jacobian(session):
    """J v for 16 directions at each point, from which the asymmetry of the encoder's Jacobian follows, each to errors below 1e-6 of the largest."""
    law, n, directions = Mixture(), session.pick(3, 128), 16
    x = law.sample(n)
    v = np.random.default_rng(5).normal(size=(n, directions, law.d))
    few = slice(0, min(n, 8))
    c = Contest(session, "JacobianProbes", f"{n} points, {directions} directions, d = 64, errors below 1e-6", "float64", None, 40)
    if load("diffrax") is None:
        c.monge("encode", dict(law.arrays(), x=x, tangents=v), None, tol=1e-7)
        c.peer("diffrax Dopri5, jax.jvp", "diffrax", None)
        return c.hold()
    jax = jax_for("float64")
    import diffrax
    f = law.jax()

    def pushforward(solver):
        def flow(x, tol):
            return diffrax.diffeqsolve(diffrax.ODETerm(f), solver, 0., END, None, x, saveat=diffrax.SaveAt(t1=True), max_steps=1024, throw=False,
                                       stepsize_controller=diffrax.PIDController(rtol=tol, atol=tol), adjoint=diffrax.ForwardMode()).ys[-1]
        return jax.jit(jax.vmap(lambda x, v, tol: jax.vmap(lambda t: jax.jvp(lambda q: flow(q, tol), (x,), (t,))[1])(v), (0, 0, None)))
    place = jax.devices("cuda" if session.device == "cuda" else "cpu")[0]
    points, tangents = jax.device_put((x, v), place)
    reference = np.asarray(pushforward(diffrax.Dopri8())(points[few], tangents[few], 1e-11))
    error = lambda jv: np.abs(np.asarray(jv).reshape(-1, directions, law.d)[few] - reference).max() / np.abs(reference).max()
    push = pushforward(diffrax.Dopri5())
    loose = [10 ** (-k / 2) for k in range(10, 24)]
    tol = next((t for t in loose if error(push(points[few], tangents[few], t)) <= TARGET), loose[-1])

    def monge_error(t):
        run, answer = c.job("encode", dict(law.arrays(), x=x[few], tangents=v[few]), "search", tol=t)
        run()
        return error(answer()["jv"])
    own = next((t for t in loose if monge_error(t) <= TARGET), loose[-1])
    c.monge("encode", dict(law.arrays(), x=x, tangents=v), lambda o: dict(error=error(o["jv"]), evaluations=o["evaluations"], tol=own), tol=own)
    compiled = push.lower(points, tangents, tol).compile()
    c.peer("diffrax Dopri5, jax.jvp", "diffrax", lambda: np.asarray(jax.block_until_ready(compiled(points, tangents, tol))), lambda o: dict(error=error(o), tol=tol), warm=False)
    c.hold()
