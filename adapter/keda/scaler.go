package keda

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/forethought-autoscaler/forethought/pool"
)

// maxListed is how many fleets or pools an error lists.
const maxListed = 10

// scaler answers KEDA from the board.
type scaler struct {
	pb.UnimplementedExternalScalerServer
	board pool.Board
	now   func() time.Time
	pulse *pulse
}

// GetMetricSpec answers from the metadata alone, whatever the board holds: KEDA takes a metric without a specification out of the
// HorizontalPodAutoscaler, counts no failure towards the fallback, and shows nobody why.
func (s *scaler) GetMetricSpec(_ context.Context, ref *pb.ScaledObjectRef) (*pb.GetMetricSpecResponse, error) {
	t, err := parseTrigger(ref.GetScalerMetadata())
	if err != nil {
		return nil, err
	}
	return t.spec(), nil
}

// StreamMetricSpec sends what GetMetricSpec answers and nothing after it, since a ScaledObject whose metadata changes opens another stream.
func (s *scaler) StreamMetricSpec(ref *pb.ScaledObjectRef, stream grpc.ServerStreamingServer[pb.GetMetricSpecResponse]) error {
	t, err := parseTrigger(ref.GetScalerMetadata())
	if err != nil {
		return err
	}
	return s.pulse.follow(stream.Context(), func(beats int) error {
		if beats > 0 {
			return nil
		}
		return stream.Send(t.spec())
	})
}

// GetMetrics returns the trigger's one value.
func (s *scaler) GetMetrics(_ context.Context, r *pb.GetMetricsRequest) (*pb.GetMetricsResponse, error) {
	t, err := parseTrigger(r.GetScaledObjectRef().GetScalerMetadata())
	if err != nil {
		return nil, err
	}
	if name := r.GetMetricName(); name != "" && name != t.metric {
		return nil, status.Errorf(codes.InvalidArgument, "unknown metric %q: value %s has %s", name, t.name, t.metric)
	}
	v, err := s.read(t)
	if err != nil {
		return nil, err
	}
	return &pb.GetMetricsResponse{MetricValues: []*pb.MetricValue{{
		MetricName: t.metric, MetricValue: int64(math.Ceil(v)), MetricValueFloat: v,
	}}}, nil
}

// IsActive says whether the value is above the activation value.
func (s *scaler) IsActive(_ context.Context, ref *pb.ScaledObjectRef) (*pb.IsActiveResponse, error) {
	t, err := parseTrigger(ref.GetScalerMetadata())
	if err != nil {
		return nil, err
	}
	v, err := s.read(t)
	if err != nil {
		return nil, err
	}
	return &pb.IsActiveResponse{Result: v > t.activation}, nil
}

// StreamIsActive sends whether the trigger is active at once, whenever that changes, and now and then while it is. It is silent while there
// is no valid decision: the last that was said holds.
func (s *scaler) StreamIsActive(ref *pb.ScaledObjectRef, stream grpc.ServerStreamingServer[pb.IsActiveResponse]) error {
	t, err := parseTrigger(ref.GetScalerMetadata())
	if err != nil {
		return err
	}
	said, saidAt, isActive := false, 0, false
	return s.pulse.follow(stream.Context(), func(beats int) error {
		v, readErr := s.read(t)
		if status.Code(readErr) == codes.InvalidArgument {
			return readErr
		}
		active := v > t.activation
		due := !said || active != isActive || active && beats-saidAt >= repeatBeats
		if readErr != nil || !due {
			return nil
		}
		said, saidAt, isActive = true, beats, active
		return stream.Send(&pb.IsActiveResponse{Result: active})
	})
}

// read returns the value that a trigger asks for, rounded up to a thousandth. Its errors are statuses: InvalidArgument for a trigger that
// asks for what is not there, Unavailable where there is no number now, and Internal for a number that must not be published.
func (s *scaler) read(t trigger) (float64, error) {
	snapshot, err := s.snapshot(t)
	if err != nil {
		return 0, err
	}
	v, err := t.read(t, snapshot)
	if err != nil {
		return 0, err
	}
	if !(v >= 0 && v < maxWhole) {
		return 0, status.Errorf(codes.Internal, "decision of fleet %s: %v cannot be published as %s", t.fleet, v, t.name)
	}
	return thousandthsUp(v), nil
}

// snapshot returns the fleet that t chose, with a valid decision.
func (s *scaler) snapshot(t trigger) (pool.Snapshot, error) {
	snapshot, ok := s.board.Snapshot(t.fleet)
	if !ok {
		return snapshot, status.Errorf(codes.InvalidArgument, "unknown fleet %q; fleets: %s", t.fleet, s.fleets())
	}
	if known := snapshot.PoolNames(); t.pool != "" && len(known) > 0 && !slices.Contains(known, t.pool) {
		return snapshot, status.Errorf(codes.InvalidArgument, "fleet %s has no pool %q; pools: %s", t.fleet, t.pool, listed(known))
	}
	if !snapshot.Decision.Valid(s.now()) {
		return snapshot, status.Error(codes.Unavailable, snapshot.NoDecision())
	}
	return snapshot, nil
}

func (s *scaler) fleets() string {
	var names []string
	for _, snapshot := range s.board.Snapshots() {
		names = append(names, snapshot.Fleet)
	}
	return listed(names)
}

// listed joins names, at most maxListed of them.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if more := len(names) - maxListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), more)
	}
	return strings.Join(names, ", ")
}
