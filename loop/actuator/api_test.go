package actuator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// request is one that the API got.
type request struct {
	method, path, content string
	query                 url.Values
	body                  map[string]any
}

// String writes a request as tests compare it: a write with its query and what it sets.
func (r request) String() string {
	if r.method != http.MethodPatch {
		return r.method + " " + r.path
	}
	body, _ := json.Marshal(r.body)
	return fmt.Sprintf("PATCH %s?%s %s", r.path, r.query.Encode(), body)
}

// api is an API server as far as actuators ask it, without a network. It takes what is applied as it is, dry runs aside.
type api struct {
	mu       sync.Mutex
	objects  map[string]map[string]any
	requests []request
	// answer is asked first; it returns nil for what is to be answered as usual.
	answer func(request) *reply
}

type reply struct {
	code int
	body any
}

// RoundTrip answers a request.
func (a *api) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	req := request{method: r.Method, path: r.URL.Path, query: r.URL.Query(), content: r.Header.Get("Content-Type")}
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_ = json.Unmarshal(data, &req.body)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, req)
	var out *reply
	if a.answer != nil {
		out = a.answer(req)
	}
	if out == nil {
		out = a.usual(req)
	}
	data, err := json.Marshal(out.body)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: out.code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(data)), Request: r,
	}, nil
}

func (a *api) usual(r request) *reply {
	object, sub := strings.CutSuffix(r.path, "/scale")
	if strings.HasSuffix(r.path, "/horizontalpodautoscalers") {
		return a.list(r.path)
	}
	state, ok := a.objects[object]
	switch {
	case !ok:
		return status(http.StatusNotFound, metav1.StatusReasonNotFound, object+" not found")
	case r.method == http.MethodPatch:
		state = merged(state, r.body)
		if r.query.Get("dryRun") == "" {
			a.objects[object] = state
		}
	}
	if sub {
		state = scaleOf(state)
	}
	return &reply{http.StatusOK, state}
}

func (a *api) list(path string) *reply {
	items := []any{}
	for _, p := range slices.Sorted(maps.Keys(a.objects)) {
		if strings.HasPrefix(p, path+"/") {
			items = append(items, a.objects[p])
		}
	}
	return &reply{http.StatusOK, map[string]any{
		"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscalerList", "metadata": map[string]any{}, "items": items,
	}}
}

// merged returns an object with the spec and annotations of a body laid over it.
func merged(state, body map[string]any) map[string]any {
	out := runtime.DeepCopyJSON(state)
	meta, _ := body["metadata"].(map[string]any)
	for key, from := range map[string]any{"spec": body["spec"], "annotations": meta["annotations"]} {
		into := out
		if key == "annotations" {
			into = out["metadata"].(map[string]any)
		}
		if from == nil {
			continue
		}
		if into[key] == nil {
			into[key] = map[string]any{}
		}
		maps.Copy(into[key].(map[string]any), from.(map[string]any))
	}
	return out
}

// scaleOf returns the Scale of an object, which leaves out 0.
func scaleOf(state map[string]any) map[string]any {
	spec := map[string]any{}
	n, _, _ := unstructured.NestedFieldNoCopy(state, "spec", "replicas")
	if f, ok := n.(float64); ok && f != 0 {
		spec["replicas"] = n
	}
	if i, ok := n.(int64); ok && i != 0 {
		spec["replicas"] = n
	}
	return map[string]any{"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": state["metadata"], "spec": spec}
}

func status(code int, reason metav1.StatusReason, message string, causes ...metav1.StatusCause) *reply {
	return &reply{code, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: int32(code), Reason: reason,
		Message: message, Details: &metav1.StatusDetails{Causes: causes},
	}}
}

// owned is the answer to an apply of a field that managers own.
func owned(managers ...string) *reply {
	var causes []metav1.StatusCause
	for _, m := range managers {
		causes = append(causes, metav1.StatusCause{
			Type: metav1.CauseTypeFieldManagerConflict, Message: "conflict with " + m, Field: ".spec.replicas",
		})
	}
	return status(http.StatusConflict, metav1.StatusReasonConflict, "Apply failed with 1 conflict", causes...)
}

// writes returns the applies that were sent.
func (a *api) writes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, r := range a.requests {
		if r.method == http.MethodPatch {
			out = append(out, r.String())
		}
	}
	return out
}

// put makes an object of JSON.
func (a *api) put(t *testing.T, path, text string) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	u := unstructured.Unstructured{}
	if err := u.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	a.objects[path] = u.Object
}

// value returns a field of an object as text.
func (a *api) value(path string, fields ...string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, found, _ := unstructured.NestedFieldNoCopy(a.objects[path], fields...)
	if !found {
		return "none"
	}
	return fmt.Sprint(v)
}
