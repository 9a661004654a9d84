package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"monge/engine"
)

func TestSmoke(t *testing.T) {
	for _, d := range []int{1, 2, 3, 4, 5, 64} {
		for _, dt := range []engine.Dtype{engine.F64, engine.F32} {
			for _, N := range []int{1, 70, 300} {
				M := 517
				e := New(Options{Threads: 2})
				rnd := rand.New(rand.NewPCG(1, 2))
				mk := func(b, n, d int) (engine.Buffer, []float64) {
					x, _ := e.Alloc(dt, b, n, d)
					h := make([]float64, b*n*d)
					for i := range h {
						h[i] = float64(float32(rnd.NormFloat64()))
					}
					e.Write(x, 0, h)
					return x, h
				}
				q, hq := mk(2, N, d)
				k, hk := mk(1, M, d)
				v, hv := mk(2, M, 3)
				u, hu := mk(1, M, 1)
				lse, _ := mk(2, N, 1)
				mean, _ := mk(2, N, 3)
				sec, _ := mk(2, N, 1)
				col, _ := mk(2, M, 1)
				T, hT := mk(2*N, 2, d)
				tm, _ := mk(2*N, 2, 3)
				if err := e.Softmax(&engine.Softmax{Q: q, K: k, V: v, U: u, LSE: lse, Mean: mean, Second: sec, ColSum: col, T: T, TMean: tm, Scale: .7}); err != nil {
					t.Fatal(err)
				}
				lse2, _ := mk(2, N, 1)
				e.Softmax(&engine.Softmax{Q: q, K: k, U: u, Scale: .7, LSE: lse2})
				rd := func(x engine.Buffer) []float64 { h := make([]float64, engine.Len(x)); e.Read(h, x, 0); return h }
				L, L2, Me, Se, Co, Tm := rd(lse), rd(lse2), rd(mean), rd(sec), rd(col), rd(tm)
				wc := make([]float64, 2*M)
				tol := 1e-12
				if dt == engine.F32 {
					tol = 3e-4
				}
				cmp := func(n string, g, w float64) {
					if !(math.Abs(g-w) <= tol*(1+math.Abs(w))) {
						t.Fatalf("%v d=%d N=%d %s %g want %g", dt, d, N, n, g, w)
					}
				}
				for i := range 2 * N {
					b := i / N
					z := make([]float64, M)
					s := 0.
					for j := range z {
						for l := range d {
							z[j] += hq[i*d+l] * hk[j*d+l]
						}
						z[j] = .7*z[j] + hu[j]
						s += math.Exp(z[j])
					}
					cmp("lse", L[i], math.Log(s))
					cmp("lse2", L2[i], math.Log(s))
					var m, tt [3]float64
					var t2 [3]float64
					sc := 0.
					for j := range z {
						r := math.Exp(z[j]) / s
						wc[b*M+j] += r
						var d0, d1 float64
						for l := range d {
							d0 += hk[j*d+l] * hT[(2*i)*d+l]
							d1 += hk[j*d+l] * hT[(2*i+1)*d+l]
						}
						for l := range 3 {
							x := hv[(b*M+j)*3+l]
							m[l] += r * x
							sc += r * x * x
							tt[l] += r * x * d0
							t2[l] += r * x * d1
						}
					}
					cmp("second", Se[i], sc)
					for l := range 3 {
						cmp("mean", Me[i*3+l], m[l])
						cmp("t", Tm[i*6+l], tt[l])
						cmp("t", Tm[i*6+3+l], t2[l])
					}
				}
				for j := range wc {
					cmp("col", Co[j], wc[j])
				}
			}
		}
	}
}

func TestSmokeMixture(t *testing.T) {
	const N, D, K = 70, 5, 3
	for form := range 4 {
		e := New(Options{Threads: 2})
		rnd := rand.New(rand.NewPCG(1, 2))
		mk := func(b, n, d int, h []float64) engine.Buffer {
			x, err := e.Alloc(engine.F64, b, n, d)
			if err != nil {
				t.Fatal(err)
			}
			if h != nil {
				e.Write(x, 0, h)
			}
			return x
		}
		rn := func(n int) []float64 {
			h := make([]float64, n)
			for i := range h {
				h[i] = rnd.NormFloat64()
			}
			return h
		}
		rd := func(x engine.Buffer) []float64 { h := make([]float64, engine.Len(x)); e.Read(h, x, 0); return h }
		Q := make([][]float64, K) // D x D each
		refl := rn(2 * D)
		for r := range 2 {
			s := 0.
			for _, x := range refl[r*D : (r+1)*D] {
				s += x * x
			}
			for j := range D {
				refl[r*D+j] /= math.Sqrt(s)
			}
		}
		for k := range Q {
			Q[k] = make([]float64, D*D)
			for i := range D {
				Q[k][i*D+i] = 1
			}
			if form == 0 {
				continue
			}
			vs := refl
			if form == 2 {
				vs = rn(D)
				s := 0.
				for _, x := range vs {
					s += x * x
				}
				for j := range vs {
					vs[j] /= math.Sqrt(s)
				}
			}
			// Q = H1 H2: columns H1 H2 e_c
			for c := range D {
				col := make([]float64, D)
				col[c] = 1
				for r := len(vs)/D - 1; r >= 0; r-- {
					householder(vs[r*D:(r+1)*D], col)
				}
				for i := range D {
					Q[k][i*D+c] = col[i]
				}
			}
		}
		lam := rn(K * D)
		for i := range lam {
			lam[i] = math.Exp(lam[i])
		}
		mean := rn(K * D)
		p := &engine.MixtureParams{LogW: mk(1, K, 1, []float64{math.Log(.2), math.Log(.3), math.Log(.5)}), Mean: mk(1, K, D, mean), Var: mk(1, K, D, lam)}
		switch form {
		case 1:
			p.Reflect = mk(1, 2, D, refl)
		case 2:
			p.Basis = mk(K, D, D, append(append(append([]float64{}, Q[0]...), Q[1]...), Q[2]...))
		case 3:
			p.Basis = mk(1, D, D, Q[0])
		}
		x := rn(N * D)
		coef := make([]float64, 4*N)
		for i := range N {
			th := rnd.Float64() * math.Pi / 2
			copy(coef[4*i:], []float64{math.Sin(th), math.Cos(th), math.Cos(th), math.Sin(th)})
		}
		T := rn(N * 2 * D)
		a := &engine.Mixture{P: p, X: mk(1, N, D, x), Coef: mk(1, N, 4, coef), T: mk(N, 2, D, T), V: mk(1, N, D, nil), TV: mk(N, 2, D, nil), Div: mk(1, N, 1, nil), LogP: mk(1, N, 1, nil), LogR: mk(1, N, K, nil)}
		if err := e.Mixture(a); err != nil {
			t.Fatal(err)
		}
		v1 := mk(1, N, D, nil)
		if err := e.Mixture(&engine.Mixture{P: p, X: a.X, Coef: a.Coef, V: v1}); err != nil {
			t.Fatal(err)
		}
		for i, v := range rd(v1) {
			if math.Abs(v-rd(a.V)[i]) > 1e-12 {
				t.Fatalf("form %d V alone %g %g", form, v, rd(a.V)[i])
			}
		}
		// velocity and logp reference, and finite differences for TV and Div
		ref := func(x []float64, c []float64) (v []float64, lp float64) {
			al, sg := c[0], c[1]
			lr := make([]float64, K)
			us := make([][]float64, K)
			s := 0.
			for k := range K {
				y := make([]float64, D)
				for j := range D {
					for l := range D {
						y[j] += (x[l] - al*mean[k*D+l]) * Q[k][l*D+j]
					}
				}
				lr[k] = math.Log([]float64{.2, .3, .5}[k])
				w := make([]float64, D)
				for j := range D {
					d := al*al*lam[k*D+j] + sg*sg
					lr[k] -= .5*math.Log(2*math.Pi*d) + .5*y[j]*y[j]/d
					w[j] = (c[2]*al*lam[k*D+j] - c[3]) / d * y[j]
				}
				u := make([]float64, D)
				for j := range D {
					u[j] = c[2] * mean[k*D+j]
					for l := range D {
						u[j] += Q[k][j*D+l] * w[l]
					}
				}
				us[k] = u
				s += math.Exp(lr[k])
			}
			v = make([]float64, D)
			for k := range K {
				for j := range D {
					v[j] += math.Exp(lr[k]) / s * us[k][j]
				}
			}
			return v, math.Log(s)
		}
		V, TV, Div, LP := rd(a.V), rd(a.TV), rd(a.Div), rd(a.LogP)
		for i := range N {
			c := coef[4*i : 4*i+4]
			xi := x[i*D : (i+1)*D]
			v, lp := ref(xi, c)
			if math.Abs(lp-LP[i]) > 1e-11*(1+math.Abs(lp)) {
				t.Fatalf("form %d logp %g want %g", form, LP[i], lp)
			}
			for j := range D {
				if math.Abs(v[j]-V[i*D+j]) > 1e-10*(1+math.Abs(v[j])) {
					t.Fatalf("form %d v %g want %g", form, V[i*D+j], v[j])
				}
			}
			dd := func(t []float64) []float64 {
				h := 1e-5
				p, m := make([]float64, D), make([]float64, D)
				for j := range D {
					p[j], m[j] = xi[j]+h*t[j], xi[j]-h*t[j]
				}
				vp, _ := ref(p, c)
				vm, _ := ref(m, c)
				for j := range D {
					vp[j] = (vp[j] - vm[j]) / (2 * h)
				}
				return vp
			}
			for q := range 2 {
				w := dd(T[(2*i+q)*D : (2*i+q+1)*D])
				for j := range D {
					if math.Abs(w[j]-TV[(2*i+q)*D+j]) > 1e-5*(1+math.Abs(w[j])) {
						t.Fatalf("form %d tv %g want %g", form, TV[(2*i+q)*D+j], w[j])
					}
				}
			}
			div := 0.
			for j := range D {
				u := make([]float64, D)
				u[j] = 1
				div += dd(u)[j]
			}
			if math.Abs(div-Div[i]) > 1e-5*(1+math.Abs(div)) {
				t.Fatalf("form %d div %g want %g", form, Div[i], div)
			}
		}
	}
}
