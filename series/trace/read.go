package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// maxLine bounds the length of a line in bytes.
const maxLine = 16 << 20

// track is what shares timestamps: all columns of a wide file, or one series of a long one.
type track struct {
	names  []string
	values [][]float64 // by name, one for each timestamp
	times  times
	last   int64
	long   bool
	// stamps and lines are those of all rows once a timestamp was not later than the one before it, and sort makes times of them.
	stamps []int64
	lines  []int
}

// what names the track in an error.
func (t *track) what() string {
	if t.long {
		return fmt.Sprintf("series %q", t.names[0])
	}
	return "the file"
}

// add begins a row at the given time. While timestamps ascend only their runs are kept.
func (t *track) add(ns int64, line int) {
	if t.stamps == nil && (len(t.times) == 0 || ns > t.last) {
		t.times.add(ns, line)
		t.last = ns
		return
	}
	if t.stamps == nil {
		t.stamps, t.lines = t.times.unfold()
	}
	t.stamps, t.lines = append(t.stamps, ns), append(t.lines, line)
}

// reader reads one file row by row. Only the values and the irregularities of the timestamps stay in memory.
type reader struct {
	name   string
	lines  *bufio.Scanner
	line   int
	fields [][]byte // of the line under way; they share its memory
	quoted []byte   // what unquoting needed
	clock  clock
}

func newReader(name string, r io.Reader) *reader {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	return &reader{name: name, lines: lines}
}

// errorf returns an error that names the file and the line under way.
func (r *reader) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", r.name, r.line, fmt.Errorf(format, args...))
}

// read reads the whole file.
func (r *reader) read() ([]*track, error) {
	ok, err := r.next()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%s: the file is empty", r.name)
	}
	header := make([]string, len(r.fields))
	for i, b := range r.fields {
		header[i] = string(b)
	}
	var tracks []*track
	if at := longLayout(header); at != nil {
		tracks, err = r.long(header, at)
	} else {
		tracks, err = r.wide(header)
	}
	if err == nil && (len(tracks) == 0 || len(tracks[0].times) == 0) {
		err = fmt.Errorf("%s: there is no row below the header", r.name)
	}
	if err != nil {
		return nil, err
	}
	for _, t := range tracks {
		if err = t.sort(); err != nil {
			return nil, fmt.Errorf("%s:%w", r.name, err)
		}
	}
	return tracks, nil
}

// next takes the next line that is not blank apart into r.fields; ok is false at the end of the file.
func (r *reader) next() (ok bool, err error) {
	for r.lines.Scan() {
		r.line++
		b := r.lines.Bytes()
		if r.line == 1 {
			b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
		}
		if len(bytes.TrimSpace(b)) > 0 {
			return true, r.split(b)
		}
	}
	if err = r.lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return false, fmt.Errorf("%s:%d: the line is longer than %d bytes", r.name, r.line+1, maxLine)
	}
	if err != nil {
		return false, fmt.Errorf("%s:%d: %w", r.name, r.line+1, err)
	}
	return false, nil
}

// split takes a line apart at its commas (RFC 4180, without line breaks inside quotes).
func (r *reader) split(b []byte) error {
	r.fields, r.quoted = r.fields[:0], r.quoted[:0]
	for {
		if field := bytes.TrimLeft(b, " \t"); len(field) > 0 && field[0] == '"' {
			rest, err := r.unquote(field[1:])
			if err != nil {
				return err
			}
			if len(rest) == 0 {
				return nil
			}
			b = rest[1:]
			continue
		}
		field, rest, more := bytes.Cut(b, []byte{','})
		if bytes.IndexByte(field, '"') >= 0 {
			return r.errorf("a quote inside a field that does not begin with one")
		}
		r.fields = append(r.fields, bytes.TrimSpace(field))
		if !more {
			return nil
		}
		b = rest
	}
}

// unquote takes the field that b begins with, without its opening quote, and returns what follows: nothing or a comma and more.
func (r *reader) unquote(b []byte) (rest []byte, err error) {
	from := len(r.quoted)
	for {
		text, after, closed := bytes.Cut(b, []byte{'"'})
		if !closed {
			return nil, r.errorf("a quote is not closed on its line")
		}
		r.quoted = append(r.quoted, text...)
		if len(after) == 0 || after[0] != '"' {
			b = bytes.TrimLeft(after, " \t")
			break
		}
		r.quoted = append(r.quoted, '"')
		b = after[1:]
	}
	if len(b) > 0 && b[0] != ',' {
		return nil, r.errorf("%.20q follows a closing quote, want a comma", b)
	}
	r.fields = append(r.fields, bytes.TrimSpace(r.quoted[from:len(r.quoted):len(r.quoted)]))
	return b, nil
}

// row takes the next row and refuses one without the header's number of fields; ok is false at the end of the file.
func (r *reader) row(header []string) (ok bool, err error) {
	if ok, err = r.next(); !ok || err != nil {
		return false, err
	}
	if len(r.fields) != len(header) {
		return false, r.errorf("%d fields, want %d as in the header", len(r.fields), len(header))
	}
	return true, nil
}

// longLayout returns the places of series, timestamp and value in the header of a long file, nil where it is not one.
func longLayout(header []string) []int {
	if len(header) != 3 {
		return nil
	}
	var at []int
	for _, want := range []string{"series", "timestamp", "value"} {
		for i, name := range header {
			if strings.EqualFold(name, want) {
				at = append(at, i)
			}
		}
	}
	if len(at) != 3 {
		return nil
	}
	return at
}

// long reads the rows of a long file.
func (r *reader) long(header []string, at []int) ([]*track, error) {
	var tracks []*track
	byName := map[string]*track{}
	for {
		ok, err := r.row(header)
		if !ok || err != nil {
			return tracks, err
		}
		name := r.fields[at[0]]
		if len(name) == 0 {
			return nil, r.errorf("the name of the series is empty")
		}
		t := byName[string(name)]
		if t == nil {
			t = &track{names: []string{string(name)}, values: make([][]float64, 1), long: true}
			byName[t.names[0]] = t
			tracks = append(tracks, t)
		}
		if err = r.begin(t, r.fields[at[1]]); err != nil {
			return nil, err
		}
		if err = r.cell(t, 0, "value", r.fields[at[2]]); err != nil {
			return nil, err
		}
	}
}

// wide reads the rows of a wide file.
func (r *reader) wide(header []string) ([]*track, error) {
	if err := r.checkWide(header); err != nil {
		return nil, err
	}
	t := &track{names: header[1:], values: make([][]float64, len(header)-1)}
	for {
		ok, err := r.row(header)
		if !ok || err != nil {
			return []*track{t}, err
		}
		if err = r.begin(t, r.fields[0]); err != nil {
			return nil, err
		}
		for i, name := range t.names {
			if err = r.cell(t, i, name, r.fields[i+1]); err != nil {
				return nil, err
			}
		}
	}
}

// checkWide refuses a header that is not that of a wide file.
func (r *reader) checkWide(header []string) error {
	if !strings.EqualFold(header[0], "timestamp") || len(header) < 2 {
		return r.errorf("the header is %.100q, want timestamp,NAME,... or series,timestamp,value", strings.Join(header, ","))
	}
	seen := map[string]int{}
	for i, name := range header[1:] {
		if name == "" {
			return r.errorf("column %d has no name", i+2)
		}
		if seen[name] > 0 {
			return r.errorf("columns %d and %d are both called %q", seen[name], i+2, name)
		}
		seen[name] = i + 2
	}
	return nil
}

// begin begins a row of t at the time in field.
func (r *reader) begin(t *track, field []byte) error {
	ns, err := r.clock.parse(field)
	if err != nil {
		return r.errorf("%w", err)
	}
	t.add(ns, r.line)
	return nil
}

// cell appends the value in field to the column i of t.
func (r *reader) cell(t *track, i int, name string, field []byte) error {
	v := math.NaN()
	if !isMissing(field) {
		var err error
		v, err = strconv.ParseFloat(string(field), 64)
		switch {
		case math.IsInf(v, 0):
			return r.errorf("column %s: %.40q is not finite", name, field)
		case err != nil || bytes.ContainsAny(field, "xX_"):
			return r.errorf("column %s: %.40q is not a number", name, field)
		}
	}
	t.values[i] = append(t.values[i], v)
	return nil
}

// isMissing says whether a cell stands for no observation.
func isMissing(b []byte) bool {
	switch len(b) {
	case 0:
		return true
	case 2:
		return bytes.EqualFold(b, []byte("na"))
	case 3:
		return bytes.EqualFold(b, []byte("nan"))
	case 4:
		return bytes.EqualFold(b, []byte("null"))
	}
	return false
}
