package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/adapter/externalmetrics"
	"github.com/forethought-autoscaler/forethought/adapter/keda"
	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/loop"
)

func TestShardFlag(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		var s shard
		err := s.Set(text)
		if got := s.String(); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is read as %q, %v, want %q", text, got, err, want)
		}
	}
	f("1/1", "1/1")
	f("2/3", "2/3")
	f("3/3", "3/3")
	f("0/3", "")
	f("4/3", "")
	f("1/0", "")
	f("1", "")
	f("1/2/3", "")
	f("1/2x", "")
	f("-1/2", "")
	f("a/b", "")
	f("", "")
}

func TestShardsShareTheFleets(t *testing.T) {
	c := &config.Config{}
	for name := range strings.FieldsSeq("web batch training search ads mail video maps play pay") {
		c.Fleets = append(c.Fleets, config.Fleet{Name: name})
	}
	whole := &app{}
	if whole.mine(c) != c {
		t.Error("without shards a process leaves fleets out")
	}
	seen := map[string]int{}
	for i := range 3 {
		a := &app{options: options{shard: shard{index: i + 1, of: 3}}}
		for _, f := range a.mine(c).Fleets {
			seen[f.Name]++
		}
	}
	for _, f := range c.Fleets {
		if seen[f.Name] != 1 {
			t.Errorf("%d shards of 3 decide about %s, want 1", seen[f.Name], f.Name)
		}
	}
	if len(c.Fleets) != 10 {
		t.Errorf("the configuration itself has lost fleets: %d are left", len(c.Fleets))
	}
}

func TestKEDAFlags(t *testing.T) {
	f := func(o kedaOptions, want string) {
		t.Helper()
		err := o.validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	f(kedaOptions{}, "")
	f(kedaOptions{address: "127.0.0.1:0"}, "")
	f(kedaOptions{address: ":1", tls: keda.TLS{CertFile: "c", KeyFile: "k", ClientCAFile: "a"}, reflection: true}, "")
	f(kedaOptions{address: ":1", tls: keda.TLS{CertFile: "c", KeyFile: "k"}}, "go together")
	f(kedaOptions{reflection: true}, "no effect without --keda.listen-address")
	f(kedaOptions{tls: keda.TLS{CertFile: "c"}}, "no effect without --keda.listen-address")
}

func TestFlagsWithoutEffectAreRefused(t *testing.T) {
	f := func(o options, c externalmetrics.Cluster, want string) {
		t.Helper()
		err := refuseIdle(o, c)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	certs, in := externalmetrics.Cluster{CertFile: "c", KeyFile: "k"}, kubernetesOptions{enable: true}
	f(options{}, externalmetrics.Cluster{}, "")
	f(options{external: ":1", service: "a/b", kubernetes: in}, certs, "")
	f(options{}, certs, "without --external-metrics.listen-address")
	f(options{external: ":1", service: "a/b"}, certs, "--external-metrics.service has no effect")
	f(options{kubernetes: kubernetesOptions{namespace: "n"}}, externalmetrics.Cluster{}, "--kubernetes.namespace has no effect")
	f(options{kubernetes: kubernetesOptions{namespace: "n", kubeconfig: "k"}}, externalmetrics.Cluster{}, "")
}

// A process that reads decisions back has no kill switch of its own, and says so rather than that it is set.
func TestKillIsRefusedWhereDecisionsAreReadBack(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "f.yml")
	if err := os.WriteFile(file, []byte("prometheus: {url: 'http://127.0.0.1:1'}\nsource: prometheus\nstorage: {path: "+folder+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := newApp(t.Context(), options{
		configFile: file, webAddress: "127.0.0.1:0", clock: wallClock{}, speed: 1, admin: true, log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.close() })
	a.board.SetFleets([]string{"web"})
	if err = a.kill("web", true); err == nil || !strings.Contains(err.Error(), "set the kill switch where they are made") {
		t.Errorf("kill: %v", err)
	}
	if len(a.kills.all()) > 0 {
		t.Error("a switch that was refused is kept")
	}
}

func TestAKillSwitchOfNoFleetIsToldOf(t *testing.T) {
	got := unknownKills([]string{"all", "bacth", "batch"}, loop.NewBoard([]string{"batch", "web"}))
	if !slices.Equal(got, []string{"bacth"}) {
		t.Errorf("of no fleet are %q, want the one that is misspelt", got)
	}
}

// What the configuration means for a cluster is refused where there is none, rather than left undone.
func TestServeRefusesNodesWithoutACluster(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "f.yml")
	text := `prometheus: {url: "http://127.0.0.1:1"}
storage: {path: ` + folder + `}
fleets:
- name: web
  demand: {query: sum(up), unit: cores}
  pools:
  - {name: a, class: fixed, capacity: 2, nodes: {selector: a=b}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	code := execute(context.Background(), []string{"serve", "--config.file=" + file, "--web.listen-address=127.0.0.1:0"}, &stderr, &stderr)
	const want = "pool a of fleet web has nodes or actuate, which need --kubernetes.enable or --kubernetes.kubeconfig"
	if code != 1 || !strings.Contains(stderr.String(), want) {
		t.Errorf("status %d:\n%s\nwant %q", code, stderr.String(), want)
	}
}
