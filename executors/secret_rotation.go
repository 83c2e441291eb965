package executors

import (
	"fmt"
	"strconv"
	"time"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func init() {
	register(pdp.ExecutorInfo{
		ID:     "secret-rotation",
		Doc:    "Gives client secrets an expiry, rotates them and keeps the old one valid for a while.",
		Spec:   []string{"FAPI 1.0 Baseline 5.2.2-3", "RFC 7591 §3.2.1"},
		Events: pdp.On(pdp.Registered, pdp.Updated, pdp.AuthorizationRequest, pdp.TokenRequest),
		New:    pdp.Configure(newSecretRotation),
	})
}

type secretRotationConfig struct {
	// Expiration is the life of a secret in seconds.
	Expiration int64 `config:"expiration-period" type:"String" default:"2505600" doc:"Life of a secret, in seconds; greater than 0."`
	// RotatedExpiration is the further life of a replaced secret in seconds.
	RotatedExpiration int64 `config:"rotated-expiration-period" type:"String" default:"172800" doc:"Further life of a replaced secret, in seconds; 0 or less ends it at once."`
	// RemainingRotation is the remaining life at which a dynamic update rotates.
	RemainingRotation int64 `config:"remaining-rotation-period" type:"String" default:"864000" doc:"A dynamic update rotates the secret when this many seconds or less are left."`
}

// secretRotation decides when a secret is replaced and until when it holds; the
// identity provider owns the secret (executors-client.md, secret-rotation).
type secretRotation struct{ secretRotationConfig }

// maxSecretPeriod bounds all periods, 1,000 years, so that no sum of times
// overflows what a number or a timestamp can hold.
const maxSecretPeriod = 1000 * 365 * 24 * 60 * 60

func newSecretRotation(c secretRotationConfig) (pdp.Executor, error) {
	for _, p := range [...]struct {
		key   string
		value int64
	}{
		{"expiration-period", c.Expiration},
		{"rotated-expiration-period", c.RotatedExpiration},
		{"remaining-rotation-period", c.RemainingRotation},
	} {
		if p.value > maxSecretPeriod || p.value < -maxSecretPeriod {
			return nil, pdp.KeyError(p.key, "must be from -%d to %d seconds, got %d", maxSecretPeriod, maxSecretPeriod, p.value)
		}
	}
	switch {
	case c.Expiration <= 0:
		return nil, pdp.KeyError("expiration-period", "must be greater than 0, got %d", c.Expiration)
	case c.RotatedExpiration > c.Expiration:
		return nil, pdp.KeyError("rotated-expiration-period", "must not exceed expiration-period (%d), got %d", c.Expiration, c.RotatedExpiration)
	case c.RemainingRotation > c.Expiration:
		return nil, pdp.KeyError("remaining-rotation-period", "must not exceed expiration-period (%d), got %d", c.Expiration, c.RemainingRotation)
	}
	return &secretRotation{c}, nil
}

// Execute sets an expiry where there is none, and rotates on writes of the client.
func (e *secretRotation) Execute(r *pdp.Request, v *pdp.Verdict) error {
	client := r.Client()
	if client.IsTrue(pdp.PublicClient) || client.IsTrue(pdp.BearerOnly) {
		r.Because("the client has no secret")
		return nil
	}
	v.KeepSecretExpiry()
	expiry, err := secretExpiry(client)
	if err != nil {
		return err
	}
	now := r.Now().Unix()
	switch {
	case r.Event() == pdp.Updated && r.SecretRegenerated():
		e.replace(v, now, pb.ClientSecretRotation_ACTION_KEEP_PREVIOUS_AS_ROTATED)
	case expiry == 0:
		e.expire(v, now)
	case pdp.ClientWrites.Has(r.Event()) && (expiry < now || e.dueByUpdate(r, now, expiry)):
		e.replace(v, now, pb.ClientSecretRotation_ACTION_ROTATE)
	default:
		r.Because("the secret has an expiry and need not be replaced now")
	}
	return nil
}

// dueByUpdate reports whether a dynamic update comes late enough to rotate.
func (e *secretRotation) dueByUpdate(r *pdp.Request, now, expiry int64) bool {
	switch r.Channel() {
	case pdp.ChannelAdmin, pdp.ChannelMetadataDocument:
		return false
	}
	return r.Event() == pdp.Updated && now+e.RemainingRotation >= expiry
}

// secretExpiry returns the time at which the secret expires; 0 means none.
func secretExpiry(client pdp.Client) (int64, error) {
	text, there := client.Attribute(oauth.AttrSecretExpiration)
	if !there {
		return 0, nil
	}
	expiry, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("attribute %s is no whole number of seconds", oauth.AttrSecretExpiration)
	}
	return max(expiry, 0), nil
}

func (e *secretRotation) expire(v *pdp.Verdict, now int64) {
	v.SetAttribute(oauth.AttrSecretExpiration, strconv.FormatInt(now+e.Expiration, 10))
	e.oblige(v, &pb.ClientSecretRotation{
		Action: pb.ClientSecretRotation_ACTION_SET_EXPIRY, ExpiresAt: seconds(now + e.Expiration),
	})
}

func (e *secretRotation) replace(v *pdp.Verdict, now int64, action pb.ClientSecretRotation_Action) {
	v.SetAttribute(oauth.AttrSecretCreation, strconv.FormatInt(now, 10))
	v.SetAttribute(oauth.AttrSecretExpiration, strconv.FormatInt(now+e.Expiration, 10))
	o := &pb.ClientSecretRotation{Action: action, ExpiresAt: seconds(now + e.Expiration)}
	if e.RotatedExpiration > 0 {
		v.SetAttribute(oauth.AttrRotatedSecretCreation, strconv.FormatInt(now, 10))
		v.SetAttribute(oauth.AttrRotatedSecretExpiration, strconv.FormatInt(now+e.RotatedExpiration, 10))
		o.RotatedExpiresAt = seconds(now + e.RotatedExpiration)
	} else {
		v.RemoveAttribute(oauth.AttrRotatedSecretCreation)
		v.RemoveAttribute(oauth.AttrRotatedSecretExpiration)
	}
	e.oblige(v, o)
}

func (e *secretRotation) oblige(v *pdp.Verdict, o *pb.ClientSecretRotation) {
	v.Oblige(&pb.Obligation{Obligation: &pb.Obligation_ClientSecretRotation{ClientSecretRotation: o}})
}

func seconds(at int64) *timestamppb.Timestamp { return timestamppb.New(time.Unix(at, 0)) }
