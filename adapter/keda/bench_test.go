//go:build bench

package keda

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/forethought-autoscaler/forethought/pool"
)

// scaledObjects is how many external-push ScaledObjects KEDA has in BenchmarkStreams; each holds two streams.
const scaledObjects = 1000

// folder names, in the process that serves for BenchmarkStreams, the folder of the certificates.
const folder = "FORETHOUGHT_KEDA_BENCH"

func TestMain(m *testing.M) {
	if dir := os.Getenv(folder); dir != "" {
		if err := serveBench(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveBench serves a thousand fleets, prints its address, and with each line that it reads makes the other half of the fleets active.
func serveBench(dir string) error {
	var halves [2][]pool.Snapshot
	for i := range scaledObjects {
		name := fmt.Sprintf("fleet-%d", i)
		halves[0] = append(halves[0], planned(name, i%2, 0))
		halves[1] = append(halves[1], planned(name, (i+1)%2, 0))
	}
	b := &indexed{}
	b.set(halves[0])
	t := testing.TB(&testing.B{}) // only for listen, which does not fail here
	s, err := New(Options{
		Board: b, Now: func() time.Time { return at }, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		Listener: listen(t), TLS: &TLS{CertFile: dir + "/tls.crt", KeyFile: dir + "/tls.key", ClientCAFile: dir + "/ca.crt"},
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer stop()
		in := bufio.NewScanner(os.Stdin)
		for i := 1; in.Scan(); i++ {
			b.set(halves[i%2])
		}
	}()
	fmt.Println(s.Addr())
	return s.Run(ctx)
}

// indexed is a board that finds a fleet as the loop's does, by its name.
type indexed struct {
	all    atomic.Pointer[[]pool.Snapshot]
	byName atomic.Pointer[map[string]*pool.Snapshot]
}

func (b *indexed) set(all []pool.Snapshot) {
	byName := make(map[string]*pool.Snapshot, len(all))
	for i := range all {
		byName[all[i].Fleet] = &all[i]
	}
	b.all.Store(&all)
	b.byName.Store(&byName)
}

func (b *indexed) Snapshots() []pool.Snapshot { return *b.all.Load() }

func (b *indexed) Snapshot(fleet string) (pool.Snapshot, bool) {
	s, ok := (*b.byName.Load())[fleet]
	if !ok {
		return pool.Snapshot{}, false
	}
	return *s, true
}

// BenchmarkStreams holds the streams of a thousand external-push ScaledObjects, two each, on one connection with client certificates, as KEDA's
// operator does, to a server in a process of its own. It reports that process's memory before and with them, and the time from a change
// on the board to the message of the last stream that hears of it. The goal is 300 MB.
func BenchmarkStreams(b *testing.B) {
	c := newSecured(b)
	server, in, address := serving(b, strings.TrimSuffix(c.files.CertFile, "/tls.crt"))
	before := resident(b, server.Process.Pid)
	roots := x509.NewCertPool()
	roots.AddCert(c.serving.certificate)
	shown := c.clients.client(b, x509.ExtKeyUsageClientAuth)
	k := pb.NewExternalScalerClient(dial(b, address, grpc.WithTransportCredentials(
		credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{shown}}))))
	heard := make(chan bool, 2*scaledObjects)
	for i := range scaledObjects {
		so := ref("fleet", fmt.Sprintf("fleet-%d", i), "scalerAddress", address)
		states, err := k.StreamIsActive(b.Context(), so)
		if err != nil {
			b.Fatal(err)
		}
		specs, err := k.StreamMetricSpec(b.Context(), so)
		if err != nil {
			b.Fatal(err)
		}
		if _, err = specs.Recv(); err != nil {
			b.Fatal(err)
		}
		go func() {
			last := ""
			for {
				m, recvErr := states.Recv()
				if recvErr != nil {
					return
				}
				if now := text(m); now != last { // not one that says the same again
					last = now
					heard <- true
				}
			}
		}()
	}
	await := func() {
		for range scaledObjects {
			<-heard
		}
	}
	await()
	var most, sum time.Duration
	n := 0
	for b.Loop() {
		time.Sleep(time.Duration(n%10) * beat / 10) // anywhere between two beats
		changed := time.Now()
		if _, err := io.WriteString(in, "\n"); err != nil {
			b.Fatal(err)
		}
		await()
		took := time.Since(changed)
		most, sum, n = max(most, took), sum+took, n+1
	}
	b.ReportMetric(float64(before)/(1<<20), "MiB-without-streams")
	b.ReportMetric(float64(resident(b, server.Process.Pid))/(1<<20), "MiB-with-streams")
	b.ReportMetric(float64(sum.Milliseconds())/float64(n), "mean-ms-to-the-last")
	b.ReportMetric(float64(most.Milliseconds()), "max-ms-to-the-last")
}

// serving starts the process that serves, and returns where to write lines to it and its address.
func serving(b *testing.B, dir string) (p *exec.Cmd, in io.Writer, address string) {
	b.Helper()
	p = exec.Command(os.Args[0])
	p.Env, p.Stderr = append(os.Environ(), folder+"="+dir), os.Stderr
	in, err := p.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err = p.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = p.Process.Kill(), p.Wait() })
	if address, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	return p, in, strings.TrimSpace(address)
}

// resident returns the bytes of memory that a process holds.
func resident(b *testing.B, pid int) int64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib << 10
}
