package trace

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

var nan = math.NaN()

// read reads text as the file f.csv.
func read(t *testing.T, text string) *File {
	t.Helper()
	f, err := Read("f.csv", strings.NewReader(text))
	if err != nil {
		t.Fatalf("Read(%q): %v", text, err)
	}
	return f
}

// get returns the named series.
func get(t *testing.T, f *File, name string) series.Series {
	t.Helper()
	s, err := f.Series(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func equal(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || (math.IsNaN(x) && math.IsNaN(y)) })
}

func TestReadOneSeries(t *testing.T) {
	f := func(text string, start int64, step time.Duration, want ...float64) {
		t.Helper()
		s := get(t, read(t, text), "a")
		if s.Start != time.Unix(start, 0).UTC() || s.Step != step || !equal(s.Values, want) || s.Key != "a" {
			t.Errorf("Read(%q) = %+v, want %v from %d each %v", text, s, want, start, step)
		}
	}
	f("timestamp,a\n60,1\n120,2\n", 60, time.Minute, 1, 2)
	f("timestamp,a\n60,1\n120,2", 60, time.Minute, 1, 2)                         // no line end at the end
	f("\xef\xbb\xbftimestamp,a\r\n60,1\r\n\r\n120,2\r\n", 60, time.Minute, 1, 2) // BOM, CRLF, blank line
	f("\"timestamp\",\"a\"\n\"60\", \"1\" \n 120 ,\t2\n", 60, time.Minute, 1, 2) // quotes and blanks
	f("Timestamp,a\n60,1e3\n120,-2.5\n", 60, time.Minute, 1000, -2.5)            // negative values are kept
	f("timestamp,a\n60,\n120,NaN\n180,null\n240,NA\n300,0\n", 60, time.Minute, nan, nan, nan, nan, 0)
	f("timestamp,a\n0,1\n60,2\n240,5\n300,6\n", 0, time.Minute, 1, 2, nan, nan, 5, 6) // rows that are not there
	f("timestamp,a\n0,1\n60,2\n180,4\n", 0, time.Minute, 1, 2, nan, 4)                // of two equally common steps the smaller
	f("timestamp,a\n-120,1\n-60,2\n0,3\n", -120, time.Minute, 1, 2, 3)                // before the epoch
	f("timestamp,a\n60.0,1\n60.5,2\n61.000000000000,3\n", 60, time.Second/2, 1, 2, 3)
	f("timestamp,a\n1700000040000,1\n1700000100000,2\n", 1700000040, time.Minute, 1, 2) // milliseconds
	f("timestamp,a\n1.70000004e9,1\n1.7000001e+09,2\n", 1700000040, time.Minute, 1, 2)
	f("timestamp,a\n2023-11-14T22:14:00Z,1\n2023-11-14T23:15:00+01:00,2\n", 1700000040, time.Minute, 1, 2)
	f("timestamp,a\n2023-11-14 22:14:00,1\n2023-11-14 22:15:00,2\n", 1700000040, time.Minute, 1, 2)
	f("timestamp,a\n2023-11-14 22:14:00+00:00,1\n2023-11-14 22:15:00+00:00,2\n", 1700000040, time.Minute, 1, 2)
	f("timestamp,a\n2023-11-14T22:14:00,1\n2023-11-14T22:15:00,2\n", 1700000040, time.Minute, 1, 2)
	f("series,timestamp,value\na,60,1\na,120,2\n", 60, time.Minute, 1, 2)
	f("timestamp,value,series\n60,1,a\n60,9,b\n120,2,a\n120,9,b\n", 60, time.Minute, 1, 2) // any order of columns and series
}

func TestOffset(t *testing.T) {
	f := func(text, name string, want time.Duration, first string) {
		t.Helper()
		file := read(t, text)
		s := get(t, file, name)
		off, err := file.Offset(name)
		if err != nil || off != want {
			t.Errorf("Offset of %q = %v, %v, want %v", text, off, err, want)
		}
		if series.Align(s.Start, s.Step) != s.Start {
			t.Errorf("%q starts at %v, which is not on the grid of %v", text, s.Start, s.Step)
		}
		if got := s.TimeAt(0).Add(off).Format(time.RFC3339Nano); got != first {
			t.Errorf("%q begins at %s, want %s", text, got, first)
		}
	}
	f("timestamp,a\n60,1\n120,2\n", "a", 0, "1970-01-01T00:01:00Z")
	f("timestamp,a\n61.25,1\n121.25,2\n", "a", 1250*time.Millisecond, "1970-01-01T00:01:01.25Z")
	f("timestamp,a\n-59,1\n1,2\n", "a", time.Second, "1969-12-31T23:59:01Z")
	f("timestamp,a\n2024-02-29 23:30:00,1\n2024-03-01 23:30:00,2\n", "a", 23*time.Hour+30*time.Minute, "2024-02-29T23:30:00Z")
	const two = "series,timestamp,value\na,0,1\na,60,2\nb,10,1\nb,310,1\n"
	f(two, "a", 0, "1970-01-01T00:00:00Z")
	f(two, "b", 10*time.Second, "1970-01-01T00:00:10Z") // each series has its own step and offset
}

func TestNames(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if got := read(t, text).Names(); !slices.Equal(got, want) {
			t.Errorf("Names of %q = %q, want %q", text, got, want)
		}
	}
	f("timestamp,b,a,\"c, \"\"d\"\"\"\n0,1,2,3\n1,1,2,3\n", "b", "a", `c, "d"`)
	f("series,timestamp,value\nz,0,1\na,0,1\nz,1,1\na,1,1\n", "z", "a")
	f("timestamp,series,count\n0,1,2\n1,1,2\n", "series", "count") // not the long layout
}

func TestReadErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := Read("f.csv", strings.NewReader(text))
		if err == nil || err.Error() != want {
			t.Errorf("Read(%.60q) = %v, want %s", text, err, want)
		}
	}
	f("", "f.csv: the file is empty")
	f("\n \n", "f.csv: the file is empty")
	f("timestamp,a\n", "f.csv: there is no row below the header")
	f("series,timestamp,value\n", "f.csv: there is no row below the header")
	f("timestamp\n60\n", `f.csv:1: the header is "timestamp", want timestamp,NAME,... or series,timestamp,value`)
	f("60,1\n120,2\n", `f.csv:1: the header is "60,1", want timestamp,NAME,... or series,timestamp,value`)
	f("timestamp,a,\n", "f.csv:1: column 3 has no name")
	f("timestamp,a,b,a\n", `f.csv:1: columns 2 and 4 are both called "a"`)
	f("timestamp,a\n60,1\n", "f.csv:2: the step is unknown: the file has a single timestamp; give the step")
	f("series,timestamp,value\na,60,1\nb,60,1\n", `f.csv:2: the step is unknown: series "a" has a single timestamp; give the step`)
	f("series,timestamp,value\n,60,1\n", "f.csv:2: the name of the series is empty")
	f("timestamp,cpu\n60,abc\n", `f.csv:2: column cpu: "abc" is not a number`)
	f("timestamp,cpu\n60,1\n\n120,1.5 cores\n", `f.csv:4: column cpu: "1.5 cores" is not a number`)
	f("timestamp,cpu\n60,0x10\n", `f.csv:2: column cpu: "0x10" is not a number`)
	f("timestamp,cpu\n60,inf\n", `f.csv:2: column cpu: "inf" is not finite`)
	f("timestamp,cpu\n60,-Infinity\n", `f.csv:2: column cpu: "-Infinity" is not finite`)
	f("timestamp,cpu\n60,1e999\n", `f.csv:2: column cpu: "1e999" is not finite`)
	f("series,timestamp,value\na,60,x\n", `f.csv:2: column value: "x" is not a number`)
	f("timestamp,a\n60,1\n120,2,3\n", "f.csv:3: 3 fields, want 2 as in the header")
	f("timestamp,a\n60\n", "f.csv:2: 1 fields, want 2 as in the header")
	f("timestamp,a,b\n60,1,5\n120,2,5\n60,1,6\n", `f.csv:4: series "b" has 6 at 1970-01-01T00:01:00Z, and 5 on an earlier line`)
	f("timestamp,a\n60,1\n120,2\n120,\n", `f.csv:4: series "a" has no value at 1970-01-01T00:02:00Z, and 2 on an earlier line`)
	f("series,timestamp,value\na,60,1\nb,60,1\na,60,2\n", `f.csv:4: series "a" has 2 at 1970-01-01T00:01:00Z, and 1 on an earlier line`)
	f("timestamp,a\n300,1\n240,2\n180,2\n90,3\n0,1\n",
		"f.csv:5: timestamp 1970-01-01T00:01:30Z is 1m30s after the one before it, not a multiple of the step of 1m0s")
	f("timestamp,a\n0,1\n60,2\n120,3\n180,3\n210,3\n0,1\n",
		"f.csv:6: timestamp 1970-01-01T00:03:30Z is 30s after the one before it, not a multiple of the step of 1m0s")
	f("timestamp,a\n0,1\n60,2\n120,3\n150,4\n",
		"f.csv:5: timestamp 1970-01-01T00:02:30Z is 30s after the one before it, not a multiple of the step of 1m0s")
	f("timestamp,a\n0,1\n60,2\n120,3\n150,4\n180,5\n240,5\n",
		"f.csv:5: timestamp 1970-01-01T00:02:30Z is 30s after the one before it, not a multiple of the step of 1m0s")
	f("timestamp,a\n0,1\n90,2\n150,3\n210,4\n",
		"f.csv:3: timestamp 1970-01-01T00:01:30Z is 1m30s after the one before it, not a multiple of the step of 1m0s")
	f("timestamp,a\nyesterday,1\n", `f.csv:2: timestamp "yesterday" is neither Unix time nor like 2006-01-02T15:04:05Z or 2006-01-02 15:04:05`)
	f("timestamp,a\n,1\n", `f.csv:2: timestamp "" is neither Unix time nor like 2006-01-02T15:04:05Z or 2006-01-02 15:04:05`)
	f("timestamp,a\n60,1\n1700000000000,1\n",
		`f.csv:3: timestamp "1700000000000" is in Unix milliseconds, those before it are in Unix seconds`)
	f("timestamp,a\n60,1\n2024-01-01 00:00:00,1\n",
		`f.csv:3: timestamp "2024-01-01 00:00:00" is in date and time, those before it are in Unix seconds`)
	f("timestamp,a\n99999999999,1\n", `f.csv:2: timestamp "99999999999" is not within the years 1850 to 2139`)
	f("timestamp,a\n0,1\n1,1\n2,1\n3000000000,1\n",
		"f.csv:5: 4 timestamps up to 2065-01-24T05:20:00Z need 3000000001 grid points at the step of 1s: a timestamp or the step is wrong")
	f("timestamp,\"a\n60,1\n", "f.csv:1: a quote is not closed on its line")
	f("timestamp,a\n60,\"1\"2\n", `f.csv:2: "2" follows a closing quote, want a comma`)
	f("timestamp,a\n60,1\"2\n", "f.csv:2: a quote inside a field that does not begin with one")
	f("timestamp,a\n60,"+strings.Repeat("1", maxLine)+"\n", fmt.Sprintf("f.csv:2: the line is longer than %d bytes", maxLine))
	f("\x1f\x8bnot gzip", "f.csv: gzip: gzip: invalid header")
}

// Rows in any order, and rows given twice, are read as the same rows in order.
func TestOrderOfRowsDoesNotMatter(t *testing.T) {
	f := func(text string, want ...float64) {
		t.Helper()
		s := get(t, read(t, text), "a")
		if s.Start != time.Unix(60, 0).UTC() || s.Step != time.Minute || !equal(s.Values, want) {
			t.Errorf("Read(%q) = %+v, want %v", text, s, want)
		}
	}
	f("timestamp,a\n180,3\n120,2\n60,1\n", 1, 2, 3) // newest first
	f("timestamp,a\n60,1\n180,3\n120,2\n240,4\n", 1, 2, 3, 4)
	f("timestamp,a\n240,4\n60,1\n120,2\n", 1, 2, nan, 4)
	f("timestamp,a\n60,1\n60,1\n120,2\n120,2\n180,3\n", 1, 2, 3)
	f("timestamp,a\n60,1\n120,\n180,3\n120,NaN\n60,1.0\n", 1, nan, 3)
	f("timestamp,a,b\n180,3,\n120,2,9\n60,1,8\n180,3,\n", 1, 2, 3)
	f("series,timestamp,value\na,180,3\nb,60,7\na,60,1\na,120,2\nb,0,7\na,60,1\n", 1, 2, 3)
	f("series,timestamp,value\nb,0,1\nb,60,1\na,60,1\na,60,1\n", 1)
}

// Any shuffle of a long file gives the same series.
func TestShuffled(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var want []float64
	var lines []string
	for i := range 2998 {
		if i%7 == 3 {
			want = append(want, nan)
			continue
		}
		want = append(want, float64(i))
		lines = append(lines, fmt.Sprintf("%d,%d\n", 60*(i+1), i))
	}
	lines = append(lines, lines[:500]...)
	rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	if s := get(t, read(t, "timestamp,a\n"+strings.Join(lines, "")), "a"); !equal(s.Values, want) {
		t.Error("a shuffled file reads otherwise")
	}
}

func TestStepIsGiven(t *testing.T) {
	f := func(text string, step time.Duration, want ...float64) {
		t.Helper()
		file, err := Options{Step: step}.Read("f.csv", strings.NewReader(text))
		if err != nil {
			t.Errorf("Read(%q) with step %v: %v", text, step, err)
			return
		}
		if s := get(t, file, "a"); s.Step != step || !equal(s.Values, want) {
			t.Errorf("Read(%q) with step %v = %+v, want %v", text, step, s, want)
		}
	}
	f("timestamp,a\n60,1\n", time.Minute, 1)
	f("timestamp,a\n0,1\n120,2\n240,3\n300,4\n", time.Minute, 1, nan, 2, nan, 3, 4) // the most common difference would be 2m
	if _, err := (Options{Step: -1}).Read("f.csv", strings.NewReader("timestamp,a\n60,1\n")); err == nil {
		t.Error("a negative step is taken")
	}
	file := read(t, "series,timestamp,value\na,0,1\na,60,2\nlone,120,7\n")
	if s := get(t, file, "lone"); s.Step != time.Minute || !equal(s.Values, []float64{7}) {
		t.Errorf("a series with one point beside others = %+v, want their step", s)
	}
}

func TestUnknownNameListsTheNames(t *testing.T) {
	f := read(t, "timestamp,a,b\n0,1,2\n60,1,2\n")
	_, err := f.Series("c")
	if !errors.Is(err, series.ErrNoSeries) || err.Error() != `f.csv: query returned no series: no series is called "c", there are a, b` {
		t.Errorf("Series(c): %v", err)
	}
	if _, err = series.One(context.Background(), f, query("c", 0, 60, time.Minute)); !errors.Is(err, series.ErrNoSeries) {
		t.Errorf("One(c): %v, want ErrNoSeries", err)
	}
	if _, err = f.Offset("c"); !errors.Is(err, series.ErrNoSeries) {
		t.Errorf("Offset(c): %v, want ErrNoSeries", err)
	}
	var many strings.Builder
	many.WriteString("timestamp")
	for i := range 30 {
		fmt.Fprintf(&many, ",s%d", i)
	}
	many.WriteString("\n0" + strings.Repeat(",1", 30) + "\n1" + strings.Repeat(",1", 30) + "\n")
	if _, err = read(t, many.String()).Series("x"); err == nil || !strings.HasSuffix(err.Error(), "s18, s19 and 10 more") {
		t.Errorf("error among 30 series: %v", err)
	}
}

func query(name string, from, to int64, step time.Duration) series.Query {
	return series.Query{Expr: name, Start: time.Unix(from, 0), End: time.Unix(to, 0), Step: step}
}

func TestRange(t *testing.T) {
	file := read(t, "timestamp,a\n120,1\n180,\n240,3\n")
	f := func(from, to int64, want ...float64) {
		t.Helper()
		q := query("a", from, to, time.Minute)
		got, err := file.Range(context.Background(), q)
		if err != nil || len(got) != 1 {
			t.Fatalf("Range [%d, %d] = %v, %v", from, to, got, err)
		}
		start, _ := q.Grid()
		if s := got[0]; s.Key != "a" || !s.Start.Equal(start) || s.Step != time.Minute || !equal(s.Values, want) {
			t.Errorf("Range [%d, %d] = %+v, want %v", from, to, s, want)
		}
	}
	f(120, 240, 1, nan, 3)
	f(0, 360, nan, nan, 1, nan, 3, nan, nan)
	f(121, 299, nan, 3)
	f(0, 60, nan, nan)
	f(300, 360, nan, nan)
	f(130, 140)
	_, err := file.Range(context.Background(), query("a", 0, 600, 5*time.Minute))
	if err == nil || err.Error() != `f.csv: series "a" has step 1m0s, asked for 5m0s` {
		t.Errorf("another step: %v", err)
	}
	if _, err = file.Range(context.Background(), series.Query{Expr: "a", Step: time.Minute}); err == nil {
		t.Error("a range without ends is taken")
	}
	if _, err = file.Range(context.Background(), query("a", 0, 60*maxRange, time.Minute)); err == nil {
		t.Error("a range beyond all bounds is taken")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err = file.Range(ctx, query("a", 0, 600, time.Minute)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRangeIsOwnedByTheCaller(t *testing.T) {
	file := read(t, "timestamp,a\n0,1\n60,2\n")
	got, err := file.Range(context.Background(), query("a", 0, 60, time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	got[0].Values[0] = 42
	if s := get(t, file, "a"); s.Values[0] != 1 {
		t.Errorf("changing a range changed the file to %v", s.Values)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("timestamp,a\n0,1\n60,2\n"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f := func(name string, content []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Open(path)
		if err != nil {
			t.Error(err)
		} else if s := get(t, file, "a"); !equal(s.Values, []float64{1, 2}) {
			t.Errorf("%s holds %v", name, s.Values)
		}
	}
	f("plain.csv", []byte("timestamp,a\n0,1\n60,2\n"))
	f("zipped.csv.gz", zipped.Bytes())
	f("zipped.csv", zipped.Bytes()) // by content, not by name
	f("plain.csv.gz", []byte("timestamp,a\n0,1\n60,2\n"))

	torn := filepath.Join(dir, "torn.csv.gz")
	if err := os.WriteFile(torn, zipped.Bytes()[:zipped.Len()-9], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(torn); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), torn+":") {
		t.Errorf("a torn file: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none.csv")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// rows is a file of n rows, one a minute, made while it is read.
type rows struct {
	n, at int
	line  []byte
	rest  []byte
}

func (r *rows) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(r.rest) == 0 {
			if r.at > r.n {
				if n == 0 {
					return 0, io.EOF
				}
				return n, nil
			}
			r.rest = r.next()
		}
		k := copy(p[n:], r.rest)
		r.rest = r.rest[k:]
		n += k
	}
	return n, nil
}

func (r *rows) next() []byte {
	r.line = r.line[:0]
	if r.at == 0 {
		r.line = append(r.line, "timestamp,a\n"...)
	} else {
		r.line = strconv.AppendInt(r.line, int64(r.at)*60, 10)
		r.line = append(r.line, ',')
		r.line = strconv.AppendFloat(r.line, float64(r.at%1000)/8, 'f', -1, 64)
		r.line = append(r.line, '\n')
	}
	r.at++
	return r.line
}

func TestReadAllocatesNothingPerRow(t *testing.T) {
	const n = 100_000
	allocs := testing.AllocsPerRun(1, func() {
		f, err := Read("f.csv", &rows{n: n})
		if err != nil || get(t, f, "a").Len() != n {
			t.Errorf("Read: %v", err)
		}
	})
	if allocs > 200 {
		t.Errorf("%v allocations for %d rows", allocs, n)
	}
}

func BenchmarkRead(b *testing.B) {
	const n = 1_000_000
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read("f.csv", &rows{n: n}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}
