package plot_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/plot"
)

var nan = math.NaN()

// elements returns how many elements of each name a picture has, and fails where it is not well-formed or holds a number that is none.
func elements(t *testing.T, svg string) map[string]int {
	t.Helper()
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("a number that is none:\n%s", svg)
	}
	out := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			out[e.Name.Local]++
		}
	}
}

func TestGapsBreakLinesAndBands(t *testing.T) {
	f := func(lines, bands, alone int, y ...float64) {
		t.Helper()
		x := make([]float64, len(y))
		for i := range x {
			x[i] = float64(i)
		}
		var p plot.Panel
		p.Line("", plot.Pen{Width: 7}, x, y)
		p.Band("", plot.Pen{}, x, y, y)
		svg := p.SVG()
		e := elements(t, svg)
		if got := strings.Count(svg, `stroke-width="7"/>`) - e["polyline"]; e["polyline"] != lines || e["polygon"] != bands || got != alone {
			t.Errorf("%v: %d lines, %d bands, %d points alone, want %d, %d, %d", y, e["polyline"], e["polygon"], got, lines, bands, alone)
		}
	}
	f(1, 1, 0, 1, 2, 3)
	f(2, 2, 0, 1, 2, nan, 3, 4)
	f(1, 1, 1, 1, nan, nan, 3, 4)
	f(1, 1, 0, 1, 2, math.Inf(1))
	f(0, 0, 1, nan, 5, nan)
	f(0, 0, 0, nan, nan)
	f(0, 0, 0)
}

func TestAnyNumbersCanBeDrawn(t *testing.T) {
	f := func(y ...float64) {
		t.Helper()
		x := make([]float64, len(y))
		for i := range x {
			x[i] = float64(i)
		}
		p := plot.Panel{X: plot.Axis{Time: true}}
		p.Line("a", plot.Pen{}, x, y)
		p.Dots("", plot.Pen{Ink: plot.Rose}, x, y)
		elements(t, p.SVG())
		elements(t, plot.Bars{Groups: make([]string, len(y)), Parts: []plot.Part{{Values: y}}}.SVG())
	}
	f(0, 0, 0)
	f(5, 5)
	f(-5, -5)
	f(1e300, 2e300)
	f(-math.MaxFloat64, math.MaxFloat64)
	f(1e-300, 2e-300)
	f(math.SmallestNonzeroFloat64, 0)
	f(1e9, 1e9+1e-7)
	f(7)
}

var label = regexp.MustCompile(`<text [^>]*class="(end|mid)">([^<]*)</text>`)

// labels returns the labels of the upright or the other axis of a picture.
func labels(svg, class string) []string {
	var out []string
	for _, m := range label.FindAllStringSubmatch(svg, -1) {
		if m[1] == class {
			out = append(out, m[2])
		}
	}
	return out
}

func TestValueTicks(t *testing.T) {
	f := func(lo, hi float64, want ...string) {
		t.Helper()
		var p plot.Panel
		p.X.Ticks = []plot.Tick{}
		p.Line("", plot.Pen{}, []float64{0, 1}, []float64{lo, hi})
		if got := labels(p.SVG(), "end"); !slices.Equal(got, want) {
			t.Errorf("%v..%v is labelled %q, want %q", lo, hi, got, want)
		}
	}
	f(0, 1, "0", "0.2", "0.4", "0.6", "0.8", "1")
	f(3, 97, "0", "20", "40", "60", "80", "100")
	f(1e6, 3e6, "0", "0.5M", "1M", "1.5M", "2M", "2.5M", "3M")
	f(12000, 50000, "0", "10k", "20k", "30k", "40k", "50k")
	f(990, 1000, "990", "992", "994", "996", "998", "1000") // 0 would press it flat
	f(-2, 2, "-2", "-1", "0", "1", "2")
	f(0, 0.0005, "0", "0.0001", "0.0002", "0.0003", "0.0004", "0.0005")
	f(5, 5, "0", "2", "4", "6", "8")
}

func TestTimeTicks(t *testing.T) {
	f := func(from string, span time.Duration, want ...string) {
		t.Helper()
		begin, err := time.Parse("2006-01-02 15:04", from)
		if err != nil {
			t.Fatal(err)
		}
		p := plot.Panel{X: plot.Axis{Time: true}}
		p.Line("", plot.Pen{}, []float64{plot.Seconds(begin), plot.Seconds(begin.Add(span))}, []float64{0, 1})
		if got := labels(p.SVG(), "mid"); !slices.Equal(got, want) {
			t.Errorf("%s and %s are labelled %q, want %q", from, span, got, want)
		}
	}
	const day = 24 * time.Hour
	f("2026-01-05 00:00", 2*time.Hour, "5 Jan", "00:30", "01:00", "01:30", "02:00")
	f("2026-01-05 21:10", 6*time.Hour, "22:00", "23:00", "6 Jan", "01:00", "02:00", "03:00")
	f("2026-01-05 00:00", 3*day, "5 Jan", "12:00", "6 Jan", "12:00", "7 Jan", "12:00", "8 Jan")
	f("2026-01-07 00:00", 28*day, "12 Jan", "19 Jan", "26 Jan", "2 Feb") // Mondays
	f("2025-11-20 00:00", 300*day, "Jan 2026", "Mar 2026", "May 2026", "Jul 2026", "Sep 2026")
	f("2020-01-01 00:00", 4000*day, "Jan 2020", "Jan 2022", "Jan 2024", "Jan 2026", "Jan 2028", "Jan 2030")
	f("2026-01-05 00:00", 40*time.Second, "5 Jan", "00:00:15", "00:00:30")
}

// A spike of one point in a long history is still drawn, and the picture stays small.
func TestLongHistoriesAreThinned(t *testing.T) {
	x, y := make([]float64, 200_000), make([]float64, 200_000)
	for i := range x {
		x[i], y[i] = float64(i), float64(i%7)
	}
	y[123_457] = 1000
	var p plot.Panel
	p.Line("", plot.Pen{}, x, y)
	svg := p.SVG()
	if len(svg) > 150_000 {
		t.Errorf("the picture has %d bytes", len(svg))
	}
	points := regexp.MustCompile(`points="([^"]*)"`).FindStringSubmatch(svg)[1]
	highest := math.Inf(1)
	for point := range strings.FieldsSeq(points) {
		_, at, _ := strings.Cut(point, ",")
		v, err := strconv.ParseFloat(at, 64)
		if err != nil {
			t.Fatal(err)
		}
		highest = min(highest, v)
	}
	if highest > 26 {
		t.Errorf("the spike ends at height %v, want near the top", highest)
	}
}

func TestBeyondTheEndsOfAnAxis(t *testing.T) {
	p := plot.Panel{Y: plot.Axis{From: 0, To: 10}}
	p.Line("", plot.Pen{}, []float64{0, 1, 2}, []float64{5, 1e9, 5})
	if got := labels(p.SVG(), "end"); !slices.Equal(got, []string{"0", "2", "4", "6", "8", "10"}) {
		t.Errorf("labels %q", got)
	}
	if points := regexp.MustCompile(`points="([^"]*)"`).FindStringSubmatch(p.SVG())[1]; !strings.Contains(points, "377,24 ") {
		t.Errorf("the line goes through %s, want through 377,24 at the top", points)
	}
}

func TestLegendAndNames(t *testing.T) {
	p := plot.Panel{Title: `a < b & "c"`, Y: plot.Axis{Label: "cores"}, X: plot.Axis{Label: "steps"}}
	p.Stack([]string{"one", "two"}, []plot.Pen{{Ink: plot.Teal}, {Ink: plot.Amber}}, []float64{0, 1}, [][]float64{{1, 2}, {3, 2}})
	p.Dots("three", plot.Pen{}, []float64{0}, []float64{1})
	p.Rule("now", plot.Pen{Dashed: true}, 1)
	svg := p.SVG()
	e := elements(t, svg)
	if e["polygon"] != 2 || e["circle"] != 2 {
		t.Errorf("elements %v, want two bands, and a dot with its key", e)
	}
	for _, want := range []string{">one<", ">two<", ">three<", ">now<", ">cores<", ">steps<", "a &lt; b &amp; &#34;c&#34;"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
	if got := labels(svg, "end"); !slices.Contains(got, "4") || slices.Contains(got, "5") {
		t.Errorf("a stack of 4 is labelled %q", got)
	}
}

func TestBars(t *testing.T) {
	b := plot.Bars{
		Title: "scores", Label: "score", Groups: []string{"auto", "last"}, Reference: 1, ReferenceText: "seasonal naive", Most: 2,
		Parts: []plot.Part{{Name: "5m", Values: []float64{0.5, 40}}, {Name: "2h", Pen: plot.Pen{Ink: plot.Said}, Values: []float64{0.75, nan}}},
	}
	svg := b.SVG()
	if e := elements(t, svg); e["rect"] != 2+3 {
		t.Errorf("%d boxes, want two keys and three bars", e["rect"])
	}
	for _, want := range []string{">40<", ">0.75<", ">auto<", ">seasonal naive<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
}

func TestStackedBars(t *testing.T) {
	b := plot.Bars{
		Groups: []string{"auto", "last", "none"}, Stacked: true,
		Parts: []plot.Part{{Name: "served", Values: []float64{2000, 10, nan}}, {Name: "idle", Pen: plot.Pen{Ink: plot.Said}, Values: []float64{345.6, nan, nan}}},
	}
	svg := b.SVG()
	if e := elements(t, svg); e["rect"] != 2+3 {
		t.Errorf("%d boxes, want two keys and three parts", e["rect"])
	}
	for _, want := range []string{">2346<", ">10<", ">none<"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
	rect := regexp.MustCompile(`<rect x="([^"]*)" y="([^"]*)" width="([^"]*)"`).FindAllStringSubmatch(svg, -1)
	first, second := rect[2], rect[3]
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if got := number(first[1]) + number(first[3]); math.Abs(got-number(second[1])) > 0.2 || first[2] != second[2] {
		t.Errorf("the first part ends at %v, and the second begins at %v, %v", got, second[1], second[2])
	}
}

func TestLogarithmicAxis(t *testing.T) {
	f := func(floor, to float64, values []float64, want ...string) {
		t.Helper()
		p := plot.Panel{Y: plot.Axis{Floor: floor, To: to, From: -7}, X: plot.Axis{Ticks: []plot.Tick{}}}
		p.Line("", plot.Pen{}, make([]float64, len(values)), values)
		svg := p.SVG()
		elements(t, svg)
		if got := labels(svg, "end"); !slices.Equal(got, want) {
			t.Errorf("%v from %v to %v is labelled %q, want %q", values, floor, to, got, want)
		}
	}
	f(0.01, 0, []float64{0, 0.05, 12}, "0.01", "0.1", "1", "10")
	f(1, 0, []float64{3, 40}, "1", "2", "5", "10", "20", "50")
	f(1, 100, []float64{3, 40}, "1", "2", "5", "10", "20", "50", "100")
	f(1, 0, []float64{0, nan}, "1", "2", "5", "10")
	f(1, 0, nil, "1", "2", "5", "10")
	f(1e-9, 0, []float64{1}, "1e-09", "1e-07", "1e-05", "0.001", "0.1")
	f(1e-300, 0, []float64{1e300, -5, math.Inf(1)}, "1e-300", "1e-200", "1e-100", "1", "1e+100", "1e+200", "1e+300")
}

// Equal ratios are equal distances, and what lies below the floor is drawn at it.
func TestLogarithmicPlaces(t *testing.T) {
	p := plot.Panel{Y: plot.Axis{Floor: 1, To: 100}}
	p.Dots("", plot.Pen{}, []float64{0, 1, 2, 3}, []float64{0, 1, 10, 100})
	var at []float64
	for _, m := range regexp.MustCompile(`cy="([^"]*)"`).FindAllStringSubmatch(p.SVG(), -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, v)
	}
	if len(at) != 4 || at[0] != at[1] || math.Abs((at[1]-at[2])-(at[2]-at[3])) > 0.2 || at[3] >= at[2] {
		t.Errorf("heights %v, want the first two equal and the others equally far apart", at)
	}
}

func TestDotsAndRings(t *testing.T) {
	var p plot.Panel
	p.TippedDots("", plot.Pen{Hollow: true, Width: 5}, []float64{0, 1}, []float64{1, 2}, []string{`a < "b"`})
	svg := p.SVG()
	if e := elements(t, svg); e["circle"] != 2 || e["title"] != 1 {
		t.Errorf("elements %v, want two rings and one tip", e)
	}
	if !strings.Contains(svg, `r="5" class="line i0"`) || !strings.Contains(svg, "<title>a &lt; &#34;b&#34;</title>") {
		t.Errorf("no ring with its tip in\n%s", svg)
	}
}

func TestStandalone(t *testing.T) {
	var p plot.Panel
	p.Line("", plot.Pen{}, []float64{0, 1}, []float64{0, 1})
	svg := plot.Standalone(p.SVG())
	if e := elements(t, svg); e["style"] != 1 || !strings.HasPrefix(svg, "<svg ") {
		t.Errorf("not a picture with one style sheet:\n%.300s", svg)
	}
	if strings.Contains(svg, "http") && strings.Count(svg, "http") != strings.Count(svg, "http://www.w3.org/2000/svg") {
		t.Error("the picture asks for something from outside")
	}
}
