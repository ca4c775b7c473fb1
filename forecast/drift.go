package forecast

// Drifter is implemented by a Model that can tell that the demand no longer behaves as when it was fitted. Drifted stays true from then
// on; it follows from the observations alone.
type Drifter interface {
	Drifted() bool
}
