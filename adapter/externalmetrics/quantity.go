package externalmetrics

import (
	"fmt"
	"math"

	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	// roundOff is how far above a whole number of thousandths, relative to it, a demand still counts as that number: two roundings of
	// a float64.
	roundOff = 4e-16
	// maxMilli is a demand whose thousandths fit into an int64, and maxWhole the first that does not fit itself.
	maxMilli, maxWhole = 9.2e15, float64(1 << 63)
)

// demandQuantity returns a demand rounded up to a thousandth, or to a whole number where its thousandths do not fit into 63 bits. It
// refuses what is no demand: NaN, infinite, negative, or too large for a Quantity.
func demandQuantity(v float64) (resource.Quantity, error) {
	switch {
	case !(v >= 0 && v < maxWhole):
		return resource.Quantity{}, fmt.Errorf("%v cannot be published as a demand", v)
	case v >= maxMilli:
		return *resource.NewQuantity(int64(math.Ceil(v)), resource.DecimalSI), nil
	}
	return *resource.NewMilliQuantity(int64(ceil(v*1000)), resource.DecimalSI), nil
}

// ceil rounds x up, but not over a round-off.
func ceil(x float64) float64 {
	if n := math.Round(x); math.Abs(x-n) <= roundOff*x {
		return n
	}
	return math.Ceil(x)
}

// instancesQuantity returns a number of instances. It refuses a negative one.
func instancesQuantity(n int) (resource.Quantity, error) {
	if n < 0 {
		return resource.Quantity{}, fmt.Errorf("%d cannot be published as a number of instances", n)
	}
	return *resource.NewQuantity(int64(n), resource.DecimalSI), nil
}
