package config

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`")
	// named finds a metric that is named by a label matcher.
	named = regexp.MustCompile(`__name__\s*=~?\s*["'` + "`" + `][^"'` + "`" + `]*`)
	// planned are the metrics that say what we decided; ours are all that we export.
	planned = regexp.MustCompile(`\bforethought_(pool|plan)_\w*`)
	ours    = regexp.MustCompile(`\bforethought_\w*`)
	// behavior are metrics of ours that tell of others: what users submit.
	behavior = regexp.MustCompile(`^forethought_behavior_`)
	replicas = regexp.MustCompile(`(?i)\b\w*replicas\w*`)
	usage    = regexp.MustCompile(`(?i)\b\w*(utili[sz]ation|percent|saturation)\w*`)
)

// metricsOf returns what is left of an expression without the values of its labels, but with the metrics that a label names.
func metricsOf(e Expr) string {
	parts := append(named.FindAllString(string(e), -1), quoted.ReplaceAllString(string(e), `""`))
	return strings.Join(parts, " ")
}

// ownOutput refuses a demand that is what we decided: a forecast of it would learn itself.
func (k *checker) ownOutput(key string, e Expr) {
	if name := planned.FindString(metricsOf(e)); name != "" {
		k.ensure(false, []string{key}, "%s is what forethought decided, and would be learnt as the demand; allowed: the load that is offered", name)
	}
}

// Hints returns what is allowed and often a mistake, each as FILE:LINE: KEY: what may be wrong. They are about queries, whose meaning only
// the operator knows.
func (c *Config) Hints() []string { return c.hints }

func hintsOf(c *Config, r *report) []string {
	var out []string
	for i := range c.Fleets {
		key := fmt.Sprintf("fleets[%d].demand.query", i)
		if text := doubtful(c.Fleets[i].Demand.Query); text != "" {
			out = append(out, (&Error{File: r.file, Line: r.line(key), Key: key, Problem: text}).Error())
		}
	}
	return out
}

// doubtful says what a demand may have wrong with it, nothing where it has nothing.
func doubtful(e Expr) string {
	text := metricsOf(e)
	for _, name := range ours.FindAllString(text, -1) {
		if !behavior.MatchString(name) {
			return name + " is our own output: a forecast that reads it learns itself. The demand is the load that is offered"
		}
	}
	if name := replicas.FindString(text); name != "" {
		return name + " may count what was scaled: where it does, the forecast learns its own output. The demand is the load that is offered"
	}
	if name := usage.FindString(text); name != "" {
		return name + " may be a utilisation, which falls when the fleet grows. The demand is the load that is offered, such as a sum of cores in use"
	}
	return ""
}
