package keda

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestSpecs(t *testing.T) {
	f := func(want string, metadata ...string) {
		t.Helper()
		answer, err := (&scaler{}).GetMetricSpec(t.Context(), ref(metadata...)) // without a board: from the metadata alone
		if err != nil {
			t.Errorf("%v: %v", metadata, err)
			return
		}
		if len(answer.GetMetricSpecs()) != 1 {
			t.Errorf("%v: %d specifications", metadata, len(answer.GetMetricSpecs()))
			return
		}
		spec := answer.GetMetricSpecs()[0]
		if got := fmt.Sprint(spec.GetMetricName(), " ", spec.GetTargetSizeFloat(), " ", spec.GetTargetSize()); got != want {
			t.Errorf("%v: %s, want %s", metadata, got, want)
		}
	}
	f("forethought_pool_instances_desired 1 1", "fleet", "web")
	f("forethought_pool_instances_desired 1 1", "fleet", "web", "value", "instances", "pool", "web-fixed", "activationValue", "3")
	f("forethought_pool_instances_spare 1 1", "fleet", "web", "value", "spare", "pool", "web-fixed")
	f("forethought_pool_instances_spare 2.5 2", "fleet", "web", "value", "spare", "target", "2.5")
	f("forethought_demand 16 16", "fleet", "web", "value", "demand", "target", "16")
	f("forethought_demand_forecast 0.25 1", "fleet", "web", "value", "demandForecast", "target", "0.25", "horizon", "30m", "probability", "0.9")
	f("forethought_demand_forecast_peak 0.3 1", "fleet", "web", "value", "demandForecastPeak", "target", "0.3")
	f("forethought_demand 1.001 1", "fleet", "web", "value", "demand", "target", "1.0019") // KEDA would round it up
	f("forethought_demand 0.001 1", "fleet", "web", "value", "demand", "target", "0.001")
	f("forethought_demand 8e+15 8000000000000000", "fleet", "web", "value", "demand", "target", "8e15")

	// What KEDA hands on with ours.
	f("forethought_pool_instances_desired 1 1", "fleet", "web", "scalerAddress", "forethought:9443", "enableTLS", "true", "unsafeSsl", "false",
		"caCert", "", "tlsClientCert", "x", "tlsClientKey", "x", "tlsCertFile", "/cert", "insecureSkipVerify", "true", "caCertFromEnv", "x")
	f("forethought_demand 4 4", "fleetFromEnv", "web", "valueFromEnv", "demand", "targetFromEnv", "4")
}

func TestWrongMetadataIsRefused(t *testing.T) {
	f := func(want string, metadata ...string) {
		t.Helper()
		_, err := (&scaler{}).GetMetricSpec(t.Context(), ref(metadata...))
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(status.Convert(err).Message(), want) {
			t.Errorf("%v: %v, want %q", metadata, err, want)
		}
	}
	f("metadata of the trigger: fleet is required, the name of a fleet")
	f("fleet is required", "pool", "web-fixed")
	f("fleet is empty; leave it out", "fleet", "")
	f("pool is empty", "fleet", "web", "pool", "")
	f(`unknown key "Fleet", value instances wants fleet, value, pool, target, activationValue`, "Fleet", "web")
	f(`unknown key "horizon", value instances wants fleet, value, pool, target, activationValue`, "fleet", "web", "horizon", "5m")
	f(`unknown key "pool", value demand wants fleet, value, target, activationValue`, "fleet", "web", "value", "demand", "pool", "p")
	f(`unknown key "pool", value demandForecast wants fleet, value, horizon, probability, target, activationValue`,
		"fleet", "web", "value", "demandForecast", "target", "1", "pool", "p")
	f(`unknown key "metricName"`, "fleet", "web", "metricName", "x")
	f(`unknown value "peak", want one of instances, spare, demand, demandForecast, demandForecastPeak`, "fleet", "web", "value", "peak")
	f("fleet and fleetFromEnv are given", "fleet", "web", "fleetFromEnv", "web")
	f("target is required for value demand", "fleet", "web", "value", "demand")
	f("target is required for value demandForecast,", "fleet", "web", "value", "demandForecast")
	f("target is required for value demandForecastPeak", "fleet", "web", "value", "demandForecastPeak")
	for _, wrong := range []string{"many", "0", "-1", "0.0009", "NaN", "Inf", "1e16", "1,5"} {
		f(`target "`+wrong+`" is not a number from 0.001`, "fleet", "web", "target", wrong)
	}
	for _, wrong := range []string{"some", "-0.5", "NaN", "Inf", "1e16"} {
		f(`activationValue "`+wrong+`" is not a number from 0`, "fleet", "web", "activationValue", wrong)
	}
	ahead := []string{"fleet", "web", "value", "demandForecast", "target", "1"}
	for _, wrong := range []string{"soon", "0s", "30", "-5m"} {
		f(`horizon "`+wrong+`" is not a duration above 0, such as 30m`, append(ahead, "horizon", wrong)...)
	}
	for _, wrong := range []string{"high", "0", "1", "99", "0.9999", "NaN"} {
		f(`probability "`+wrong+`" is not a number from 0.005 to 0.999`, append(ahead, "probability", wrong)...)
	}
}
