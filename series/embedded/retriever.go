package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
	apiv1 "github.com/prometheus/prometheus/web/api/v1"
)

// PrometheusVersion is the version of Prometheus whose packages this is and whose API it answers for. Clients such as Grafana choose
// features by it.
const PrometheusVersion = "3.15.0"

func buildInfo() *apiv1.PrometheusVersion {
	return &apiv1.PrometheusVersion{Version: PrometheusVersion, Branch: "embedded in forethought", GoVersion: runtime.Version()}
}

func (s *Server) runtimeInfo() (apiv1.RuntimeInfo, error) {
	host, err := os.Hostname()
	if err != nil {
		return apiv1.RuntimeInfo{}, err
	}
	return apiv1.RuntimeInfo{
		StartTime:           s.started.UTC(),
		CWD:                 s.opts.Path,
		Hostname:            host,
		ServerTime:          s.now().UTC(),
		ReloadConfigSuccess: true,
		LastConfigTime:      s.started.UTC(),
		GoroutineCount:      runtime.NumGoroutine(),
		GOMAXPROCS:          runtime.GOMAXPROCS(0),
		StorageRetention:    model.Duration(s.opts.Retention).String(),
	}, nil
}

// retriever answers the API's questions about targets, and that there are no rules and no Alertmanagers.
type retriever struct{ s *Server }

// ScrapePools names the jobs.
func (r retriever) ScrapePools() []string {
	pools := []string{}
	for _, job := range r.s.config.ScrapeConfigs {
		pools = append(pools, job.JobName)
	}
	if r.s.self != nil {
		pools = append(pools, selfJob)
	}
	return pools
}

// ScrapePoolConfig returns the configuration of a job.
func (r retriever) ScrapePoolConfig(pool string) (*config.ScrapeConfig, error) {
	if r.s.self != nil && pool == selfJob {
		return r.s.self.config, nil
	}
	for _, job := range r.s.config.ScrapeConfigs {
		if job.JobName == pool {
			return job, nil
		}
	}
	return nil, fmt.Errorf("scrape pool %q not found", pool)
}

// TargetsActive returns the targets being scraped, and ourselves.
func (r retriever) TargetsActive() map[string][]*scrape.Target {
	active := map[string][]*scrape.Target{}
	if m := r.s.scraper.current(); m != nil {
		active = m.TargetsActive()
	}
	if r.s.self != nil {
		active[selfJob] = []*scrape.Target{r.s.self.target}
	}
	return active
}

// TargetsDropped returns the targets that relabelling dropped.
func (r retriever) TargetsDropped() map[string][]*scrape.Target {
	if m := r.s.scraper.current(); m != nil {
		return m.TargetsDropped()
	}
	return map[string][]*scrape.Target{}
}

// TargetsDroppedCounts counts them by job.
func (r retriever) TargetsDroppedCounts() map[string]int {
	if m := r.s.scraper.current(); m != nil {
		return m.TargetsDroppedCounts()
	}
	return map[string]int{}
}

// Alertmanagers returns none.
func (retriever) Alertmanagers() []*url.URL { return nil }

// DroppedAlertmanagers returns none.
func (retriever) DroppedAlertmanagers() []*url.URL { return nil }

// RuleGroups returns none.
func (retriever) RuleGroups() []*rules.Group { return nil }

// AlertingRules returns none.
func (retriever) AlertingRules() []*rules.AlertingRule { return nil }

// stats shows the API what the database holds. What changes it is refused here as well, although the API does not offer it.
type stats struct{ s *Server }

var errReadOnly = errors.New("the embedded store cannot be changed through the API")

// CleanTombstones is refused.
func (stats) CleanTombstones() error { return errReadOnly }

// Delete is refused.
func (stats) Delete(context.Context, int64, int64, ...*labels.Matcher) error { return errReadOnly }

// Snapshot is refused.
func (stats) Snapshot(string, bool) error { return errReadOnly }

// Stats returns the statistics of the head.
func (st stats) Stats(label string, limit int) (*tsdb.Stats, error) {
	return st.s.db.Head().Stats(label, limit), nil
}

// WALReplayStatus says that there is nothing to replay: a Server exists only after that.
func (stats) WALReplayStatus() (tsdb.WALReplayStatus, error) { return tsdb.WALReplayStatus{}, nil }

// BlockMetas describes the blocks.
func (st stats) BlockMetas() ([]tsdb.BlockMeta, error) { return st.s.db.BlockMetas(), nil }
