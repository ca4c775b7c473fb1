package externalmetrics

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forethought-autoscaler/forethought/pool"
)

// BenchmarkRead reads one metric of one of a thousand fleets over HTTP. The goal is a 99th percentile below 5 ms.
func BenchmarkRead(b *testing.B) {
	fleets := make([]pool.Snapshot, 1000)
	for i := range fleets {
		fleets[i] = snapshot(fmt.Sprintf("fleet-%d", i))
	}
	s := start(b, optionsFor(b, boardOf(fleets...)))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, 0, b.N)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		address := s.valueURL("forethought_demand_forecast_peak", fmt.Sprintf("fleet=fleet-%d,horizon=30m,probability=0.99", i%1000))
		began := time.Now()
		resp, err := client.Get(address)
		if err != nil {
			b.Fatal(err)
		}
		if _, err = io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			b.Fatalf("%s: %s, %v", address, resp.Status, err)
		}
		resp.Body.Close()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkNew makes a server, and reports the memory that one keeps while idle.
func BenchmarkNew(b *testing.B) {
	o := optionsFor(b, boardOf(snapshot("web")))
	defer o.Listener.Close()
	create := func() *Server {
		o.Registerer = prometheus.NewRegistry()
		s, err := New(o)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	create() // what is made once in a process
	before := heap()
	kept := make([]*Server, 10)
	for i := range kept {
		kept[i] = create()
	}
	idle := float64(heap()-before) / float64(len(kept)) / (1 << 20)
	runtime.KeepAlive(kept)
	for b.Loop() {
		create()
	}
	b.ReportMetric(idle, "heap-MiB/server")
}

// heap returns the bytes in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
