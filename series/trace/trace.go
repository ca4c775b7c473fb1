// Package trace turns CSV files into series, for backtest and replay.
//
// A file is wide (a column timestamp and one column per series) or long (the columns series, timestamp and value), plain or gzip. A
// blank cell is a missing observation, a row that the grid expects and the file lacks is one too, and neither is ever zero. Rows may come
// in any order, and a row may be there twice. A file that leaves a doubt, such as two values for one time, an irregular step or a cell
// that is not a number, is refused with the line.
//
// The step is the most common difference between one timestamp of a series and the next, the smallest of those that are equally common,
// and every other difference must be a whole multiple of it. Where the timestamps are regular but not multiples of the step since the
// Unix epoch, all of them are moved back by the same Offset onto the grid; adding it gives the file's timestamps back exactly. Whoever
// replays such a file keeps to the moved time throughout, so that nothing is known before its time.
package trace

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// Options say how to read what a file alone does not tell. The zero value suits a regular file.
type Options struct {
	// Step is the distance of the grid points; 0 takes it from the timestamps, for which a series needs two.
	Step time.Duration
}

// File is a trace held in memory. It is safe for concurrent use.
type File struct {
	name  string
	names []string
	cols  map[string]column
}

// column is one series with the time by which its timestamps were moved back.
type column struct {
	series series.Series
	offset time.Duration
}

// Open reads the CSV file at path, which may be compressed with gzip whatever its name.
func Open(path string) (*File, error) { return Options{}.Open(path) }

// Read reads a CSV file, which may be compressed with gzip, from r. Errors call it name.
func Read(name string, r io.Reader) (*File, error) { return Options{}.Read(name, r) }

// Open is the function Open under o.
func (o Options) Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // names the file
	}
	defer f.Close()
	return o.Read(path, f)
}

// Read is the function Read under o.
func (o Options) Read(name string, r io.Reader) (*File, error) {
	if o.Step < 0 {
		return nil, fmt.Errorf("%s: the step is negative: %v", name, o.Step)
	}
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: gzip: %w", name, err)
		}
		defer z.Close()
		in = bufio.NewReaderSize(z, 64<<10)
	}
	tracks, err := newReader(name, in).read()
	if err != nil {
		return nil, err
	}
	return newFile(name, o.Step, tracks)
}

// newFile puts each track on its grid.
func newFile(name string, step time.Duration, tracks []*track) (*File, error) {
	f := &File{name: name, cols: map[string]column{}}
	common := commonStep(tracks)
	for _, t := range tracks {
		own := int64(step)
		if own == 0 {
			own = t.times.step()
		}
		if own == 0 {
			own = common // a single point in a file whose other series have more
		}
		if own == 0 {
			return nil, fmt.Errorf("%s:%d: the step is unknown: %s has a single timestamp; give the step", name, t.times[0].line, t.what())
		}
		if err := f.add(t, own); err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
	}
	return f, nil
}

// add puts the columns of t on the grid of step.
func (f *File) add(t *track, step int64) error {
	n, err := t.times.grid(step)
	if err != nil {
		return err
	}
	first := time.Unix(0, t.times[0].first).UTC()
	start := series.Align(first, time.Duration(step))
	for i, name := range t.names {
		f.names = append(f.names, name)
		f.cols[name] = column{
			series: series.Series{Key: series.Key(name), Start: start, Step: time.Duration(step), Values: t.times.place(t.values[i], step, n)},
			offset: first.Sub(start),
		}
		t.values[i] = nil
	}
	return nil
}

// Names returns the series' names in the order of the file.
func (f *File) Names() []string { return slices.Clone(f.names) }

// Series returns the named series without a unit. Its Values are shared with f: whoever changes them works on a Clone. The error
// of a name that the file does not have lists those it has, and is series.ErrNoSeries.
func (f *File) Series(name string) (series.Series, error) {
	c, err := f.column(name)
	return c.series, err
}

// Offset returns the time, at least zero and below the step, by which the named series' timestamps were moved back: the file's own
// timestamp of point i is TimeAt(i).Add(Offset). Errors are those of Series.
func (f *File) Offset(name string) (time.Duration, error) {
	c, err := f.column(name)
	return c.offset, err
}

// maxRange bounds the points of one Range, to 800 MB of values.
const maxRange = 100_000_000

// maxShown bounds how many names an error lists.
const maxShown = 20

func (f *File) column(name string) (column, error) {
	if c, ok := f.cols[name]; ok {
		return c, nil
	}
	shown, rest := f.names, ""
	if len(shown) > maxShown {
		shown, rest = shown[:maxShown], fmt.Sprintf(" and %d more", len(f.names)-maxShown)
	}
	return column{}, fmt.Errorf("%s: %w: no series is called %q, there are %s%s", f.name, series.ErrNoSeries, name, strings.Join(shown, ", "), rest)
}

// Range implements series.Source: it returns the series named q.Expr on q's grid, NaN where the file has nothing. The step of q must be
// that of the series. The error of a name that the file does not have is that of Series.
func (f *File) Range(ctx context.Context, q series.Query) ([]series.Series, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := f.Series(q.Expr)
	if err != nil {
		return nil, err
	}
	if q.Step != s.Step {
		return nil, fmt.Errorf("%s: series %q has step %v, asked for %v", f.name, q.Expr, s.Step, q.Step)
	}
	if q.Start.IsZero() || q.End.IsZero() {
		return nil, fmt.Errorf("%s: series %q: the range has no start or no end", f.name, q.Expr)
	}
	start, n := q.Grid()
	if n > maxRange {
		return nil, fmt.Errorf("%s: series %q: %d points asked for, the most is %d", f.name, q.Expr, n, maxRange)
	}
	out := series.Series{Key: s.Key, Start: start, Step: q.Step, Values: make([]float64, n)}
	for i := range out.Values {
		out.Values[i] = math.NaN()
	}
	if from := s.Index(start); from < 0 {
		copy(out.Values[min(-from, n):], s.Values)
	} else if from < s.Len() {
		copy(out.Values, s.Values[from:])
	}
	return []series.Series{out}, nil
}
