package policy

import (
	"os"
	"path/filepath"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

// Where ../kubernetes/run writes what the chart makes of its sets of values.
const rendered = "../../../target/deploy-tests/kubernetes/*.yaml"

func TestRenderedMonitorsAndRulesAreThoseOfTheOperator(t *testing.T) {
	files, err := filepath.Glob(rendered)
	fatal(t, err)
	if len(files) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no %s: run ../kubernetes/run first", rendered)
		}
		t.Skipf("no %s: ../kubernetes/run writes them", rendered)
	}
	found := map[string]int{}
	for _, file := range files {
		for _, document := range documentsIn(t, file) {
			kind := monitoringKind(t, document)
			if kind == "" {
				continue
			}
			if err := decodeMonitoring(document); err != nil {
				t.Errorf("%s: %s: %v", file, kind, err)
			}
			found[kind]++
		}
	}
	for _, kind := range []string{monitoring.PodMonitorsKind, monitoring.PrometheusRuleKind} {
		if found[kind] == 0 {
			t.Errorf("no %s in %s", kind, rendered)
		}
	}
	t.Logf("decoded in %d files: %v", len(files), found)
}

func TestFieldsThatTheOperatorDoesNotHaveAreRefused(t *testing.T) {
	const monitor = `
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: orders}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: orders}}
  podMetricsEndpoints: [{port: admin, `
	fatal(t, decodeMonitoring([]byte(monitor+"interval: 30s}]")))
	if err := decodeMonitoring([]byte(monitor + "intervall: 30s}]")); err == nil {
		t.Fatal("a misspelt field was not noticed")
	}
}

// monitoringKind is the kind of an object of the operator, and empty for others.
func monitoringKind(t *testing.T, document []byte) string {
	t.Helper()
	var of meta.TypeMeta
	fatal(t, yaml.Unmarshal(document, &of))
	if of.GroupVersionKind().GroupVersion() != monitoring.SchemeGroupVersion {
		return ""
	}
	return of.Kind
}

func decodeMonitoring(document []byte) error {
	known := runtime.NewScheme()
	if err := monitoring.AddToScheme(known); err != nil {
		return err
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	_, _, err := decoder.Decode(document, nil, nil)
	return err
}
