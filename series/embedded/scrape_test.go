package embedded

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
)

func TestCheckScrapeConfigs(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		err := CheckScrapeConfigs([]byte(text))
		if len(want) == 0 && err != nil {
			t.Errorf("%q: %v", text, err)
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%q: %v, want %q", text, err, w)
			}
		}
	}
	f("")
	f("[]")
	f("- job_name: a\n  static_configs: [{targets: ['localhost:80']}]\n")
	f("  - job_name: a\n    file_sd_configs: [{files: ['targets/*.json']}]\n  - job_name: b\n")
	f("- job_name: a\n  scrape_intervall: 5s\n", "line 2", "scrape_intervall")
	f("- job_name: a\n  kubernetes_sd_configs: [{role: pod}]\n", "kubernetes_sd_configs is not built in", "static_configs or file_sd_configs")
	f("- static_configs: []\n", "job_name is empty")
	f("- job_name: a\n  static_configs: [{targets: ['http://localhost/metrics']}]\n", "is not a valid hostname")
	f("- job_name: a\n- job_name: a\n", `"a" is used twice`)
	f("- job_name: forethought\n", "that of our own metrics")
	f("- job_name: a\n  scrape_timeout: 1h\n", "scrape config 1", "timeout greater than")
	f("-\n", "scrape config 1", "null")
	f("job_name: a\n", "line 1")
	f("- job_name: [\n", "scrape configs: yaml: line")
}

func TestScrape(t *testing.T) {
	scrapes := map[string]chan bool{"/direct": make(chan bool, 2), "/listed": make(chan bool, 2)}
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case scrapes[r.URL.Path] <- true:
		default: // The test has seen two and asks for no more.
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, "# HELP depth_metres How deep.\n# TYPE depth_metres gauge\ndepth_metres 7\n")
	}))
	defer target.Close()
	address := strings.TrimPrefix(target.URL, "http://")
	file := filepath.Join(t.TempDir(), "targets.json")
	listed := fmt.Appendf(nil, `[{"targets": [%q], "labels": {"from": "file", "__metrics_path__": "/listed"}}]`, address)
	if err := os.WriteFile(file, listed, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{ScrapeInterval: 200 * time.Millisecond, ScrapeConfigs: fmt.Appendf(nil, `
- job_name: direct
  metrics_path: /direct
  static_configs: [{targets: [%q], labels: {from: config}}]
- job_name: listed
  file_sd_configs: [{files: [%q]}]
`, address, filepath.Base(file)), Dir: filepath.Dir(file)})
	client := serve(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	for _, path := range []string{"/direct", "/listed", "/direct", "/listed"} {
		<-scrapes[path] // Once a target is scraped again, its first scrape is stored.
	}
	exprs := []string{`depth_metres{job="direct",from="config"}`, `depth_metres{job="listed",from="file"}`, `up{job="direct"} * 7`}
	for _, expr := range exprs {
		if got := at(t, client, expr, time.Now()); got != 7 {
			t.Errorf("%s is %v", expr, got)
		}
	}
	targets, err := client.Targets(t.Context())
	if err != nil || len(targets.Active) != 2 || targets.Active[0].Health != v1.HealthGood {
		t.Errorf("targets: %+v, %v", targets, err)
	}
	meta, err := client.Metadata(t.Context(), "depth_metres", "")
	if err != nil || meta["depth_metres"][0].Help != "How deep." {
		t.Errorf("metadata: %v, %v", meta, err)
	}
	err = s.Backfill(t.Context(), []History{{Labels: named("x"), Series: points(3, identity)}})
	if err == nil || !strings.Contains(err.Error(), "before Run") {
		t.Errorf("Backfill while targets are scraped: %v", err)
	}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Errorf("second Run: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	target.CloseClientConnections()
}
