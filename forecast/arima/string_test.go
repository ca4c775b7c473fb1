package arima

import (
	"fmt"
	"strings"
)

// String returns the order, for example "ARIMA(2,0,1)(0,1,1)[24] with drift".
func (m *model) String() string { return m.Order.String() }

// String writes the order as R's forecast package does.
func (o order) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ARIMA(%d,%d,%d)", o.P, o.D, o.Q)
	if o.M > 0 {
		fmt.Fprintf(&b, "(%d,%d,%d)[%d]", o.SP, o.SD, o.SQ, o.M)
	}
	switch {
	case !o.Constant:
	case o.D+o.SD == 0:
		b.WriteString(" with mean")
	default:
		b.WriteString(" with drift")
	}
	return b.String()
}
