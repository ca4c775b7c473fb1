package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const withSecrets = `prometheus:
  http_config:
    basic_auth: {username: me, password: hunter2}
    proxy_url: http://me:hunter2@proxy:3128
    proxy_connect_header: {X-Key: [hunter2]}
    http_headers: {X-Key: {secrets: [hunter2]}}
    tls_config: {cert_file: c, key: hunter2}
fleets:
- name: web
  demand: {query: up, unit: cores}
  pools: [{name: a, class: fixed, capacity: 2, lead_time: {query: lead}}]
`

const withScrapeSecrets = `embedded:
  scrape_configs:
  - job_name: a
    basic_auth: {username: me, password: hunter2}
fleets:
- name: web
  demand: {query: up, unit: cores}
  pools: [{name: a, class: fixed, capacity: 2}]
`

func TestNothingPrintsASecret(t *testing.T) {
	f := func(file string) {
		t.Helper()
		c, err := Parse("f.yml", []byte(file), Checks{})
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{c.String(), string(asJSON)}
		for _, v := range []any{c, *c, c.Prometheus, c.Embedded} {
			texts = append(texts, fmt.Sprintf("%v", v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprint(v))
		}
		for i, s := range texts {
			if strings.Contains(s, "hunter2") {
				t.Errorf("text %d shows a secret:\n%s", i, s)
			}
		}
	}
	f(withSecrets)
	f(withScrapeSecrets)
}

func TestStringShowsWhereSecretsAre(t *testing.T) {
	c, err := Parse("f.yml", []byte(withSecrets), Checks{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"password: <secret>", "proxy_url: http://me:xxxxx@proxy:3128", "key: <secret>", "query: lead", "interval: 1m"} {
		if !strings.Contains(c.String(), want) {
			t.Errorf("no %q in\n%s", want, c)
		}
	}
}

// What String returns is a file that means the same, secrets apart.
func TestStringIsAConfiguration(t *testing.T) {
	f := func(file string) {
		t.Helper()
		c, err := Parse("f.yml", []byte(file), Checks{})
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("f.yml", []byte(c.String()), Checks{})
		if err != nil {
			t.Fatalf("%v\n%s", err, c)
		}
		if diff := cmp.Diff(c.String(), again.String()); diff != "" {
			t.Error(diff)
		}
	}
	f(minimal)
	f(example)
	f(exampleEmbedded)
	f(withSecrets)
	f(withScrapeSecrets)
}
