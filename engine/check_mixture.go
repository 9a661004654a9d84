package engine

// MixtureDims are the sizes of a Mixture or MixtureFollow: N rows in D dimensions, K components, P
// tangents a row, R reflections, and the sizes of the parameters that may be shared.
type MixtureDims struct {
	N, D, K, P, R int
	VarK, VarD    int // Var is [1, VarK, VarD]
	BasisK        int // Basis is [BasisK, D, D]; 0 = none
}

func (c *checker) params(p *MixtureParams, s *MixtureDims) {
	if p == nil {
		c.failf(ErrShape, "P is nil")
		return
	}
	if !c.need("P.LogW", p.LogW) || !c.need("P.Mean", p.Mean) || !c.need("P.Var", p.Var) {
		return
	}
	_, s.K, _ = p.LogW.Shape()
	if s.K == 0 {
		c.failf(ErrShape, "P.LogW has no components")
	}
	c.shape("P.LogW", p.LogW, 1, s.K, 1)
	c.shape("P.Mean", p.Mean, 1, s.K, s.D)
	_, s.VarK, s.VarD = p.Var.Shape()
	if s.VarK != 1 {
		s.VarK = s.K
	}
	if s.VarD != 1 {
		s.VarD = s.D
	}
	c.shape("P.Var", p.Var, 1, s.VarK, s.VarD)
	if p.Basis != nil && p.Reflect != nil {
		c.failf(ErrShape, "both P.Basis and P.Reflect")
	}
	if p.Basis != nil {
		if s.BasisK, _, _ = p.Basis.Shape(); s.BasisK != 1 {
			s.BasisK = s.K
		}
		c.shape("P.Basis", p.Basis, s.BasisK, s.D, s.D)
	}
	if p.Reflect != nil {
		_, s.R, _ = p.Reflect.Shape()
		c.shape("P.Reflect", p.Reflect, 1, s.R, s.D)
	}
}

// CheckMixture checks the arguments of Engine.Mixture. Mistakes wrap ErrShape or ErrDtype.
func CheckMixture(a *Mixture) (s MixtureDims, err error) {
	c := checker{op: "Mixture"}
	if !c.need("X", a.X) || !c.need("Coef", a.Coef) {
		return s, c.err
	}
	_, s.N, s.D = a.X.Shape()
	c.shape("X", a.X, 1, s.N, s.D)
	c.params(a.P, &s)
	c.shape("Coef", a.Coef, 1, s.N, CoefCount)
	c.tangents("TV", a.T, a.TV, &s)
	c.shape("V", a.V, 1, s.N, s.D)
	c.shape("Div", a.Div, 1, s.N, 1)
	c.shape("LogP", a.LogP, 1, s.N, 1)
	c.shape("LogR", a.LogR, 1, s.N, s.K)
	return s, c.err
}

func (c *checker) tangents(out string, t, tv Buffer, s *MixtureDims) {
	if tv == nil || !c.need("T", t) {
		return
	}
	_, s.P, _ = t.Shape()
	c.shape("T", t, s.N, s.P, s.D)
	c.shape(out, tv, s.N, s.P, s.D)
}

// CheckMixtureFollow checks the arguments of Engine.MixtureFollow, but not the branches' values.
func CheckMixtureFollow(a *MixtureFollow) (s MixtureDims, err error) {
	c := checker{op: "MixtureFollow"}
	if !c.need("X", a.X) || !c.need("From", a.From) || !c.need("To", a.To) || !c.need("Branch", a.Branch) {
		return s, c.err
	}
	_, s.N, s.D = a.X.Shape()
	c.shape("X", a.X, 1, s.N, s.D)
	c.params(a.P, &s)
	c.index("Branch", a.Branch, 1, s.N, 1)
	c.shape("From", a.From, 1, s.N, CoefCount)
	c.shape("To", a.To, 1, s.N, CoefCount)
	c.tangents("TY", a.T, a.TY, &s)
	c.shape("Y", a.Y, 1, s.N, s.D)
	c.shape("V", a.V, 1, s.N, s.D)
	c.shape("LogDet", a.LogDet, 1, s.N, 1)
	c.shape("Others", a.Others, 1, s.N, 1)
	return s, c.err
}
