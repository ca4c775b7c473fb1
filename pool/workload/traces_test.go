package workload_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forethought-autoscaler/forethought/pool"
	"github.com/forethought-autoscaler/forethought/pool/workload"
	"github.com/forethought-autoscaler/forethought/series/trace"
)

// TestRealTraces classifies real traces whose kind is beyond dispute: the cloud and the taxis, of which many small demands make one, the
// mentions of companies, which come in waves, and the nodes and devices that single users and groups hold while their jobs run.
func TestRealTraces(t *testing.T) {
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		t.Skip("FORETHOUGHT_DATA is not set: no real traces")
	}
	c := classifier(t)
	f := func(file, prefix string, want pool.Pattern, least, of int) {
		t.Helper()
		all, err := trace.Open(filepath.Join(dir, "demand", file+".csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		right, total := 0, 0
		for _, name := range all.Names() {
			y, err := all.Series(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			a := c.Classify(y, workload.UnknownProfile())
			t.Logf("%s %s: %.2f %s", file, name, a.PatternVotes, a.PatternReason)
			total++
			if a.Pattern == want {
				right++
			}
		}
		if right < least || total != of {
			t.Errorf("%s %s: %d of %d are %s, want %d of %d", file, prefix, right, total, want, least, of)
		}
	}
	f("azurevm_2019_5m", "", pool.Steady, 2, 2)
	f("nab_nyctaxi_30m", "", pool.Steady, 1, 1)
	f("nab_tweets_5m", "", pool.Bursty, 10, 10)
	f("nab_elb_5m", "", pool.Bursty, 1, 1)
	f("ipsc_nodes_5m", "cpu_u", pool.Batch, 8, 10)
	f("philly_gpudemand_5m", "gpu_vc", pool.Batch, 6, 8)
	f("philly_gpudemand_5m", "submissions", pool.Bursty, 1, 1)
}
