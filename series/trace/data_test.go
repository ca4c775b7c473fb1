package trace

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// data returns a path below the folder of real traces, or skips the test.
func data(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("FORETHOUGHT_DATA")
	if dir == "" {
		t.Skip("FORETHOUGHT_DATA is not set: no real traces")
	}
	return filepath.Join(dir, name)
}

// TestRealTraces holds what an independent reading of each file counts: series, points, step, missing and zero values of the first.
func TestRealTraces(t *testing.T) {
	f := func(name string, columns, points int, step time.Duration, start int64, missing, zeros int) {
		t.Helper()
		file, err := Open(data(t, "demand/"+name+".csv.gz"))
		if err != nil {
			t.Error(err)
			return
		}
		if got := len(file.Names()); got != columns {
			t.Errorf("%s has %d series, want %d", name, got, columns)
		}
		for _, of := range file.Names() {
			if off, err := file.Offset(of); err != nil || off != 0 || get(t, file, of).Len() != points {
				t.Errorf("%s: %s has offset %v, %v, and %d points", name, of, off, err, get(t, file, of).Len())
			}
		}
		s := get(t, file, file.Names()[0])
		zero := 0
		for _, v := range s.Values {
			if v == 0 {
				zero++
			}
		}
		if s.Len() != points || s.Step != step || s.Start.Unix() != start || s.Len()-s.Present() != missing || zero != zeros {
			t.Errorf("%s: %d points each %v from %d, %d missing, %d zero; want %d each %v from %d, %d missing, %d zero", name,
				s.Len(), s.Step, s.Start.Unix(), s.Len()-s.Present(), zero, points, step, start, missing, zeros)
		}
	}
	f("nasa_http_1m", 1, 89280, time.Minute, 804571200, 4947, 2937)
	f("azurevm_2019_5m", 2, 8640, 5*time.Minute, 0, 0, 0)
	f("ipsc_nodes_5m", 12, 26497, 5*time.Minute, 749458800, 0, 5667)
	f("nab_asgcpu_5m", 1, 18050, 5*time.Minute, 1400029800, 0, 0)
	f("nab_elb_5m", 1, 4040, 5*time.Minute, 1397088000, 8, 0)
	f("nab_grokasg_5m", 1, 4621, 5*time.Minute, 1389830400, 0, 447)
	f("nab_nyctaxi_30m", 1, 10320, 30*time.Minute, 1404172800, 0, 0)
	f("nab_tweets_5m", 10, 15902, 5*time.Minute, 1424986800, 0, 29)
	f("philly_gpudemand_5m", 10, 22465, 5*time.Minute, 1506816000, 0, 18)
	f("servegen_m-small_10m", 42, 2016, 10*time.Minute, 0, 37, 0)
	if paths, err := filepath.Glob(data(t, "demand/*")); err != nil || len(paths) != 10 {
		t.Errorf("%d traces, the test knows 10: %v", len(paths), err)
	}
}

// TestDaysThatWereNotCollectedStayMissing looks at the 3.4 days from 28 July 1995 on that NASA's log lacks, and at the outage after
// them, 1 to 3 August, which is a real zero.
func TestDaysThatWereNotCollectedStayMissing(t *testing.T) {
	file, err := Open(data(t, "demand/nasa_http_1m.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	s := get(t, file, "requests")
	from := s.Index(time.Date(1995, 7, 28, 17, 33, 0, 0, time.UTC))
	if gap := s.Slice(from, from+4947); gap.Present() != 0 {
		t.Errorf("%d of %d minutes in the gap have a value", gap.Present(), gap.Len())
	}
	if s.Slice(from-1, from).Present() != 1 || s.Slice(from+4947, from+4948).Present() != 1 {
		t.Error("the minute before or after the gap is missing")
	}
	outage := s.Slice(s.Index(time.Date(1995, 8, 2, 0, 0, 0, 0, time.UTC)), s.Index(time.Date(1995, 8, 3, 0, 0, 0, 0, time.UTC)))
	for i, v := range outage.Values {
		if v != 0 {
			t.Fatalf("the outage has %v at %v, want 0", v, outage.TimeAt(i))
		}
	}
}

func TestM4(t *testing.T) {
	file, err := Open(data(t, "m4/hourly_train.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	names := file.Names()
	if len(names) != 414 || names[0] != "H1" || names[413] != "H414" {
		t.Fatalf("%d series from %s to %s", len(names), names[0], names[len(names)-1])
	}
	points := 0
	for _, name := range names {
		s := get(t, file, name)
		if s.Step != time.Hour || s.Start.Unix() != 0 || s.Present() != s.Len() {
			t.Errorf("%s: step %v, start %v, %d of %d present", name, s.Step, s.Start, s.Present(), s.Len())
		}
		points += s.Len()
	}
	if h1 := get(t, file, "H1"); points != 353500 || h1.Values[0] != 605 || h1.Values[1] != 586 {
		t.Errorf("%d points, H1 begins %v, want 353500 and 605 586", points, h1.Values[:2])
	}
}
