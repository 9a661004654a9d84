"""The law of FlowMixture and JacobianProbes: 16 full covariances in 64 dimensions, as every library wants its velocity."""
import numpy as np

END = np.pi / 2


class Mixture:
    """The velocity of (alpha, sigma) = (cos s, sin s), s from 0 (data) to pi/2 (latent), D_k = cos^2 l_k + sin^2:

    dx/ds = -sin(s) sum_k r_k [m_k + cos(s) V_k diag((l_k - 1)/D_k) V_k'(x - cos(s) m_k)]
    """

    def __init__(self, components=16, d=64):
        r = np.random.default_rng(7)
        self.k, self.d, self.evaluations = components, d, 0
        w = r.random(components) + .5
        self.weights = w / w.sum()
        self.log_weights = np.log(self.weights)
        self.means = r.normal(size=(components, d))
        self.l = np.exp(r.uniform(np.log(.05), np.log(2.), size=(components, d)))
        self.bases = np.stack([np.linalg.qr(r.normal(size=(d, d)))[0] for _ in range(components)])  # eigenvectors in columns
        self.stack = np.ascontiguousarray(self.bases.transpose(1, 0, 2).reshape(d, components * d))  # x @ stack = V_k' x for all k
        self.turned = np.einsum("kij,ki->kj", self.bases, self.means)

    def arrays(self):
        """The law as monge reads it."""
        return dict(weights=self.weights, means=self.means, covs=np.einsum("kij,kj,klj->kil", self.bases, self.l, self.bases))

    def sample(self, n):
        r = np.random.default_rng(8)
        k = r.choice(self.k, n, p=self.weights)
        return self.means[k] + np.einsum("nij,nj->ni", self.bases[k], np.sqrt(self.l[k]) * r.normal(size=(n, self.d)))

    def numpy(self, s, x, block=1000):
        self.evaluations += 1
        a, c = np.cos(s), np.sin(s)
        variances = a * a * self.l + c * c
        bias, h, gain = self.log_weights - .5 * np.log(variances).sum(1), .5 / variances, a * (self.l - 1) / variances
        out = np.empty_like(x)
        for i in range(0, len(x), block):
            z = (x[i:i + block] @ self.stack).reshape(-1, self.k, self.d)
            z -= a * self.turned
            q = bias - (np.square(z) * h).sum(-1)
            q -= q.max(1, keepdims=True)
            r = np.exp(q)
            r /= r.sum(1, keepdims=True)
            z *= gain
            z *= r[:, :, None]
            out[i:i + block] = -c * (r @ self.means + z.reshape(len(z), -1) @ self.stack.T)
        return out

    def torch(self, device="cpu", block=1000):
        import torch
        place = lambda q: torch.from_numpy(np.ascontiguousarray(q)).to(device)
        log_weights, l, stack, turned, means = map(place, (self.log_weights, self.l, self.stack, self.turned, self.means))
        back = stack.T.contiguous()

        def one(s, x):
            a, c = torch.cos(s), torch.sin(s)
            variances = a * a * l + c * c
            z = (x @ stack).reshape(-1, self.k, self.d) - a * turned
            r = torch.softmax(log_weights - .5 * variances.log().sum(-1) - .5 * (z * z / variances).sum(-1), -1)
            z = z * (a * (l - 1) / variances) * r[:, :, None]
            return -c * (r @ means + z.reshape(len(z), -1) @ back)

        def velocity(s, x):
            self.evaluations += 1
            s = torch.as_tensor(s, dtype=torch.float64, device=device)
            return one(s, x) if device != "cpu" else torch.cat([one(s, x[i:i + block]) for i in range(0, len(x), block)])
        return velocity

    def jax(self):
        """The velocity of one sample; vmap makes matrix products of many."""
        import jax
        import jax.numpy as jnp
        log_weights, l, stack, turned, means = map(jnp.asarray, (self.log_weights, self.l, self.stack, self.turned, self.means))

        def velocity(s, x, args=None):
            a, c = jnp.cos(s), jnp.sin(s)
            variances = a * a * l + c * c
            z = (x @ stack).reshape(self.k, self.d) - a * turned
            r = jax.nn.softmax(log_weights - .5 * jnp.log(variances).sum(-1) - .5 * (z * z / variances).sum(-1))
            z = z * (a * (l - 1) / variances) * r[:, None]
            return -c * (r @ means + z.reshape(-1) @ stack.T)
        return velocity

    def reference(self, x):
        from scipy.integrate import solve_ivp
        s = solve_ivp(lambda t, y: self.numpy(t, y.reshape(x.shape)).ravel(), (0, END), x.ravel(), method="DOP853", rtol=3e-14, atol=1e-14)
        return s.y[:, -1].reshape(x.shape)
