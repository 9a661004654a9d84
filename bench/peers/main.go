// Command peers does monge's part of the comparison that peers.py makes. It reads requests from standard input, one
// JSON object a line, and answers each with a line:
//
//	{"do": "prepare", "job": "sinkhorn", "dir": "arrays", "dtype": "f32", "eps": 6.4, "iterations": 20}
//	{"do": "run"}      does the job once, and tells the seconds that it took
//	{"do": "save"}     writes the arrays of the last run as dir/monge_NAME.npy, and tells its numbers
//
// Arrays are dir/NAME.npy. Reading them, making the law that a flow follows, and what a library's user does once, is
// part of prepare and not timed; a run goes from points in memory to the answer in memory.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"monge/engine"
	"monge/engine/arrayio"
	"monge/engine/auto"
)

// request is a line of the standard input.
type request struct {
	Do    string `json:"do"`
	Job   string `json:"job"`
	Dir   string `json:"dir"`
	Dtype string `json:"dtype"`

	Eps        float64 `json:"eps"`        // Sinkhorn's regularisation
	Iterations int     `json:"iterations"` // 0 = until Tol
	Tol        float64 `json:"tol"`        // of the marginals, or of a flow's steps
	Bandwidth  float64 `json:"bandwidth"`  // of smoothed points
	Angle      float64 `json:"angle"`      // (alpha, sigma) = (cos, sin) of it
	Method     string  `json:"method"`     // of the flow
}

// answer is a line of the standard output.
type answer struct {
	Error   string             `json:"error,omitempty"`
	Engine  string             `json:"engine,omitempty"`
	Seconds float64            `json:"seconds"`
	Values  map[string]float64 `json:"values,omitempty"`
	Notes   map[string]string  `json:"notes,omitempty"`
}

// outcome is what a run leaves.
type outcome struct {
	values map[string]float64
	notes  map[string]string
	arrays map[string][]float64 // one row each
}

// job does its work once.
type job interface {
	run(ctx context.Context) error
	outcome() (outcome, error)
	free()
}

// session is the state between requests.
type session struct {
	e   engine.Engine
	req request
	job job
}

func main() {
	name := flag.String("engine", "cpu", "the engine: cpu, cuda, ...")
	flag.Parse()
	if err := serve(*name, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// serve answers the requests of r.
func serve(name string, r io.Reader, w io.Writer) error {
	e, _, err := auto.Open(name, auto.Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	s := &session{e: e}
	defer s.drop()
	in, out := bufio.NewScanner(r), json.NewEncoder(w)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var a answer
		if err := s.answer(in.Bytes(), &a); err != nil {
			a = answer{Error: err.Error()}
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return in.Err()
}

func (s *session) answer(line []byte, a *answer) error {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return err
	}
	switch r.Do {
	case "prepare":
		s.drop()
		i := s.e.Info()
		a.Engine = i.Name + ": " + i.Device
		s.req = r
		return s.prepare()
	case "run":
		if s.job == nil {
			return errors.New("nothing is prepared")
		}
		began := time.Now()
		err := s.job.run(context.Background())
		if err == nil {
			err = s.e.Sync()
		}
		a.Seconds = time.Since(began).Seconds()
		return err
	case "save":
		if s.job == nil {
			return errors.New("nothing is prepared")
		}
		o, err := s.job.outcome()
		if err != nil {
			return err
		}
		a.Values, a.Notes = o.values, o.notes
		for k, v := range a.Values {
			if math.IsNaN(v) || math.IsInf(v, 0) { // JSON has neither
				delete(a.Values, k)
			}
		}
		return s.save(o.arrays)
	}
	return fmt.Errorf("unknown request %q", r.Do)
}

func (s *session) drop() {
	if s.job != nil {
		s.job.free()
		s.job = nil
	}
}

func (s *session) prepare() (err error) {
	switch s.req.Job {
	case "sinkhorn":
		s.job, err = newSinkhorn(s)
	case "sinkhorn-batch":
		s.job, err = newSinkhornBatch(s)
	case "exact":
		s.job, err = newExact(s)
	case "certify":
		s.job, err = newCertify(s)
	case "encode":
		s.job, err = newEncode(s)
	case "score":
		s.job, err = newScore(s)
	default:
		err = fmt.Errorf("unknown job %q", s.req.Job)
	}
	return err
}

// dtype is the request's type of numbers.
func (s *session) dtype() (engine.Dtype, error) { return engine.ParseDtype(s.req.Dtype) }

// read returns the array of a name.
func (s *session) read(name string) (*arrayio.Array, error) {
	return arrayio.ReadTensor(filepath.Join(s.req.Dir, name+".npy"), arrayio.Options{})
}

// has says whether there is an array of that name.
func (s *session) has(name string) bool {
	_, err := os.Stat(filepath.Join(s.req.Dir, name+".npy"))
	return err == nil
}

// save writes arrays.
func (s *session) save(arrays map[string][]float64) error {
	out := arrayio.Outputs{Force: true}
	defer out.Abort()
	for name, v := range arrays {
		path := filepath.Join(s.req.Dir, "monge_"+name+".npy")
		if err := out.Declare(path, 1); err != nil {
			return err
		}
		if err := out.Write(path, []int{len(v)}, v); err != nil {
			return err
		}
	}
	return out.Commit()
}
