package prom

import (
	"log/slog"
	"slices"
	"sync"
)

// maxWarnings bounds how many distinct warnings are kept and logged: a server that puts a changing number in its text must fill
// neither the memory nor the log.
const maxWarnings = 256

// Warning is what the server said about an answer that it gave all the same.
type Warning struct {
	// Expr is the query and Text the server's words.
	Expr, Text string
	// Count is the number of answers that carried it.
	Count int
}

// warnings keeps each distinct warning and logs it the first time.
type warnings struct {
	log  *slog.Logger
	mu   sync.Mutex
	list []Warning
	at   map[[2]string]int
}

func newWarnings(log *slog.Logger) *warnings {
	return &warnings{log: log, at: map[[2]string]int{}}
}

func (w *warnings) add(expr, text string) {
	if w.count(expr, text) {
		w.log.Warn("warning of the history's API", "query", expr, "warning", text)
	}
}

// count adds one to the warning's count; isNew is true where it is seen for the first time and kept.
func (w *warnings) count(expr, text string) (isNew bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := [2]string{expr, text}
	if i, ok := w.at[key]; ok {
		w.list[i].Count++
		return false
	}
	if len(w.list) == maxWarnings {
		return false
	}
	w.at[key] = len(w.list)
	w.list = append(w.list, Warning{Expr: expr, Text: text, Count: 1})
	return true
}

func (w *warnings) all() []Warning {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}
