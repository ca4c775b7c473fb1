package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// progress shows how far a batch is: a bar on one line of a terminal, a line at every twentieth elsewhere if that is asked for, and
// otherwise nothing. It is safe for concurrent use.
type progress struct {
	w     io.Writer
	what  string
	total int
	bar   bool
	lines bool
	now   func() time.Time

	mu           sync.Mutex
	done         int
	begun, drawn time.Time
}

// newProgress begins to show on w how many of total are done. What is a word for what is done; forced shows it where w is no terminal.
func newProgress(w io.Writer, forced bool, what string, total int) *progress {
	return &progress{w: w, what: what, total: total, bar: isTerminal(w), lines: forced, now: time.Now, begun: time.Now()}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// add says that one more is done.
func (p *progress) add() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.show()
}

// set says how many of how many are done.
func (p *progress) set(done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total = done, total
	p.show()
}

// show draws what is done.
func (p *progress) show() {
	switch {
	case p.bar && (p.done == p.total || p.now().Sub(p.drawn) >= 100*time.Millisecond):
		p.drawn = p.now()
		const width = 30
		filled := width * p.done / max(p.total, 1)
		fmt.Fprintf(p.w, "\r%s [%s%s] %d of %d%s\x1b[K", p.what, strings.Repeat("#", filled), strings.Repeat("-", width-filled), p.done, p.total, p.left())
	case !p.bar && p.lines && (p.done == p.total || p.done*20/max(p.total, 1) != (p.done-1)*20/max(p.total, 1)):
		fmt.Fprintf(p.w, "%s %d of %d\n", p.what, p.done, p.total)
	}
}

// left says how long the rest takes if it takes as long as what is done.
func (p *progress) left() string {
	spent := p.now().Sub(p.begun)
	if p.done == p.total || spent < 2*time.Second {
		return ""
	}
	rest := time.Duration(float64(spent) / float64(p.done) * float64(p.total-p.done))
	return fmt.Sprintf(", %s left", rest.Round(time.Second))
}

// end wipes the bar, so that what is printed next has the line for itself.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
