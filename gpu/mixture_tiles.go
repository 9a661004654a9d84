//go:build (cuda || emu) && cgo

package gpu

// #include "../kernels/params.h"
import "C"

import "monge/engine"

// tiled turns all rows into every component's axes and back by two products of tiles, and once more for the
// divergence and for each tangent. Rows go in panels that keep to mixtureStore.
func (m *mixture) tiled(a *engine.Mixture, model C.mixture_model) error {
	s := m.s
	np := 1
	if a.TV != nil {
		np = max(1, s.P)
	}
	d, k, tangents := int64(s.D), int64(s.K), a.TV != nil && s.P > 0
	across := ceilDiv(d, C.MIX_TILE)
	size := int64(m.t.Size())
	per := size*k*d + 8*k // bytes of scratch a row
	if tangents {
		per += int64(np)*(size*k*d+8*k) + size*d
	}
	panel := max(C.MIX_TILE, mixtureStore/per/C.MIX_TILE*C.MIX_TILE)
	rows := min(panel, int64(s.N))

	p := C.mixture_tiles_params{model: model, np: C.int64_t(np)}
	var err error
	take := func(at *C.uint64_t, what string, size int64, sizes ...int64) {
		if err == nil {
			*at, err = m.scratch(what, size, sizes...)
		}
	}
	take(&p.w, "rows in the axes of components", size, rows, k, d)
	take(&p.r, "responsibilities", 8, rows, k)
	take(&p.parts, "parts of sums", 8, rows*int64(np), k, 2*across)
	if tangents {
		take(&p.tw, "tangents in the axes of components", size, rows*int64(np), k, d)
		take(&p.turn, "turns", 8, rows*int64(np), k)
		take(&p.g, "scores", size, rows, d)
	}
	var velocity C.uint64_t
	if a.V == nil && (a.Div != nil || tangents) {
		take(&velocity, "velocities", size, rows, d)
	}
	if err != nil {
		return err
	}
	for lo := 0; lo < s.N; lo += int(panel) {
		p.n = C.int64_t(min(panel, int64(s.N-lo)))
		from := func(x engine.Buffer, per int) C.uint64_t {
			if x == nil {
				return 0
			}
			return C.uint64_t(x.(*buffer).at(lo * per))
		}
		p.coef, p.x = from(a.Coef, engine.CoefCount), from(a.X, s.D)
		p.v, p.div, p.logp, p.logr = from(a.V, s.D), from(a.Div, 1), from(a.LogP, 1), from(a.LogR, s.K)
		if tangents {
			p.t, p.tv = from(a.T, s.P*s.D), from(a.TV, s.P*s.D)
		}
		if p.v == 0 {
			p.v = velocity
		}
		if err := m.panel(p, tangents); err != nil {
			return err
		}
	}
	return nil
}

// panel queues what one panel's outputs want.
func (m *mixture) panel(p C.mixture_tiles_params, tangents bool) error {
	all, each := int64(p.n), int64(p.n*p.np)
	across := ceilDiv(int64(p.model.d), C.MIX_TILE)
	var err error
	tiles := func(op string, what C.int64_t, rows, components int64) {
		if p.what = what; err == nil {
			err = launch(m.e, typed("mixture_tiles", op, m.t), ceilDiv(rows, C.MIX_TILE)*components*across, C.MIX_THREADS, &p)
		}
	}
	warps := func(op string, rows int64) {
		if err == nil {
			err = launch(m.e, typed("mixture_tiles", op, m.t), ceilDiv(rows, C.WARP_ROWS), C.WARP_THREADS, &p)
		}
	}
	k := int64(p.model.k)
	tiles("mixture_rotate", C.MIX_ROWS, all, k)
	warps("mixture_respond", all)
	if p.v == 0 {
		return err
	}
	tiles("mixture_gather", C.MIX_ROWS, all, 1)
	if p.div != 0 {
		tiles("mixture_rotate", C.MIX_DIVERGENCE, all, k)
		warps("mixture_divergence", all)
	}
	if tangents {
		tiles("mixture_gather", C.MIX_SCORES, all, 1)
		tiles("mixture_rotate", C.MIX_TANGENTS, each, k)
		warps("mixture_turns", each)
		tiles("mixture_gather", C.MIX_TANGENTS, each, 1)
	}
	return err
}
