package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSyntaxErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		wantErrors(t, text, want...)
	}
	keys := "prometheus, embedded, source, match, storage, interval, history, horizons, probabilities, price_file, validity, external_metrics, fleets"
	f("", "f.yml:1: the file is empty; allowed: a YAML mapping with the keys "+keys)
	f("# nothing\n", "f.yml:1: the file is empty; allowed: a YAML mapping with the keys "+keys)
	f("---\n~\n", "f.yml:1: the file is empty; allowed: a YAML mapping with the keys "+keys)
	f("- a\n", "f.yml:1: a list is not allowed; allowed: a mapping with the keys "+keys)
	f("hello\n", `f.yml:1: "hello" is not allowed; allowed: a mapping with the keys `+keys)
	f("interval: 1m\n---\ninterval: 2m\n", "f.yml:2: a second YAML document begins; allowed: one document")
	f("interval: 1m\n---", "f.yml:2: a second YAML document begins; allowed: one document")
	f("interval: 1m\nhistory: a: b\n", "f.yml:2: YAML: mapping values are not allowed in this context")
	f("interval: 1m\nfleets:\n- name: a\n  x: 1\n y: 2\n", "f.yml:5: YAML: did not find expected key")
	f("interval: 1m\nhorizons: [1m, 2m\nvalidity: 1m\n", "f.yml:2: YAML: did not find expected ',' or ']'")
	f("interval: 1m\nhistory: '1d\nvalidity: 1m\n", "f.yml:2: YAML: found unexpected end of stream")
	f("interval: 1m\n\thistory: 1d\n", "f.yml:2: YAML: found a tab character that violates indentation")
	f("interval: 1m\nhistory: *none\n", "f.yml:2: YAML: unknown anchor 'none' referenced")
	f("interval: 1m\nhistory: \x01\n", "f.yml:2: YAML: control characters are not allowed")
	f("interval: 1m\nhistory: \xff\n", "f.yml:2: YAML: invalid leading UTF-8 octet")
	long := strings.Repeat("interval: 1m\n", 1500) // Duplicate keys are found only after the syntax.
	f(long+"history: 'a\n", "f.yml:1501: YAML: found unexpected end of stream")
}

func TestKeyErrors(t *testing.T) {
	f := func(old, replacement string, want ...string) {
		t.Helper()
		wantErrors(t, edit(t, old, replacement), want...)
	}
	f("unit: cores", "unt: cores",
		"f.yml:4: fleets[0].demand.unit: required key is missing; allowed: a string",
		"f.yml:6: fleets[0].demand.unt: unknown key; allowed: query, unit, step, pending, saturated, failing, shapes; did you mean unit?")
	f("    unit: cores\n", "    unit: cores\n    colour: red\n",
		"f.yml:7: fleets[0].demand.colour: unknown key; allowed: query, unit, step, pending, saturated, failing, shapes")
	f("    unit: cores\n", "    unit: cores\n    unit: bytes\n",
		"f.yml:7: fleets[0].demand.unit: duplicate key, first in line 6; allowed: once")
	f("    unit: cores\n", "    unit: cores\n    \"a b\\nc\": 1\n",
		`f.yml:7: fleets[0].demand."a b\nc": unknown key; allowed: query, unit, step, pending, saturated, failing, shapes`)
	f("    unit: cores\n", "    unit: cores\n    [a]: 1\n",
		"f.yml:7: fleets[0].demand: a list is used as a key; allowed: a word")
	f("    unit: cores\n", "    unit: cores\n    <<: 5\n",
		`f.yml:7: fleets[0].demand: "5" is merged; allowed: a mapping, or a list of mappings`)
	f("prometheus: {}", "prometheus: {http_config: {basic_auth: {username: u, pasword: hunter2}}}",
		"f.yml:1: prometheus.http_config.basic_auth.pasword: unknown key; allowed: username, username_file, password, password_file; did you mean password?")
	f("prometheus: {}", "prometheus: {http_config: {basic_auth: {username_ref: u}}}",
		"f.yml:1: prometheus.http_config.basic_auth.username_ref: unknown key; allowed: username, username_file, password, password_file")
	f("  - name: a\n    class: fixed\n    capacity: 2\n", "  - {}\n",
		"f.yml:8: fleets[0].pools[0].name: required key is missing; allowed: a string",
		"f.yml:8: fleets[0].pools[0].class: required key is missing; allowed: fixed, variable",
		"f.yml:8: fleets[0].pools[0].capacity: required key is missing; allowed: a finite number")
	wantErrors(t, "prometheus: {}\n",
		"f.yml:1: fleets: there is none; allowed: at least one fleet")
	wantErrors(t, minimal+"    lead_time: {default: 5m}\n",
		"f.yml:11: fleets[0].pools[0].lead_time: it says not how it is measured, or says it twice; allowed: exactly one of query and learn: true, or a plain duration")
}

func TestTypeErrors(t *testing.T) {
	f := func(key, value, want string) {
		t.Helper()
		wantErrors(t, minimal+key+": "+value+"\n", "f.yml:11: "+want)
	}
	duration := "; allowed: a duration such as 30s, 5m or 28d"
	f("interval", "60", `interval: "60" is not allowed`+duration)
	f("interval", "-1m", `interval: "-1m" is not allowed`+duration)
	f("interval", "", `interval: an empty value is not allowed`+duration)
	f("interval", "[1m]", `interval: a list is not allowed`+duration)
	f("interval", "!mine 1m", `interval: a value with the tag !mine is not allowed`+duration)
	f("storage", "!mine {path: x}", `storage: a value with the tag !mine is not allowed; allowed: a mapping with the keys path`)
	f("horizons", "5m", `horizons: "5m" is not allowed; allowed: a list, each item a duration such as 30s, 5m or 28d`)
	f("probabilities", "[.nan]", `probabilities[0]: ".nan" is not allowed; allowed: a finite number`)
	f("probabilities", "[.inf]", `probabilities[0]: ".inf" is not allowed; allowed: a finite number`)
	f("probabilities", `["0.5"]`, `probabilities[0]: "0.5" is not allowed; allowed: a finite number`)
	f("    price", "{hourly: 1e999}", `fleets[0].pools[0].price.hourly: "1e999" is not allowed; allowed: a finite number`)
	f("    min", "0.9", `fleets[0].pools[0].min: "0.9" is not allowed; allowed: a whole number`)
	f("    min", "3.0", `fleets[0].pools[0].min: "3.0" is not allowed; allowed: a whole number`)
	f("    min", "99999999999999999999", `fleets[0].pools[0].min: "99999999999999999999" is not allowed; allowed: a whole number`)
	f("    instances", `"  "`, `fleets[0].pools[0].instances: "  " is not allowed; allowed: a PromQL expression`)
	f("    lead_time", "soon", `fleets[0].pools[0].lead_time: "soon" is not allowed; allowed: a duration such as 4m, or a mapping with the keys query, learn, default`)
	f("  policy", "{kill: maybe}", `fleets[0].policy.kill: "maybe" is not allowed; allowed: true or false`)
	f("  policy", "{mode: auto}", `fleets[0].policy.mode: unknown mode "auto"; allowed: shadow, act`)
	f("  policy", "5", `fleets[0].policy: "5" is not allowed; allowed: a mapping with the keys mode, kill, probability, paced, cost, stale_after, hold, churn, linger, limits, migration`)
	// A wrong value below an alias is reported where it stands, under the key that uses it.
	wantErrors(t, minimal+"  policy: &p\n    hold: 1x\n- name: b\n  demand: {query: up, unit: cores}\n  pools: [{name: x, class: fixed, capacity: 1}]\n  policy: *p\n",
		`f.yml:12: fleets[0].policy.hold: "1x" is not allowed; allowed: a duration such as 30s, 5m or 28d`,
		`f.yml:12: fleets[1].policy.hold: "1x" is not allowed; allowed: a duration such as 30s, 5m or 28d`)
}

func TestYAML11TruthValues(t *testing.T) {
	f := func(word string, want bool) {
		t.Helper()
		if got := mustParse(t, minimal+"  policy: {kill: "+word+"}\n").Fleets[0].Policy.Kill; got != want {
			t.Errorf("kill: %s is %t, want %t", word, got, want)
		}
	}
	f("true", true)
	f("on", true)
	f("yes", true)
	f("off", false)
}

func TestSourceErrors(t *testing.T) {
	f := func(section string, want ...string) {
		t.Helper()
		wantErrors(t, edit(t, "prometheus: {}\n", section), want...)
	}
	f("", "f.yml:1: prometheus: neither prometheus nor embedded is present; allowed: exactly one of prometheus and embedded")
	f("prometheus: {}\nembedded: {}\n", "f.yml:2: embedded: prometheus is present too, in line 1; allowed: exactly one of prometheus and embedded")
	p := func(section string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:1: prometheus." + want[i]
		}
		f("prometheus: "+section+"\n", want...)
	}
	const such = "; allowed: such as http://prometheus:9090"
	p("{url: ''}", "url: does not begin with http:// or https://"+such)
	p("{url: 'prometheus:9090'}", "url: does not begin with http:// or https://"+such)
	p("{url: 'http://'}", "url: has no host"+such)
	p("{url: 'http://a b'}", "url: is not a URL"+such)
	p("{url: 'http://a/?x=1'}", "url: has a query or a fragment, which no request would carry"+such)
	p("{url: 'http://me:hunter2@a'}", "url: holds a user or a password, which would be shown in logs; use http_config.basic_auth"+such)
	p("{timeout: 0s, max_points: 1, concurrency: 0}",
		"timeout: 0s is out of range; allowed: 1s to 10m",
		"max_points: 1 is out of range; allowed: 100 to 10000000",
		"concurrency: 0 is out of range; allowed: 1 to 64")
	p("{http_config: {bearer_token: a, bearer_token_file: b}}",
		"http_config: at most one of bearer_token & bearer_token_file must be configured")
	p("{http_config: {tls_config: {cert: x}}}",
		"http_config.tls_config: exactly one of key or key_file must be configured when a client certificate is configured")
	p("{http_config: {tls_config: {min_version: TLS9}}}",
		`http_config.tls_config.min_version: "TLS9" is not allowed; allowed: TLS10, TLS11, TLS12, TLS13`)
	p("{http_config: {proxy_url: 'http://u:hunter2@[a'}}", "http_config.proxy_url: the value is not allowed; allowed: a URL")
	p("{http_config: {oauth2: {client_id: a, scopes: x}}}",
		`http_config.oauth2.scopes: "x" is not allowed; allowed: a list, each item a string`)
	p("{http_config: {http_headers: {Host: {values: [x]}}}}", `http_config.http_headers: setting header "Host" is not allowed`)
	p("{http_config: {http_headers: {X-Org: {value: [x]}}}}",
		"http_config.http_headers.X-Org.value: unknown key; allowed: values, secrets, files; did you mean values?")
}

func TestEmbeddedErrors(t *testing.T) {
	f := func(section string, want ...string) {
		t.Helper()
		wantErrors(t, edit(t, "prometheus: {}", "embedded:\n"+section), want...)
	}
	f("  path: ''\n  retention: 7d\n  listen_address: localhost\n  scrape_interval: 5m",
		"f.yml:2: embedded.path: is empty; allowed: a string with content",
		"f.yml:3: embedded.retention: 7d is shorter than history, 28d; allowed: history or more",
		`f.yml:4: embedded.listen_address: "localhost" is not an address; allowed: HOST:PORT, such as 127.0.0.1:9096`,
		"f.yml:5: embedded.scrape_interval: 5m is out of range; allowed: 1s to 2m")
	f("  scrape_configs: {job_name: a}",
		"f.yml:2: embedded.scrape_configs: a mapping is not allowed; allowed: a list, each item a mapping as in scrape_configs of a Prometheus configuration file")
	f("  scrape_configs:\n  - a",
		`f.yml:3: embedded.scrape_configs: "a" is not allowed; allowed: a list, each item a mapping as in scrape_configs of a Prometheus configuration file`)
	f("  scrape_configs:\n  - job_name: a\n    targets:\n    - x\n    prot: 80\n  - job_name: b\n\n    port: x\n    job_nam: c",
		"f.yml:6: embedded.scrape_configs[0]: field prot not found in type struct { Name string \"yaml:\\\"job_name\\\"\"; "+
			"Port int \"yaml:\\\"port\\\"\"; Targets []string \"yaml:\\\"targets\\\"\"; Labels map[string]string \"yaml:\\\"labels\\\"\" }",
		"f.yml:9: embedded.scrape_configs[1]: cannot unmarshal !!str `x` into int",
		"f.yml:10: embedded.scrape_configs[1]: field job_nam not found in type struct { Name string \"yaml:\\\"job_name\\\"\"; "+
			"Port int \"yaml:\\\"port\\\"\"; Targets []string \"yaml:\\\"targets\\\"\"; Labels map[string]string \"yaml:\\\"labels\\\"\" }")
	f("  scrape_configs:\n  - job_name: a\n  - job_name: a", `f.yml:4: embedded.scrape_configs[1]: job "a" comes twice`)
	f("  scrape_configs:\n  - job_name: a\n    job_name: b",
		"f.yml:4: embedded.scrape_configs.job_name: duplicate key, first in line 3; allowed: once")
}

func TestProblemsOfACheck(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, problems(errors.New(text))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	f("scrape configs: job_name is empty", "job_name is empty")
	f("scrape config 1: job_name is empty", "job_name is empty")
	f("two\n lines", "two lines")
	f("yaml: unmarshal errors:\n  line 2: a\n  line 3: b\n", "line 2: a", "line 3: b")
	f("scrape configs: x is not built in: yaml: unmarshal errors:\n  line 2: a", "x is not built in: line 2: a")
}

func TestTimeErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:11: " + want[i]
		}
		wantErrors(t, minimal+text+"\n", want...)
	}
	f("interval: 500ms", "interval: 500ms is out of range; allowed: 1s to 1h")
	f("interval: 2h", "interval: 2h is out of range; allowed: 1s to 1h")
	f("history: 12h", "history: 12h is too short to learn a day from; allowed: 1d or more")
	f("horizons: []", "horizons: the list is empty; allowed: at least one duration")
	f("horizons: [0s]", "horizons[0]: 0s is not ahead; allowed: more than 0s")
	f("horizons: [15d]", "horizons[0]: 15d is more than half the history; allowed: at most 14d")
	f("horizons: [5m, 30m, 30m]", "horizons[2]: 30m comes after 30m; allowed: ascending, each once")
	f("probabilities: []", "probabilities: the list is empty; allowed: at least one number between 0 and 1")
	f("probabilities: [0, 1]", "probabilities[0]: 0 is no probability to plan for; allowed: 0.005 to 0.999, beyond which no quantile is kept",
		"probabilities[1]: 1 is no probability to plan for; allowed: 0.005 to 0.999, beyond which no quantile is kept")
	f("probabilities: [0.9, 0.5]", "probabilities[1]: 0.5 comes after 0.9; allowed: ascending, each once")
	f("probabilities: [0.1, 0.5, 0.9, 0.99]", "probabilities: 4 probabilities at 3 horizons are 12 time series for every fleet; allowed: at most 9")
	f("validity: 90s", "validity: 1m30s is shorter than two intervals, so that one slow turn leaves no decision; allowed: 2m or more")
	f("validity: 2d", "validity: 2d is out of range; allowed: at most 1d")
	f("storage: {path: ' '}", "storage.path: is empty; allowed: a string with content")
}

func TestFleetErrors(t *testing.T) {
	wantErrors(t, "prometheus: {}\nfleets: []\n", "f.yml:2: fleets: there is none; allowed: at least one fleet")
	f := func(old, replacement string, want ...string) {
		t.Helper()
		wantErrors(t, edit(t, old, replacement), want...)
	}
	const charset = " cannot be a name; allowed: at most 63 of a-z, A-Z, 0-9, '-', '_' and '.', the first and the last a letter or a digit"
	f("name: web", "name: web/1", `f.yml:3: fleets[0].name: "web/1"`+charset)
	f("name: web", "name: -web", `f.yml:3: fleets[0].name: "-web"`+charset)
	f("name: web", "name: web.", `f.yml:3: fleets[0].name: "web."`+charset)
	f("name: web", "name: é", `f.yml:3: fleets[0].name: "é"`+charset)
	f("name: web", "name: ''", `f.yml:3: fleets[0].name: ""`+charset)
	f("name: web", "name: "+strings.Repeat("a", 64), `f.yml:3: fleets[0].name: "`+strings.Repeat("a", 64)+`"`+charset)
	f("  pools:\n", "  pools: [{name: a, class: fixed, capacity: 1}]\n- name: web\n  demand: {query: up, unit: cores}\n  pools:\n",
		`f.yml:8: fleets[1].name: the name "web" is in line 3 already; allowed: each name once`)
	f("unit: cores", "unit: coers", `f.yml:6: fleets[0].demand.unit: unknown unit "coers", want one of cores, bytes`)
	f("query: sum(up)", "query: sum(up", "f.yml:5: fleets[0].demand.query: 1:4: parse error: unclosed left parenthesis; "+
		"allowed: PromQL, or with prometheus.query_check: false a dialect of it")
	f("    unit: cores", "    unit: cores\n    step: 7m\n  policy: {stale_after: 10m}",
		"f.yml:7: fleets[0].demand.step: 7m does not divide a day, so that no season is a whole number of steps; allowed: such as 15s, 1m, 5m, 1h")
	f("    unit: cores", "    unit: cores\n    step: 10m\n  policy: {stale_after: 11m}",
		"f.yml:7: fleets[0].demand.step: the horizon 5m is not a whole number of steps of 10m; allowed: a step that divides each horizon")
	wantErrors(t, minimal+"interval: 2m\n",
		"f.yml:4: fleets[0].demand.step: the horizon 5m is not a whole number of steps of 2m (the interval); allowed: a step that divides each horizon")
	f("    unit: cores", "    unit: cores\n    step: 1s",
		"f.yml:7: fleets[0].demand.step: 28d in steps of 1s are 2419200 observations; allowed: at most 1000000, by a longer step or a shorter history")
	f("    unit: cores", "    unit: cores\n    step: 0s", "f.yml:7: fleets[0].demand.step: 0s is out of range; allowed: 1s to 1h")
	f("    unit: cores", "    unit: cores\n  policy: {stale_after: 90s}",
		"f.yml:7: fleets[0].policy.stale_after: 1m30s is less than two intervals, so that one late observation would be stale; allowed: 2m or more")
	f("  pools:\n  - name: a\n    class: fixed\n    capacity: 2\n", "  pools: []\n", "f.yml:7: fleets[0].pools: the list is empty; allowed: at least one pool")
}

func TestLeadingErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:11: fleets[0].leading" + want[i]
		}
		wantErrors(t, minimal+"  leading: "+text+"\n", want...)
	}
	f("sum(x)", `: "sum(x)" is not allowed; allowed: a list, each item a PromQL expression`)
	f("['']", `[0]: "" is not allowed; allowed: a PromQL expression`)
	f("[a, sum(b]", "[1]: 1:4: parse error: unclosed left parenthesis; allowed: PromQL, or with prometheus.query_check: false a dialect of it")
	f("[a, b, a]", "[2]: the expression is in line 11 already; allowed: each once")
	f("[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q]", ": 17 expressions; allowed: at most 16")
}

func TestCalendarErrors(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:11: fleets[0].calendar" + want[i]
		}
		wantErrors(t, minimal+"  calendar: {"+text+"}\n", want...)
	}
	const zones = " is no time zone; allowed: a name in the IANA database, such as America/New_York"
	f("time_zone: America/New_Yrok", `.time_zone: "America/New_Yrok"`+zones)
	f("time_zone: Local", `.time_zone: "Local"`+zones)
	f("time_zone: ''", `.time_zone: ""`+zones)
	f("time_zone: ../../etc/localtime", `.time_zone: "../../etc/localtime"`+zones)
	f("zone: UTC", ".zone: unknown key; allowed: time_zone, holidays, events")
	f("holidays: XX", `.holidays: no region "XX", want one of DE, US`)
	f("holidays: [US, XX]", `.holidays[1]: no region "XX", want one of DE, US`)
	f("holidays: [US, DE, US]", `.holidays[2]: "US" is in line 11 already; allowed: each once`)
	f("holidays: {US: true}", ".holidays: a mapping is not allowed; allowed: a code such as US or DE-BY, or a list of codes")
	f("holidays: [[US]]", ".holidays[0]: a list is not allowed; allowed: a string")
	f("events: broken.ics", ".events: line 3: no DTSTART")
	wantErrors(t, minimal+"  calendar: US\n",
		`f.yml:11: fleets[0].calendar: "US" is not allowed; allowed: a mapping with the keys time_zone, holidays, events`)
}

func TestPolicyAndPoolErrors(t *testing.T) {
	policy := func(text string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:11: fleets[0].policy." + want[i]
		}
		wantErrors(t, minimal+"  policy: {"+text+"}\n", want...)
	}
	policy("probability: 1", "probability: 1 is no probability to plan for; allowed: 0.005 to 0.999, beyond which no quantile is kept")
	policy("stale_after: 2d", "stale_after: 2d is out of range; allowed: at most 1d")
	policy("hold: 8d, churn: 25h, linger: 25h", "hold: 8d is out of range; allowed: 0s to 7d",
		"churn: 1d1h is out of range; allowed: 0s to 1d", "linger: 1d1h is out of range; allowed: 0s to 1d")
	policy("limits: {lift: 0.5}", "limits.lift: 0.5 would plan for less than the present demand; allowed: 1 or more, or 0 for no limit")
	policy("limits: {step_up: -1, step_down: -1, hourly_cost: -1}", "limits.step_up: -1 is out of range; allowed: 0 to 1000000",
		"limits.step_down: -1 is out of range; allowed: 0 to 1000000", "limits.hourly_cost: -1 is negative; allowed: 0 or more")
	policy("limits: {hourly_cost: 5}",
		"limits.hourly_cost: no pool has a price, so that the limit has no effect; allowed: 0, or a price.hourly for the pools")
	wantErrors(t, minimal+"    min: 3\n    price: {hourly: 2}\n  policy: {limits: {hourly_cost: 5}}\n",
		"f.yml:13: fleets[0].policy.limits.hourly_cost: 5 is less than the pools' min cost, 6; allowed: at least that, or 0 for no limit")
	pool := func(text string, want ...string) {
		t.Helper()
		for i := range want {
			want[i] = "f.yml:11: fleets[0].pools[0]." + want[i]
		}
		wantErrors(t, minimal+"    "+text+"\n", want...)
	}
	pool("min: -1", "min: -1 is out of range; allowed: 0 to 1000000")
	pool("max: 1000001", "max: 1000001 is out of range; allowed: 0 to 1000000")
	pool("lead_time: 0s", "lead_time: 0s is out of range; allowed: 1s to 1d")
	pool("lead_time: {query: x, default: 2d}", "lead_time.default: 2d is out of range; allowed: 1s to 1d")
	pool("price: {hourly: -1}", "price.hourly: -1 is negative; allowed: 0 or more")
	pool("instances: count(x", "instances: 1:4: parse error: unclosed left parenthesis; "+
		"allowed: PromQL, or with prometheus.query_check: false a dialect of it")
	wantErrors(t, minimal+"    min: 4\n    max: 2\n", "f.yml:12: fleets[0].pools[0].max: 2 is less than min, 4; allowed: min or more, or 0 for no upper bound")
	wantErrors(t, edit(t, "capacity: 2", "capacity: 0"), "f.yml:10: fleets[0].pools[0].capacity: 0 serves no demand; allowed: more than 0")
	wantErrors(t, edit(t, "class: fixed", "class: spot"), `f.yml:9: fleets[0].pools[0].class: unknown class "spot"; allowed: fixed, variable`)
	wantErrors(t, minimal+"  - {name: a, class: variable, capacity: 1}\n",
		`f.yml:11: fleets[0].pools[1].name: the name "a" is in line 8 already; allowed: each name once`)
}

func TestQueryCheck(t *testing.T) {
	dialect := strings.Replace(minimal, "sum(up)", "sum(up", 1)
	mustParse(t, strings.Replace(dialect, "prometheus: {}", "prometheus: {query_check: false}", 1))
	wantErrors(t, strings.Replace(dialect, "prometheus: {}", "embedded: {}", 1),
		"f.yml:5: fleets[0].demand.query: 1:4: parse error: unclosed left parenthesis; allowed: PromQL")
	wantErrors(t, minimal+"  exclude: [a, b(]\n", "f.yml:11: fleets[0].exclude[1]: 1:4: parse error: unclosed left parenthesis; "+
		"allowed: PromQL, or with prometheus.query_check: false a dialect of it")
}

// All problems of a file come together, in the order of lines, and what follows from one of them does not come.
func TestAllErrorsTogether(t *testing.T) {
	wantErrors(t, `prometheus: {url: x}
intervall: 2m
interval: soon
validity: 1s
fleets:
- name: a b
  demand: {query: 'sum(', unit: coers, step: never}
  policy: {mode: on}
  pools:
  - {name: x, class: fixed, capacity: lots, min: 5, max: 1}
`,
		"f.yml:1: prometheus.url: does not begin with http:// or https://; allowed: such as http://prometheus:9090",
		"f.yml:2: intervall: unknown key; allowed: prometheus, embedded, source, match, storage, interval, history, horizons, probabilities, price_file, validity, external_metrics, fleets; did you mean interval?",
		`f.yml:3: interval: "soon" is not allowed; allowed: a duration such as 30s, 5m or 28d`,
		`f.yml:6: fleets[0].name: "a b" cannot be a name; allowed: at most 63 of a-z, A-Z, 0-9, '-', '_' and '.', the first and the last a letter or a digit`,
		`f.yml:7: fleets[0].demand.step: "never" is not allowed; allowed: a duration such as 30s, 5m or 28d`,
		"f.yml:7: fleets[0].demand.query: 1:4: parse error: unclosed left parenthesis; allowed: PromQL, or with prometheus.query_check: false a dialect of it",
		`f.yml:7: fleets[0].demand.unit: unknown unit "coers", want one of cores, bytes`,
		`f.yml:8: fleets[0].policy.mode: unknown mode "on"; allowed: shadow, act`,
		`f.yml:10: fleets[0].pools[0].capacity: "lots" is not allowed; allowed: a finite number`,
		"f.yml:10: fleets[0].pools[0].max: 1 is less than min, 5; allowed: min or more, or 0 for no upper bound")
}
