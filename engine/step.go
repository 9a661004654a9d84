package engine

// Stepper is an Engine that makes an integrator's step of all rows in one operation: the step itself, its error,
// the choice of the next step, and the point at which the next slope is wanted. The host evaluates slopes
// between the operations and asks now and then how many rows still run. Package flow has the same steps over
// LinComb and ErrorNorm, with the control on the host, for engines without.
type Stepper interface {
	Engine
	// AdamsStep makes a step of variable order; see [AdamsStep].
	AdamsStep(a *AdamsStep) error
	// RungeKuttaStage makes a stage, and after the last the step; see [RungeKuttaStage].
	RungeKuttaStage(a *RungeKuttaStage) error
}

// Trajectories is an Engine that takes rows through many steps of a small mixture's flow in one operation.
type Trajectories interface {
	Engine
	// HasTrajectories says whether the engine does that for a mixture of k components in d dimensions, own = a
	// basis each, with states of s numbers, by a Runge-Kutta method of so many stages, or with 0 by Adams's.
	HasTrajectories(d, k int, own bool, s, stages int) bool
	// Trajectories makes Runge-Kutta steps; see [Trajectory].
	Trajectories(a *Trajectory) error
	// AdamsTrajectories makes Adams steps; see [AdamsTrajectory].
	AdamsTrajectories(a *AdamsTrajectory) error
}

// CurveKind names a path (alpha, sigma)(u) that engines follow by themselves. Package schedule has the formulas.
type CurveKind uint8

const (
	CurveTrig     CurveKind = iota // trigonometric
	CurveRF                        // rectified flow
	CurveVE                        // variance exploding
	CurveConstant                  // variance preserving, of a constant rate
	CurveLinear                    // of a linear rate; P: the rates at both ends
	CurveCosine                    // of Nichol and Dhariwal; P: the offset
)

// Curve is a path with its parameters.
type Curve struct {
	Kind CurveKind
	P    [2]float64
}

// StepControl is how rows choose their steps, each row by itself. A step of length h from u ends at End if it
// reaches it but for a billionth, else at u + h in the direction of End; with Grid > 0 at the last multiple of Grid
// before, within a billionth, unless that keeps less than .6 of the step. With Reach > 0, for times from the data at
// 0 on, no step is longer than Reach max(u, Floor): steps grow with the time, as what a law shows of itself does, and
// Floor > 0 is where its smallest detail shows. Its error is the RMS over Group
// coordinates of error / (Atol + Rtol |x|), the largest of the groups, as in Engine.ErrorNorm. The next length
// is the step's times Safety err^(-1/(order+1)) clipped to [Shrink, Grow], at most 1 after a rejection, and
// at most Retry for a step that is rejected, which is one of error above 1 or NaN. A rejected step shorter than Least
// breaks its row.
type StepControl struct {
	Curve                       Curve
	Start, End                  float64
	Grid, Least                 float64
	Reach, Floor                float64
	Atol, Rtol                  float64
	Group                       int
	Safety, Shrink, Grow, Retry float64
}

// Columns of a row's Track, F64 whatever the states are. The times and slots of the slopes in an Adams history
// follow, newest first.
const (
	TrackRow      = iota // of Out and Counts
	TrackU               // time reached
	TrackH               // length of the next step
	TrackNext            // end of the step in the making
	TrackOrder           // of the next step
	TrackKnown           // slopes in the history; 1 where a Runge-Kutta row has the slope at U
	TrackSteps           // accepted
	TrackRetries         // rejections of the step in the making
	TrackNFE             // slopes taken in
	TrackRejected        // steps rejected
	TrackStop            // a row that reaches or passes this time waits; NaN = none
	TrackTimes
	TrackSlots = TrackTimes + AdamsOrder + 1
	TrackCount = TrackSlots + AdamsOrder + 1
)

// AdamsOrder is the highest order of an Adams step, AdamsHistory the count of vectors in a row's history: the state,
// that many slopes, and one in the making.
const (
	AdamsOrder   = 12
	AdamsHistory = 1 + AdamsOrder + 1
)

// Status of a row.
const (
	RowRuns   = iota
	RowEnded  // Out and Counts are written
	RowWaits  // has reached its TrackStop
	RowBroken // its steps have become too short
)

// Rows are the rows of an integration, as every operation on steps takes and changes them. Rows whose status is not
// RowRuns are left as they are.
type Rows struct {
	Track  Buffer // F64 [1, N, TrackCount]
	Status Buffer // I32 [1, N, 1]
	Hist   Buffer // [N, slots, S]: the state, then slopes
	Out    Buffer // [1, M, S]: the states of rows that have ended, at their TrackRow
	Counts Buffer // F64 [1, M, 2]: and their TrackNFE and TrackRejected
}

// AdamsStep is a step of the method of package flow's adams.go. F holds the slopes at Z. They end the steps in the
// making: the polynomial through the last k slopes and the new one corrects, its terms of orders k-1, k and k+1
// are the errors that choose the next order and length, and the new slope joins the history. Then, in every
// row that runs or has come to wait, the next step is predicted: Z and Coef are where its slope is wanted.
type AdamsStep struct {
	Rows
	Control  StepControl
	MaxOrder int
	First    float64 // Shrink of a first step, whose length is a guess
	F        Buffer  // [1, N, S]; nil = predict only
	Z        Buffer  // [1, N, S]
	Coef     Buffer  // [1, N, CoefCount]
}

// Tableau is an explicit Runge-Kutta method: stage i is the slope at u + C_i h of y + h sum_{j < i} A_ij k_j, and
// y + h sum_j B_j k_j the step.
type Tableau struct {
	A      [][]float64 // row i has i entries
	B, C   []float64
	Errors []float64 // B minus the weights of the embedded method; nil = no control
	Low    int       // its order
	FSAL   bool      // the last stage is the slope at the step's end
}

// MaxStages bounds the stages of a Tableau.
const MaxStages = 7

// RungeKuttaStage takes in the slopes F of one stage, at Z. After all but the last stage Z and Coef are where the
// slope of the next is wanted; after the last the step is judged, and they are where the next step's is: stage 1 if
// the slope at the state is known (after the last stage of FSAL methods), else stage 0. All rows
// that run are at the same stage, so methods that are not FSAL have no control here: Steps > 0 makes equal steps.
type RungeKuttaStage struct {
	Rows
	Control StepControl
	Tableau *Tableau
	Steps   int
	Stage   int
	F, Z    Buffer // [1, N, S]
	Coef    Buffer // [1, N, CoefCount]
}

// MixtureFlow is the flow of a mixture along a Curve, as the slope of states: a point, Tangents tangents of it, and
// with Divergence the integral of the velocity's divergence. The Group of their control is the dimension.
type MixtureFlow struct {
	P          *MixtureParams
	Tangents   int
	Divergence bool
}

// Trajectory makes up to Tries steps of every row that runs, accepted or not.
type Trajectory struct {
	Rows
	MixtureFlow
	Control StepControl
	Tableau *Tableau
	Steps   int // > 0: equal steps
	Tries   int
}

// AdamsTrajectory makes up to Tries steps as [AdamsStep] of every row that runs.
type AdamsTrajectory struct {
	Rows
	MixtureFlow
	Control  StepControl
	MaxOrder int
	First    float64
	Tries    int
}
