package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/catalog"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/profiles"
	"github.com/sidegate/sidegate/storage/memory"
)

func (w *world) catalogue() pb.CatalogueServiceClient { return pb.NewCatalogueServiceClient(w.conn) }

// startReal makes a world with all of this binary's providers and profiles.
func startReal(t *testing.T) *world {
	t.Helper()
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	return startOn(t, store, pdp.DefaultLimits(), func(o *service.Options) {
		var err error
		if o.Security, err = profiles.Load("none"); err != nil {
			t.Fatal(err)
		}
		if o.Compiler, err = catalog.Compiler("none"); err != nil {
			t.Fatal(err)
		}
	})
}

// page is a page of a list of the catalogue.
type page struct {
	ids   []string
	next  string
	total int32
}

// lists are the lists of the catalogue by name.
func (w *world) lists() map[string]func(ctx context.Context, size int32, token, search string) (page, error) {
	c := w.catalogue()
	return map[string]func(context.Context, int32, string, string) (page, error){
		"executors": func(ctx context.Context, size int32, token, search string) (page, error) {
			r, err := c.ListExecutors(ctx, &pb.ListExecutorsRequest{PageSize: size, PageToken: token, Search: search})
			return page{ids(r.GetExecutors(), (*pb.Provider).GetId), r.GetNextPageToken(), r.GetTotalSize()}, err
		},
		"conditions": func(ctx context.Context, size int32, token, search string) (page, error) {
			r, err := c.ListConditions(ctx, &pb.ListConditionsRequest{PageSize: size, PageToken: token, Search: search})
			return page{ids(r.GetConditions(), (*pb.Provider).GetId), r.GetNextPageToken(), r.GetTotalSize()}, err
		},
		"events": func(ctx context.Context, size int32, token, search string) (page, error) {
			r, err := c.ListEvents(ctx, &pb.ListEventsRequest{PageSize: size, PageToken: token, Search: search})
			return page{ids(r.GetEvents(), (*pb.EventDescription).GetId), r.GetNextPageToken(), r.GetTotalSize()}, err
		},
		"profiles": func(ctx context.Context, size int32, token, search string) (page, error) {
			r, err := c.ListCatalogueProfiles(ctx, &pb.ListCatalogueProfilesRequest{PageSize: size, PageToken: token, Search: search})
			return page{ids(r.GetProfiles(), (*pb.Profile).GetName), r.GetNextPageToken(), r.GetTotalSize()}, err
		},
	}
}

func ids[E any](list []E, id func(E) string) (names []string) {
	for _, e := range list {
		names = append(names, id(e))
	}
	return names
}

// TestCatalogueLists reads every list in pages of several sizes.
func TestCatalogueLists(t *testing.T) {
	w := startReal(t)
	sizes := map[string]int{"executors": 38, "conditions": 14, "events": 35, "profiles": 10}
	for name, list := range w.lists() {
		all, err := list(w.root(), 500, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if len(all.ids) != sizes[name] || int(all.total) != sizes[name] || all.next != "" || !slices.IsSorted(all.ids) {
			t.Errorf("%s: %d of %d: %v", name, len(all.ids), all.total, all.ids)
		}
		for _, size := range []int32{1, 7, 13, 0} {
			var seen []string
			token := ""
			for {
				p, err := list(w.root(), size, token, "")
				if err != nil {
					t.Fatal(err)
				}
				seen = append(seen, p.ids...)
				if token = p.next; token == "" {
					break
				}
			}
			if !slices.Equal(seen, all.ids) {
				t.Errorf("%s by %d: %v", name, size, seen)
			}
		}
	}
	for search, want := range map[string][]string{"PKCE": {"pkce-enforcer"}, "rejecT-": {"reject-implicit-grant", "reject-request", "reject-ropc-grant"}, "zzz": nil} {
		p, err := w.lists()["executors"](w.root(), 0, "", search)
		if err != nil || !slices.Equal(p.ids, want) || int(p.total) != len(want) {
			t.Errorf("%q finds %v of %d, %v", search, p.ids, p.total, err)
		}
	}
}

func TestCatalogueListsRefuseBadInput(t *testing.T) {
	w := startReal(t)
	for name, list := range w.lists() {
		first, err := list(w.root(), 1, "", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			size          int32
			token, search string
			field         string
		}{
			{-1, "", "", "/pageSize"}, {501, "", "", "/pageSize"}, {0, "", strings.Repeat("é", 256), "/search"},
			{0, "?", "", "/pageToken"}, {0, first.next, "another", "/pageToken"},
		} {
			_, err := list(w.root(), c.size, c.token, c.search)
			equal(t, problemOf(err), problem{codes.InvalidArgument, "INVALID_DOCUMENT", []string{c.field}})
		}
		for other, list := range w.lists() {
			if _, err := list(w.root(), 1, first.next, ""); (err == nil) != (other == name) {
				t.Errorf("a token of %s in %s: %v", name, other, err)
			}
		}
	}
}

func TestCatalogueEntries(t *testing.T) {
	w := startReal(t)
	c := w.catalogue()
	var header metadata.MD
	x, err := c.GetExecutor(w.root(), &pb.GetExecutorRequest{Executor: "pkce-enforcer"}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	d := x.GetDocument()
	schema := d.GetConfigurationSchema()
	d.ConfigurationSchema = nil
	equal(t, d, &pb.Provider{
		Id: "pkce-enforcer", Documentation: "Demands PKCE with S256.",
		Events: []pb.Event{
			pb.Event_EVENT_REGISTER, pb.Event_EVENT_UPDATE, pb.Event_EVENT_AUTHORIZATION_REQUEST, pb.Event_EVENT_TOKEN_REQUEST,
		},
		Specifications: []string{"RFC 7636", "FAPI 2.0 SP 5.3.2.2-5", "OAuth 2.1 §4.1.1"},
	})
	if text, err := json.Marshal(schema.AsMap()); err != nil || !strings.Contains(string(text), `"auto-configure":{`) {
		t.Errorf("schema %s, %v", text, err)
	}
	if tags := header.Get("etag"); len(tags) != 1 || len(tags[0]) != 66 {
		t.Errorf("etag %q", tags)
	}
	condition, err := c.GetCondition(w.root(), &pb.GetConditionRequest{Condition: "acr-condition"})
	if err != nil || condition.GetDocument().GetConfigurationSchema().GetFields()["properties"].GetStructValue().GetFields()["is-negative-logic"] == nil {
		t.Errorf("%v, %v", condition, err)
	}
	event, err := c.GetEvent(w.root(), &pb.GetEventRequest{Event: "SAML_LOGOUT_REQUEST"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, event.GetDocument(), &pb.EventDescription{
		Event: pb.Event_EVENT_SAML_LOGOUT_REQUEST, Id: "SAML_LOGOUT_REQUEST",
		Documentation: "When a SAML LogoutRequest of a known client arrives, before anybody is logged out.",
		Executors:     []string{"reject-request", "saml-avoid-redirect", "saml-secure-client-uris", "saml-signature-enforcer"},
		Conditions:    []string{"any-client", "client-access-type", "client-attributes", "client-roles", "client-type"},
		RequiredFacts: []string{"/client"}, Specifications: []string{"SAML 2.0 Core §3.7.1"},
	})
}

// TestCatalogueProfiles tells of built-in profiles, also of those that lack an
// executor.
func TestCatalogueProfiles(t *testing.T) {
	w := start(t)
	r, err := w.catalogue().ListCatalogueProfiles(w.root(), &pb.ListCatalogueProfilesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.GetProfiles() {
		got = append(got, fmt.Sprint(p.GetName(), " ", p.GetGlobal(), " ", p.GetAvailable()))
	}
	equal(t, got, []string{"built-in true true", "lacking true false"})
	var header metadata.MD
	one, err := w.catalogue().GetCatalogueProfile(w.root(), &pb.GetCatalogueProfileRequest{Profile: "lacking"}, grpc.Header(&header))
	if err != nil || !proto.Equal(one.GetDocument(), r.GetProfiles()[1]) || header.Get("etag")[0] != one.GetDocument().GetEtag() {
		t.Errorf("%v, %v with %v", one, err, header)
	}
}

func TestCatalogueEntriesThatAreNotThere(t *testing.T) {
	w := startReal(t)
	c := w.catalogue()
	long := strings.Repeat("x", 1<<16)
	for name, call := range map[string]func(id string) error{
		"executor": func(id string) error {
			_, err := c.GetExecutor(w.root(), &pb.GetExecutorRequest{Executor: id})
			return err
		},
		"condition": func(id string) error {
			_, err := c.GetCondition(w.root(), &pb.GetConditionRequest{Condition: id})
			return err
		},
		"event": func(id string) error {
			_, err := c.GetEvent(w.root(), &pb.GetEventRequest{Event: id})
			return err
		},
	} {
		for _, id := range []string{"", "none", long, "PKCE-ENFORCER", "EVENT_TOKEN_REQUEST", "a\x00"} {
			err := call(id)
			want(t, err, codes.NotFound, "CATALOGUE_ENTRY_NOT_FOUND")
			if text := fmt.Sprint(err); !strings.Contains(text, name) || len(text) > 2000 {
				t.Errorf("%s %.20q: %.200s", name, id, text)
			}
		}
	}
	_, err := c.GetExecutor(w.root(), &pb.GetExecutorRequest{Executor: "pkce-enforcers"})
	wantText(t, err, `did you mean "pkce-enforcer"?`)
	_, err = c.GetCatalogueProfile(w.root(), &pb.GetCatalogueProfileRequest{Profile: "fapi-1-baselin"})
	want(t, err, codes.NotFound, "PROFILE_NOT_FOUND")
	wantText(t, err, `did you mean "fapi-1-baseline"?`)
}
