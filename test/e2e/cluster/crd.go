package cluster

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed capacitybuffer.yaml
var capacityBuffer string

// CapacityBufferCRD makes the kind CapacityBuffer of autoscaling.x-k8s.io/v1beta1: the fields that the upstream kind has, a status
// subresource and no scale subresource. Nobody acts on its objects; a test plays the cluster autoscaler.
func (c *Cluster) CapacityBufferCRD() {
	c.t.Helper()
	c.Apply(capacityBuffer)
	c.waitCRDs("capacitybuffers.autoscaling.x-k8s.io")
}

const scalable = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %[4]s.%[1]s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {kind: %[3]s, plural: %[4]s}
  versions:
    - name: %[2]s
      served: true
      storage: true
      subresources:
        status: {}
        scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              x-kubernetes-preserve-unknown-fields: true
              properties: {replicas: {type: integer, format: int32, minimum: 0}}
            status:
              type: object
              x-kubernetes-preserve-unknown-fields: true
              properties: {replicas: {type: integer, format: int32}, selector: {type: string}}
`

// ScalableCRD makes a namespaced kind with a scale subresource, such as cluster.x-k8s.io, v1beta1, MachineDeployment. Other fields of
// spec and status are kept as they are written. Nobody acts on its objects.
func (c *Cluster) ScalableCRD(group, version, kind string) {
	c.t.Helper()
	plural := strings.ToLower(kind) + "s"
	c.Apply(fmt.Sprintf(scalable, group, version, kind, plural))
	c.waitCRDs(plural + "." + group)
}
