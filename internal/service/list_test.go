package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/internal/filter"
	"github.com/sidegate/sidegate/internal/service"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/storage/memory"
)

// eventful is a compiler with executors and conditions that act on some events.
func eventful(t testing.TB) *pdp.Compiler {
	t.Helper()
	executor := func(id string, on pdp.EventSet) pdp.ExecutorInfo {
		return pdp.ExecutorInfo{
			ID: id, Doc: "Passes.", Events: on,
			New: pdp.Configure(func(pdp.NoConfig) (pdp.Executor, error) { return nothing{}, nil }),
		}
	}
	condition := func(id string) pdp.ConditionInfo {
		return pdp.ConditionInfo{
			ID: id, Doc: "Votes YES.", Events: pdp.AllEvents,
			New: pdp.Configure(func(pdp.NoConfig) (pdp.Condition, error) { return always{}, nil }),
		}
	}
	registry, err := pdp.NewRegistry(
		[]pdp.ConditionInfo{condition("always"), condition("ever")},
		[]pdp.ExecutorInfo{executor("pass", pdp.AllEvents), executor("viewing", pdp.On(pdp.View)), executor("writing", pdp.ClientWrites)},
	)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pdp.NewCompiler(registry, security().Profiles, security().Policies)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// listed is a world whose realm has, besides what is built in, at times that rise
// with the revision:
// profiles  v (viewing), w (writing), vw (both), none (no executor);
// policies  Zeta, alpha, Größe, off, narrow, unbound.
func listed(t testing.TB) *world {
	t.Helper()
	store := memory.New()
	t.Cleanup(func() { store.Close() })
	w := startOn(t, store, pdp.DefaultLimits(), func(o *service.Options) { o.Compiler = eventful(t) })
	w.createRealm("master", nil)
	for _, p := range []*pb.Profile{
		{Name: "w", Executors: []*pb.ProfileExecutor{{Executor: "writing"}}},
		{Name: "v", Executors: []*pb.ProfileExecutor{{Executor: "viewing"}}},
		{Name: "vw", Executors: []*pb.ProfileExecutor{{Executor: "viewing"}, {Executor: "writing"}}},
		{Name: "none", Description: proto.String("Demands NOTHING")},
	} {
		if _, err := w.admin.CreateProfile(w.root(), &pb.CreateProfileRequest{Realm: "master", Document: p}); err != nil {
			t.Fatal(err)
		}
	}
	off, narrow, unbound := policy("off", "vw"), policy("narrow", "vw", "built-in"), policy("unbound")
	off.Enabled = nil
	narrow.Events, narrow.Description = []pb.Event{pb.Event_EVENT_UPDATE}, proto.String("Some events of ΣΊΣΥΦΟΣ")
	unbound.Conditions = []*pb.PolicyCondition{{Condition: "ever"}}
	for _, p := range []*pb.Policy{policy("Zeta", "v"), policy("alpha", "w", "none"), policy("Größe", "vw"), off, narrow, unbound} {
		if _, err := w.createPolicy(p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.updatePolicy("alpha", &pb.Policy{Description: proto.String("touched")}, nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// listPolicies returns the names of all pages.
func (w *world) listPolicies(r *pb.ListPoliciesRequest) (list []string, err error) {
	r = proto.CloneOf(r)
	r.Realm = "master"
	for {
		out, err := w.admin.ListPolicies(w.root(), r)
		if err != nil {
			return list, err
		}
		for _, p := range out.GetPolicies() {
			list = append(list, p.GetName())
		}
		if r.PageToken = out.GetNextPageToken(); r.PageToken == "" {
			equal(w.t, out.GetTotalSize(), int32(len(list)))
			return list, nil
		}
	}
}

func (w *world) listProfiles(r *pb.ListProfilesRequest) (list []string, err error) {
	r = proto.CloneOf(r)
	r.Realm = "master"
	for {
		out, err := w.admin.ListProfiles(w.root(), r)
		if err != nil {
			return list, err
		}
		for _, p := range out.GetProfiles() {
			list = append(list, p.GetName())
		}
		if r.PageToken = out.GetNextPageToken(); r.PageToken == "" {
			equal(w.t, out.GetTotalSize(), int32(len(list)))
			return list, nil
		}
	}
}

func TestFindPolicies(t *testing.T) {
	w := listed(t)
	for name, c := range map[string]struct {
		search, filter, orderBy string
		want                    string
	}{
		"all":                  {"", "", "", "server-wide Zeta alpha Größe off narrow unbound"},
		"order":                {"", "", "order", "server-wide Zeta alpha Größe off narrow unbound"},
		"order desc":           {"", "", "order desc", "unbound narrow off Größe alpha Zeta server-wide"},
		"name":                 {"", "", "name", "Größe Zeta alpha narrow off server-wide unbound"},
		"name desc":            {"", "", "name desc", "unbound server-wide off narrow alpha Zeta Größe"},
		"updateTime":           {"", "", "updateTime", "server-wide Zeta Größe off narrow unbound alpha"},
		"updateTime desc":      {"", "", "updateTime desc", "alpha unbound narrow off Größe Zeta server-wide"},
		"in the name":          {"ZET", "", "", "Zeta"},
		"beyond ASCII":         {"GRÖSS", "", "", ""},
		"umlauts":              {"GRÖ", "", "", "Größe"},
		"in the description":   {"TOUCH", "", "", "alpha"},
		"both small sigmas":    {"σίσυφος", "", "", "narrow"},
		"blank":                {" ", "", "", "narrow"},
		"nowhere":              {"nowhere", "", "", ""},
		"no pattern":           {".*", "", "", ""},
		"enabled":              {"", "enabled=true", "", "server-wide Zeta alpha Größe narrow unbound"},
		"disabled":             {"", "enabled=false", "", "off"},
		"global":               {"", "global=true", "", "server-wide"},
		"own":                  {"", "global=false", "name", "Größe Zeta alpha narrow off unbound"},
		"condition":            {"", "condition=ever", "", "unbound"},
		"profile":              {"", "profile=vw", "", "Größe off narrow"},
		"built-in profile":     {"", "profile=built-in", "", "server-wide narrow"},
		"unknown profile":      {"", "profile=VW", "", ""},
		"executor":             {"", "executor=viewing", "", "Zeta Größe off narrow"},
		"executor of built-in": {"", "executor=pass", "", "server-wide narrow"},
		"event":                {"", "event=VIEW", "", "server-wide Zeta Größe off"},
		"event of a client":    {"", "event=UPDATE", "", "server-wide alpha Größe off narrow"},
		"event nobody acts on": {"", "event=TOKEN_REQUEST", "", "server-wide"},
		"event with prefix":    {"", "event=EVENT_VIEW AND global=false", "", "Zeta Größe off"},
		"all at once":          {"o", "enabled=true AND event=UPDATE AND executor=writing AND condition=always AND global=false", "name desc", "narrow alpha"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int32{0, 1, 2} {
				got, err := w.listPolicies(&pb.ListPoliciesRequest{Search: c.search, Filter: c.filter, OrderBy: c.orderBy, PageSize: size})
				if err != nil {
					t.Fatal(err)
				}
				equal(t, strings.Join(got, " "), c.want)
			}
		})
	}
}

func TestFindProfiles(t *testing.T) {
	w := listed(t)
	for name, c := range map[string]struct {
		search, filter, orderBy string
		want                    string
	}{
		"all":               {"", "", "", "w v vw none built-in lacking"},
		"order desc":        {"", "", "order desc", "lacking built-in none vw v w"},
		"name":              {"", "", "name", "built-in lacking none v vw w"},
		"updateTime desc":   {"", "", "updateTime desc", "none vw v w lacking built-in"},
		"search":            {"nothing", "", "", "none"},
		"executor":          {"", "executor=viewing", "", "v vw"},
		"missing executor":  {"", "executor=not-there", "", "lacking"},
		"event":             {"", "event=REGISTERED", "", "w vw built-in"},
		"global":            {"", "global=true", "", "built-in lacking"},
		"own with executor": {"v", "global=false AND executor=writing", "", "vw"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int32{0, 1} {
				got, err := w.listProfiles(&pb.ListProfilesRequest{Search: c.search, Filter: c.filter, OrderBy: c.orderBy, PageSize: size})
				if err != nil {
					t.Fatal(err)
				}
				equal(t, strings.Join(got, " "), c.want)
			}
		})
	}
}

// Policies are searched and filtered as they were at the revision of the first
// page, together with the profiles that they had.
func TestFindOldRevision(t *testing.T) {
	w := listed(t)
	r := &pb.ListPoliciesRequest{Realm: "master", Filter: "event=VIEW AND global=false", Search: "e", OrderBy: "name", PageSize: 1}
	first, err := w.admin.ListPolicies(w.root(), r)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, first.GetTotalSize(), int32(2))
	if _, err := w.updateProfile("v", &pb.Profile{}, mask("executors")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.updatePolicy("Zeta", &pb.Policy{Name: "A"}, nil); err != nil {
		t.Fatal(err)
	}
	r.PageToken = first.GetNextPageToken()
	var header metadata.MD
	second, err := w.admin.ListPolicies(w.root(), r, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, second.GetPolicies()[0].GetName(), "Zeta")
	equal(t, []int64{int64(second.GetTotalSize()), second.GetRevision()}, []int64{2, first.GetRevision()})
	equal(t, header.Get("etag"), []string{fmt.Sprintf(`"%d"`, first.GetRevision())})
	got, err := w.listPolicies(&pb.ListPoliciesRequest{Filter: "event=VIEW AND global=false"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []string{"Größe", "off"})
}

func TestRefusedLists(t *testing.T) {
	w := listed(t)
	long := strings.Repeat("ü", 256)
	for name, c := range map[string]struct {
		search, filter, orderBy string
		field                   string
		says                    string
	}{
		"search too long":      {long, "", "", "/search", "has 256 characters, expected at most 255"},
		"unknown key":          {"", "enabeld=true", "", "/filter", `did you mean "enabled"?`},
		"key of another list":  {"", "realm=x", "", "/filter", `unknown key "realm"`},
		"key twice":            {"", "profile=v AND profile=w", "", "/filter", "stands twice"},
		"boolean":              {"", "enabled=True", "", "/filter", "enabled=True: expected true or false"},
		"boolean, global":      {"", "global=1", "", "/filter", "expected true or false"},
		"unknown event":        {"", "event=TOKEN_REQEST", "", "/filter", `did you mean "TOKEN_REQUEST"?`},
		"no event":             {"", "event=UNSPECIFIED", "", "/filter", "unknown event"},
		"event by number":      {"", "event=1", "", "/filter", "unknown event"},
		"no value":             {"", "enabled=", "", "/filter", "is empty"},
		"filter too long":      {"", "profile=" + strings.Repeat("x", filter.MaxBytes-7), "", "/filter", "has 4097 bytes"},
		"unknown order":        {"", "", "nmae", "/orderBy", `did you mean "name"?`},
		"order of the wire":    {"", "", "update_time", "/orderBy", `did you mean "updateTime"?`},
		"ascending":            {"", "", "name asc", "/orderBy", "` desc`"},
		"descending, unspaced": {"", "", "namedesc", "/orderBy", "` desc`"},
		"two orders":           {"", "", "name,order", "/orderBy", ""},
		"only descending":      {"", "", " desc", "/orderBy", ""},
		"blank order":          {"", "", " ", "/orderBy", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.listPolicies(&pb.ListPoliciesRequest{Search: c.search, Filter: c.filter, OrderBy: c.orderBy})
			want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
			equal(t, problemOf(err).Fields, []string{c.field})
			wantText(t, err, c.says)
			if strings.HasPrefix(c.filter, "enabled") {
				return // profiles have no such key
			}
			_, err = w.listProfiles(&pb.ListProfilesRequest{Search: c.search, Filter: strings.ReplaceAll(c.filter, "profile=", "executor="), OrderBy: c.orderBy})
			want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
			equal(t, problemOf(err).Fields, []string{c.field})
		})
	}
	for _, key := range []string{"enabled=true", "condition=always", "profile=v"} {
		_, err := w.listProfiles(&pb.ListProfilesRequest{Filter: key})
		want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	}
}

// At their limits searches and filters are taken.
func TestListLimits(t *testing.T) {
	w := listed(t)
	name := strings.Repeat("ü", 255)
	if _, err := w.createPolicy(policy(name)); err != nil {
		t.Fatal(err)
	}
	got, err := w.listPolicies(&pb.ListPoliciesRequest{Search: name, Filter: "enabled=true", OrderBy: "updateTime desc"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []string{name})
	got, err = w.listPolicies(&pb.ListPoliciesRequest{Filter: "profile=" + strings.Repeat("x", filter.MaxBytes-8)})
	if err != nil || len(got) > 0 {
		t.Errorf("got %q, %v", got, err)
	}
}

// A token is good for the search, filter and order alone that it came with.
func TestTokensOfOtherQueries(t *testing.T) {
	w := listed(t)
	r := &pb.ListPoliciesRequest{Realm: "master", PageSize: 1, Search: "e", Filter: "enabled=true", OrderBy: "name"}
	first, err := w.admin.ListPolicies(w.root(), r)
	if err != nil {
		t.Fatal(err)
	}
	token := first.GetNextPageToken()
	for name, change := range map[string]func(*pb.ListPoliciesRequest){
		"search":        func(r *pb.ListPoliciesRequest) { r.Search = "E" },
		"no search":     func(r *pb.ListPoliciesRequest) { r.Search = "" },
		"filter":        func(r *pb.ListPoliciesRequest) { r.Filter = "enabled=true AND global=false" },
		"no filter":     func(r *pb.ListPoliciesRequest) { r.Filter = "" },
		"order":         func(r *pb.ListPoliciesRequest) { r.OrderBy = "name desc" },
		"default order": func(r *pb.ListPoliciesRequest) { r.OrderBy = "" },
	} {
		t.Run(name, func(t *testing.T) {
			other := proto.CloneOf(r)
			other.PageToken = token
			change(other)
			_, err := w.admin.ListPolicies(w.root(), other)
			want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
			equal(t, problemOf(err).Fields, []string{"/pageToken"})
			wantText(t, err, "filter and order")
		})
	}
	r.PageToken, r.PageSize = token, 2 // another size is no other query
	second, err := w.admin.ListPolicies(w.root(), r)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, len(second.GetPolicies()), 2)
}

// A realm that was deleted and made again is none that an old token knows.
func TestTokenOfADeletedRealm(t *testing.T) {
	w := lettered(t, nil)
	token := w.page(1, "").GetNextPageToken()
	if _, err := w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "master", Force: true}); err != nil {
		t.Fatal(err)
	}
	_, err := w.admin.ListPolicies(w.root(), &pb.ListPoliciesRequest{Realm: "master", PageToken: token})
	want(t, err, codes.NotFound, "REALM_NOT_FOUND")
	w.createRealm("master", nil)
	_, err = w.admin.ListPolicies(w.root(), &pb.ListPoliciesRequest{Realm: "master", PageToken: token})
	want(t, err, codes.FailedPrecondition, "PAGE_EXPIRED")
}

// realmNames returns the names of all pages; between is called after each.
func (w *world) realmNames(r *pb.ListRealmsRequest, between func(page []*pb.Realm)) (list []string) {
	w.t.Helper()
	for {
		out, err := w.realms.ListRealms(w.root(), r)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(list) > 10_000 {
			w.t.Fatal("the list has no end")
		}
		for _, realm := range out.GetRealms() {
			list = append(list, realm.GetName())
		}
		if r.PageToken = out.GetNextPageToken(); r.PageToken == "" {
			return list
		}
		between(out.GetRealms())
	}
}

func TestFindRealms(t *testing.T) {
	w := start(t)
	for _, name := range []string{"Prod", "dev", "prod-eu", "test"} {
		w.createRealm(name, nil)
	}
	touch := func(name string) {
		_, err := w.admin.CreatePolicy(w.root(), &pb.CreatePolicyRequest{Realm: name, Document: policy(fmt.Sprint("p", w.clock.Load()))})
		if err != nil {
			t.Fatal(err)
		}
	}
	touch("dev")
	for _, c := range []struct{ search, orderBy, want string }{
		{"", "", "Prod dev prod-eu test"},
		{"", "name", "Prod dev prod-eu test"},
		{"", "name desc", "test prod-eu dev Prod"},
		{"", "updateTime", "Prod prod-eu test dev"},
		{"", "updateTime desc", "dev test prod-eu Prod"},
		{"PROD", "", "Prod prod-eu"},
		{"D", "name desc", "prod-eu dev Prod"},
		{"pro", "updateTime desc", "prod-eu Prod"},
		{"x", "", ""},
	} {
		for _, size := range []int32{0, 1, 3} {
			got := w.realmNames(&pb.ListRealmsRequest{Search: c.search, OrderBy: c.orderBy, PageSize: size}, func([]*pb.Realm) {})
			equal(t, strings.Join(got, " "), c.want)
		}
	}
	first, err := w.realms.ListRealms(w.root(), &pb.ListRealmsRequest{PageSize: 1, OrderBy: "updateTime"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*pb.ListRealmsRequest{
		{Search: strings.Repeat("x", 256)}, {OrderBy: "order"}, {OrderBy: "name "},
		{PageToken: first.GetNextPageToken()},
		{PageToken: first.GetNextPageToken(), OrderBy: "updateTime desc"},
		{PageToken: first.GetNextPageToken(), OrderBy: "updateTime", Search: "d"},
	} {
		_, err := w.realms.ListRealms(w.root(), r)
		want(t, err, codes.InvalidArgument, "INVALID_DOCUMENT")
	}
	if _, err := w.realms.ListRealms(w.root(), &pb.ListRealmsRequest{Search: strings.Repeat("x", 255)}); err != nil {
		t.Fatal(err)
	}
}

// Whatever is written between the pages, no realm that is there all the time
// comes twice or not at all.
func TestRealmPagesUnderWrites(t *testing.T) {
	for _, by := range []string{"name", "name desc", "updateTime", "updateTime desc"} {
		for _, size := range []int32{1, 3} {
			t.Run(fmt.Sprint(by, " ", size), func(t *testing.T) {
				w := start(t)
				var stay []string
				for i := range 12 {
					name := fmt.Sprintf("stays-%02d", i)
					stay = append(stay, name)
					w.createRealm(name, nil)
					w.createRealm(fmt.Sprintf("goes-%02d", i), nil)
				}
				n := 0
				got := w.realmNames(&pb.ListRealmsRequest{OrderBy: by, PageSize: size}, func(page []*pb.Realm) {
					// One that was shown, one that was not, a new one and a deletion.
					touched := []string{page[0].GetName(), fmt.Sprintf("stays-%02d", 11-n), fmt.Sprintf("stays-%02d", n)}
					for _, realm := range touched {
						w.admin.CreatePolicy(w.root(), &pb.CreatePolicyRequest{Realm: realm, Document: policy(fmt.Sprint("p", n))})
					}
					w.createRealm(fmt.Sprintf("new-%02d", n), nil)
					w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: fmt.Sprintf("goes-%02d", 11-n), Force: true})
					n = min(n+1, 11)
					if n == 11 {
						w.realms.DeleteRealm(w.root(), &pb.DeleteRealmRequest{Realm: "new-11", Force: true})
					}
				})
				slices.Sort(got)
				if twice := slices.Compact(slices.Clone(got)); len(twice) != len(got) {
					t.Errorf("some come twice: %q", got)
				}
				got = slices.DeleteFunc(got, func(name string) bool { return !strings.HasPrefix(name, "stays") })
				equal(t, got, stay)
			})
		}
	}
}
