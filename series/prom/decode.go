package prom

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
)

// grid is what one request asks for: n points, step milliseconds apart, from start milliseconds since the Unix epoch on.
type grid struct {
	start, step  int64
	n, maxSeries int
}

// stream is one series of an answer: values holds the grid's n points.
type stream struct {
	key    string
	values []float64
}

// answer is what one request yields.
type answer struct {
	streams []stream
	// warnings holds infos too.
	warnings []string
	// samples counts the finite samples and infinite those that are not and are missing from the streams.
	samples, infinite int
}

// errHistogram says that the expression yields what cannot be one number per point.
var errHistogram = errors.New("native histograms returned; take a number from them, for example with histogram_count(...)")

// decoder reads one answer of query_range from the stream of its bytes.
type decoder struct {
	*scanner
	grid   grid
	answer answer
	seen   map[string]bool

	status, errType, errText, resultType string
}

// decode reads an answer of query_range to a request for g. It refuses samples that are not on the grid, timestamps that do not
// ascend, series given twice and histograms.
func decode(r io.Reader, g grid) (answer, error) {
	d := &decoder{scanner: newScanner(r), grid: g, seen: map[string]bool{}}
	c, err := d.peek()
	if err != nil {
		return answer{}, err
	}
	if c != '{' {
		return answer{}, d.errorf("want a JSON object, found %q; is the url that of a Prometheus API?", c)
	}
	if err = d.object(d.envelope); err != nil {
		return answer{}, err
	}
	if err = d.atEnd(); err != nil {
		return answer{}, err
	}
	switch {
	case d.status == "error":
		return answer{}, &Error{Code: 200, Type: d.errType, Message: oneLine(d.errText)}
	case d.status != "success":
		return answer{}, d.errorf("status is %q, want success", d.status)
	case d.resultType != "matrix":
		return answer{}, d.errorf("resultType is %q, want matrix", d.resultType)
	}
	return d.answer, nil
}

// envelope reads a member of the outermost object.
func (d *decoder) envelope(key []byte) error {
	switch string(key) {
	case "status":
		return d.text(&d.status)
	case "errorType":
		return d.text(&d.errType)
	case "error":
		return d.text(&d.errText)
	case "warnings", "infos":
		return d.array(d.warning)
	case "isPartial":
		return d.partial()
	case "data":
		return d.object(d.data)
	}
	return d.skip(1)
}

func (d *decoder) text(into *string) error {
	b, err := d.str()
	*into = string(b)
	return err
}

func (d *decoder) warning() error {
	var w string
	err := d.text(&w)
	d.answer.warnings = append(d.answer.warnings, oneLine(w))
	return err
}

// partial reads VictoriaMetrics's way to say that some of its storage did not answer.
func (d *decoder) partial() error {
	c, err := d.peek()
	if err == nil && c == 't' {
		d.answer.warnings = append(d.answer.warnings, "the server says that its answer is partial")
	}
	if err != nil {
		return err
	}
	return d.skip(1)
}

// data reads a member of the object "data".
func (d *decoder) data(key []byte) error {
	switch string(key) {
	case "resultType":
		return d.text(&d.resultType)
	case "result":
		return d.array(d.series)
	}
	return d.skip(2)
}

// series reads one series.
func (d *decoder) series() error {
	if len(d.answer.streams) == d.grid.maxSeries {
		return errManySeries(d.grid.maxSeries)
	}
	metric := model.Metric{}
	p := points{d: d, values: missing(d.grid.n), last: -1}
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "metric":
			return d.object(func(name []byte) error {
				var value string
				err := d.text(&value)
				metric[model.LabelName(name)] = model.LabelValue(value)
				return err
			})
		case "values":
			return d.array(p.next)
		case "histograms":
			return d.array(func() error { return errHistogram })
		}
		return d.skip(3)
	})
	if err != nil {
		return err
	}
	key := metric.String()
	if d.seen[key] {
		return fmt.Errorf("series %s returned twice", key)
	}
	d.seen[key] = true
	d.answer.streams = append(d.answer.streams, stream{key: key, values: p.values})
	return nil
}

// points reads the samples of one series onto the grid.
type points struct {
	d      *decoder
	values []float64
	last   int // index of the sample before
}

// next reads one sample, [seconds, "value"].
func (p *points) next() error {
	d := p.d
	if err := d.take('['); err != nil {
		return err
	}
	token, err := d.num()
	if err != nil {
		return err
	}
	i, err := p.index(token)
	if err != nil {
		return err
	}
	if err = d.take(','); err != nil {
		return err
	}
	if token, err = d.str(); err != nil {
		return err
	}
	v, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		return d.errorf("sample value %.40q is not a number", token)
	}
	p.set(i, v)
	return d.take(']')
}

func (p *points) set(i int, v float64) {
	switch {
	case math.IsInf(v, 0):
		p.d.answer.infinite++
	case !math.IsNaN(v):
		p.d.answer.samples++
		p.values[i] = v
	}
}

// index returns the grid point with the timestamp in token.
func (p *points) index(token []byte) (int, error) {
	ms, ok := millis(token)
	if !ok {
		return 0, p.d.errorf("timestamp %s is not in milliseconds", token)
	}
	g := p.d.grid
	i := (ms - g.start) / g.step
	if ms < g.start || i >= int64(g.n) || (ms-g.start)%g.step != 0 {
		return 0, fmt.Errorf("sample at %s is none of the %d grid points asked for, from %s on each %v",
			clock(ms), g.n, clock(g.start), time.Duration(g.step)*time.Millisecond)
	}
	if int(i) <= p.last {
		return 0, fmt.Errorf("sample at %s is not after the one before it, at %s", clock(ms), clock(g.start+int64(p.last)*g.step))
	}
	p.last = int(i)
	return int(i), nil
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.999Z07:00") }

// millis returns a timestamp in seconds as milliseconds; ok is false where it is not a whole number of them below 10^15, some 30,000
// years. The usual form, digits with at most three decimals, is read exactly.
func millis(token []byte) (ms int64, ok bool) {
	whole := digits(token)
	rest := token[whole:]
	if whole == 0 || whole > 12 || len(rest) > 4 || (len(rest) > 0 && rest[0] != '.') || digits(rest[min(1, len(rest)):]) != max(len(rest)-1, 0) {
		return millisSlow(token)
	}
	for _, c := range token[:whole] {
		ms = ms*10 + int64(c-'0')
	}
	for i := range 3 {
		ms *= 10
		if i+1 < len(rest) {
			ms += int64(rest[i+1] - '0')
		}
	}
	return ms, true
}

// millisSlow reads the other forms: negative, with an exponent, or with decimals that a float64 did not print away.
func millisSlow(token []byte) (ms int64, ok bool) {
	f, err := strconv.ParseFloat(string(token), 64)
	exact := f * 1000
	nearest := math.Round(exact)
	if err != nil || math.Abs(exact) >= 1e15 || math.Abs(exact-nearest) > 0.01 {
		return 0, false
	}
	return int64(nearest), true
}
