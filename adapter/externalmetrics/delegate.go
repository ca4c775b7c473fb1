package externalmetrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/apiserver"
)

const (
	// delegatedHeader marks a request that was forwarded. One that bears it is not forwarded again, so that two servers that are each
	// other's delegate, or one that is its own, end after one round.
	delegatedHeader = "Forethought-Delegated"
	// delegateTimeout bounds one request to the delegate, below requestTimeout so that its error is the answer.
	delegateTimeout = 5 * time.Second
	// maxDelegated and maxDiscovery bound the bytes of an answer with values, about five thousand of them, and of one with names, a hundred
	// thousand of them.
	maxDelegated, maxDiscovery = 1 << 20, 16 << 20
)

// Delegate is another server of the external metrics API, which is asked for the metrics that are neither ours nor those of a rule. A
// request is forwarded after our own authentication and authorisation, and with the Client's credentials: who asked is not passed on.
type Delegate struct {
	// URL is the server's address, to which the path of the API is added; https, or http on the same machine.
	URL string
	// Client holds the credentials of an account that may read every metric of the server, and trusts its certificate. Redirects are not
	// followed, whatever it says of them.
	Client *http.Client
}

func (d Delegate) validate() error {
	if d.Client == nil {
		return errors.New("external metrics: Options.Delegate.Client is missing")
	}
	u, err := url.Parse(d.URL)
	switch {
	case err != nil:
		return errors.New("external metrics: Options.Delegate.URL does not parse (not shown, it may hold credentials)")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("external metrics: Options.Delegate.URL on %s has more than a scheme, a host and a path", u.Host)
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && loopbackHost(u.Host):
		return nil
	}
	return fmt.Errorf("external metrics: Options.Delegate.URL %q: want https://HOST, or http://HOST on the same machine", d.URL)
}

// The outcomes of a forwarded request beside the status codes of the delegate.
const (
	outcomeLoop     = "loop"
	outcomeTimeout  = "timeout"
	outcomeError    = "error"
	outcomeTooLarge = "too_large"
)

// delegate forwards requests.
type delegate struct {
	base   *url.URL
	client *http.Client
	owns   func(name string) bool
	total  *prometheus.CounterVec
}

func newDelegate(o Delegate, r *registrations, owns func(string) bool) (*delegate, error) {
	base, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	d := &delegate{base: base, client: &client, owns: owns, total: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "forethought_externalmetrics_delegate_requests_total",
		Help: "Requests that were for the delegate, by its HTTP status code, or loop (not forwarded again), timeout, error or too_large.",
	}, []string{"code"})}
	return d, r.register(d.total)
}

// forward returns a handler that forwards what next has no metric for, and leaves all else to next. Requests reach it authenticated and
// authorised.
func (d *delegate) forward(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := d.path(r)
		switch {
		case !ok:
			next.ServeHTTP(w, r)
		case r.Header.Get(delegatedHeader) != "":
			d.total.WithLabelValues(outcomeLoop).Inc()
			next.ServeHTTP(w, r) // which says that the metric is unknown
		default:
			d.answer(w, r, path)
		}
	})
}

// path returns where the delegate has the metric that r asks for; ok is false where r is not for the delegate. It is made of the parts that
// were authorised, so that no other spelling of a path reaches further.
func (d *delegate) path(r *http.Request) (path string, ok bool) {
	info, known := request.RequestInfoFrom(r.Context())
	if r.Method != http.MethodGet || !known || info.Verb != "list" || info.Subresource != "" || info.Name != "" ||
		info.APIGroup != v1beta1.SchemeGroupVersion.Group || info.APIVersion != v1beta1.SchemeGroupVersion.Version ||
		info.Namespace == "" || info.Resource == "" || d.owns(info.Resource) {
		return "", false
	}
	for _, part := range []string{info.Namespace, info.Resource} {
		if len(content.IsPathSegmentName(part)) > 0 {
			return "", false
		}
	}
	return "/namespaces/" + url.PathEscape(info.Namespace) + "/" + url.PathEscape(info.Resource), true
}

// answer answers with what the delegate says.
func (d *delegate) answer(w http.ResponseWriter, r *http.Request, path string) {
	a, err := d.ask(r.Context(), path, r.URL.RawQuery, r.Header.Get("Accept"), maxDelegated)
	if err != nil {
		responsewriters.ErrorNegotiated(gatewayStatus(err), apiserver.Codecs, v1beta1.SchemeGroupVersion, w, r)
		return
	}
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	w.WriteHeader(a.code)
	_, _ = w.Write(a.body) // a reader that went away misses nothing
}

// delegated is an answer of the delegate.
type delegated struct {
	code        int
	contentType string
	body        []byte
}

var (
	errTooLarge = errors.New("its answer is too large")
	errTimeout  = errors.New("it does not answer in time")
)

// ask makes one request to the delegate for what is at path below the API, and counts it.
func (d *delegate) ask(ctx context.Context, path, query, accept string, limit int64) (delegated, error) {
	ctx, cancel := context.WithTimeout(ctx, delegateTimeout)
	defer cancel()
	a, err := d.get(ctx, path, query, accept, limit)
	switch {
	case errors.Is(err, errTooLarge):
		d.total.WithLabelValues(outcomeTooLarge).Inc()
	case errors.Is(err, errTimeout):
		d.total.WithLabelValues(outcomeTimeout).Inc()
	case err != nil:
		d.total.WithLabelValues(outcomeError).Inc()
	default:
		d.total.WithLabelValues(strconv.Itoa(a.code)).Inc()
		err = refusal(a.code)
	}
	return a, err
}

func (d *delegate) get(ctx context.Context, path, query, accept string, limit int64) (delegated, error) {
	target := d.base.JoinPath(Path + path)
	target.RawQuery = query
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return delegated{}, err
	}
	r.Header.Set(delegatedHeader, serverName)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	resp, err := d.client.Do(r)
	if err != nil {
		return delegated{}, readError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return delegated{}, readError(err)
	}
	if int64(len(body)) > limit {
		return delegated{}, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
	}
	return delegated{resp.StatusCode, resp.Header.Get("Content-Type"), body}, nil
}

// readError returns why the delegate was not read, without its URL, which readers of our answer need not know.
func readError(err error) error {
	if inner := (*url.Error)(nil); errors.As(err, &inner) {
		err = inner.Err
	}
	if late, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && late.Timeout() {
		return errTimeout
	}
	return err
}

// refusal says why an answer with the code is none to pass on: it is about our credentials and not about those of whoever asked, or leads
// elsewhere.
func refusal(code int) error {
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("it refuses the credentials of the delegate's http_config: %d %s", code, http.StatusText(code))
	case code < 200 || code >= 300 && code < 400:
		return fmt.Errorf("it answers with %d %s, which is not followed", code, http.StatusText(code))
	}
	return nil
}

// gatewayStatus is the API status of a request that the delegate could not be asked for, with code 502 or 504.
func gatewayStatus(err error) error {
	code := int32(http.StatusBadGateway)
	if errors.Is(err, errTimeout) {
		code = http.StatusGatewayTimeout
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: code, Reason: metav1.StatusReasonServiceUnavailable,
		Message: fmt.Sprintf("the metric is not one of this server, and the adapter that it forwards to cannot be read: %v", err),
	}}
}
