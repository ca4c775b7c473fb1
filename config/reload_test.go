package config

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hash is the first 48 bits of the SHA-256 of text.
func hash(text string) float64 {
	var v float64
	sum := sha256.Sum256([]byte(text))
	for _, b := range sum[:6] {
		v = v*256 + float64(b)
	}
	return v
}

func TestReloader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.yml")
	reg := prometheus.NewPedanticRegistry()
	now := time.Unix(1000, 5e8)
	r, err := NewReloader(path, testChecks, reg, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	metrics := func(successful, timestamp string, hash float64) {
		t.Helper()
		want := `# HELP forethought_config_hash Hash of the configuration file in use, to compare replicas. Not cryptographically strong.
# TYPE forethought_config_hash gauge
forethought_config_hash ` + strconv.FormatFloat(hash, 'g', -1, 64) + `
# HELP forethought_config_last_reload_success_timestamp_seconds When the configuration was last loaded successfully, in Unix time.
# TYPE forethought_config_last_reload_success_timestamp_seconds gauge
forethought_config_last_reload_success_timestamp_seconds ` + timestamp + `
# HELP forethought_config_last_reload_successful Whether the last attempt to load the configuration succeeded.
# TYPE forethought_config_last_reload_successful gauge
forethought_config_last_reload_successful ` + successful + "\n"
		if differs := testutil.GatherAndCompare(reg, strings.NewReader(want)); differs != nil {
			t.Error(differs)
		}
	}
	accept := func(*Config) error { return nil }

	if _, err = r.Load(); !errors.Is(err, os.ErrNotExist) || r.Current() != nil {
		t.Errorf("Load of no file = %v, current %v", err, r.Current())
	}
	metrics("0", "0", 0)

	write(t, path, minimal)
	first, err := r.Load()
	if err != nil || first == nil || r.Current() != first {
		t.Fatalf("Load = %v, %v, current %v", first, err, r.Current())
	}
	metrics("1", "1000.5", hash(minimal))

	now = time.Unix(2000, 0)
	write(t, path, minimal+"interval: soon\n")
	if err = r.Reload(accept); err == nil || !strings.Contains(err.Error(), path+":11: interval: ") || r.Current() != first {
		t.Errorf("Reload of a bad file = %v, current %p, want %p", err, r.Current(), first)
	}
	metrics("0", "1000.5", hash(minimal))

	write(t, path, minimal+"interval: 30s\n")
	refused := errors.New("refused")
	if err = r.Reload(func(*Config) error { return refused }); !errors.Is(err, refused) || r.Current() != first {
		t.Errorf("Reload that is not applied = %v, current %p, want %p", err, r.Current(), first)
	}
	metrics("0", "1000.5", hash(minimal))

	var applied *Config
	err = r.Reload(func(c *Config) error {
		if r.Current() != first {
			t.Error("swapped before apply")
		}
		applied = c
		return nil
	})
	if err != nil || applied == nil || r.Current() != applied || applied.Interval != model.Duration(30*time.Second) {
		t.Errorf("Reload = %v, current %v", err, r.Current())
	}
	metrics("1", "2000", hash(minimal+"interval: 30s\n"))

	if problems, bad := testutil.GatherAndLint(reg); bad != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, bad)
	}
}

func TestNewReloaderRefusesZeroArguments(t *testing.T) {
	f := func(path string, reg prometheus.Registerer, now func() time.Time, want string) {
		t.Helper()
		if _, err := NewReloader(path, Checks{}, reg, now); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
	reg := prometheus.NewRegistry()
	f("", reg, time.Now, "new reloader: path is empty")
	f("f", nil, time.Now, "new reloader: reg is nil")
	f("f", reg, nil, "new reloader: now is nil")
	if _, err := NewReloader("f", Checks{}, reg, time.Now); err != nil {
		t.Error(err)
	}
	f("f", reg, time.Now, "register metrics of config: duplicate metrics collector registration attempted")
}
