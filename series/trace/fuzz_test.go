package trace

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/series"
)

// FuzzRead checks that whatever is read is a regular, finite grid which, written out with its offset and read again, is the same.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"timestamp,a\n60,1\n120,2\n", "timestamp,a,b\n0,1,\n60,,2\n240,5,NaN\n", "series,timestamp,value\na,60,1\nb,0,1\na,120,2\nb,30,2\n",
		"\xef\xbb\xbftimestamp,\"a \"\"x\"\"\"\r\n2024-01-01 00:00:07,1\r\n2024-01-01 00:01:07,-2e3\r\n", "timestamp,a\n1700000000000,1\n1700000000500.5,1\n",
		"timestamp,a\n-1.5,1\n1e3,1\n", "\x1f\x8b\x08\x00", "timestamp,a\n60,inf\n",
		"timestamp,a\n180,3\n60,1\n120,\n60,1\n", "series,timestamp,value\na,60,1\nb,0,1\na,0,1\na,60,2\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		file, err := Read("f.csv", bytes.NewReader(in))
		if err != nil {
			return
		}
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		_ = w.Write([]string{"series", "timestamp", "value"})
		for _, name := range file.Names() {
			s := get(t, file, name)
			off, offErr := file.Offset(name)
			if offErr != nil || off < 0 || off >= s.Step || series.Align(s.Start, s.Step) != s.Start || s.Len() == 0 {
				t.Fatalf("%s: %+v with offset %v, %v", name, s, off, offErr)
			}
			if s.Len() > 1000 {
				return
			}
			for i, v := range s.Values {
				if math.IsInf(v, 0) {
					t.Fatalf("%s holds %v", name, v)
				}
				at := s.TimeAt(i).Add(off).Format(time.RFC3339Nano)
				_ = w.Write([]string{name, at, strconv.FormatFloat(v, 'g', -1, 64)})
			}
		}
		w.Flush()
		again, err := Read("again.csv", &out)
		if err != nil {
			if len(file.Names()) > 0 && get(t, file, file.Names()[0]).Len() == 1 {
				return // the step of one point cannot be read back
			}
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		for _, name := range file.Names() {
			was, is := get(t, file, name), get(t, again, name)
			if was.Len() > 1 && (!was.Start.Equal(is.Start) || was.Step != is.Step || !equal(was.Values, is.Values)) {
				t.Fatalf("%s was %+v, is %+v", name, was, is)
			}
		}
	})
}
