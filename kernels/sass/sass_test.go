package sass

import (
	"os"
	"strings"
	"testing"
)

func sample(t *testing.T, name string) Kernel {
	t.Helper()
	f, err := os.Open("../audit/testdata/sample.80.sass")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	kernels, err := Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kernels {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kernel %s of %d", name, len(kernels))
	return Kernel{}
}

func TestParse(t *testing.T) {
	k := sample(t, "sample_nest_f32")
	if len(k.Code) != 0x5b0/16+1 {
		t.Errorf("%d instructions", len(k.Code))
	}
	for i, want := range map[int]Instruction{
		4:         {0x40, "@P0", "EXIT", ""},
		0xf0 / 16: {0xf0, "", "LDG.E", "R4, [R4.64]"},
		0x15:      {0x150, "@!P0", "FMUL", "R2, R2, 0.5"},
	} {
		if k.Code[i] != want {
			t.Errorf("%+v, want %+v", k.Code[i], want)
		}
	}
	for _, text := range []string{"\t/*0000*/ NOP ;\n", "Function : a\n", "Function : a\n /*0010*/ NOP ;\n /*0010*/ NOP ;\n"} {
		if _, err := Parse(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// The nest has two loops in one, one of which a guard skips, and a loop beside it for the case of no numbers.
func TestLoops(t *testing.T) {
	loops := sample(t, "sample_nest_f32").Loops()
	heads := make(map[uint64]*Loop)
	for _, l := range loops {
		heads[l.Head] = l
	}
	outer, inner, guarded, alone := heads[0x1f0], heads[0x280], heads[0x400], heads[0xb0]
	if len(loops) != 4 || outer == nil || inner == nil || guarded == nil || alone == nil {
		t.Fatalf("loops at %v", heads)
	}
	if inner.Outer != outer || guarded.Outer != outer || outer.Outer != nil || alone.Outer != nil || len(outer.Inner) != 2 {
		t.Error("the nesting is wrong")
	}
	// By hand from the listing. The way around skips two instructions before the guarded loop.
	for _, c := range []struct {
		l          *Loop
		mark       string
		code, trip int
	}{{inner, "FFMA", 13, 13}, {guarded, "MUFU", 13, 13}, {outer, "MUFU", 33, 31}, {alone, "MUFU", 19, 19}} {
		if n, m := len(c.l.Code()), len(c.l.Trip(c.mark)); n != c.code || m != c.trip {
			t.Errorf("the loop at %#x has %d instructions, %d a trip; want %d and %d", c.l.Head, n, m, c.code, c.trip)
		}
	}
	if Main(loops, "FFMA") != inner || Main(loops, "DFMA") != nil || Main(loops, "FADD") != guarded {
		t.Error("main loops")
	}
}

// A trip goes the way with the most marks although it is longer, and past what has none.
func TestTrip(t *testing.T) {
	text := `Function : diamond
 /*0000*/ NOP ;
 /*0010*/ @P0 BRA 0x50 ;
 /*0020*/ FFMA R1, R1, R1, R1 ;
 /*0030*/ FADD R1, R1, R1 ;
 /*0040*/ BRA 0x60 ;
 /*0050*/ FADD R2, R2, R2 ;
 /*0060*/ @!P1 BRA 0x80 ;
 /*0070*/ MUFU.EX2 R1, R1 ;
 /*0080*/ BRA.U UP0, 0x10 ;
 /*0090*/ @P2 CALL.REL.NOINC 0xb0 ;
 /*00a0*/ BRA 0x0 ;
 /*00b0*/ EXIT ;
`
	kernels, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	loops := kernels[0].Loops()
	if len(loops) != 2 || loops[0].Head != 0x10 || loops[1].Head != 0 || loops[0].Outer != loops[1] {
		t.Fatalf("%+v", loops)
	}
	for mark, want := range map[string]int{"FFMA": 6, "MUFU": 5, "DFMA": 4} {
		if got := loops[0].Trip(mark); len(got) != want {
			t.Errorf("%s: %v, want %d", mark, got, want)
		}
	}
	if got := loops[1].Trip("NOP"); len(got) != 3 {
		t.Errorf("the loop around: %v", got)
	}
}

func TestInstruction(t *testing.T) {
	for _, c := range []struct {
		op, is  string
		yes     bool
		pipe    Pipe
		float64 bool
		bytes   int
	}{
		{"LDG.E.128.CONSTANT", "LDG.128", true, LSU, false, 16},
		{"LDG.E.128.CONSTANT", "LDG.64", false, LSU, false, 16},
		{"STG.E.U8", "STG", true, LSU, false, 1},
		{"LDGSTS.E.BYPASS.LTC128B.128", "LDGSTS.128", true, LSU, false, 16},
		{"LDS.128", "LDG", false, LSU, false, 0},
		{"DFMA", "D*", true, FP64, true, 0},
		{"FFMA.FTZ", "D*", false, FMA, false, 0},
		{"MUFU.RCP64H", "MUFU", true, XU, true, 0},
		{"MUFU.EX2", "MUFU.EX2", true, XU, false, 0},
		{"F2F.F32.F64", "F2F", true, XU, true, 0},
		{"HMMA.16816.F32", "HMMA", true, Tensor, false, 0},
		{"UIADD3", "UIADD3", true, Other, false, 0},
		{"FSETP.GT.AND", "FSETP", true, ALU, false, 0},
		{"STG.E.64", "STG", true, LSU, false, 8},
		{"LDG.E", "LDG", true, LSU, false, 4},
	} {
		i := Instruction{Op: c.op}
		if i.Is(c.is) != c.yes || i.Pipe() != c.pipe || i.Float64() != c.float64 || i.Bytes() != c.bytes {
			t.Errorf("%s: is %s %t, %v, %t, %d bytes", c.op, c.is, i.Is(c.is), i.Pipe(), i.Float64(), i.Bytes())
		}
	}
	c := ByPipe([]Instruction{{Op: "FFMA"}, {Op: "FFMA"}, {Op: "BRA"}})
	if c[FMA] != 2 || c.Slots() != 3 {
		t.Error(c)
	}
}

func TestParseLog(t *testing.T) {
	f, err := os.Open("../audit/testdata/sample.80.log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := ParseLog(f)
	if err != nil {
		t.Fatal(err)
	}
	if r := all["sample_local_f32"]; r.Registers != 27 || r.Stack != 32 || len(all) != 5 {
		t.Errorf("%+v of %d", r, len(all))
	}
	got, err := ParseLog(strings.NewReader("Compiling entry function 'x' for 'sm_80'\n 8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads\n Used 255 registers, used 1 barriers, 12544 bytes smem, 640 bytes cmem[0]\n"))
	if want := (Resources{255, 12544, 8, 4, 12}); err != nil || got["x"] != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ParseLog(strings.NewReader("Compiling entry function 'x' for 'sm_80'\n")); err == nil {
		t.Error("a kernel without registers")
	}
}
