package exporter

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/forethought-autoscaler/forethought/pool"
)

// fleetsShown bounds the fleets on the page.
const fleetsShown = 200

//go:embed web
var assets embed.FS

// page is the template of the page and the files it loads.
type page struct {
	template *template.Template
	files    map[string]file
}

// file is a file that the page loads, with the tag by which a browser knows whether its copy is current.
type file struct {
	body []byte
	tag  string
}

func newPage() (page, error) {
	t, err := template.ParseFS(assets, "web/page.html")
	if err != nil {
		return page{}, fmt.Errorf("parse the page: %w", err)
	}
	p := page{template: t, files: make(map[string]file)}
	var body []byte
	for _, name := range []string{"page.css", "icon.svg"} {
		body, err = assets.ReadFile("web/" + name)
		if err != nil {
			return page{}, fmt.Errorf("read the page's files: %w", err)
		}
		p.files[name] = file{body: body, tag: fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256(body))[:16])}
	}
	return p, nil
}

// serveFile answers GET /static/{file}.
func (p page) serveFile(w http.ResponseWriter, r *http.Request) {
	f, ok := p.files[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", f.tag)
	w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, r.PathValue("file"), time.Time{}, bytes.NewReader(f.body))
}

// servePage answers GET /.
func (s *Server) servePage(w http.ResponseWriter, _ *http.Request) {
	var body bytes.Buffer
	if err := s.page.template.Execute(&body, s.pageView(s.o.Now())); err != nil {
		s.o.Log.Error("render the page", "err", err)
		http.Error(w, "the page could not be rendered", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body.Bytes())
}

// pageView is all that the template is given.
type pageView struct {
	Version, Now, Summary string
	Fleets                []fleetView
	Total, Shown          int
	Links                 []Link
}

// fleetView is one fleet on the page, in words.
type fleetView struct {
	ID, Name, Path       string
	State, Reason, Ready string
	Mode                 string
	Killed, Valid        bool
	Figures              []figureView
	Fan                  *fan
	Probabilities        []string
	Ahead                []aheadView
	Pools                []poolView
	Moves                []moveView
	Method               string
	Question             string
	Explain              []string
}

// figureView is a number with what it is, its unit, and what is to be known about it.
type figureView struct{ Name, Value, Unit, Note string }

// aheadView is the forecast at one horizon, by probability.
type aheadView struct {
	Horizon, Time string
	Values        []string
}

func (s *Server) pageView(now time.Time) pageView {
	all := s.o.Board.Snapshots()
	out := pageView{
		Version: s.o.Version, Now: now.UTC().Format("2006-01-02 15:04:05 UTC"), Summary: summary(all),
		Total: len(all), Shown: min(len(all), fleetsShown), Links: s.o.Links,
	}
	for i, f := range all[:out.Shown] {
		out.Fleets = append(out.Fleets, fleetViewOf(f, fmt.Sprintf("fleet-%d", i+1), now))
	}
	return out
}

// summary counts the fleets by state.
func summary(all []pool.Snapshot) string {
	if len(all) == 0 {
		return "No fleet is configured."
	}
	var parts []string
	for _, state := range pool.States() {
		n := 0
		for _, f := range all {
			if f.State == state {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	word := "fleets"
	if len(all) == 1 {
		word = "fleet"
	}
	return fmt.Sprintf("%d %s: %s.", len(all), word, strings.Join(parts, ", "))
}

func fleetViewOf(s pool.Snapshot, id string, now time.Time) fleetView {
	d := s.Decision
	out := fleetView{
		ID: id, Name: s.Fleet, Path: "api/v1/fleets/" + url.PathEscape(s.Fleet),
		State: string(s.State), Reason: sentence(s.Reason), Mode: string(d.Mode), Killed: d.Killed, Valid: d.Valid(now),
		Pools: poolViews(s, now), Explain: Explain(s, now), Question: "Why is there no number?", Figures: figures(s, now),
	}
	if !s.ReadyAt.IsZero() {
		out.Ready = since(s.ReadyAt, now)
	}
	if !out.Valid {
		return out
	}
	out.Question = fmt.Sprintf("Why %s?", instances(d.Effective().Total()))
	out.Fan = fanOf(s, id)
	out.Ahead = aheadViews(s, now)
	out.Moves = moveViews(d.Plan)
	out.Method = methodText(s)
	for _, p := range s.Probabilities {
		out.Probabilities = append(out.Probabilities, probabilityText(p))
	}
	return out
}

func methodText(s pool.Snapshot) string {
	switch sel := s.Selection; {
	case sel.Method == "":
		return s.Decision.Forecast.Method
	case sel.RunnerUp == "":
		return sel.Method
	default:
		return fmt.Sprintf("%s, runner-up %s", sel.Method, sel.RunnerUp)
	}
}

// figures are the numbers at the head of a fleet.
func figures(s pool.Snapshot, now time.Time) []figureView {
	d, exist := s.Decision, existing(s)
	if !d.Valid(now) {
		until := figureView{Name: "Decision", Value: "none", Note: "autoscalers hold what they have"}
		if !d.At.IsZero() {
			until = figureView{Name: "Decision", Value: "ran out", Note: since(d.ValidUntil, now)}
		}
		return []figureView{until, exist}
	}
	told := "autoscalers get the plan"
	switch {
	case d.Killed:
		told = "kill switch on: the reactive need"
	case d.Mode != pool.Act:
		told = "shadow: the reactive need"
	}
	plan := figureView{Name: "Planned", Value: strconv.Itoa(d.Plan.Total()), Note: "with the forecast"}
	if cost := costText(s, d.Plan); cost != "" {
		plan.Note += ", " + cost
	}
	return []figureView{
		{Name: "Demand now", Value: figure(demand(d.Demand)), Unit: unitText(s.Unit), Note: "observed " + since(d.DemandAt, now)},
		{Name: "Asked for", Value: strconv.Itoa(d.Effective().Total()), Note: told},
		plan,
		{Name: "Reactive", Value: strconv.Itoa(d.Reactive.Total()), Note: "without a forecast"},
		exist,
		{Name: "Valid for", Value: span(d.ValidUntil.Sub(now)), Note: "until " + clock(d.ValidUntil, now)},
	}
}

// aheadViews returns a row for each horizon; what the forecast does not reach is a dash.
func aheadViews(s pool.Snapshot, now time.Time) []aheadView {
	f := s.Decision.Forecast
	if len(f.Steps) == 0 {
		return nil
	}
	var out []aheadView
	for _, h := range s.Horizons {
		row := aheadView{Horizon: horizonText(h), Time: clock(f.Origin.Add(h), now)}
		for _, p := range s.Probabilities {
			text := "–"
			if v := ahead(s.Decision.DemandAhead, h, p); !math.IsNaN(v) {
				text = figure(v)
			}
			row.Values = append(row.Values, text)
		}
		out = append(out, row)
	}
	return out
}
