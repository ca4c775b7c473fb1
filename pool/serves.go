package pool

// Serves returns the demand that the instances of a target serve in the pool, each as one of its type: burstable ones with the credits that
// they have, and those that may be interrupted as long as they are there.
func (p Pool) Serves(t Target) float64 {
	share := p.Burst.share(p.LeadTime)
	if len(t.Types) == 0 {
		return float64(t.Instances) * p.Capacity * share
	}
	var sum float64
	for _, k := range t.Types {
		for _, kind := range p.Types {
			if kind.Name == k.Type {
				sum += float64(k.Instances) * kind.Capacity * share
			}
		}
	}
	return sum
}

// Most returns how many instances the pool can have, with the bounds of its types; math.MaxInt32 where nothing bounds it.
func (p Pool) Most() int { return supplies([]Pool{p})[0].most() }
