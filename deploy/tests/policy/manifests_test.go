package policy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// Where the manifests are, seen from this folder.
const (
	injectionPolicy = "../../kubernetes/injection-policy.yaml"
	plainSidecar    = "../../kubernetes/sidecar.yaml"
)

// strict refuses fields that the types do not have.
var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// objectsIn decodes every document of a YAML file.
func objectsIn(t *testing.T, file string) []runtime.Object {
	t.Helper()
	var objects []runtime.Object
	for _, document := range documentsIn(t, file) {
		object, _, err := strict.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		objects = append(objects, object)
	}
	return objects
}

// objectIn is the one object of a type in a YAML file.
func objectIn[T runtime.Object](t *testing.T, file string) T {
	t.Helper()
	var found []T
	for _, object := range objectsIn(t, file) {
		if object, ok := object.(T); ok {
			found = append(found, object)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s: %d objects of the type %T", file, len(found), *new(T))
	}
	return found[0]
}

func documentsIn(t *testing.T, file string) [][]byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	var documents [][]byte
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		documents = append(documents, document)
	}
}
