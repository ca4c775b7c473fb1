package exporter

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// wellFormed reads a page as XML, which the page's template is written to be.
func wellFormed(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	d.Entity = xml.HTMLEntity
	ids := make(map[string]bool)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range start.Attr {
			if a.Name.Local == "id" && ids[a.Value] {
				t.Errorf("id %s is given twice", a.Value)
			}
			ids[a.Value] = ids[a.Value] || a.Name.Local == "id"
			if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
				t.Errorf("<%s %s>: the policy forbids it", start.Name.Local, a.Name.Local)
			}
		}
		if start.Name.Local == "script" || start.Name.Local == "style" {
			t.Errorf("<%s>: the policy forbids it within the page", start.Name.Local)
		}
	}
}

func TestPage(t *testing.T) {
	w := get(t, serve(t, fleets(), nil), "GET", "/")
	if w.Code != 200 {
		t.Fatalf("status %d", w.Code)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": policy,
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	text := w.Body.String()
	wellFormed(t, text)
	golden(t, "page.html", w.Body.Bytes())
	for _, want := range []string{
		`<html lang="en">`, "training &lt;b&gt;", `href="metrics"`, `href="api/v1/fleets"`, `href="api/v1/fleets/batch/forecast"`,
		`href="api/v1/fleets/training%20%3Cb%3E/explain"`, `href="-/ready"`, "external.metrics.k8s.io", "kill switch on", "Why 8 instances?",
		"5 fleets: 1 starting, 1 learning, 1 ready, 1 stale, 1 failed.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(text, "training <b>") {
		t.Error("a name is not escaped")
	}
}

// TestPageEscapes gives names and links that mean harm.
func TestPageEscapes(t *testing.T) {
	s := batch()
	s.Fleet, s.Reason, s.Pools[0].Name = `"><script>alert(1)</script>`, "</p><script>", "<img src=x>"
	text := get(t, serve(t, board{s}, func(o *Options) {
		o.Links = []Link{{Name: "<script>", URL: "javascript:alert(1)", What: "<i>"}}
	}), "GET", "/").Body.String()
	wellFormed(t, text)
	if strings.Contains(text, "<script") || strings.Contains(text, "javascript:") {
		t.Error("what is harmful stands in the page")
	}
}

func TestPageBounded(t *testing.T) {
	many := make(board, 1000)
	for i := range many {
		many[i] = numbered(i)
	}
	text := get(t, serve(t, many, nil), "GET", "/").Body.String()
	wellFormed(t, text)
	if !strings.Contains(text, "The first 200 of 1000 fleets are shown.") || strings.Contains(text, "fleet-0200") {
		t.Error("the page shows more than the first 200 fleets, or does not say so")
	}
	if len(text) > 4<<20 {
		t.Errorf("the page has %d bytes", len(text))
	}
}

// TestPageOfLittle renders what has hardly a number.
func TestPageOfLittle(t *testing.T) {
	for _, b := range []board{{}, {{}}, {starting()}, {broken()}} {
		text := get(t, serve(t, b, nil), "GET", "/").Body.String()
		wellFormed(t, text)
		if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("the page shows a number that is none:\n%s", text)
		}
	}
}

func TestPaths(t *testing.T) {
	s := serve(t, fleets(), nil)
	f := func(path string, code int, kind string) {
		t.Helper()
		w := get(t, s, "GET", path)
		if got := w.Header().Get("Content-Type"); w.Code != code || !strings.HasPrefix(got, kind) {
			t.Errorf("%s: %d %s, want %d %s", path, w.Code, got, code, kind)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: no nosniff", path)
		}
	}
	f("/static/page.css", 200, "text/css")
	f("/static/icon.svg", 200, "image/svg+xml")
	f("/static/page.html", 404, "text/plain")
	f("/static/", 404, "text/plain")
	f("/graph", 404, "text/plain")
	f("/index.html", 404, "text/plain")

	tag := get(t, s, "GET", "/static/page.css").Header().Get("ETag")
	if w := ask(t, s, "GET", "/static/page.css", map[string]string{"If-None-Match": tag}); w.Code != 304 {
		t.Errorf("a current copy is sent again: %d", w.Code)
	}
}

func BenchmarkPage1000Fleets(b *testing.B) {
	many := make(board, 1000)
	for i := range many {
		many[i] = numbered(i)
	}
	p, err := newPage()
	if err != nil {
		b.Fatal(err)
	}
	s := &Server{o: Options{Board: many}, page: p}
	for b.Loop() {
		if err = p.template.Execute(io.Discard, s.pageView(noon)); err != nil {
			b.Fatal(err)
		}
	}
}

func TestFigure(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %s, want %s", v, got, want)
		}
	}
	f(0, "0")
	f(0.00012, "0.00012")
	f(0.1239, "0.124")
	f(1, "1")
	f(1.2345, "1.23")
	f(94.56, "94.6")
	f(120, "120")
	f(123456, "123456")
	f(12.9e9, "12.9G")
	f(-3.5, "-3.5")
}

func TestNiceUnit(t *testing.T) {
	f := func(v, want float64) {
		t.Helper()
		if got := niceUnit(v); fmt.Sprintf("%.6g", got) != fmt.Sprintf("%.6g", want) {
			t.Errorf("niceUnit(%v) = %v, want %v", v, got, want)
		}
	}
	f(0.03, 0.05)
	f(1, 1)
	f(1.2, 2)
	f(34, 50)
	f(600, 1000)
}
