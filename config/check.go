package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

const (
	// maxPairs is the number of time series that the forecasts of one fleet may be on /metrics.
	maxPairs = 9
	// maxSteps is the number of observations that one fleet may learn from: 8 MB of memory.
	maxSteps = 1_000_000
	// maxInstances is beyond every pool that there is; a larger number is a slip.
	maxInstances = 1_000_000
)

// checker holds a decoded file to the rules that concern more than the form of one value. It reports nothing about a value that has an
// error already, and nothing that follows from such a value.
type checker struct {
	*report
	checks Checks
	c      *Config
	// objects and selectors hold the lines of what may be there once in all pools.
	objects, selectors map[string]int
}

// ensure reports a problem of the first key unless the condition holds; keys are all that the condition depends on.
func (k *checker) ensure(holds bool, keys []string, format string, args ...any) {
	if !holds && k.sound(keys...) {
		k.add(keys[0], format, args...)
	}
}

func (k *checker) within(key string, d model.Duration, least, most time.Duration) {
	ok := time.Duration(d) >= least && time.Duration(d) <= most
	k.ensure(ok, []string{key}, "%s is out of range; allowed: %s to %s", show(d), show(model.Duration(least)), show(model.Duration(most)))
}

func (k *checker) count(key string, n, least, most int) {
	k.ensure(n >= least && n <= most, []string{key}, "%d is out of range; allowed: %d to %d", n, least, most)
}

func (k *checker) notNegative(key string, v float64) {
	k.ensure(v >= 0, []string{key}, "%v is negative; allowed: 0 or more", v)
}

func (k *checker) filled(key, value string) {
	k.ensure(strings.TrimSpace(value) != "", []string{key}, "is empty; allowed: a string with content")
}

func (k *checker) config() {
	k.source()
	k.filled("storage.path", k.c.Storage.Path)
	k.within("interval", k.c.Interval, time.Second, time.Hour)
	k.ensure(time.Duration(k.c.History) >= day, []string{"history"}, "%s is too short to learn a day from; allowed: 1d or more", show(k.c.History))
	k.horizons()
	k.probabilities()
	least := 2 * k.c.Interval
	k.ensure(k.c.Validity >= least, []string{"validity", "interval"},
		"%s is shorter than two intervals, so that one slow turn leaves no decision; allowed: %s or more", show(k.c.Validity), show(least))
	k.ensure(time.Duration(k.c.Validity) <= day, []string{"validity"}, "%s is out of range; allowed: at most 1d", show(k.c.Validity))
	const readBack = "prometheus"
	k.ensure(len(k.c.Fleets) > 0 || k.c.Source == readBack, []string{"fleets", "source"}, "there is none; allowed: at least one fleet")
	k.ensure(k.c.Source != readBack || k.c.Embedded == nil, []string{"source", "embedded"},
		"no other process exports into the embedded Prometheus; allowed: source: prometheus with the key prometheus")
	k.ensure(k.c.Match == "" || k.c.Source == readBack, []string{"match", "source"}, "nothing is read back; allowed: with source: prometheus")
	k.expr("match", matched(k.c.Match))
	k.externalMetrics(&k.c.ExternalMetrics, "external_metrics")
	if k.c.Source == readBack {
		k.readOnly()
	}
	k.objects = map[string]int{}
	k.selectors = map[string]int{}
	names := map[string]int{}
	for i := range k.c.Fleets {
		key := fmt.Sprintf("fleets[%d]", i)
		k.name(key+".name", k.c.Fleets[i].Name, names)
		k.fleet(&k.c.Fleets[i], key)
	}
}

// matched returns the selector that matchers belong to, empty for none.
func matched(matchers string) Expr {
	if matchers == "" {
		return ""
	}
	return Expr("up{" + matchers + "}")
}

func (k *checker) source() {
	const rule = "allowed: exactly one of prometheus and embedded"
	p, e := k.c.Prometheus, k.c.Embedded
	k.ensure(p != nil || e != nil, []string{"prometheus", "embedded"}, "neither prometheus nor embedded is present; %s", rule)
	if p != nil && e != nil {
		k.add("embedded", "prometheus is present too, in line %d; %s", k.line("prometheus"), rule)
	}
	if p != nil {
		k.prometheus(p)
	}
	if e != nil {
		k.embedded(e)
	}
}

func (k *checker) prometheus(p *Prometheus) {
	k.ensure(problemOfURL(p.URL) == "", []string{"prometheus.url"}, "%s; allowed: such as http://prometheus:9090", problemOfURL(p.URL))
	k.within("prometheus.timeout", p.Timeout, time.Second, 10*time.Minute)
	k.count("prometheus.max_points", p.MaxPoints, 100, 10_000_000)
	k.count("prometheus.concurrency", p.Concurrency, 1, 64)
	if p.MaxClockOffset != 0 {
		k.within("prometheus.max_clock_offset", p.MaxClockOffset, time.Second, time.Hour)
	}
}

// problemOfURL says what is wrong with the address of a server. It does not show the address, which may hold a password.
func problemOfURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "is not a URL"
	case u.User != nil:
		return "holds a user or a password, which would be shown in logs; use http_config.basic_auth"
	case u.Scheme != "http" && u.Scheme != "https":
		return "does not begin with http:// or https://"
	case u.Hostname() == "":
		return "has no host"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has a query or a fragment, which no request would carry"
	}
	return ""
}

func (k *checker) embedded(e *Embedded) {
	k.filled("embedded.path", e.Path)
	k.ensure(e.Retention >= k.c.History, []string{"embedded.retention", "history"},
		"%s is shorter than history, %s; allowed: history or more", show(e.Retention), show(k.c.History))
	k.ensure(isAddress(e.ListenAddress), []string{"embedded.listen_address"},
		"%q is not an address; allowed: HOST:PORT, such as 127.0.0.1:9096", e.ListenAddress)
	k.within("embedded.scrape_interval", e.ScrapeInterval, time.Second, 2*time.Minute)
	k.scrapeConfigs(&e.ScrapeConfigs, "embedded.scrape_configs")
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func (k *checker) horizons() {
	h := k.c.Horizons
	k.ensure(len(h) > 0, []string{"horizons"}, "the list is empty; allowed: at least one duration")
	k.ascending("horizons", len(h), func(i int) string { return show(h[i]) }, func(i int) bool { return h[i-1] < h[i] })
	for i := range h {
		key := []string{fmt.Sprintf("horizons[%d]", i), "history"}
		k.ensure(h[i] > 0, key[:1], "0s is not ahead; allowed: more than 0s")
		k.ensure(h[i] <= k.c.History/2, key, "%s is more than half the history; allowed: at most %s", show(h[i]), show(k.c.History/2))
	}
}

func (k *checker) probabilities() {
	p := k.c.Probabilities
	k.ensure(len(p) > 0, []string{"probabilities"}, "the list is empty; allowed: at least one number between 0 and 1")
	for i := range p {
		k.probability(fmt.Sprintf("probabilities[%d]", i), p[i])
	}
	k.ascending("probabilities", len(p), func(i int) string { return fmt.Sprint(p[i]) }, func(i int) bool { return p[i-1] < p[i] })
	pairs := len(p) * len(k.c.Horizons)
	k.ensure(pairs <= maxPairs, []string{"probabilities", "horizons"},
		"%d probabilities at %d horizons are %d time series for every fleet; allowed: at most %d", len(p), len(k.c.Horizons), pairs, maxPairs)
}

func (k *checker) probability(key string, p float64) {
	k.ensure(p >= 0.005 && p <= 0.999, []string{key}, "%v is no probability to plan for; allowed: 0.005 to 0.999, beyond which no quantile is kept", p)
}

// ascending reports each of n items that is not above the one before.
func (k *checker) ascending(list string, n int, text func(i int) string, above func(i int) bool) {
	for i := 1; i < n; i++ {
		keys := []string{fmt.Sprintf("%s[%d]", list, i), fmt.Sprintf("%s[%d]", list, i-1)}
		k.ensure(above(i), keys, "%s comes after %s; allowed: ascending, each once", text(i), text(i-1))
	}
}

// name checks a name that becomes a label and a selector's value; seen holds the lines of those before it.
func (k *checker) name(key, name string, seen map[string]int) {
	k.ensure(isName(name), []string{key}, "%q cannot be a name; allowed: at most 63 of a-z, A-Z, 0-9, '-', '_' and '.', "+
		"the first and the last a letter or a digit", name)
	if first, dup := seen[name]; dup && k.sound(key) {
		k.add(key, "the name %q is in line %d already; allowed: each name once", name, first)
		return
	}
	seen[name] = k.line(key)
}

func isName(s string) bool {
	ok := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }
	if s == "" || len(s) > 63 || !ok(rune(s[0])) || !ok(rune(s[len(s)-1])) {
		return false
	}
	return !slices.ContainsFunc([]rune(s), func(r rune) bool { return !ok(r) && !strings.ContainsRune("-_.", r) })
}

// show writes a duration in days rather than in weeks or years, as the documentation does.
func show(d model.Duration) string {
	if days := time.Duration(d) / day; days > 0 && time.Duration(d)%day == 0 && days < math.MaxInt32 {
		return fmt.Sprintf("%dd", days)
	}
	return d.String()
}
