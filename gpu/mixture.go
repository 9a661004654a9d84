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
	if err := e.own(a.Coef, a.X, a.T, a.V, a.TV, a.Div, a.LogP, a.LogR); err != nil {
		return err
	}
	if err := e.own(a.P.LogW, a.P.Mean, a.P.Var, a.P.Basis, a.P.Reflect); err != nil {
		return err
	}
	leave, err := e.enter(operation{"Mixture", "NDKPR", [6]int{s.N, s.D, s.K, s.P, s.R}})
	if err != nil {
		return err
	}
	defer leave()
	if s.N == 0 {
		return nil
	}
	m := mixture{e: e, t: a.X.Dtype(), s: s}
	defer m.free()
	p := C.mixture_params{
		coef: addr(a.Coef), x: addr(a.X), t: addr(a.T),
		v: addr(a.V), tv: addr(a.TV), div: addr(a.Div), logp: addr(a.LogP), logr: addr(a.LogR),
		n: C.int64_t(s.N), np: C.int64_t(s.P),
	}
	if m.small() {
		p.model = m.model(a.P)
		op := "mixture_d" + strconv.Itoa(s.D)
		return e.fail(launch(e, typed("mixture_small", op, m.t), e.few(int64(s.N), C.SMALL_THREADS), C.SMALL_THREADS, &p))
	}
	if err := m.prepare(a.P, &p.model, &p.scratch, &p.stride); err != nil {
		return e.fail(err)
	}
	return e.fail(launch(e, typed("mixture", "mixture", m.t), m.blocks, m.threads(), &p))
}

// MixtureFollow implements engine.Engine. A row whose branch is no component becomes NaN; the error, which
// wraps engine.ErrShape, comes back from the next Read or Sync.
func (e *Engine) MixtureFollow(a *engine.MixtureFollow) error {
	s, err := engine.CheckMixtureFollow(a)
	if err != nil {
		return err
	}
	if err := e.own(a.Branch, a.From, a.To, a.X, a.T, a.Y, a.V, a.TY, a.LogDet, a.Others); err != nil {
		return err
	}
	if err := e.own(a.P.LogW, a.P.Mean, a.P.Var, a.P.Basis, a.P.Reflect); err != nil {
		return err
	}
	leave, err := e.enter(operation{"MixtureFollow", "NDKPR", [6]int{s.N, s.D, s.K, s.P, s.R}})
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
		branch: addr(a.Branch), from: addr(a.From), to: addr(a.To), x: addr(a.X), t: addr(a.T),
		y: addr(a.Y), v: addr(a.V), ty: addr(a.TY), logdet: addr(a.LogDet), others: addr(a.Others),
		n: C.int64_t(s.N), np: C.int64_t(s.P), fault: C.uint64_t(e.stage.fault(faultBranch)),
	}
	if err := m.prepare(a.P, &p.model, &p.scratch, &p.stride); err != nil {
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
func (m *mixture) small() bool { return m.s.D <= C.SMALL_DIMS && m.s.K <= C.SMALL_PARTS && m.s.D > 0 }

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

// prepare fills in the model, finds the means in its axes and takes scratch memory.
func (m *mixture) prepare(p *engine.MixtureParams, model *C.mixture_model, scratch *C.uint64_t, stride *C.int64_t) error {
	s := m.s
	*model = m.model(p)
	if model.rotation != C.ROTATE_OWN {
		axes, err := m.scratch("means of components", int64(s.K), int64(s.D))
		if err != nil {
			return err
		}
		model.axes = axes
		if err := launch(m.e, typed("mixture", "mixture_axes", m.t), int64(s.K), m.threads(), &C.mixture_params{model: *model}); err != nil {
			return err
		}
	}
	*stride = C.mixture_scratch(model)
	m.blocks = min(int64(s.N), m.e.workers, max(1, mixtureStore/(8*max(1, int64(*stride)))))
	var err error
	*scratch, err = m.scratch("rows in work", m.blocks, int64(*stride))
	return err
}

func (m *mixture) scratch(what string, sizes ...int64) (C.uint64_t, error) {
	x, err := m.e.get(what, 8, sizes...)
	m.held = append(m.held, x)
	return C.uint64_t(x), err
}
