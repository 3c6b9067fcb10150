package policy

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/admission/plugin/policy/generic"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi/openapitest"
	"k8s.io/client-go/restmapper"
	"k8s.io/klog/v2"
)

const (
	systemNamespace = "kube-system"
	appNamespace    = "orders"
)

// apiServer runs the two admission plugins of the API server for policies, in its order.
type apiServer struct {
	mutating   *mutating.Plugin
	validating *validating.Plugin
}

// newAPIServer has the policies of a file, and two namespaces.
func newAPIServer(t *testing.T, policies string) *apiServer {
	t.Helper()
	// What the plugins read of a cluster; by default they look for new policies once a second.
	t.Cleanup(generic.SetPolicyRefreshIntervalForTests(10 * time.Millisecond))
	stored := append(objectsIn(t, policies), namespace(systemNamespace), namespace(appNamespace))
	client := cluster{fake.NewClientset(stored...)}
	plugins := initialisation{
		client:    client,
		dynamic:   dynamicfake.NewSimpleDynamicClient(scheme.Scheme),
		informers: informers.NewSharedInformerFactory(client, 0),
	}

	mutatingPlugin, err := mutating.NewPlugin(nil)
	fatal(t, err)
	plugins.initialise(t, mutatingPlugin)
	validatingPlugin, err := validating.NewPlugin(nil)
	fatal(t, err)
	plugins.initialise(t, validatingPlugin)

	plugins.informers.Start(t.Context().Done())
	plugins.informers.WaitForCacheSync(t.Context().Done())
	return &apiServer{mutatingPlugin, validatingPlugin}
}

// create is what happens to a pod before it is stored.
func (s *apiServer) create(ctx context.Context, pod *core.Pod) error {
	attributes := creation(pod)
	if err := s.mutating.Admit(ctx, attributes, interfaces); err != nil {
		return err
	}
	return s.validating.Validate(ctx, attributes, interfaces)
}

// interfaces convert and default objects. The defaults of the API server are not among them.
var interfaces = admission.NewObjectInterfacesFromScheme(scheme.Scheme)

func creation(pod *core.Pod) admission.Attributes {
	version := core.SchemeGroupVersion
	return admission.NewAttributesRecord(
		pod, nil, version.WithKind("Pod"), pod.Namespace, pod.Name, version.WithResource("pods"), "",
		admission.Create, &meta.CreateOptions{}, false, nil,
	)
}

// initialisation is what the API server gives to its plugins.
type initialisation struct {
	client    kubernetes.Interface
	dynamic   dynamic.Interface
	informers informers.SharedInformerFactory
}

func (i initialisation) initialise(t *testing.T, plugin admission.Interface) {
	t.Helper()
	initializer.New(
		i.client, i.dynamic, i.informers, authorizerfactory.NewAlwaysDenyAuthorizer(),
		feature.DefaultFeatureGate, compatibility.DefaultBuildEffectiveVersion(), t.Context().Done(),
		restmapper.NewDiscoveryRESTMapper(nil),
	).Initialize(plugin)
	fatal(t, admission.ValidateInitialization(plugin))
}

// cluster is a client without a cluster behind it, whose schemas are those of Kubernetes.
type cluster struct{ *fake.Clientset }

func (c cluster) Discovery() discovery.DiscoveryInterfaces {
	return schemas{c.Clientset.Discovery()}
}

type schemas struct{ discovery.DiscoveryInterfaces }

func (schemas) OpenAPIV3() openapi.Client { return openapitest.NewEmbeddedFileClient() }

func namespace(name string) runtime.Object {
	labels := map[string]string{core.LabelMetadataName: name}
	return &core.Namespace{ObjectMeta: meta.ObjectMeta{Name: name, Labels: labels}}
}

// The plugins log what they read of the cluster.
func TestMain(m *testing.M) {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
