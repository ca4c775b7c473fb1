package prom

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The waits between tries: they double from backoffFirst to backoffMost, and each is shortened by chance to between half and all of
// that ("equal jitter": Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). A server that asks for more than
// retryAfterMost is not waited for.
const (
	backoffFirst   = 250 * time.Millisecond
	backoffMost    = 10 * time.Second
	retryAfterMost = time.Minute
)

// query asks for one slice, again where a later try may succeed.
func (s *Source) query(ctx context.Context, expr string, g grid) (answer, error) {
	for try := 1; ; try++ {
		a, err := s.try(ctx, expr, g)
		if err == nil || try >= s.tries || !retryable(err) || ctx.Err() != nil {
			return a, err
		}
		pause := backoff(try, s.jitter())
		if said, ok := errors.AsType[*Error](err); ok {
			pause = max(pause, said.retryAfter)
		}
		if pause > retryAfterMost {
			return answer{}, fmt.Errorf("%w (it asks to wait %v)", err, pause)
		}
		if waitErr := s.wait(ctx, pause); waitErr != nil {
			return answer{}, fmt.Errorf("%w while waiting to try again after %w", waitErr, err)
		}
		s.metrics.retries.Inc()
	}
}

// backoff returns the wait after the given try, which counts from 1, for a random u in [0, 1).
func backoff(try int, u float64) time.Duration {
	full := backoffMost
	if try < 16 {
		full = min(backoffFirst<<(try-1), backoffMost)
	}
	return full/2 + time.Duration(u*float64(full/2))
}

// wait returns after d, or with the context's error.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// try makes the request once: as a POST, whose form has no limit of length, and as a GET where the server or something before it
// refuses that method.
func (s *Source) try(parent context.Context, expr string, g grid) (answer, error) {
	ctx, cancel := context.WithTimeout(parent, s.timeout)
	defer cancel()
	a, err := s.tryMethods(ctx, s.form(expr, g), g)
	if err != nil && ctx.Err() != nil && parent.Err() == nil {
		err = fmt.Errorf("no whole answer within %v: %w", s.timeout, ctx.Err())
	}
	return a, err
}

func (s *Source) tryMethods(ctx context.Context, form url.Values, g grid) (answer, error) {
	if !s.getOnly.Load() {
		a, err := s.send(ctx, http.MethodPost, form, g)
		if !wantsGET(err) {
			return a, err
		}
	}
	a, err := s.send(ctx, http.MethodGet, form, g)
	if err == nil {
		s.getOnly.Store(true)
	}
	return a, err
}

// wantsGET says whether err is how a server refuses the method POST: by its code, by that of a proxy that allows reading only, or by a
// redirect that drops the form.
func wantsGET(err error) bool {
	var said *Error
	if !errors.As(err, &said) {
		return false
	}
	switch said.Code {
	case http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusForbidden,
		http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return true
	}
	return false
}

// form returns the parameters of query_range for g.
func (s *Source) form(expr string, g grid) url.Values {
	return url.Values{
		"query":   {expr},
		"start":   {seconds(g.start)},
		"end":     {seconds(g.start + int64(g.n-1)*g.step)},
		"step":    {seconds(g.step)},
		"timeout": {seconds(max(s.timeout.Milliseconds(), 1))},
	}
}

// seconds prints milliseconds as seconds, exactly.
func seconds(ms int64) string { return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64) }

// send makes one request and reads its answer.
func (s *Source) send(ctx context.Context, method string, form url.Values, g grid) (answer, error) {
	req, err := s.newRequest(ctx, method, form)
	if err != nil {
		return answer{}, classify(err)
	}
	began, asked := time.Now(), s.now()
	defer func() { s.metrics.duration.Observe(time.Since(began).Seconds()) }()
	resp, err := s.client.Do(req)
	if err != nil {
		s.metrics.requests.WithLabelValues("none").Inc()
		return answer{}, classify(err)
	}
	defer resp.Body.Close()
	s.metrics.requests.WithLabelValues(strconv.Itoa(resp.StatusCode)).Inc()
	if resp.StatusCode/100 != 2 {
		return answer{}, readError(resp)
	}
	if err = s.compareClocks(resp.Header, asked, s.now()); err != nil {
		return answer{}, err
	}
	body := &boundedReader{r: resp.Body, left: s.maxBytes, most: s.maxBytes}
	a, err := decode(body, g)
	if err == nil || ctx.Err() == nil {
		return a, err
	}
	return answer{}, ctx.Err()
}

// compareClocks takes the date of an answer, which is cut to a whole second, for a time between the request and its answer. It returns a
// *ClockError where they differ too much whenever that was.
func (s *Source) compareClocks(h http.Header, asked, answered time.Time) error {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil || h.Get("Age") != "" {
		return nil //nolint:nilerr // not every proxy sends one, and that of a cached answer (RFC 9111, section 5.1) is of an earlier time
	}
	ours := asked.Add(answered.Sub(asked) / 2)
	s.metrics.offset.WithLabelValues().Set(at.Add(500 * time.Millisecond).Sub(ours).Seconds())
	wrong := &ClockError{URL: s.shown, Most: s.maxOffset}
	if ahead, behind := at.Sub(answered), asked.Sub(at.Add(time.Second)); ahead > s.maxOffset {
		wrong.Offset = ahead
	} else if behind > s.maxOffset {
		wrong.Offset = -behind
	}
	if s.maxOffset <= 0 || wrong.Offset == 0 {
		s.skewed.Store(nil)
		return nil
	}
	s.skewed.Store(wrong)
	return wrong
}

func (s *Source) newRequest(ctx context.Context, method string, form url.Values) (*http.Request, error) {
	u := *s.base
	u.Path += "/api/v1/query_range"
	if method == http.MethodGet {
		u.RawQuery = strings.TrimPrefix(u.RawQuery+"&"+form.Encode(), "&")
		return http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// An empty Idempotency-Key tells net/http that this POST may be sent again on a fresh connection; it is not sent.
	req.Header["Idempotency-Key"] = nil
	return req, nil
}

// boundedReader refuses to read more than a number of bytes, and marks every failure to read but that as a broken connection.
type boundedReader struct {
	r          io.Reader
	left, most int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("answer larger than %d bytes", b.most)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &brokenError{fmt.Errorf("answer broke off: %w", err)}
	}
	return n, err
}
