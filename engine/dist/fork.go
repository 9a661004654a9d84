package dist

import "monge/engine"

// Forker is a Field whose parameters serve the parts of an engine, see [engine.Divider].
type Forker interface {
	Field
	// Fork returns the field for a part of its engine, with scratch memory of its own, or nil where a field
	// within it cannot. It lives as long as the field does, and is a Jumper where the field is one.
	Fork(e engine.Engine) Field
}

// Fork returns f for a part e of its engine, or nil where f is no [Forker].
func Fork(f Field, e engine.Engine) Field {
	if k, ok := f.(Forker); ok {
		return k.Fork(e)
	}
	return nil
}

func (f *mixtureField) Fork(e engine.Engine) Field {
	g := *f
	g.queue = newQueue(e, f.t)
	return &g
}

func (f *pointsField) Fork(e engine.Engine) Field {
	g := *f
	g.queue = newQueue(e, f.t)
	return &g
}

func (f *quadField) Fork(e engine.Engine) Field {
	g := *f
	g.e, g.far = e, Fork(f.far, e)
	return &g
}

func (f *copiesField) Fork(e engine.Engine) Field {
	of := Fork(f.of, e)
	if of == nil {
		return nil
	}
	return newCopiesField(newQueue(e, f.t), of, f.m)
}

func (f *productField) Fork(e engine.Engine) Field {
	parts := make([]Field, len(f.blocks))
	for i, b := range f.blocks {
		if parts[i] = Fork(b.field, e); parts[i] == nil {
			return nil
		}
	}
	return newProductField(newQueue(e, f.t), parts)
}

func (f *rotationField) Fork(e engine.Engine) Field {
	of := Fork(f.of, e)
	if of == nil {
		return nil
	}
	return newRotationField(newQueue(e, f.t), of, f.r)
}
