package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/prometheus/prometheus/util/compression"
)

// openStore takes the folder for this process, moves broken blocks aside and opens the database.
func (s *Server) openStore() error {
	path := s.opts.Path
	if err := checkWritable(path); err != nil {
		return err
	}
	// The lock is the one that a Prometheus takes. It is taken here and not by the database, which clears temporary folders before it
	// asks for the lock and so would disturb the process that holds it.
	lock, err := tsdbutil.NewDirLocker(path, "tsdb", s.log, nil)
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	switch err = lock.Lock(); {
	case errors.Is(err, syscall.EAGAIN): // EWOULDBLOCK is the same number.
		return fmt.Errorf("%s is in use by another process, which holds %s", path, filepath.Join(path, "lock"))
	case err != nil:
		return fmt.Errorf("lock %s: %w", path, err)
	}
	s.cleanups = append(s.cleanups, lock.Release)

	s.metrics = newMetrics(s.registry)
	if err = s.quarantine(); err != nil {
		return err
	}
	if s.db, err = tsdb.Open(path, s.log, s.registry, s.storeOptions(), nil); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	s.cleanups = append(s.cleanups, s.db.Close)
	return nil
}

// checkWritable creates the folder and a file in it.
func checkWritable(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("create the data folder: %w", err)
	}
	f, err := os.CreateTemp(path, "writable-*.tmp")
	if err != nil {
		return fmt.Errorf("write in the data folder %s: %w", path, err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// storeOptions keep the head small: it holds hundreds of series, and Prometheus's defaults are for millions.
func (s *Server) storeOptions() *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.NoLockfile = true // openStore holds it.
	o.RetentionDuration = s.opts.Retention.Milliseconds()
	o.MaxBlockDuration = maxBlockRange(s.opts.Retention).Milliseconds()
	o.StripeSize = 256
	o.HeadChunksWriteBufferSize = chunks.MinWriteBufferSize
	o.WALSegmentSize = 16 << 20
	o.WALCompression = compression.Snappy
	return o
}

// maxBlockRange is the longest time that one block covers: a tenth of the retention but no more than 31 days, as in Prometheus.
func maxBlockRange(retention time.Duration) time.Duration {
	return min(max(retention/10, blockRange), 31*24*time.Hour)
}

// blockRange is the time that the head collects before it becomes a block.
const blockRange = time.Duration(tsdb.DefaultBlockDuration) * time.Millisecond

// blockName matches a ULID, the name of a block's folder.
var blockName = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// quarantine renames every block that cannot be opened, with which the database would not open either, to ULID.corrupt.
func (s *Server) quarantine() error {
	entries, err := os.ReadDir(s.opts.Path)
	if err != nil {
		return fmt.Errorf("list blocks: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !blockName.MatchString(e.Name()) {
			continue
		}
		dir := filepath.Join(s.opts.Path, e.Name())
		cause := openBlock(s.log, dir)
		if cause == nil {
			continue
		}
		if err := os.Rename(dir, dir+".corrupt"); err != nil {
			return fmt.Errorf("move the corrupt block %s aside (%w): %w", dir, cause, err)
		}
		s.metrics.quarantined.Inc()
		s.opts.Log.Error("corrupt block moved aside, its samples are missing from now on", "block", dir+".corrupt", "err", cause)
	}
	return nil
}

func openBlock(log *slog.Logger, dir string) error {
	b, err := tsdb.OpenBlock(log, dir, nil, nil)
	if err != nil {
		return err
	}
	return b.Close()
}

// quiet logs what Prometheus's packages call information as debugging: they report every block and every compaction.
type quiet struct{ slog.Handler }

// Enabled reports whether a record of the level is logged after demotion.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return q.Handler.Enabled(ctx, demote(l))
}

// Handle logs the record at the demoted level.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = demote(r.Level)
	return q.Handler.Handle(ctx, r)
}

// WithAttrs keeps the demotion.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup keeps the demotion.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }

func demote(l slog.Level) slog.Level {
	if l == slog.LevelInfo {
		return slog.LevelDebug
	}
	return l
}
