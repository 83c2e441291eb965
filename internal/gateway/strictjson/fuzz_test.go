package strictjson_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/gateway/strictjson"
)

// FuzzUnmarshal: whatever comes, either all problems have a place, or protojson
// reads the same message, and what is printed of it is read back as the same.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{
		`{"name":"p","description":"ü","executors":[{"executor":"pkce-enforcer","configuration":{"auto-configure":true,"n":1.5e3,"l":[null,{}]}}]}`,
		`{"executors":[]}`,
		`{"profiles":[{"name":"a","executors":[]}],"policies":[{"name":"b","enabled":true,"mode":"STRICT","events":["EVENT_VIEW"],"enforcement":"ENFORCEMENT_WARN"}]}`,
		`{"settings":{"compatibility":"COMPATIBILITY_SAFE","historyRetention":{"maxRevisions":7,"maxAge":"1.5s"},"omittedFacts":["/tls"]}}`,
		`{"event":"EVENT_REGISTER","client":{"clientId":"c","attributes":{"a":"b"},"extra":{"x":9007199254740993}},"options":{"minRevision":"7","evaluationTime":"2026-01-02T15:04:05.000000001+01:00"},"acrLoaMap":{"a":1}}`,
		`{"before":"a","index":null}`, `{"index":0,"after":"b"}`, `{"clientId":"c","user":"u"}`,
		`{"unknown":1,"unknown":2}`, "{\"name\":\"\xff\"}", `[[[[`, `{} {}`, `{"name":"\ud800"}`, `null`, ``,
	} {
		for kind := range 7 {
			f.Add([]byte(seed), uint8(kind))
		}
	}
	kinds := []proto.Message{&pb.Profile{}, &pb.Policy{}, &pb.PolicySet{}, &pb.Realm{}, &pb.EvaluateRequest{}, &pb.PolicyPlace{}, &pb.EraseDecisionsRequest{}}
	f.Fuzz(func(t *testing.T, data []byte, kind uint8) {
		m := proto.Clone(kinds[int(kind)%len(kinds)])
		checked, err := strictjson.Check(data, m.ProtoReflect().Descriptor(), depth)
		if err != nil {
			placed(t, err)
			return
		}
		if err := strictjson.Decode(checked, m, depth); err != nil {
			t.Fatalf("accepted what protojson refuses: %v", err)
		}
		if err := protojson.Unmarshal(data, proto.Clone(kinds[int(kind)%len(kinds)])); err != nil {
			t.Fatalf("accepted what protojson refuses: %v", err)
		}
		printed, err := strictjson.Marshal(m)
		if err != nil {
			t.Fatalf("printing what was read: %v", err)
		}
		again := m.ProtoReflect().New().Interface()
		if err := strictjson.Unmarshal(printed, again, depth); err != nil {
			t.Fatalf("reading what was printed: %v\n%s", err, printed)
		}
		if diff := cmp.Diff(m, again, protocmp.Transform()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func placed(t *testing.T, err error) {
	var e *strictjson.Error
	if !errors.As(err, &e) || len(e.Problems) == 0 {
		t.Fatalf("got %v, want a document error", err)
	}
	for _, p := range e.Problems {
		if p.Line < 1 || p.Column < 1 || p.Text == "" {
			t.Fatalf("problem without a place: %+v", p)
		}
	}
}
