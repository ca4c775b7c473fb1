// Package e2e runs the binary as its users do: as processes that are started, asked over HTTP, killed and started again. It knows
// nothing of the product's packages; FORETHOUGHT_BINARY says where the binary is.
package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("FORETHOUGHT_BINARY")
	if path == "" {
		t.Skip("FORETHOUGHT_BINARY does not say where the binary is: run make e2e")
	}
	return path
}

// process is a running binary. Its log is shown where the test fails.
type process struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	mu     sync.Mutex
	lines  chan string
	done   chan struct{}
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(binary(t), args...), stderr: &bytes.Buffer{}}
	p.lines, p.done = make(chan string, 100), make(chan struct{})
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = &locked{&p.mu, p.stderr}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			p.lines <- scanner.Text()
		}
		close(p.lines)
		_ = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Logf("%v printed\n%s", args, p.stderr)
		}
	})
	return p
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// kill ends the process as a crash does.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	for range p.lines {
	}
	<-p.done
}

// stop ends the process as its user does and returns its exit status.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range p.lines {
	}
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// screen returns what the demo's first screen says, the URLs by name.
func (p *process) screen(t *testing.T) map[string]string {
	t.Helper()
	urls := map[string]string{}
	for line := range p.lines {
		if name, address, ok := strings.Cut(line, ": http"); ok {
			urls[name] = "http" + strings.TrimSpace(address)
		}
		if urls["prometheus"] != "" {
			return urls
		}
	}
	t.Fatal("the demo ends without its first screen")
	return nil
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(body)
}

// eventually asks again until f says that it is so.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("not so within two minutes: %s", what)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// serveConfig writes the configuration of a process that reads the demo's Prometheus.
func serveConfig(t *testing.T, prometheus string) string {
	t.Helper()
	folder := t.TempDir()
	text := fmt.Sprintf(`
prometheus: {url: %s}
storage: {path: %s}
interval: 5s
validity: 20s
history: 7d
fleets:
  - name: web
    demand: {query: sum(demo_requests_per_second), unit: requests_per_second, step: 1m}
    policy: {mode: act, stale_after: 10s, hold: 5s}
    pools:
      - {name: fixed, class: fixed, capacity: 25, min: 2, max: 10, lead_time: 4m}
      - {name: spot, class: variable, capacity: 25, max: 200, lead_time: 4m}
`, prometheus, folder)
	file := filepath.Join(folder, "forethought.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var decisionLine = regexp.MustCompile(`(?m)^forethought_(demand_forecast|pool_instances_planned|pool_instances_desired|forecast_origin).*$`)

// decision returns the lines of /metrics that say what is forecast and planned.
func decision(t *testing.T, address string) string {
	t.Helper()
	_, body := get(t, "http://"+address+"/metrics")
	var kept []string
	for _, line := range decisionLine.FindAllString(body, -1) {
		if !strings.HasPrefix(line, "forethought_demand_forecast_for_now") { // what was said before a process began is not known to it
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// TestProcessesAgreeAndSurvive runs the demo and two processes that read its Prometheus: they agree on every number though one starts
// later, and when the Prometheus is killed their numbers disappear and none becomes zero. Started again on the same folder, the demo has
// every sample it had.
func TestProcessesAgreeAndSurvive(t *testing.T) {
	folder := t.TempDir()
	port := freePort(t)
	args := []string{"demo", "--storage.path=" + folder, "--web.listen-address=127.0.0.1:0", "--prometheus.listen-address=" + port}
	demo := start(t, args...)
	urls := demo.screen(t)

	first, second := freePort(t), freePort(t)
	a := start(t, "serve", "--config.file="+serveConfig(t, urls["prometheus"]), "--web.listen-address="+first)
	eventually(t, "the first process decides", func() bool { return strings.Contains(decision(t, first), "planned") })
	start(t, "serve", "--config.file="+serveConfig(t, urls["prometheus"]), "--web.listen-address="+second)
	eventually(t, "the second process decides as the first", func() bool {
		one, two := decision(t, first), decision(t, second)
		return strings.Contains(one, "planned") && one == two
	})

	stored := samples(t, urls["prometheus"])
	demo.kill()
	eventually(t, "the numbers of a fleet without demand disappear", func() bool {
		got := decision(t, first)
		for line := range strings.SplitSeq(got, "\n") {
			if strings.Contains(line, "pool_instances") && strings.HasSuffix(line, " 0") && !strings.Contains(line, `pool="spot"`) {
				t.Fatalf("missing demand became zero instances: %s", line)
			}
		}
		return got == ""
	})
	if code, body := get(t, "http://"+first+"/-/healthy"); code != http.StatusOK {
		t.Errorf("a process without its Prometheus is not healthy: %d %s", code, body)
	}
	eventually(t, "the state and its reason are said", func() bool {
		_, body := get(t, "http://"+first+"/api/v1/fleets")
		return strings.Contains(body, `"state":"failed"`) && strings.Contains(body, "connection refused")
	})

	again := start(t, args...)
	urls = again.screen(t)
	if now := samples(t, urls["prometheus"]); now < stored {
		t.Errorf("after kill -9 and a restart %v samples are left of %v", now, stored)
	}
	eventually(t, "the process decides again when its Prometheus is back", func() bool { return strings.Contains(decision(t, first), "planned") })
	if code := a.stop(t); code != 0 {
		t.Errorf("SIGTERM ends a process with status %d", code)
	}
}

// samples returns how many samples of the demand the demo's Prometheus holds.
func samples(t *testing.T, prometheus string) float64 {
	t.Helper()
	query := url.Values{"query": {"sum(count_over_time(demo_requests_per_second[40d]))"}}
	_, body := get(t, prometheus+"/api/v1/query?"+query.Encode())
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Data.Result) != 1 {
		t.Fatalf("%s: %v", body, err)
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	var n float64
	if _, err := fmt.Sscan(text, &n); err != nil || n == 0 {
		t.Fatalf("%s samples: %v", text, err)
	}
	return n
}

// TestForecastIsTheSameInTwoProcesses compares the bytes that two processes write.
func TestForecastIsTheSameInTwoProcesses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wave.csv")
	var text strings.Builder
	text.WriteString("timestamp,a\n")
	for i := range 3000 {
		fmt.Fprintf(&text, "%d,%d\n", i*300, 100+(i*i*7919)%31+i%288)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	outputs := make([][]byte, 2)
	for i := range outputs {
		cmd := exec.Command(binary(t), "forecast", "--input="+file, "--horizon=24", "--output=-")
		cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", i+1))
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		outputs[i] = out
	}
	if !bytes.Equal(outputs[0], outputs[1]) || len(outputs[0]) < 1000 {
		t.Errorf("two processes write\n%s\nand\n%s", outputs[0], outputs[1])
	}
}
