package prom

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Error is an answer of the server that says no.
type Error struct {
	// Code is the HTTP status code.
	Code int
	// Type is the API's error type, such as bad_data or execution; empty where the answer was not the API's.
	Type string
	// Message is what the server said, or the name of the code.
	Message string

	retryAfter time.Duration
}

// Error returns the code and the message, for example "422: query timed out".
func (e *Error) Error() string { return fmt.Sprintf("%d: %s", e.Code, e.Message) }

// ClockError says that the server's clock is not ours, so that what it holds of the present can't be told from the past.
type ClockError struct {
	URL string
	// Offset is how far the server's clock is ahead of ours at least, and Most how far it may be.
	Offset, Most time.Duration
}

// Error names both clocks.
func (e *ClockError) Error() string {
	way, by := "behind", e.Offset
	if by < 0 {
		way, by = "ahead of", -by
	}
	return fmt.Sprintf("our clock is %s %s that of %s; allowed: at most %s (prometheus.max_clock_offset)", by.Round(time.Second), way, e.URL, e.Most)
}

// brokenError is a connection that could not be made or broke off: the request may be tried again.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

func errManySeries(n int) error {
	return fmt.Errorf("more than %d series returned; aggregate them, for example with sum(...)", n)
}

// maxErrorBody bounds how much of an error's answer is read, and maxMessage how much of one that is not the API's is repeated.
const (
	maxErrorBody = 64 << 10
	maxMessage   = 200
)

// readError returns what the answer with a status code other than 2xx says.
func readError(resp *http.Response) *Error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // what there is of it is still worth reading
	e := &Error{Code: resp.StatusCode, retryAfter: retryAfter(resp.Header)}
	var said struct{ ErrorType, Error string }
	if json.Unmarshal(body, &said) == nil && said.Error != "" {
		e.Type, e.Message = said.ErrorType, oneLine(said.Error)
		return e
	}
	e.Message = http.StatusText(resp.StatusCode)
	if text := oneLine(string(body)); text != "" && !strings.HasPrefix(text, "<") && !strings.HasPrefix(text, "{") {
		e.Message = strings.TrimPrefix(e.Message+": ", ": ") + text[:min(len(text), maxMessage)]
	}
	if e.Message == "" {
		e.Message = "no reason given"
	}
	return e
}

// oneLine returns s with every run of white space as one blank.
func oneLine(s string) string { return strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ") }

// retryAfter reads the header of that name (RFC 9110, section 10.2.3): seconds, or a date, which is taken relative to the answer's own
// Date so that the clocks need not agree. It is 0 where there is none.
func retryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return max(until.Sub(now), 0)
}

// classify returns why a request got no answer: without the URL that net/http puts in, marked where it may be tried again.
func classify(err error) error {
	if in, ok := errors.AsType[*url.Error](err); ok {
		err = in.Err
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &brokenError{err}
}

// retryable says whether the same request may succeed later.
func retryable(err error) bool {
	if said, ok := errors.AsType[*Error](err); ok {
		switch said.Code {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	var broken *brokenError
	return errors.As(err, &broken)
}

// permanent says whether every slice of the query would meet the same error: the server understood the request and does not want it.
func permanent(err error) bool {
	var said *Error
	if !errors.As(err, &said) || retryable(err) {
		return false
	}
	return said.Code < 500 && said.Code != http.StatusUnprocessableEntity && said.Code != http.StatusRequestTimeout
}

// The words by which servers say that a range has too many points at its step, and by which they say that it is too much in another
// way, which holds for this query only.
var (
	tooManyPoints = []string{
		"exceeded maximum resolution",   // Prometheus, Thanos, Mimir, Cortex
		"search.maxpointspertimeseries", // VictoriaMetrics
	}
	tooMuchData = []string{
		"too many samples into memory",       // Prometheus, Thanos
		"query time range exceeds the limit", // Mimir, Cortex
	}
)

// exceeds says whether err means that less must be asked for at once, and whether that is for the number of points alone.
func exceeds(err error) (tooMuch, tooLong bool) {
	var said *Error
	if !errors.As(err, &said) || (said.Code != http.StatusBadRequest && said.Code != http.StatusUnprocessableEntity) {
		return false, false
	}
	text := strings.ToLower(said.Message)
	for _, words := range tooManyPoints {
		if strings.Contains(text, words) {
			return true, true
		}
	}
	for _, words := range tooMuchData {
		if strings.Contains(text, words) {
			return true, false
		}
	}
	return false, false
}

// lower sets v to n unless it is lower already.
func lower(v *atomic.Int64, n int64) {
	for old := v.Load(); n < old; old = v.Load() {
		if v.CompareAndSwap(old, n) {
			return
		}
	}
}
