package cluster

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"
)

// Series is a history on a fixed grid.
type Series struct {
	Name   string
	Labels map[string]string
	// Start is the time of the first value and Step the distance of the next.
	Start time.Time
	Step  time.Duration
	// Values holds the samples; NaN is one that is missing.
	Values []float64
}

// Write writes the series by remote write. Samples may be older than those that are there.
func (p *Prometheus) Write(series ...Series) {
	p.c.t.Helper()
	for _, s := range series {
		for first := 0; first < len(s.Values); first += 10000 {
			part := s
			part.Start = s.Start.Add(time.Duration(first) * s.Step)
			part.Values = s.Values[first:min(first+10000, len(s.Values))]
			p.c.must(p.send(part.request()))
		}
	}
}

func (p *Prometheus) send(request []byte) error {
	req, err := http.NewRequest(http.MethodPost, p.URL+"/api/v1/write", bytes.NewReader(snappy(request)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := p.c.prober.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("remote write: %s: %s", resp.Status, body)
	}
	return err
}

// request returns the message WriteRequest of remote write 1.0: field 1 is a TimeSeries, whose field 1 is a Label{1: name, 2: value}, in
// the order of names, and field 2 a Sample{1: value as a double, 2: milliseconds}.
func (s Series) request() []byte {
	labels := maps.Clone(s.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels["__name__"] = s.Name
	var body []byte
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		body = field(body, 1, field(field(nil, 1, []byte(name)), 2, []byte(labels[name])))
	}
	for i, v := range s.Values {
		if math.IsNaN(v) {
			continue
		}
		sample := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, math.Float64bits(v))
		at := s.Start.Add(time.Duration(i) * s.Step).UnixMilli()
		body = field(body, 2, binary.AppendUvarint(append(sample, 2<<3), uint64(at)))
	}
	return field(nil, 1, body)
}

// field appends a field of bytes to a protobuf message.
func field(message []byte, number byte, content []byte) []byte {
	return append(binary.AppendUvarint(append(message, number<<3|2), uint64(len(content))), content...)
}

// snappy returns the block format of snappy without compression: the length, then literals of up to 65,536 bytes, tag 61 and two bytes
// of the length less one.
func snappy(content []byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(content)))
	for part := range slices.Chunk(content, 1<<16) {
		out = binary.LittleEndian.AppendUint16(append(out, 61<<2), uint16(len(part)-1))
		out = append(out, part...)
	}
	return out
}
