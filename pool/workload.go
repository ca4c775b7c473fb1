package pool

// Workload is what kind of demand a fleet has. An unknown pattern or bound comes with the reason why.
type Workload struct {
	// Pattern is how the demand goes over time, and Bound the resource that an instance runs out of first: cpu, memory or gpu, empty where
	// that is unknown.
	Pattern Pattern
	Bound   string
	// PatternVotes and BoundVotes are the shares of votes, 0 to 1, that each has, or the one that leads where the votes do not decide.
	PatternVotes, BoundVotes float64
	// PatternReason and BoundReason say in words what decided. They are empty where nobody has looked.
	PatternReason, BoundReason string
}

// IsKnown reports whether somebody has looked at the demand, whatever came of it.
func (w Workload) IsKnown() bool { return w.PatternReason != "" || w.BoundReason != "" }
