package forecast

// Gaussian is the distribution of a demand whose forecast is normal at a scale, with what lies below zero taken as zero. Mean and
// Deviation are finite and Deviation is positive.
type Gaussian struct {
	Mean, Deviation float64
	Scale           Scale
}

// Quantile implements Distribution.
func (g Gaussian) Quantile(p float64) float64 {
	return g.Scale.Out(g.Mean + g.Deviation*NormalQuantile(p))
}
