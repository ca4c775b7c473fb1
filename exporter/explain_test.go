package exporter

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/pool"
)

// TestExplainGolden holds the words about every kind of fleet.
func TestExplainGolden(t *testing.T) {
	var text bytes.Buffer
	for _, s := range append(fleets(), broken(), pool.Snapshot{Fleet: "empty"}) {
		_, _ = fmt.Fprintf(&text, "%s\n\n", strings.Join(Explain(s, noon), "\n"))
	}
	golden(t, "explain.txt", text.Bytes())
	if bytes.Contains(text.Bytes(), []byte("NaN")) {
		t.Error("the words hold a number that is none")
	}
}

// TestExplainDoesNotDependOnReadings says that the same snapshot and time give the same words.
func TestExplainDoesNotDependOnReadings(t *testing.T) {
	if a, b := Explain(batch(), noon), Explain(batch(), noon); strings.Join(a, "\n") != strings.Join(b, "\n") {
		t.Error("two explanations of one decision differ")
	}
}
