package embedded

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/file" // file_sd_configs
	"github.com/prometheus/prometheus/scrape"
	"go.yaml.in/yaml/v2"
)

// CheckScrapeConfigs reports whether b is a YAML list in the form of Prometheus's scrape_configs that a Server can scrape. Errors name
// the line of b. Of the ways to discover targets, static_configs and file_sd_configs are built in; relative names of files in them are
// relative to Options.Dir.
func CheckScrapeConfigs(b []byte) error {
	_, err := parseScrapeConfigs(b, DefaultScrapeInterval)
	return err
}

// absentDiscovery finds the name of a discovery that Prometheus has and this build has not in the YAML decoder's error.
var absentDiscovery = regexp.MustCompile(`field (\w+_sd_configs) not found`)

// parseScrapeConfigs returns Prometheus's configuration with the scrape configs in b and nothing else.
func parseScrapeConfigs(b []byte, interval time.Duration) (*config.Config, error) {
	cfg, err := config.Load("", nil)
	if err != nil {
		return nil, fmt.Errorf("scrape configs: %w", err)
	}
	cfg.GlobalConfig.ScrapeInterval = model.Duration(interval)
	cfg.GlobalConfig.ScrapeTimeout = min(cfg.GlobalConfig.ScrapeTimeout, model.Duration(interval))
	cfg.GlobalConfig.EvaluationInterval = model.Duration(interval)
	if err := yaml.UnmarshalStrict(b, &cfg.ScrapeConfigs); err != nil {
		if m := absentDiscovery.FindStringSubmatch(err.Error()); m != nil {
			return nil, fmt.Errorf("scrape configs: %s is not built in, use static_configs or file_sd_configs: %w", m[1], err)
		}
		return nil, fmt.Errorf("scrape configs: %w", err)
	}
	jobs := map[string]bool{selfJob: true}
	for i, c := range cfg.ScrapeConfigs {
		if err := c.Validate(cfg.GlobalConfig); err != nil {
			return nil, fmt.Errorf("scrape config %d: %w", i+1, err)
		}
		switch {
		case c.JobName == selfJob:
			return nil, fmt.Errorf("scrape config %d: job_name %q is that of our own metrics", i+1, selfJob)
		case jobs[c.JobName]:
			return nil, fmt.Errorf("scrape config %d: job_name %q is used twice", i+1, c.JobName)
		}
		jobs[c.JobName] = true
	}
	return cfg, nil
}

// scraper is Prometheus's discovery and scrape managers.
type scraper struct {
	server *Server
	// mu guards manager, which exists while run runs.
	mu      sync.Mutex
	manager *scrape.Manager
}

func (s *Server) openScraper() error {
	if len(s.config.ScrapeConfigs) > 0 {
		s.scraper = &scraper{server: s}
	}
	return nil
}

// run scrapes until ctx ends, and returns when everything it began has ended.
func (c *scraper) run(ctx context.Context) error {
	s := c.server
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The metrics of the managers, which are many and are in use only while they run, are kept from the store's registry.
	registry := prometheus.NewRegistry()
	mechanisms, err := discovery.CreateAndRegisterSDMetrics(registry)
	if err != nil {
		return fmt.Errorf("discover targets: %w", err)
	}
	targets := discovery.NewManager(ctx, s.log, registry, mechanisms)
	if targets == nil {
		return errors.New("discover targets: the manager could not be made")
	}
	manager, err := scrape.NewManager(&scrape.Options{DiscoveryReloadOnStartup: true}, s.log, nil, nil, s.db, registry)
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	if err := manager.ApplyConfig(s.config); err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	jobs := map[string]discovery.Configs{}
	for _, job := range s.config.ScrapeConfigs {
		jobs[job.JobName] = job.ServiceDiscoveryConfigs
	}
	if err := targets.ApplyConfig(jobs); err != nil {
		return fmt.Errorf("discover targets: %w", err)
	}
	c.set(manager)
	defer c.set(nil)

	var wg sync.WaitGroup
	wg.Go(func() { _ = targets.Run() })
	wg.Go(func() { _ = manager.Run(targets.SyncCh()) })
	<-ctx.Done()
	manager.Stop()
	wg.Wait()
	return nil
}

func (c *scraper) set(m *scrape.Manager) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.manager = m
}

func (c *scraper) current() *scrape.Manager {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.manager
}
