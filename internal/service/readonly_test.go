package service_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
)

// isRead reports whether a method of the services that keep realms only reads.
func isRead(m protoreflect.MethodDescriptor) bool {
	for _, verb := range []string{"List", "Get", "Diff", "Watch"} {
		if strings.HasPrefix(string(m.Name()), verb) {
			return true
		}
	}
	return false
}

// writes are the full names of all methods that write realms, with their input.
func writes(t *testing.T) map[string]protoreflect.MessageDescriptor {
	t.Helper()
	found := map[string]protoreflect.MessageDescriptor{}
	for _, name := range []protoreflect.FullName{"RealmService", "PolicyAdminService", "RevisionService"} {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName("clientpolicy.v1." + name)
		if err != nil {
			t.Fatal(err)
		}
		methods := d.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			if m := methods.Get(i); !isRead(m) {
				found["/"+string(d.FullName())+"/"+string(m.Name())] = m.Input()
			}
		}
	}
	return found
}

// request makes a request of what every write has; its document is empty.
func request(input protoreflect.MessageDescriptor, validateOnly bool) *dynamicpb.Message {
	m := dynamicpb.NewMessage(input)
	set := func(field protoreflect.Name, v any) {
		if f := input.Fields().ByName(field); f != nil {
			m.Set(f, protoreflect.ValueOf(v))
		}
	}
	set("realm", "master")
	set("policy", "first")
	set("profile", "a")
	set("validate_only", validateOnly)
	if f := input.Fields().ByName("document"); f != nil {
		document := m.NewField(f).Message()
		if name := document.Descriptor().Fields().ByName("name"); name != nil {
			document.Set(name, protoreflect.ValueOf("new"))
		}
		m.Set(f, protoreflect.ValueOfMessage(document))
	}
	return m
}

// Where nothing may be written, every write is refused, checks of one included,
// and says why; reads go on.
func TestReadOnly(t *testing.T) {
	w := sampled(t)
	const why = "policies come from the folder /etc/policies; change them there"
	closed := startOn(t, w.store, pdp.DefaultLimits(), func(o *service.Options) { o.ReadOnly = why })
	all := writes(t)
	if len(all) < 14 {
		t.Fatalf("only %d writes: %v", len(all), all)
	}
	for method, input := range all {
		t.Run(method, func(t *testing.T) {
			for _, validateOnly := range []bool{false, true} {
				err := closed.conn.Invoke(closed.root(), method, request(input, validateOnly), &emptypb.Empty{})
				want(t, err, codes.PermissionDenied, "READ_ONLY")
				wantText(t, err, why)
			}
		})
	}
	equal(t, w.revision("master"), int64(2))
	equal(t, closed.set("master"), w.set("master"))
	realms, err := w.store.Realms(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(realms), 1)
}

// Elsewhere none of them says so, which shows that the requests would do.
func TestNotReadOnly(t *testing.T) {
	for method, input := range writes(t) {
		t.Run(method, func(t *testing.T) {
			w := sampled(t)
			err := w.conn.Invoke(w.root(), method, request(input, true), &emptypb.Empty{})
			if p := problemOf(err); p.Reason == "READ_ONLY" || p.Code == codes.Unimplemented {
				t.Errorf("got %v", err)
			}
		})
	}
}
