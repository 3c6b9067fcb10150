package policy

import (
	"path/filepath"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/diff"
)

// change is what the policy does to a pod.
type change func(t *testing.T, pod *core.Pod)

func TestPodsAreInjectedByTheirLabel(t *testing.T) {
	server := newAPIServer(t, injectionPolicy)
	cases := []struct {
		pod    string
		change change
	}{
		{"plain", injected},
		{"with-init-containers", injected},
		{"with-volumes", injected},
		{"two-containers", injected},
		{"with-a-port", injectedForPort("3000")},
		{"with-its-own-configuration-volume", injectedWithoutConfigVolume},
		{"already-injected", unchanged},
		{"without-the-label", unchanged},
		{"of-the-system", unchanged},
		{"label-is-false", unchanged},
		{"host-network-without-the-label", unchanged},
	}
	for _, test := range cases {
		t.Run(test.pod, func(t *testing.T) {
			pod := fixture(t, test.pod)
			expected := pod.DeepCopy()
			test.change(t, expected)
			fatal(t, server.create(t.Context(), pod))
			assertEqual(t, expected, pod)
		})
	}
}

func TestPodsThatCannotBeInjectedAreRefused(t *testing.T) {
	server := newAPIServer(t, injectionPolicy)
	cases := []struct {
		pod     string
		change  change
		message string
	}{
		{"host-network", unchanged, "a pod with hostNetwork can't have the sidecar"},
		{"without-a-config-map", unchanged, "countersign.dev/config-map has to name the ConfigMap"},
		{"with-a-wrong-port", injectedForPort("3000/admin"), "countersign.dev/upstream-port has to be a port"},
		{"with-a-container-of-that-name", unchanged, "no native sidecar named countersign"},
	}
	for _, test := range cases {
		t.Run(test.pod, func(t *testing.T) {
			pod := fixture(t, test.pod)
			expected := pod.DeepCopy()
			test.change(t, expected)
			err := server.create(t.Context(), pod)
			if err == nil || !strings.Contains(err.Error(), test.message) {
				t.Errorf("%v, not: %s", err, test.message)
			}
			assertEqual(t, expected, pod)
		})
	}
}

// The API server reinvokes a policy if another one has changed the pod since.
func TestAnotherInvocationChangesNothing(t *testing.T) {
	server := newAPIServer(t, injectionPolicy)
	pod := fixture(t, "with-volumes")
	attributes := creation(pod)
	fatal(t, server.mutating.Admit(t.Context(), attributes, interfaces))
	expected := pod.DeepCopy()

	if !attributes.GetReinvocationContext().ShouldReinvoke() {
		t.Fatal("the injection was not noticed")
	}
	attributes.GetReinvocationContext().SetIsReinvoke()
	pod.Labels["added"] = "by-another-policy"
	expected.Labels["added"] = "by-another-policy"
	fatal(t, server.mutating.Admit(t.Context(), attributes, interfaces))
	assertEqual(t, expected, pod)

	fatal(t, server.create(t.Context(), pod))
	assertEqual(t, expected, pod)
}

// injected adds what sidecar.yaml has, behind what the pod has.
func injected(t *testing.T, pod *core.Pod) {
	sidecar := sidecarPod(t)
	pod.Spec.InitContainers = append(pod.Spec.InitContainers, sidecar.InitContainers...)
	for _, volume := range sidecar.Volumes {
		if volume.ConfigMap != nil {
			volume.ConfigMap.Name = pod.Annotations["countersign.dev/config-map"]
		}
		pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
	}
}

func injectedForPort(port string) change {
	return func(t *testing.T, pod *core.Pod) {
		injected(t, pod)
		sidecar := &pod.Spec.InitContainers[len(pod.Spec.InitContainers)-1]
		address := core.EnvVar{Name: "COUNTERSIGN_UPSTREAMS__APP__URL", Value: "http://127.0.0.1:" + port}
		sidecar.Env = append(sidecar.Env, address)
	}
}

func injectedWithoutConfigVolume(t *testing.T, pod *core.Pod) {
	own := pod.Spec.Volumes
	injected(t, pod)
	pod.Spec.Volumes = own
	for _, volume := range sidecarPod(t).Volumes {
		if volume.ConfigMap == nil {
			pod.Spec.Volumes = append(pod.Spec.Volumes, volume)
		}
	}
}

func unchanged(*testing.T, *core.Pod) {}

// sidecarPod is the pod of sidecar.yaml: one init container and its volumes.
func sidecarPod(t *testing.T) core.PodSpec {
	t.Helper()
	return objectIn[*apps.Deployment](t, plainSidecar).Spec.Template.Spec
}

func fixture(t *testing.T, name string) *core.Pod {
	t.Helper()
	pod := objectIn[*core.Pod](t, filepath.Join("testdata", name+".yaml"))
	// As the API server has it: the type says it.
	pod.TypeMeta = meta.TypeMeta{}
	return pod
}

func assertEqual(t *testing.T, expected, found *core.Pod) {
	t.Helper()
	if !equality.Semantic.DeepEqual(expected, found) {
		t.Fatal(diff.Diff(expected, found))
	}
}
