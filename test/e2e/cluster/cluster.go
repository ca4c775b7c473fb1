// Package cluster runs a real control plane for a test, without containers: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler and kwok as processes on the loopback network, with certificates made for it, aggregation layer and service-account
// credentials; and beside it Prometheus, KEDA, an emulated node autoscaler and the program under test. It runs on Linux.
//
// Everything ends with the test that started it, however that ends. Addresses lie in a part of the loopback network that only this
// cluster uses, so several control planes run on one machine. Binaries come from package components.
//
// A method that cannot do its work ends the test, so it is called by the test's own goroutine. Logs of all processes lie in one folder, which is kept and named where the test fails.
package cluster

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/forethought-autoscaler/forethought/test/e2e/components"
)

// Options say which components run. The zero value runs none: addresses, logs and the processes of the test are there nevertheless.
type Options struct {
	// APIServer runs etcd and kube-apiserver, which all others need.
	APIServer bool
	// Controllers runs kube-controller-manager: the HPA among others.
	Controllers bool
	// Scheduler runs kube-scheduler.
	Scheduler bool
	// Kwok runs the pods of the nodes that Node and Autoscale make: they are Ready at once and do nothing.
	Kwok bool

	// HPASync is how often an HPA is looked at; two seconds where it is zero.
	HPASync time.Duration
	// DownscaleStabilization is how long an HPA that does not say it itself waits before it scales in; ten seconds where it is zero.
	DownscaleStabilization time.Duration
	// FeatureGates are given to every Kubernetes component, as in HPAScaleToZero=false; normally empty.
	FeatureGates string
}

// API and Full are the usual Options.
var (
	// API stores objects, authenticates, authorises and aggregates; nothing acts on what is stored.
	API = Options{APIServer: true}
	// Full is a whole cluster that has no nodes yet.
	Full = Options{APIServer: true, Controllers: true, Scheduler: true, Kwok: true}
)

func (o Options) withDefaults() Options {
	o.APIServer = o.APIServer || o.Controllers || o.Scheduler || o.Kwok
	if o.HPASync == 0 {
		o.HPASync = 2 * time.Second
	}
	if o.DownscaleStabilization == 0 {
		o.DownscaleStabilization = 10 * time.Second
	}
	return o
}

// Cluster is a running control plane as one test sees it.
type Cluster struct {
	*plane
	t testing.TB
}

// plane is what the views of several tests on one control plane share.
type plane struct {
	options Options
	network *network
	// logs is kept where a test fails; private holds keys and data and never is.
	logs, private string
	binaries      map[string]string
	began         time.Time

	ca, frontProxy *authority
	prober         *http.Client
	caFile         string
	config         *rest.Config
	client         kubernetes.Interface
	dynamic        dynamic.Interface
	kubeconfig     string
	apiAddress     string
	apiServer      *Process

	mu        sync.Mutex
	processes []*Process
	files     int
	failed    bool
	closed    bool
}

// Binary returns the program under test, or skips the test where FORETHOUGHT_BINARY does not say where it is.
func Binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("FORETHOUGHT_BINARY")
	if path == "" {
		t.Skip("FORETHOUGHT_BINARY does not say where the binary is: run make e2e")
	}
	return path
}

// Start runs a control plane and returns when it is ready. It skips the test where there is no program to test.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	Binary(t)
	c := &Cluster{plane: &plane{options: o.withDefaults(), began: time.Now()}, t: t}
	// The folders are first, so that they are removed last.
	c.private = t.TempDir()
	c.logs = logFolder(t)
	t.Cleanup(c.Close)
	var err error
	if c.network, err = claimNetwork(); err != nil {
		t.Fatal(err)
	}
	c.must(c.makeAuthorities())
	c.binaries = components.Paths(t, c.options.components()...)
	c.began = time.Now()
	if c.options.APIServer {
		c.startPlane()
	}
	return c
}

// components returns the names of what the options need.
func (o Options) components() []string {
	if !o.APIServer {
		return nil
	}
	names := []string{components.Etcd, components.APIServer, components.Kubectl}
	for name, wanted := range map[string]bool{
		components.ControllerManager: o.Controllers, components.Scheduler: o.Scheduler, components.Kwok: o.Kwok,
	} {
		if wanted {
			names = append(names, name)
		}
	}
	return names
}

var unsafeInName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// logFolder makes the folder for the logs of one test.
func logFolder(t testing.TB) string {
	t.Helper()
	parent := os.Getenv("FORETHOUGHT_E2E_LOGS")
	if parent != "" {
		if err := os.MkdirAll(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := os.MkdirTemp(parent, "forethought-e2e-"+unsafeInName.ReplaceAllString(t.Name(), "-")+"-")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// In returns the cluster as the given test sees it: what is started through it ends with that test, and that test fails where a method
// cannot do its work. It lets subtests share a control plane.
func (c *Cluster) In(t testing.TB) *Cluster {
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = c.failed || failed(t)
	})
	return &Cluster{plane: c.plane, t: t}
}

// Close ends every process of the cluster at once and removes its logs, or names them where the test has failed. Start has the test call
// it; calling it again does nothing.
func (c *Cluster) Close() {
	c.mu.Lock()
	closed, processes := c.closed, slices.Clone(c.processes)
	keep := c.failed || failed(c.t)
	c.closed = true
	c.mu.Unlock()
	if closed {
		return
	}
	for _, p := range slices.Backward(processes) {
		p.Kill()
	}
	if c.network != nil {
		_ = c.network.claim.Close()
	}
	if keep {
		c.t.Logf("logs are kept in %s\n%s", c.logs, c.tails())
		return
	}
	if err := os.RemoveAll(c.logs); err != nil {
		c.t.Error(err)
	}
}

// failed reports whether the test has failed or is panicking: the testing package marks one that panics after its clean-ups.
func failed(t testing.TB) bool {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	for more := true; more; {
		var frame runtime.Frame
		if frame, more = frames.Next(); frame.Function == "runtime.gopanic" {
			return true
		}
	}
	return t.Failed()
}

// tails returns the last thirty lines of every log.
func (c *Cluster) tails() string {
	files, _ := filepath.Glob(filepath.Join(c.logs, "*.log"))
	var b strings.Builder
	for _, file := range files {
		fmt.Fprintf(&b, "--- the end of %s\n%s\n", file, tail(file, 30))
	}
	return b.String()
}

// Logs returns the folder of the logs. A test may write there what helps to understand a failure.
func (c *Cluster) Logs() string { return c.logs }

// Folder returns a new folder for files of the test, which is removed with the cluster.
func (c *Cluster) Folder() string {
	c.t.Helper()
	folder, err := os.MkdirTemp(c.private, "test-")
	if err != nil {
		c.t.Fatal(err)
	}
	return folder
}

// Age returns how long ago the first component was started: what processes do has this offset in the logs of a test.
func (c *Cluster) Age() time.Duration { return time.Since(c.began).Round(time.Millisecond) }

// Processes returns all processes that were started through the cluster, those that have ended among them.
func (c *Cluster) Processes() []*Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.processes)
}

// Address returns an address host:port on which nothing listens and that is given to no one else while the cluster is there.
func (c *Cluster) Address() string { return address(c.network.host(), 8080) }

// Host returns the host of such an address: every port of it is free.
func (c *Cluster) Host() string { return c.network.host() }
