package keda

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/forethought-autoscaler/forethought/pool"
)

func TestAnswersKEDA(t *testing.T) {
	b := boardOf(snapshot("web"))
	s, _ := start(t, optionsFor(t, b))
	c := client(t, s)
	so := ref("fleet", "web", "scalerAddress", s.Addr())
	spec, err := c.GetMetricSpec(t.Context(), so)
	if err != nil || text(spec) != "forethought_pool_instances_desired 1 1" {
		t.Errorf("GetMetricSpec = %v, %v", spec, err)
	}
	got, err := c.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: so, MetricName: "forethought_pool_instances_desired"})
	if err != nil || len(got.GetMetricValues()) != 1 || got.GetMetricValues()[0].GetMetricValueFloat() != 10 {
		t.Errorf("GetMetrics = %v, %v", got, err)
	}
	if isActive, activeErr := c.IsActive(t.Context(), so); activeErr != nil || !isActive.GetResult() {
		t.Errorf("IsActive = %v, %v", isActive, activeErr)
	}
	if _, err = c.IsActive(t.Context(), ref("fleet", "shop")); status.Code(err) != codes.InvalidArgument {
		t.Errorf("IsActive of an unknown fleet = %v", err)
	}
	specs, err := c.StreamMetricSpec(t.Context(), so)
	if err != nil {
		t.Fatal(err)
	}
	if spec, err = specs.Recv(); err != nil || text(spec) != "forethought_pool_instances_desired 1 1" {
		t.Errorf("StreamMetricSpec = %v, %v", spec, err)
	}
	stream, err := c.StreamIsActive(t.Context(), so)
	if err != nil {
		t.Fatal(err)
	}
	if isActive, activeErr := stream.Recv(); activeErr != nil || !isActive.GetResult() {
		t.Errorf("StreamIsActive = %v, %v", isActive, activeErr)
	}
	b.set(planned("web", 0, 0))
	if isActive, activeErr := stream.Recv(); activeErr != nil || isActive.GetResult() {
		t.Errorf("StreamIsActive once nothing is needed = %v, %v", isActive, activeErr)
	}
}

// KEDA takes the end of a stream for orderly only where it is io.EOF, and else waits longer each time.
func TestStopsQuicklyWithOpenStreams(t *testing.T) {
	before := goleak.IgnoreCurrent()
	o := optionsFor(t, boardOf(snapshot("web")))
	s, stop := start(t, o)
	conn := dial(t, s.Addr())
	c := pb.NewExternalScalerClient(conn)
	var ends []func() error
	for range 10 {
		a, err := c.StreamIsActive(t.Context(), ref("fleet", "web"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := c.StreamMetricSpec(t.Context(), ref("fleet", "web"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = a.Recv(); err != nil {
			t.Fatal(err)
		}
		if _, err = m.Recv(); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, func() error { _, err := a.Recv(); return err }, func() error { _, err := m.Recv(); return err })
	}
	began := time.Now()
	stop()
	if took := time.Since(began); took > grace/2 {
		t.Errorf("stopping took %s", took)
	}
	for _, end := range ends {
		if err := end(); !errors.Is(err, io.EOF) {
			t.Errorf("a stream ended with %v, want io.EOF", err)
		}
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Errorf("%s still accepts connections after Run", s.Addr())
	}
	_ = conn.Close()
	goleak.VerifyNone(t, before)
}

// A health watch ends only when its client leaves. It may not hold the server up for ever.
func TestStopsWhoeverHoldsOn(t *testing.T) {
	s, err := New(optionsFor(t, boardOf(snapshot("web"))))
	if err != nil {
		t.Fatal(err)
	}
	s.grace = 20 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	watch, err := grpc_health_v1.NewHealthClient(dial(t, s.Addr())).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	f := func(want grpc_health_v1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if got, recvErr := watch.Recv(); recvErr != nil || got.GetStatus() != want {
			t.Errorf("the watch says %v, %v, want %s", got, recvErr, want)
		}
	}
	f(grpc_health_v1.HealthCheckResponse_SERVING)
	cancel()
	f(grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	if err = <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestHealth(t *testing.T) {
	s, _ := start(t, optionsFor(t, boardOf()))
	c := grpc_health_v1.NewHealthClient(dial(t, s.Addr()))
	f := func(service string, want codes.Code) {
		t.Helper()
		answer, err := c.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
		if status.Code(err) != want || err == nil && answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("%q: %v, %v", service, answer, err)
		}
	}
	f("", codes.OK)
	f("externalscaler.ExternalScaler", codes.OK)
	f("other", codes.NotFound)
}

func TestReflectionIsOffUnlessAsked(t *testing.T) {
	f := func(on bool, want codes.Code) {
		t.Helper()
		o := optionsFor(t, boardOf())
		o.Reflection = on
		s, _ := start(t, o)
		stream, err := reflectionpb.NewServerReflectionClient(dial(t, s.Addr())).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		list := &reflectionpb.ServerReflectionRequest_ListServices{}
		_ = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: list}) // an error is what Recv returns
		answer, err := stream.Recv()
		if status.Code(err) != want {
			t.Errorf("reflection %v: %v, %v", on, answer, err)
		}
		if on && len(answer.GetListServicesResponse().GetService()) < 3 {
			t.Errorf("services: %v", answer)
		}
		_ = stream.CloseSend()
	}
	f(false, codes.Unimplemented)
	f(true, codes.OK)
}

func TestLargeMessagesAreRefused(t *testing.T) {
	s, _ := start(t, optionsFor(t, boardOf(snapshot("web"))))
	_, err := client(t, s).IsActive(t.Context(), ref("fleet", strings.Repeat("x", maxMessage)))
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message beyond the bound: %v", err)
	}
}

func TestCounts(t *testing.T) {
	o := optionsFor(t, boardOf(snapshot("web")))
	registry := prometheus.NewPedanticRegistry()
	o.Registerer = registry
	s, stop := start(t, o)
	c := client(t, s)
	for _, fleet := range []string{"web", "web", "shop"} {
		_, _ = c.IsActive(t.Context(), ref("fleet", fleet))
	}
	_, _ = c.GetMetrics(t.Context(), &pb.GetMetricsRequest{})
	_, _ = grpc_health_v1.NewHealthClient(dial(t, s.Addr())).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	stream, err := c.StreamIsActive(t.Context(), ref("fleet", "web"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = stream.Recv(); err != nil {
		t.Fatal(err)
	}
	f := func(streams, ended string) {
		t.Helper()
		want := `
# HELP forethought_keda_requests_total Calls of KEDA's external scaler protocol that have ended, by method and gRPC code.
# TYPE forethought_keda_requests_total counter
forethought_keda_requests_total{code="InvalidArgument",method="GetMetrics"} 1
forethought_keda_requests_total{code="InvalidArgument",method="IsActive"} 1
forethought_keda_requests_total{code="OK",method="IsActive"} 2
` + ended + `# HELP forethought_keda_streams Open streams of KEDA's external scaler protocol, by method.
# TYPE forethought_keda_streams gauge
forethought_keda_streams{method="StreamIsActive"} ` + streams + `
forethought_keda_streams{method="StreamMetricSpec"} 0
`
		if gatherErr := testutil.GatherAndCompare(registry, strings.NewReader(want)); gatherErr != nil {
			t.Error(gatherErr)
		}
	}
	f("1", "")
	stop()
	f("0", `forethought_keda_requests_total{code="OK",method="StreamIsActive"} 1
`)
}

func TestMetricNamesAreGood(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if err := newMetrics(true).register(registry); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}

// panicking is a board with a fault.
type panicking struct{ pool.Board }

func TestAFaultEndsTheCallOnly(t *testing.T) {
	var log bytes.Buffer
	o := optionsFor(t, panicking{})
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	s, stop := start(t, o)
	c := client(t, s)
	if _, err := c.IsActive(t.Context(), ref("fleet", "web")); status.Code(err) != codes.Internal {
		t.Errorf("a call: %v", err)
	}
	stream, err := c.StreamIsActive(t.Context(), ref("fleet", "web"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = stream.Recv(); status.Code(err) != codes.Internal {
		t.Errorf("a stream: %v", err)
	}
	if _, err = c.GetMetricSpec(t.Context(), ref("fleet", "web")); err != nil {
		t.Errorf("the next call: %v", err)
	}
	stop()
	if n := strings.Count(log.String(), "call panicked"); n != 2 || !strings.Contains(log.String(), "nil pointer") {
		t.Errorf("the log has %d faults: %s", n, log.String())
	}
}

func TestRunReportsABrokenListener(t *testing.T) {
	o := optionsFor(t, boardOf())
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Listener.Close()
	if err = s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("Run on a closed listener = %v, want an error that names the address", err)
	}
}

func TestRunThatIsDoneBeforeItBegins(t *testing.T) {
	s, err := New(optionsFor(t, boardOf()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err = s.Run(ctx); err != nil {
		t.Error(err)
	}
}
