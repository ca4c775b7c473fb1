package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// staleMarker is the value that ends a series: Prometheus looks back past an absent sample but not past this one.
var staleMarker = math.Float64frombits(value.StaleNaN)

// Append stores one sample of the series with these labels, among them __name__; when it returns nil the sample survives the death of
// the process. NaN says that nothing is known from at on, and ends the series there. Samples of one series come in order of time. It is
// an error to append infinity, a second value for a time that has one, or a sample that is older than what is stored: than the series'
// latest, than the end of a Backfill, or than an hour before the latest of all series.
func (s *Server) Append(ctx context.Context, lset map[string]string, at time.Time, v float64) error {
	ls, err := seriesLabels(lset)
	if err != nil {
		return err
	}
	if math.IsInf(v, 0) {
		return fmt.Errorf("append %v to %s: not a finite number", v, ls)
	}
	if math.IsNaN(v) {
		v = staleMarker
	}
	err = s.transact(ctx, func(app storage.AppenderV2) error {
		_, appendErr := app.Append(0, ls, 0, at.UnixMilli(), v, nil, nil, storage.AOptions{})
		return appendErr
	})
	if err != nil {
		return fmt.Errorf("append to %s at %s: %w", ls, at.UTC().Format(time.RFC3339), err)
	}
	return nil
}

// transact commits what write appends, all of it or nothing.
func (s *Server) transact(ctx context.Context, write func(storage.AppenderV2) error) error {
	done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	s.appends.RLock()
	defer s.appends.RUnlock()
	app := s.db.AppenderV2(ctx)
	if err := write(app); err != nil {
		return errors.Join(err, app.Rollback())
	}
	return app.Commit()
}

// seriesLabels checks what names a series.
func seriesLabels(lset map[string]string) (labels.Labels, error) {
	ls := labels.FromMap(lset)
	if name := lset[model.MetricNameLabel]; !model.UTF8Validation.IsValidMetricName(name) {
		return ls, fmt.Errorf("series %s: __name__ is %q, want the name of a metric", ls, name)
	}
	if !ls.IsValid(model.UTF8Validation) {
		return ls, fmt.Errorf("series %s: a label's name or value is not valid", ls)
	}
	return ls, nil
}

// Latest returns the time of the latest sample of any series, to a millisecond; ok is false where the store is empty. A clock that does
// not show the wall's time starts behind it, or what it appends is refused as too old.
func (s *Server) Latest() (at time.Time, ok bool) {
	done, err := s.begin()
	if err != nil {
		return time.Time{}, false
	}
	defer done()
	latest := s.db.Head().MaxTime()
	for _, b := range s.db.BlockMetas() {
		latest = max(latest, b.MaxTime-1)
	}
	return time.UnixMilli(latest).UTC(), latest != math.MinInt64
}
