package externalmetrics

import (
	"fmt"
	"maps"
	"net/http"
	"time"

	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/rest"
	"k8s.io/kube-openapi/pkg/common"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/core"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/generated/openapi/externalmetrics"
)

const (
	serverName = "forethought"
	// requestTimeout bounds one request, and with it the time that stopping can take. Answers come from memory.
	requestTimeout = 10 * time.Second
	// maxInFlight is the number of requests served at once, the default of the generic API server; more get status 429.
	maxInFlight = 400
)

// newConfig returns the configuration that both modes share. The process's own /metrics and probes say how it is, so that the generic
// server's metrics, profiling and log check, which are global to the process, stay off.
//
// Requests are counted first; what the delegate has is forwarded last, behind authentication and authorisation.
func newConfig(p *parts) *genericapiserver.Config {
	c := genericapiserver.NewConfig(apiserver.Codecs)
	c.EnableMetrics, c.EnableProfiling = false, false
	c.RequestTimeout, c.MaxRequestsInFlight = requestTimeout, maxInFlight
	c.HealthzChecks = []healthz.HealthChecker{healthz.PingHealthz}
	c.LivezChecks = []healthz.HealthChecker{healthz.PingHealthz}
	c.ReadyzChecks = []healthz.HealthChecker{healthz.PingHealthz}
	// These keep metrics of the generic server up to date, and count objects in a storage that is not there.
	c.DisabledPostStartHooks.Insert("max-in-flight-filter", "storage-object-count-tracker-hook")
	// The generic server wants a client to itself for hooks; there are none, so that this client needs neither address nor rights.
	c.LoopbackClientConfig = &rest.Config{}
	c.BuildHandlerChainFunc = func(api http.Handler, c *genericapiserver.Config) http.Handler {
		return p.requests.count(genericapiserver.DefaultBuildHandlerChain(p.forward(api), c))
	}
	namer := openapinamer.NewDefinitionNamer(apiserver.Scheme)
	c.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(openAPIDefinitions, namer)
	c.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(openAPIDefinitions, namer)
	c.OpenAPIConfig.Info.Title, c.OpenAPIV3Config.Info.Title = serverName, serverName
	return c
}

// openAPIDefinitions returns what describes the metrics and, from core, what describes /version.
func openAPIDefinitions(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	definitions := core.GetOpenAPIDefinitions(ref)
	maps.Copy(definitions, externalmetrics.GetOpenAPIDefinitions(ref))
	return definitions
}

// newAPIServer returns the generic API server of c with the metrics of the reader installed.
func newAPIServer(c *genericapiserver.Config, r *reader) (*genericapiserver.GenericAPIServer, error) {
	s, err := (&apiserver.Config{GenericConfig: c}).Complete(nil).New(serverName, nil, r)
	if err != nil {
		return nil, fmt.Errorf("external metrics: %w", err)
	}
	return s.GenericAPIServer, nil
}
