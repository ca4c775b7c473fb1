package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/test/e2e/components"
)

// PrometheusOptions say what a Prometheus does. The zero value scrapes nothing and takes what is written to it.
type PrometheusOptions struct {
	// Name tells several apart; prometheus where it is empty.
	Name string
	// Targets holds the addresses host:port of each job; /metrics of each is scraped every ScrapeInterval, one second where it is zero.
	Targets        map[string][]string
	ScrapeInterval time.Duration
	// Scrape is YAML of further elements of scrape_configs.
	Scrape string
	// Rules is a rule file, or empty.
	Rules string
}

// Prometheus is a running Prometheus. It keeps its address and its data when it is started again.
type Prometheus struct {
	*Process
	// URL is its address, without a slash at the end.
	URL string
	c   *Cluster
}

// StartPrometheus runs a Prometheus and returns when it is ready. It keeps forty days in memory and takes samples of any age, so a test
// can write a history with Write, before it or at any time.
func (c *Cluster) StartPrometheus(o PrometheusOptions) *Prometheus {
	c.t.Helper()
	if o.Name == "" {
		o.Name = components.Prometheus
	}
	if o.ScrapeInterval == 0 {
		o.ScrapeInterval = time.Second
	}
	folder, listen := c.Folder(), address(c.network.host(), 9090)
	c.must(replace(filepath.Join(folder, "rules.yml"), []byte(o.Rules)))
	file := filepath.Join(folder, "prometheus.yml")
	c.must(replace(file, []byte(o.config())))
	p := &Prometheus{URL: "http://" + listen, c: c}
	p.Process = c.Run(&Process{Name: o.Name, Path: components.Path(c.t, components.Prometheus), Args: []string{
		"--config.file=" + file, "--web.listen-address=" + listen, "--storage.tsdb.path=" + filepath.Join(folder, "data"),
		"--web.enable-remote-write-receiver", "--web.enable-lifecycle", "--log.level=warn",
		"--scrape.discovery-reload-interval=100ms",
		// All of a test's data stays in the head: a back-filled history makes no blocks.
		"--storage.tsdb.min-block-duration=40d", "--storage.tsdb.max-block-duration=40d",
	}})
	p.wait()
	return p
}

func (o PrometheusOptions) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "global: {scrape_interval: %[1]s, scrape_timeout: %[1]s, evaluation_interval: %[1]s}\n", seconds(o.ScrapeInterval))
	b.WriteString("storage: {tsdb: {out_of_order_time_window: 40d, retention: {time: 80d}}}\nrule_files: [rules.yml]\nscrape_configs:\n")
	for job, targets := range o.Targets {
		quoted, _ := json.Marshal(targets) // strings always marshal
		fmt.Fprintf(&b, "  - {job_name: %q, static_configs: [{targets: %s}]}\n", job, quoted)
	}
	for line := range strings.Lines(strings.TrimSpace(o.Scrape)) {
		b.WriteString("  " + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

// seconds writes the duration as Prometheus reads it.
func seconds(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

func (p *Prometheus) wait() {
	p.c.t.Helper()
	p.c.ready(p.Process, p.URL+"/-/ready", "Ready")
}

// Restart ends it as a crash does where it runs, starts it again on the same data and returns when it is ready.
func (p *Prometheus) Restart() {
	p.c.t.Helper()
	p.Kill()
	p.c.must(p.Start())
	p.wait()
}

// Reload has it read its configuration again.
func (p *Prometheus) Reload() { p.Signal(syscall.SIGHUP) }

// ErrNoSample is the error of Value where the query returns nothing.
var ErrNoSample = errors.New("the query returns nothing")

// Value returns what the query is now: a scalar or a vector of one element. An empty vector is ErrNoSample.
func (p *Prometheus) Value(query string) (float64, error) {
	body, err := p.c.Get(p.URL + "/api/v1/query?" + url.Values{"query": {query}}.Encode())
	if err != nil {
		return math.NaN(), err
	}
	var answer struct {
		Data struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	if err = json.Unmarshal([]byte(body), &answer); err != nil {
		return math.NaN(), fmt.Errorf("%s: %w: %s", query, err, body)
	}
	var sample [2]any
	if answer.Data.ResultType == "scalar" {
		err = json.Unmarshal(answer.Data.Result, &sample)
	} else {
		var vector []struct{ Value [2]any }
		err = json.Unmarshal(answer.Data.Result, &vector)
		switch {
		case err == nil && len(vector) == 0:
			return math.NaN(), ErrNoSample
		case err == nil && len(vector) > 1:
			return math.NaN(), fmt.Errorf("%s has %d elements: %s", query, len(vector), body)
		case err == nil:
			sample = vector[0].Value
		}
	}
	if err != nil {
		return math.NaN(), fmt.Errorf("%s: %w: %s", query, err, body)
	}
	text, _ := sample[1].(string)
	return strconv.ParseFloat(text, 64)
}

// Eventually returns when the condition holds of what the query is.
func (p *Prometheus) Eventually(t testing.TB, query string, limit time.Duration, holds func(float64) bool) {
	t.Helper()
	WaitFor(t, query, limit, func() error {
		v, err := p.Value(query)
		if err == nil && !holds(v) {
			err = fmt.Errorf("it is %v", v)
		}
		return err
	})
}
