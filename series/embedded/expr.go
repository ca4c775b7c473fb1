package embedded

import (
	"fmt"

	"github.com/prometheus/prometheus/promql/parser"
)

// newParser returns the parser that queries and CheckExpr share: PromQL without experimental functions.
func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// CheckExpr reports whether expr is PromQL that yields a number per series at one time: an instant vector or a scalar. The error of
// Prometheus's parser begins with line:column.
func CheckExpr(expr string) error {
	parsed, err := newParser().ParseExpr(expr)
	if err != nil {
		return fmt.Errorf("query %q: %w", expr, err)
	}
	switch t := parsed.Type(); t {
	case parser.ValueTypeVector, parser.ValueTypeScalar:
		return nil
	case parser.ValueTypeMatrix:
		return fmt.Errorf("query %q is a range vector, want an instant vector or a scalar; wrap it, for example in avg_over_time(...)", expr)
	default:
		return fmt.Errorf("query %q is a %s, want an instant vector or a scalar", expr, t)
	}
}
