package config

import (
	"bytes"
	"encoding/json"

	"go.yaml.in/yaml/v3"
)

// String returns the configuration as YAML with all defaults, for people. Secrets are shown as <secret>, passwords in URLs as xxxxx, and
// of a scrape configuration only its job_name.
func (c Config) String() string { return text(c) }

// GoString is String, so that %#v shows no secret.
func (c Config) GoString() string { return c.String() }

// MarshalJSON returns what String does, as JSON.
func (c Config) MarshalJSON() ([]byte, error) {
	var v any
	if err := yaml.Unmarshal([]byte(c.String()), &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// String returns the section as YAML without secrets.
func (p Prometheus) String() string { return text(p) }

// GoString is String, so that %#v shows no secret.
func (p Prometheus) GoString() string { return p.String() }

// MarshalYAML returns a list of job names: the rest may hold secrets in places that only Prometheus's own types know.
func (s ScrapeConfigs) MarshalYAML() (any, error) {
	jobs := []map[string]string{}
	for _, item := range s.items {
		job := map[string]string{}
		for i := 0; i+1 < len(item.Content); i += 2 {
			if item.Content[i].Value == "job_name" && item.Content[i+1].Kind == yaml.ScalarNode {
				job["job_name"] = item.Content[i+1].Value
			}
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// IsZero makes the YAML package leave an absent list out.
func (s ScrapeConfigs) IsZero() bool { return len(s.items) == 0 }

// String returns the job names, as MarshalYAML does.
func (s ScrapeConfigs) String() string { return text(s) }

// GoString is String, so that %#v shows no secret.
func (s ScrapeConfigs) GoString() string { return s.String() }

func text(v any) string {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return "config: " + err.Error()
	}
	return b.String()
}
