//go:build bench

package main

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// question is one forecast to be made and what came.
type question struct {
	id, entity string
	y          series.Series
	truth      []float64
	season     int     // steps of a day
	scale      float64 // what MASE divides by: the mean absolute difference of y to the day before
}

// questionSet is a set of questions of one step and horizon.
type questionSet struct {
	name      string // as the peers call it
	step      time.Duration
	horizon   int
	questions []question
}

// spread returns about n questions of the set, evenly spaced: the same ones that the peers take when told to take n.
func (s questionSet) spread(n int) questionSet {
	if n >= len(s.questions) {
		return s
	}
	var out []question
	for i := range n {
		out = append(out, s.questions[int(math.Round(float64(i*(len(s.questions)-1))/float64(n-1)))])
	}
	s.questions = out
	return s
}

func newQuestion(id, entity string, y series.Series, truth []float64) question {
	k := question{id: id, entity: entity, y: y, truth: truth, season: int(day / y.Step)}
	sum, n := 0.0, 0
	for i := k.season; i < len(y.Values); i++ {
		if d := math.Abs(y.Values[i] - y.Values[i-k.season]); !math.IsNaN(d) {
			sum, n = sum+d, n+1
		}
	}
	k.scale = sum / float64(n)
	return k
}

// dataFile returns the path of a file of the data, or skips the test where there is none.
func dataFile(tb testing.TB, parts ...string) string {
	tb.Helper()
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		tb.Skip("FORETHOUGHT_DATA does not say where the real traces are")
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

// m4Hourly are the 414 hourly series of the M4 competition (Makridakis, Spiliotis and Assimakopoulos 2020): 48 hours ahead.
func m4Hourly(tb testing.TB) questionSet {
	tb.Helper()
	file, err := trace.Open(dataFile(tb, "m4", "hourly_train.csv.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	truth := map[string][]float64{}
	for _, row := range readGzip(tb, dataFile(tb, "m4", "hourly_test.csv.gz"))[1:] { // series,h,value by series and h
		v, errOfCell := strconv.ParseFloat(row[2], 64)
		if errOfCell != nil {
			tb.Fatal(errOfCell)
		}
		truth[row[0]] = append(truth[row[0]], v)
	}
	set := questionSet{name: "m4h", step: time.Hour, horizon: 48}
	for _, name := range file.Names() {
		y, err := file.Series(name)
		if err != nil {
			tb.Fatal(err)
		}
		set.questions = append(set.questions, newQuestion(name, name, y, truth[name]))
	}
	return set
}

func readGzip(tb testing.TB, path string) [][]string {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

const (
	operationalStep    = 5 * time.Minute
	operationalHistory = 21 * 24 * 12
	operationalHorizon = 24
	operationalOrigins = 20
)

// operational are forecasts of two hours from three weeks at five minutes, from 20 origins spread over each of the demands. Gaps of the
// histories are filled linearly, because the peers that are compared with can't take gaps; what is missing afterwards is not scored.
func operational(tb testing.TB) questionSet {
	tb.Helper()
	set := questionSet{name: "op5m", step: operationalStep, horizon: operationalHorizon}
	for _, from := range []struct{ file, columns string }{
		{"azurevm_2019_5m", "cpu_usage,assigned_mem"},
		{"nab_asgcpu_5m", "asg_cpu_pct"},
		{"nab_tweets_5m", "AAPL,AMZN,FB,GOOG,CRM,KO"},
		{"nasa_http_1m", "requests"},
		{"philly_gpudemand_5m", "gpu_total"},
		{"ipsc_nodes_5m", "cpu_total"},
	} {
		file, err := trace.Open(dataFile(tb, "demand", from.file+".csv.gz"))
		if err != nil {
			tb.Fatal(err)
		}
		prefix, _, _ := strings.Cut(from.file, "_")
		for column := range strings.SplitSeq(from.columns, ",") {
			y, err := file.Series(column)
			if err != nil {
				tb.Fatal(err)
			}
			set.questions = append(set.questions, operationalQuestions(prefix+"_"+column, averaged(y, operationalStep))...)
		}
	}
	return set
}

// operationalQuestions returns the questions of one demand.
func operationalQuestions(entity string, y series.Series) []question {
	var questions []question
	full := interpolated(y)
	stride := float64(y.Len()-operationalHorizon-operationalHistory) / (operationalOrigins - 1)
	for k := range operationalOrigins {
		o := operationalHistory + int(float64(k)*stride)
		truth := y.Values[o : o+operationalHorizon]
		history := full.Slice(o-operationalHistory, o)
		missing := 0
		for _, v := range truth {
			if math.IsNaN(v) {
				missing++
			}
		}
		if float64(missing) > 0.2*operationalHorizon || slices.Min(history.Values) == slices.Max(history.Values) {
			continue
		}
		id := entity + "|" + strconv.Itoa(k/10) + strconv.Itoa(k%10)
		questions = append(questions, newQuestion(id, entity, history, truth))
	}
	return questions
}

// averaged returns y at a coarser step: the means of what is known, from the first observation on.
func averaged(y series.Series, step time.Duration) series.Series {
	k := int(step / y.Step)
	if k <= 1 {
		return y
	}
	out := series.Series{Key: y.Key, Unit: y.Unit, Start: series.Align(y.Start, step), Step: step, Values: make([]float64, y.Len()/k)}
	for i := range out.Values {
		sum, n := 0.0, 0
		for _, v := range y.Values[i*k : (i+1)*k] {
			if !math.IsNaN(v) {
				sum, n = sum+v, n+1
			}
		}
		out.Values[i] = sum / float64(n) // 0/0 is NaN
	}
	return out
}

// interpolated returns y with gaps filled linearly, and with the nearest observation at the ends.
func interpolated(y series.Series) series.Series {
	out := y.Clone()
	last := -1
	for i, v := range y.Values {
		if math.IsNaN(v) {
			continue
		}
		for j := last + 1; j < i; j++ {
			if last < 0 {
				out.Values[j] = v
			} else {
				out.Values[j] = y.Values[last] + (v-y.Values[last])*float64(j-last)/float64(i-last)
			}
		}
		last = i
	}
	for j := last + 1; last >= 0 && j < out.Len(); j++ {
		out.Values[j] = y.Values[last]
	}
	return out
}

// writeForecasts writes forecasts as the peers do.
func writeForecasts(w io.Writer, set questionSet, forecasts []answer) error {
	out := csv.NewWriter(w)
	head := []string{"series_id", "h", "mean"}
	for _, p := range scoredProbabilities {
		head = append(head, "q"+strconv.FormatFloat(p, 'g', -1, 64))
	}
	rows := [][]string{head}
	for i, a := range forecasts {
		for h := range set.horizon {
			row := []string{set.questions[i].id, strconv.Itoa(h + 1), number(a.point[h])}
			for _, q := range a.quantiles[h] {
				row = append(row, number(q))
			}
			rows = append(rows, row)
		}
	}
	return out.WriteAll(rows)
}
