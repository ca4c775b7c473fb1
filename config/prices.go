package config

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// maxPriceFile bounds the file of prices, which holds a row for each type of instance.
const maxPriceFile = 1 << 20

// priceColumns are the columns that a file of prices may have; the first two it must have.
var priceColumns = []string{"type", "hourly", "committed_ratio", "interruptions_per_hour"}

// priceRow is one type of instance; a ratio of 0 is none.
type priceRow struct {
	line                         int
	hourly, ratio, interruptions float64
}

// priceFile reads the prices of types of instances and gives them to the pools that name a type.
type priceFile struct {
	*report
	path string
	data []byte
	rows map[string]priceRow
	read bool // the file is there and nothing is wrong with it
}

// apply fills in what the rows say and the configuration does not.
func (f *priceFile) apply(c *Config) {
	f.path = c.PriceFile
	if f.path != "" {
		f.load()
	}
	for i := range c.Fleets {
		for j := range c.Fleets[i].Pools {
			p, key := &c.Fleets[i].Pools[j], fmt.Sprintf("fleets[%d].pools[%d]", i, j)
			f.price(&p.Price, key+".price")
			for n := range p.Types {
				f.price(&p.Types[n].Price, fmt.Sprintf("%s.types[%d].price", key, n))
			}
		}
	}
}

func (f *priceFile) price(p *Price, key string) {
	at := key + ".type"
	if !f.given(at) || !f.sound(at) {
		return
	}
	row, ok := f.rows[p.Type]
	switch {
	case f.path == "":
		f.add(at, "there is no file of prices; allowed: with the key price_file")
		return
	case !f.read:
		f.failed[at] = true // what is wrong with the file is said already
		return
	case !ok:
		f.add(at, "%q has no row in %s; allowed: %s", p.Type, f.path, someOf(f.rows))
		return
	}
	if !f.given(key + ".hourly") {
		p.Hourly = row.hourly
	}
	if !f.given(key + ".interruptions_per_hour") {
		p.InterruptionsPerHour = row.interruptions
	}
	if row.ratio > 0 && !f.given(key+".commitment.ratio") {
		if p.Commitment == nil {
			p.Commitment = new(Commitment)
		}
		p.Commitment.Ratio = row.ratio
	}
}

// someOf names the types that there are, at most ten of them.
func someOf(rows map[string]priceRow) string {
	names := slices.Sorted(maps.Keys(rows))
	if n := len(names); n > 10 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:10], ", "), n-10)
	}
	return strings.Join(names, ", ")
}

// load reads the file.
func (f *priceFile) load() {
	var err error
	if f.data, err = readBounded(f.path, maxPriceFile); err != nil {
		f.add("price_file", "%v; allowed: a CSV file with the columns %s", err, strings.Join(priceColumns, ", "))
		return
	}
	before := len(f.errs)
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(f.data, []byte("\ufeff"))))
	r.Comment, r.TrimLeadingSpace = '#', true
	switch header := f.record(r); {
	case header != nil:
		f.table(r, header)
	case len(f.errs) == before:
		f.wrong(1, 1, "header", "the file is empty; allowed: %s", strings.Join(priceColumns, ", "))
	}
	f.read = len(f.errs) == before
}

// readBounded reads a file that must be a regular one and not too large.
func readBounded(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
		return nil, fmt.Errorf("%q: %w", path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%q is not a file", path)
	case info.Size() > most:
		return nil, fmt.Errorf("%q has %d bytes, of at most %d", path, info.Size(), most)
	}
	return os.ReadFile(path)
}

// wrong records what is wrong with a cell of the file. It never shows more of the file than that cell.
func (f *priceFile) wrong(line, column int, name, format string, args ...any) {
	f.errs = append(f.errs, &Error{File: f.path, Line: line, Column: column, Key: name, Problem: fmt.Sprintf(format, args...)})
}

// record returns the next row, nil at the end and where there is no row that can be read.
func (f *priceFile) record(r *csv.Reader) []string {
	cells, err := r.Read()
	parse, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case err == nil:
		return cells
	case ok:
		f.wrong(parse.Line, max(parse.Column, 1), "row", "%v; allowed: as many cells in each row as the header has", parse.Err)
	case !errors.Is(err, io.EOF):
		f.wrong(1, 1, "row", "%v", err)
	}
	return nil
}

// table reads the rows below a header.
func (f *priceFile) table(r *csv.Reader, header []string) {
	columns, before := map[string]int{}, len(f.errs)
	for i, name := range header {
		name = strings.TrimSpace(name)
		line, column := r.FieldPos(i)
		_, dup := columns[name]
		switch {
		case !slices.Contains(priceColumns, name):
			f.wrong(line, column, "header", "unknown column %q; allowed: %s", name, strings.Join(priceColumns, ", "))
		case dup:
			f.wrong(line, column, "header", "the column %s comes twice; allowed: each once", name)
		}
		columns[name] = i
	}
	for _, name := range priceColumns[:2] {
		if _, ok := columns[name]; !ok {
			f.wrong(1, 1, "header", "the column %s is missing; allowed: %s", name, strings.Join(priceColumns, ", "))
		}
	}
	if len(f.errs) > before {
		return
	}
	f.rows = map[string]priceRow{}
	for cells := f.record(r); cells != nil; cells = f.record(r) {
		f.row(r, columns, cells)
	}
}

// row reads one row.
func (f *priceFile) row(r *csv.Reader, columns map[string]int, cells []string) {
	at := columns["type"]
	line, column := r.FieldPos(at)
	name := strings.TrimSpace(cells[at])
	first, dup := f.rows[name]
	switch {
	case name == "":
		f.wrong(line, column, "type", "is empty; allowed: the name of a type of instance")
	case dup:
		f.wrong(line, column, "type", "%q is in line %d already; allowed: each type once", name, first.line)
	default:
		f.rows[name] = priceRow{
			line:          line,
			hourly:        f.number(r, columns, cells, "hourly", "more than 0", func(v float64) bool { return v > 0 }),
			ratio:         f.number(r, columns, cells, "committed_ratio", "more than 0 and less than 1, or nothing", func(v float64) bool { return v > 0 && v < 1 }),
			interruptions: f.number(r, columns, cells, "interruptions_per_hour", "0 or more, or nothing", func(v float64) bool { return v >= 0 }),
		}
	}
}

// number reads one cell; it is 0 where the column is absent, or is empty and may be.
func (f *priceFile) number(r *csv.Reader, columns map[string]int, cells []string, name, allowed string, holds func(float64) bool) float64 {
	i, ok := columns[name]
	if !ok {
		return 0
	}
	text := strings.TrimSpace(cells[i])
	if text == "" && name != "hourly" {
		return 0
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) || !holds(v) {
		line, column := r.FieldPos(i)
		f.wrong(line, column, name, "%q is not allowed; allowed: a number, %s", text, allowed)
	}
	return v
}
