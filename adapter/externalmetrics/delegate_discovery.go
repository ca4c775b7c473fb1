package externalmetrics

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apidiscovery "k8s.io/apiserver/pkg/endpoints/discovery"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// discoveryInterval is how often the names of the delegate are read. Names are for people: a HorizontalPodAutoscaler asks without them.
const discoveryInterval = 30 * time.Second

// discovery keeps the names that the delegate serves.
type discovery struct {
	delegate *delegate
	log      *slog.Logger
	kept     atomic.Pointer[[]string]
	own      http.Handler // lists our own names only
}

func newDiscovery(d *delegate, r *reader, log *slog.Logger) *discovery {
	own := provider.NewExternalMetricResourceLister(&reader{board: r.board, now: r.now, rules: r.rules})
	return &discovery{delegate: d, log: log, own: apidiscovery.NewAPIVersionHandler(apiserver.Codecs, v1beta1.SchemeGroupVersion, own)}
}

// names returns what the delegate served when it was last read, sorted; nothing before that.
func (d *discovery) names() []string {
	if kept := d.kept.Load(); kept != nil {
		return *kept
	}
	return nil
}

// answer returns a handler that answers a forwarded request for the list of names with our own only, since two servers that list each
// other's would never forget one, and leaves all else to next.
func (d *discovery) answer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Path == Path && r.Header.Get(delegatedHeader) != "" {
			d.own.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// run reads the names in the background until ctx is done. While the delegate does not answer, the last ones stay.
func (d *discovery) run(ctx context.Context) {
	ticker := time.NewTicker(discoveryInterval)
	defer ticker.Stop()
	failing := false
	for {
		names, err := d.read(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			d.kept.Store(&names)
			if failing {
				d.log.Info("metrics of the delegate are listed again", "metrics", len(names))
			}
		case !failing:
			d.log.Warn("metrics of the delegate cannot be listed, the last ones known stay", "metrics", len(d.names()), "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// read returns the names that the delegate lists.
func (d *discovery) read(ctx context.Context) ([]string, error) {
	a, err := d.delegate.ask(ctx, "", "", "application/json", maxDiscovery)
	if err != nil {
		return nil, err
	}
	if a.code != http.StatusOK {
		return nil, fmt.Errorf("list metrics of the delegate: %d %s", a.code, http.StatusText(a.code))
	}
	var list metav1.APIResourceList
	if err = json.Unmarshal(a.body, &list); err != nil {
		return nil, fmt.Errorf("list metrics of the delegate: %w", err)
	}
	var names []string
	for _, resource := range list.APIResources {
		if len(content.IsPathSegmentName(resource.Name)) == 0 {
			names = append(names, resource.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
