// Package config turns a YAML file into a checked Config, or into every reason why not.
//
// Two rules hold everywhere. What is accepted has an effect: an unknown key, a duplicate one and a value that would be cut or ignored are
// refused. And each error says FILE:LINE: KEY: what is wrong, and what is allowed; all errors of a file are reported together.
//
// Defaults are set before the file is read, so that an explicit value wins, an explicit zero too. The package imports nothing of ours:
// what other packages own (units, PromQL, scrape configurations,
// holidays, events) is checked by functions that the caller passes in.
package config

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	_ "time/tzdata" // calendars name time zones, and an image may have none

	promconfig "github.com/prometheus/common/config"
)

// Checks are the rules that other packages own. Each returns nil, or an error that says what is wrong and what is allowed. A nil check
// accepts everything.
type Checks struct {
	// Unit checks the unit of a demand.
	Unit func(unit string) error
	// Expr checks a PromQL expression. It is not asked where prometheus.query_check is false.
	Expr func(expr string) error
	// ScrapeConfigs checks a YAML list of scrape configurations. A "line N: " in its error, and a "scrape config N: " at the beginning,
	// count from 1 in what it is given; both are translated into the line and the key of the file. It is asked about each item alone,
	// and about the whole list once these are right.
	ScrapeConfigs func(list []byte) error
	// Holidays checks the code of a region.
	Holidays func(code string) error
	// Events checks the events file at a path.
	Events func(path string) error
	// Selector checks a label selector of Kubernetes.
	Selector func(selector string) error
}

// Load reads and checks the file at path. Errors are those of Parse, or that of reading the file, wrapped.
func Load(path string, checks Checks) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	return Parse(path, data, checks)
}

// Parse checks data, the content of the file called name. Relative names of secret and certificate files in it are relative to the
// folder of name. The error joins one *Error for everything that is wrong, in the order of lines.
func Parse(name string, data []byte, checks Checks) (*Config, error) {
	r := &report{file: name, lines: map[string]int{}, failed: map[string]bool{}}
	root := r.root(data)
	prices := priceFile{report: r}
	if root == nil {
		return nil, r.err()
	}
	c := new(Config)
	v := reflect.ValueOf(c).Elem()
	applyDefaults(v)
	d := &decoder{report: r, sections: map[reflect.Type]section{}}
	d.value(root, v, "")
	if !r.failed[""] && !d.full {
		c.derive(r)
		c.setDirectory(filepath.Dir(name))
		prices.apply(c)
		(&checker{report: r, checks: checks, c: c}).config()
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	sum := sha256.New()
	sum.Write(data)
	sum.Write(prices.data)
	c.hash = binary.BigEndian.Uint64(sum.Sum(nil))
	c.hints = hintsOf(c, r)
	return c, nil
}

// derive fills in the defaults that are other values of the file.
func (c *Config) derive(r *report) {
	for i := range c.Fleets {
		if !r.given(fmt.Sprintf("fleets[%d].demand.step", i)) {
			c.Fleets[i].Demand.Step = c.Interval
		}
		if p := &c.Fleets[i].Policy; p.Cost != nil && !r.given(fmt.Sprintf("fleets[%d].policy.probability", i)) {
			p.Probability = 0
		}
	}
}

func (c *Config) setDirectory(dir string) {
	if c.Prometheus != nil {
		c.Prometheus.HTTPConfig.SetDirectory(dir)
	}
	if c.Embedded != nil {
		c.Embedded.ScrapeConfigs.Dir = dir
	}
	if d := c.ExternalMetrics.Delegate; d != nil {
		d.HTTPConfig.SetDirectory(dir)
	}
	c.PriceFile = promconfig.JoinDir(dir, c.PriceFile)
	for i := range c.Fleets {
		if cal := c.Fleets[i].Calendar; cal != nil {
			cal.Events = promconfig.JoinDir(dir, cal.Events)
		}
	}
}
