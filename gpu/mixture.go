//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import (
	"strconv"

	"monge/engine"

	"gorgonia.org/cu"
)

// mixtureStore bounds the scratch memory of the blocks that work at a time, in bytes, as long as it is
// enough for one.
const mixtureStore = 1 << 28

// Mixture implements engine.Engine.
func (e *Engine) Mixture(a *engine.Mixture) error {
	s, err := engine.CheckMixture(a)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"Mixture", "NDKPR", [6]int{s.N, s.D, s.K, s.P, s.R}},
		reads{a.P.LogW, a.P.Mean, a.P.Var, a.P.Basis, a.P.Reflect, a.Coef, a.X, a.T}, a.V, a.TV, a.Div, a.LogP, a.LogR)
	if err != nil {
		return err
	}
	defer leave()
	if s.N == 0 {
		return nil
	}
	m := mixture{e: e, t: a.X.Dtype(), s: s}
	defer m.free()
	switch model := m.model(a.P); {
	case m.small():
		p := m.outputs(a, model)
		op := "mixture_d" + strconv.Itoa(s.D)
		err = launch(e, typed("mixture_small", op, m.t), e.few(int64(s.N), C.SMALL_THREADS), C.SMALL_THREADS, &p)
	case model.rotation == C.ROTATE_OWN:
		err = m.tiled(a, model)
	case model.rotation == C.ROTATE_SHARED:
		err = m.turned(a, model)
	default:
		p := m.outputs(a, model)
		err = m.rows(&p)
	}
	return e.fail(err)
}

// outputs returns the arguments as kernels take them.
func (m *mixture) outputs(a *engine.Mixture, model C.mixture_model) C.mixture_params {
	return C.mixture_params{
		model: model, coef: addr(a.Coef), x: addr(a.X), t: addr(a.T),
		v: addr(a.V), tv: addr(a.TV), div: addr(a.Div), logp: addr(a.LogP), logr: addr(a.LogR),
		n: C.int64_t(m.s.N), np: C.int64_t(m.s.P),
	}
}

// rows gives a block to a row.
func (m *mixture) rows(p *C.mixture_params) error {
	if p.model.axes == 0 {
		if err := m.axes(&p.model); err != nil {
			return err
		}
	}
	if err := m.work(&p.model, &p.scratch, &p.stride); err != nil {
		return err
	}
	return launch(m.e, typed("mixture", "mixture", m.t), m.blocks, m.threads(), p)
}

// turned turns all rows into the shared axes by a product, and what comes out of them back.
func (m *mixture) turned(a *engine.Mixture, model C.mixture_model) error {
	if err := m.axes(&model); err != nil {
		return err
	}
	p, n, tangents := m.outputs(a, model), int64(m.s.N), int64(m.s.N)*int64(m.s.P)
	p.model.rotation, p.model.basis = 0, 0
	type turn struct {
		what   *C.uint64_t
		rows   int64
		after  bool
		target C.uint64_t
	}
	turns := []turn{{&p.x, n, false, 0}, {&p.v, n, true, p.v}}
	if p.tv != 0 {
		turns = append(turns, turn{&p.t, tangents, false, 0}, turn{&p.tv, tangents, true, p.tv})
	}
	product := func(out, x C.uint64_t, rows int64, trans C.int64_t) error {
		d := C.int64_t(m.s.D)
		return m.e.matMul(m.t, &C.matmul_params{
			out: out, x: x, y: model.basis, batch: 1, n: C.int64_t(rows), k: d, m: d,
			ostride: C.int64_t(rows) * d, xstride: C.int64_t(rows) * d, trans: trans,
		})
	}
	for _, r := range turns {
		if *r.what == 0 {
			continue
		}
		turned, err := m.numbers("turned rows", r.rows, int64(m.s.D))
		if err != nil {
			return err
		}
		if !r.after {
			if err := product(turned, *r.what, r.rows, 0); err != nil {
				return err
			}
		}
		*r.what = turned
	}
	if err := m.rows(&p); err != nil {
		return err
	}
	for _, r := range turns {
		if r.after && r.target != 0 {
			if err := product(r.target, *r.what, r.rows, 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// MixtureFollow implements engine.Engine. A row whose branch is no component becomes NaN; the error, which
// wraps engine.ErrShape, comes back from the next Read or Sync.
func (e *Engine) MixtureFollow(a *engine.MixtureFollow) error {
	s, err := engine.CheckMixtureFollow(a)
	if err != nil {
		return err
	}
	leave, err := e.enter(operation{"MixtureFollow", "NDKPR", [6]int{s.N, s.D, s.K, s.P, s.R}},
		reads{a.P.LogW, a.P.Mean, a.P.Var, a.P.Basis, a.P.Reflect, a.Branch, a.From, a.To, a.X, a.T}, a.Y, a.V, a.TY, a.LogDet, a.Others)
	if err != nil {
		return err
	}
	defer leave()
	if s.N == 0 {
		return nil
	}
	m := mixture{e: e, t: a.X.Dtype(), s: s}
	defer m.free()
	p := C.follow_params{
		model: m.model(a.P), branch: addr(a.Branch), from: addr(a.From), to: addr(a.To), x: addr(a.X), t: addr(a.T),
		y: addr(a.Y), v: addr(a.V), ty: addr(a.TY), logdet: addr(a.LogDet), others: addr(a.Others),
		n: C.int64_t(s.N), np: C.int64_t(s.P), fault: C.uint64_t(e.stage.fault(faultBranch)),
	}
	if p.model.rotation != C.ROTATE_OWN {
		if err := m.axes(&p.model); err != nil {
			return e.fail(err)
		}
	}
	if err := m.work(&p.model, &p.scratch, &p.stride); err != nil {
		return e.fail(err)
	}
	return e.fail(launch(e, typed("follow", "follow", m.t), m.blocks, m.threads(), &p))
}

// mixture is what Mixture and MixtureFollow share.
type mixture struct {
	e      *Engine
	t      engine.Dtype
	s      engine.MixtureDims
	blocks int64
	held   []cu.DevicePtr // scratch
}

func (m *mixture) free() {
	for _, x := range m.held {
		m.e.put(x)
	}
}

func (m *mixture) threads() int64 { return int64(C.row_threads(C.int64_t(m.s.D))) }

// small says whether a thread can keep a row in registers. That depends on nothing but the mixture, so that a
// row's bits do not depend on the others.
func (m *mixture) small() bool {
	return m.s.D <= C.SMALL_DIMS && m.s.D > 0 && (m.s.K <= C.SMALL_PARTS || m.s.BasisK > 1)
}

// model returns the parameters without the axes.
func (m *mixture) model(p *engine.MixtureParams) C.mixture_model {
	s := m.s
	model := C.mixture_model{
		logw: addr(p.LogW), mean: addr(p.Mean), _var: addr(p.Var), basis: addr(p.Basis), reflect: addr(p.Reflect),
		d: C.int64_t(s.D), k: C.int64_t(s.K), r: C.int64_t(s.R), vark: C.int64_t(s.VarK), vard: C.int64_t(s.VarD),
	}
	switch {
	case s.BasisK > 1:
		model.rotation = C.ROTATE_OWN
	case s.BasisK == 1:
		model.rotation = C.ROTATE_SHARED
	case s.R > 0:
		model.rotation = C.ROTATE_REFLECT
	}
	return model
}

// axes finds the means in the shared axes.
func (m *mixture) axes(model *C.mixture_model) (err error) {
	if model.axes, err = m.scratch("means of components", 8, int64(m.s.K), int64(m.s.D)); err != nil {
		return err
	}
	return launch(m.e, typed("mixture", "mixture_axes", m.t), int64(m.s.K), m.threads(), model)
}

// work takes memory for the blocks that work on rows at a time.
func (m *mixture) work(model *C.mixture_model, scratch *C.uint64_t, stride *C.int64_t) (err error) {
	*stride = C.mixture_scratch(model)
	m.blocks = min(int64(m.s.N), m.e.workers, max(1, mixtureStore/(8*max(1, int64(*stride)))))
	*scratch, err = m.scratch("rows in work", 8, m.blocks, int64(*stride))
	return err
}

// scratch takes memory for numbers of size bytes until the operation is queued.
func (m *mixture) scratch(what string, size int64, sizes ...int64) (C.uint64_t, error) {
	x, err := m.e.get(what, size, sizes...)
	m.held = append(m.held, x)
	return C.uint64_t(x), err
}

// numbers is scratch for numbers of the operation's type.
func (m *mixture) numbers(what string, sizes ...int64) (C.uint64_t, error) {
	return m.scratch(what, int64(m.t.Size()), sizes...)
}
