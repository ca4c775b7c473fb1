package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	f := func(bar, lines bool, total, done int, want string) {
		t.Helper()
		var out bytes.Buffer
		p := newProgress(&out, lines, "forecast", total)
		at := p.begun
		p.bar, p.now = bar, func() time.Time { at = at.Add(time.Second); return at }
		for range done {
			p.add()
		}
		if p.bar {
			out.Reset()
			p.done--
			p.add()
		}
		if got := out.String(); got != want {
			t.Errorf("bar %v, lines %v: %q, want %q", bar, lines, got, want)
		}
	}
	f(false, false, 4, 4, "")
	f(false, true, 2, 2, "forecast 1 of 2\nforecast 2 of 2\n")
	f(false, true, 40, 5, "forecast 2 of 40\nforecast 4 of 40\n")
	f(true, false, 4, 2, "\rforecast [###############---------------] 2 of 4, 9s left\x1b[K")
	f(true, false, 3, 3, "\rforecast [##############################] 3 of 3\x1b[K")
}

func TestOnlyATerminalHasABar(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if newProgress(f, true, "forecast", 1).bar || newProgress(&bytes.Buffer{}, true, "forecast", 1).bar {
		t.Error("a file or a buffer has a bar")
	}
}
