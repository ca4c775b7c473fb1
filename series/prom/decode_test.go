package prom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/prometheus/common/model"
)

// ten is a grid of ten minutes from the epoch on.
var ten = grid{start: 0, step: 60000, n: 10, maxSeries: 100}

func TestDecodeIsIndifferentToOrderAndSpace(t *testing.T) {
	f := func(text string) {
		t.Helper()
		got, err := decode(strings.NewReader(text), ten)
		if err != nil {
			t.Errorf("decode(%s): %v", text, err)
			return
		}
		if len(got.streams) != 1 || got.streams[0].key != `up{job="a \"b\" é"}` || got.samples != 2 ||
			!equal(got.streams[0].values, []float64{1.5, nan, -2e-7, nan, nan, nan, nan, nan, nan, nan}) {
			t.Errorf("decode(%s) = %+v", text, got)
		}
	}
	const metric = `"metric":{"__name__":"up","job":"a \"b\" \u00e9"}`
	const values = `"values":[[0,"1.5"],[120.000,"-2e-07"],[180,"NaN"]]`
	f(`{"status":"success","data":{"resultType":"matrix","result":[{` + metric + `,` + values + `}]}}`)
	f(`{"data":{"result":[{` + values + `,` + metric + `}],"resultType":"matrix"},"status":"success"}`)
	spaced := `{ "status" : "success" , "data" : { "resultType" : "matrix" , "result" : [ { METRIC , "values" : [ [ 0 , "1.5" ] , [120,"-2e-7" ] ] } ] } } `
	f(strings.Replace(strings.ReplaceAll(spaced, " ", "\r\n\t "), "METRIC", metric, 1))
	f(`{"status":"success","stats":{"a":[1,-2.5e+3,true,false,null,"x\\",{}]},"data":{"stats":[[]],"resultType":"matrix","result":[{` +
		metric + `,"histograms":[],` + values + `,"other":{"a":{}}}]},"warnings":null}`)
	f(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a \"b\" é"},` +
		`"values":[[0,"1.5"],[1.2e2,"-0.0000002"],[180.0000,"nan"]]}]}}`)
}

func TestDecodeErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := decode(strings.NewReader(text), ten); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("decode(%.100s) = %v, want %s", text, err, want)
		}
	}
	values := func(v string) string { return matrix(`{"metric":{},"values":[`+v+`]}`, "") }
	f(``, "broke off")
	f(`[]`, "want a JSON object")
	f(`{}`, `status is "", want success`)
	f(`{"status":"success"}`, `resultType is "", want matrix`)
	f(`{"status":"success","data":{"resultType":"vector","result":[]}}`, `resultType is "vector", want matrix`)
	f(matrix("", "")+"{}", "something follows")
	f(values(`[0,1]`), `want '"', found '1'`)
	f(values(`["0","1"]`), "want a number")
	f(values(`[0,"one"]`), `"one" is not a number`)
	f(values(`[0,"1e999"]`), "is not a number")
	f(values(`[0,"1",2]`), `want ']', found ','`)
	f(values(`[00,"1"]`), "want a number")
	f(values(`[0.,"1"]`), "want a number")
	f(values(`[-,"1"]`), "want a number")
	f(values(`[-60,"1"]`), "none of the 10 grid points")
	f(values(`[0.001,"1"]`), "none of the 10 grid points")
	f(values(`[60.0004,"1"]`), "timestamp 60.0004 is not in milliseconds")
	f(values(`[1e300,"1"]`), "is not in milliseconds")
	f(values(`[0,"1"],`), `a comma before ']'`)
	f(values(`[0,"1"]x`), `want a comma or ']'`)
	f(`{"status":"succ`+"\n"+`ess"}`, "control character")
	f(`{"status":"a\x"}`, "invalid character")
	f(`{"status":nope}`, `want '"'`)
	f(`{"x":nope}`, "want null")
	f(`{"x":`+strings.Repeat("[", 100), "nested deeper than 64")
	f(`{"x":"`+strings.Repeat("a", 2*maxToken), "a token longer than")
	f(matrix(strings.Repeat(`,{"metric":{}}`, 2)[1:], ""), "series {} returned twice")
}

// TestDecodeInPieces reads an answer through readers that return it a byte at a time, with errors early and late.
func TestDecodeInPieces(t *testing.T) {
	text := body(ten, 3)
	want, err := decode(strings.NewReader(text), ten)
	if err != nil || want.samples != 30 {
		t.Fatal(want, err)
	}
	for _, r := range []func() (answer, error){
		func() (answer, error) { return decode(iotest.OneByteReader(strings.NewReader(text)), ten) },
		func() (answer, error) { return decode(iotest.DataErrReader(strings.NewReader(text)), ten) },
		func() (answer, error) { return decode(iotest.HalfReader(strings.NewReader(text)), ten) },
	} {
		got, pieceErr := r()
		if pieceErr != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("decode = %v, %v", got, pieceErr)
		}
	}
	for n := range len(text) { // torn anywhere
		_, err = decode(strings.NewReader(text[:n]), ten)
		if _, ok := errors.AsType[*brokenError](err); !ok {
			t.Fatalf("decode of the first %d bytes: %v", n, err)
		}
	}
	if _, err = decode(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(text))), ten); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("decode through a reader that times out: %v", err)
	}
}

// body returns an answer with n series of random values at every point of g.
func body(g grid, n int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for s := range n {
		fmt.Fprintf(&b, `,{"metric":{"__name__":"demand","pool":"p%d"},"values":[`, s)
		for i := range g.n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `[%s,"%s"]`, seconds(g.start+int64(i)*g.step), strconv.FormatFloat(rng.NormFloat64()*100, 'f', -1, 64))
		}
		b.WriteString("]}")
	}
	return matrix(b.String()[1:], "")
}

// envelope is an answer as the client library decodes it.
type envelope struct {
	Data struct{ Result model.Matrix }
}

func TestDecodeAgreesWithTheLibrary(t *testing.T) {
	g := grid{start: 1_700_000_000_250, step: 250, n: 1000, maxSeries: 10}
	text := body(g, 4)
	got, err := decode(strings.NewReader(text), g)
	if err != nil {
		t.Fatal(err)
	}
	var want envelope
	if err = json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	for k, stream := range want.Data.Result {
		if got.streams[k].key != stream.Metric.String() {
			t.Errorf("series %d is %s, want %s", k, got.streams[k].key, stream.Metric)
		}
		for i, p := range stream.Values {
			if at := int64(p.Timestamp); at != g.start+int64(i)*g.step || got.streams[k].values[i] != float64(p.Value) {
				t.Fatalf("series %d, point %d is %v, want %v", k, i, got.streams[k].values[i], p)
			}
		}
	}
}

func TestMillis(t *testing.T) {
	f := func(token string, want int64, ok bool) {
		t.Helper()
		if got, is := millis([]byte(token)); is != ok || (ok && got != want) {
			t.Errorf("millis(%s) = %d, %v, want %d, %v", token, got, is, want, ok)
		}
	}
	f("0", 0, true)
	f("1435781430.781", 1435781430781, true)
	f("1435781430.78", 1435781430780, true)
	f("1435781430.7", 1435781430700, true)
	f("1435781430", 1435781430000, true)
	f("1435781430.7810", 1435781430781, true)
	f("1.435781430781e9", 1435781430781, true)
	f("1.435781430781E+09", 1435781430781, true)
	f("-1.5", -1500, true)
	f("1435781430.7815", 0, false)
	f("999999999999", 999999999999000, true)
	f("9999999999999", 0, false)
}

// FuzzDecode checks that whatever is decoded is JSON, that what the library reads from it is the same, and that nothing infinite or off
// the grid comes through.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		body(ten, 2), matrix("", ""), matrix(`{"metric":{"a":"b"},"values":[[60,"+Inf"],[120.000,"NaN"]]}`, `,"warnings":["w"],"isPartial":true`),
		`{"status":"error","errorType":"bad_data","error":"no"}`, matrix(`{"metric":{},"histograms":[[0,{}]]}`, ""),
		`{"x":[{"y":null},"\ud83d\ude00",1e5],"status":"success","data":{"resultType":"matrix","result":null}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		a, err := decode(bytes.NewReader(in), ten)
		if err != nil {
			return
		}
		if !json.Valid(in) {
			t.Fatalf("decoded what is not JSON: %s", in)
		}
		samples := 0
		for _, s := range a.streams {
			if len(s.values) != ten.n {
				t.Fatalf("series %s has %d points", s.key, len(s.values))
			}
			for _, v := range s.values {
				if math.IsInf(v, 0) {
					t.Fatalf("an infinite value of %s", in)
				}
				if !math.IsNaN(v) {
					samples++
				}
			}
		}
		if samples != a.samples {
			t.Fatalf("%d samples, counted %d", samples, a.samples)
		}
		again, err := decode(iotest.OneByteReader(bytes.NewReader(in)), ten)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(a) {
			t.Fatalf("a byte at a time it is %v, %v", again, err)
		}
	})
}

// month is 28 days at one minute: 40,320 points.
var month = grid{start: 1_700_000_040_000, step: 60000, n: 40320, maxSeries: 10}

func BenchmarkDecode(b *testing.B) {
	text := body(month, 1)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if a, err := decode(strings.NewReader(text), month); err != nil || a.samples != month.n {
			b.Fatal(a.samples, err)
		}
	}
}

// BenchmarkDecodeLibrary is what the client library does with the same answer.
func BenchmarkDecodeLibrary(b *testing.B) {
	text := []byte(body(month, 1))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var e envelope
		if err := json.Unmarshal(text, &e); err != nil || len(e.Data.Result[0].Values) != month.n {
			b.Fatal(err)
		}
	}
}
