package externalmetrics

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The owners that are no Service.
const (
	ownerUnknown = "unknown"
	ownerNone    = "none"
	ownerLocal   = "local" // the cluster's API server itself, with a CustomResourceDefinition of that group
)

// ownership is who owns the APIService.
type ownership struct {
	// owner is NAMESPACE/SERVICE, or one of the constants.
	owner string
	owned bool
	// problem says what is wrong with an APIService that is ours; empty where nothing is.
	problem string
}

// judge says whose the APIService is, nil for none, and what is wrong with it where it is ours. The certificate is the one served, in PEM;
// nil where none is.
func judge(object *unstructured.Unstructured, o Owner, certificate []byte) ownership {
	if object == nil {
		return ownership{owner: ownerNone}
	}
	service, found, err := unstructured.NestedMap(object.Object, "spec", "service")
	if err != nil || !found || service == nil {
		return ownership{owner: ownerLocal}
	}
	name, _, _ := unstructured.NestedString(service, "name")
	namespace, _, _ := unstructured.NestedString(service, "namespace")
	out := ownership{owner: namespace + "/" + name, owned: namespace == o.Namespace && name == o.Service}
	if out.owned {
		out.problem = distrust(object, o, certificate)
	}
	return out
}

// distrust says why the cluster's API server cannot know, by the APIService, that it is this server that answers.
func distrust(object *unstructured.Unstructured, o Owner, certificate []byte) string {
	if insecure, _, _ := unstructured.NestedBool(object.Object, "spec", "insecureSkipTLSVerify"); insecure {
		return "insecureSkipTLSVerify is set, so that whoever comes between can answer in its place: set caBundle instead"
	}
	if certificate == nil {
		return ""
	}
	encoded, _, _ := unstructured.NestedString(object.Object, "spec", "caBundle")
	bundle, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(bundle) == 0 {
		return "caBundle is empty: set it to the CA that signs the serving certificate"
	}
	if err = verify(certificate, bundle, o.Service+"."+o.Namespace+".svc"); err != nil {
		return fmt.Sprintf("caBundle does not verify the serving certificate (%v): set it to the CA that signs that", err)
	}
	return ""
}

// verify does what the cluster's API server does when it connects: it verifies the certificate with its chain by the bundle alone, for
// the name of the Service.
func verify(certificate, bundle []byte, name string) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return errors.New("caBundle holds no certificate")
	}
	block, rest := pem.Decode(bytes.TrimSpace(certificate))
	if block == nil {
		return errors.New("the serving certificate is no PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	between.AppendCertsFromPEM(rest)
	_, err = leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between})
	return err
}

// meaning says in words what an ownership means for those who scale by external metrics, and what to do.
func (o ownership) meaning(of Owner) string {
	us := of.Namespace + "/" + of.Service
	switch {
	case o.owned && o.problem != "":
		return fmt.Sprintf("external metrics are served by %s, but %s", us, o.problem)
	case o.owned:
		return fmt.Sprintf("external metrics are served by %s", us)
	case o.owner == ownerNone:
		return fmt.Sprintf("no APIService serves external metrics, so that a HorizontalPodAutoscaler reads none: create %s for the service %s, "+
			"or use another door", APIService, us)
	case strings.Contains(o.owner, "keda"):
		return fmt.Sprintf("external metrics are served by KEDA (%s) and not by %s, which leaves it so: scale with a ScaledObject of KEDA, by its "+
			"trigger external, external-push or prometheus", o.owner, us)
	case o.owner == ownerLocal:
		return fmt.Sprintf("external metrics are served by the API server itself and not by %s, which leaves it so: see which "+
			"CustomResourceDefinition has the group external.metrics.k8s.io", us)
	}
	return fmt.Sprintf("external metrics are served by %s and not by %s, which leaves it so: use another door, or let the APIService lead to "+
		"%s and forward to %s what is not ours (external_metrics.delegate)", o.owner, us, us, o.owner)
}
