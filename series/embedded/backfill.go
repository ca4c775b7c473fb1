package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"

	"github.com/forethought-autoscaler/forethought/series"
)

// History is the past of one series.
type History struct {
	// Labels name the series, among them __name__.
	Labels map[string]string
	// Series are its samples. A missing point is stored as absent, and the first one after a present one as a staleness marker, so that
	// a query does not stretch the last value into the gap.
	Series series.Series
}

// Backfill stores the histories as blocks, and returns when they can be queried. It continues each series after its latest stored
// sample and skips what is at or before that, so that doing it again stores nothing twice; it does not fill gaps further back. Samples
// that are not finite are refused, NaN apart, before anything is stored.
//
// While it runs, Append and the collection of our own metrics wait; while Run scrapes targets, which cannot wait, it is refused.
// Afterwards nothing that is as old as the latest stored sample can be appended.
func (s *Server) Backfill(ctx context.Context, hs []History) error {
	done, err := s.begin()
	if err != nil {
		return err
	}
	defer done()
	todo, err := checkHistories(hs)
	if err != nil {
		return fmt.Errorf("backfill: %w", err)
	}
	if s.scraper.current() != nil {
		return errors.New("backfill: targets are being scraped; backfill before Run")
	}
	s.appends.Lock()
	defer s.appends.Unlock()
	if err := s.backfill(ctx, todo); err != nil {
		return fmt.Errorf("backfill into %s: %w", s.opts.Path, err)
	}
	return nil
}

func (s *Server) backfill(ctx context.Context, todo []*history) error {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, h := range todo {
		if err := s.skipStored(ctx, h); err != nil {
			return err
		}
		if h.next < len(h.series.Values) {
			first, last = min(first, h.time(h.next)), max(last, h.series.End().UnixMilli())
		}
	}
	if first > last {
		return nil
	}
	if err := s.flushHead(); err != nil {
		return err
	}
	writeErr := s.writeBlocks(ctx, todo, first, last) // Blocks that were written before it failed are loaded all the same.
	// Compacting an empty range of the head loads the new blocks, and makes the head refuse samples older than they are: it would
	// forget such samples when it is next opened.
	if err := s.db.CompactHead(tsdb.NewRangeHead(s.db.Head(), last, last)); err != nil {
		return errors.Join(writeErr, fmt.Errorf("load blocks: %w", err))
	}
	return writeErr
}

// flushHead makes a block of the head. When it is next opened the database discards from its log what is older than the newest block,
// as the samples in the head will be.
func (s *Server) flushHead() error {
	head := s.db.Head()
	if head.MinTime() > head.MaxTime() {
		return nil // Nothing was ever appended.
	}
	if err := s.db.CompactHead(tsdb.NewRangeHead(head, head.MinTime(), head.MaxTime())); err != nil {
		return fmt.Errorf("flush the head: %w", err)
	}
	return nil
}

// history is a History with its labels checked and the index of the first point that is not stored yet.
type history struct {
	labels labels.Labels
	series series.Series
	next   int
}

func (h *history) time(i int) int64 { return h.series.TimeAt(i).UnixMilli() }

// before appends the points from h.next on whose time is less than end, and moves h.next behind them.
func (h *history) before(end int64, app storage.AppenderV2) error {
	for ; h.next < len(h.series.Values) && h.time(h.next) < end; h.next++ {
		v := h.series.Values[h.next]
		if math.IsNaN(v) {
			if h.next == 0 || math.IsNaN(h.series.Values[h.next-1]) {
				continue
			}
			v = staleMarker
		}
		if err := appendTo(app, h.labels, h.time(h.next), v); err != nil {
			return err
		}
	}
	return nil
}

func checkHistories(hs []History) ([]*history, error) {
	todo := make([]*history, 0, len(hs))
	seen := map[string]bool{}
	for _, h := range hs {
		ls, err := seriesLabels(h.Labels)
		if err != nil {
			return nil, err
		}
		if h.Series.Step < time.Millisecond {
			return nil, fmt.Errorf("series %s: step is %s, want at least 1ms", ls, h.Series.Step)
		}
		if seen[ls.String()] {
			return nil, fmt.Errorf("series %s is given twice", ls)
		}
		if i := slices.IndexFunc(h.Series.Values, func(v float64) bool { return math.IsInf(v, 0) }); i >= 0 {
			return nil, fmt.Errorf("series %s is infinite at %s", ls, h.Series.TimeAt(i).Format(time.RFC3339))
		}
		seen[ls.String()] = true
		todo = append(todo, &history{labels: ls, series: h.Series})
	}
	return todo, nil
}

// skipStored moves h.next behind the latest sample that is stored of the series.
func (s *Server) skipStored(ctx context.Context, h *history) error {
	q, err := s.db.Querier(h.series.Start.UnixMilli(), math.MaxInt64)
	if err != nil {
		return err
	}
	defer q.Close()
	var exact []*labels.Matcher
	h.labels.Range(func(l labels.Label) {
		exact = append(exact, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	set := q.Select(ctx, false, nil, exact...)
	for set.Next() {
		if !labels.Equal(set.At().Labels(), h.labels) {
			continue // It has these labels and more.
		}
		samples := set.At().Iterator(nil)
		for samples.Next() != chunkenc.ValNone {
			h.next = max(h.next, h.series.Index(time.UnixMilli(samples.AtT()))+1)
		}
		if err := samples.Err(); err != nil {
			return fmt.Errorf("read %s: %w", h.labels, err)
		}
	}
	return set.Err()
}

// scratch is the folder, below Path, in which blocks are prepared. Its form is that of an unfinished block, so that the database removes
// it at the next start where the process dies.
const scratch = "00000000000000000000000000.tmp-for-creation"

// writeBlocks writes the points from first to last, a block for each of the longest ranges that the database itself would compact to.
// Appending 28 days of 20 series and letting the head compact them two hours at a time takes fifty times as long.
func (s *Server) writeBlocks(ctx context.Context, todo []*history, first, last int64) error {
	ranges := tsdb.ExponentialBlockRanges(blockRange.Milliseconds(), 10, 3)
	longest := maxBlockRange(s.opts.Retention).Milliseconds()
	for len(ranges) > 1 && ranges[len(ranges)-1] > longest {
		ranges = ranges[:len(ranges)-1]
	}
	size := ranges[len(ranges)-1]
	start := first - first%size
	if first < 0 && start > first {
		start -= size
	}
	for end := start + size; end-size <= last; end += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.writeBlock(ctx, todo, end, size); err != nil {
			return err
		}
	}
	return nil
}

// writeBlock writes the points before end as one block; there may be none.
func (s *Server) writeBlock(ctx context.Context, todo []*history, end, size int64) (err error) {
	dir := filepath.Join(s.opts.Path, scratch)
	o := tsdb.DefaultHeadOptions()
	o.ChunkRange = 2 * size // A head refuses what is half of this older than its latest sample, as the next series begins to be.
	o.ChunkDirRoot = dir
	o.StripeSize = 256
	o.ChunkWriteBufferSize = chunks.MinWriteBufferSize
	head, err := tsdb.NewHead(nil, s.log, nil, nil, o, nil)
	if err != nil {
		return fmt.Errorf("prepare a block: %w", err)
	}
	defer func() { err = errors.Join(err, head.Close(), os.RemoveAll(dir)) }()
	if err = head.Init(math.MinInt64); err != nil {
		return fmt.Errorf("prepare a block: %w", err)
	}
	for _, h := range todo {
		app := head.AppenderV2(ctx)
		if err = h.before(end, app); err != nil {
			return errors.Join(err, app.Rollback())
		}
		if err = app.Commit(); err != nil {
			return fmt.Errorf("prepare a block: %w", err)
		}
	}
	if head.NumSeries() == 0 {
		return nil
	}
	compactor, err := tsdb.NewLeveledCompactor(ctx, nil, s.log, []int64{size}, nil, nil)
	if err != nil {
		return fmt.Errorf("write a block: %w", err)
	}
	// A block ends one millisecond after its last sample: its range is half-open.
	if _, err := compactor.Write(s.opts.Path, head, head.MinTime(), head.MaxTime()+1, nil); err != nil {
		return fmt.Errorf("write a block: %w", err)
	}
	return nil
}
