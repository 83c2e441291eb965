package pdp

import (
	"slices"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// effectiveClient returns the effective client with all mutations as a message,
// or nil when there is no client.
func (e *evaluation) effectiveClient() *pb.Client {
	c := e.full()
	if !c.Known() {
		return nil
	}
	client := proto.CloneOf(c.base())
	if c.proposed != nil {
		overlayClient(client, c.proposed, e.req.msg.ProposedMask)
	}
	for i := range c.changes {
		c.changes[i].apply(client)
	}
	return client
}

// overlayClient lays the submitted fields over a stored client: fields left out
// keep their value, attributes merge key by key, lists replace as a whole.
func overlayClient(client, proposed *pb.Client, mask []string) {
	into := client.ProtoReflect()
	for _, path := range mask {
		clearPath(client, path)
	}
	attributes := client.Attributes
	proposed.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		into.Clear(f)
		return true
	})
	if len(proposed.Attributes) == 0 {
		client.Attributes = attributes
	} else {
		client.Attributes = nil
	}
	proto.Merge(client, proposed)
	for key, value := range attributes {
		if _, sent := proposed.Attributes[key]; !sent {
			setAttribute(client, key, value)
		}
	}
	for key, value := range proposed.Attributes {
		if value == "" {
			delete(client.Attributes, key)
		}
	}
}

func setAttribute(client *pb.Client, key, value string) {
	if client.Attributes == nil {
		client.Attributes = map[string]string{}
	}
	client.Attributes[key] = value
}

func clearPath(client *pb.Client, path string) {
	if key, ok := attributeKey(path); ok {
		delete(client.Attributes, key)
		return
	}
	if f := clientField(path); f != nil {
		client.ProtoReflect().Clear(f)
	}
}

func attributeKey(path string) (string, bool) {
	key, ok := strings.CutPrefix(path, attributesPrefix)
	return unescapePointer(key), ok
}

// unescapePointer undoes [EscapePointer].
func unescapePointer(name string) string {
	if !strings.Contains(name, "~") {
		return name
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}

func clientField(path string) protoreflect.FieldDescriptor {
	return (*pb.Client)(nil).ProtoReflect().Descriptor().Fields().ByJSONName(strings.TrimPrefix(path, "/"))
}

// apply carries a mutation out on a message.
func (c *change) apply(client *pb.Client) {
	switch {
	case c.key != "" && c.remove:
		delete(client.Attributes, c.key)
	case c.key != "":
		setAttribute(client, c.key, c.text)
	default:
		c.applyField(client.ProtoReflect(), clientField(c.path))
	}
}

func (c *change) applyField(client protoreflect.Message, f protoreflect.FieldDescriptor) {
	switch {
	case c.remove:
		client.Clear(f)
	case f.IsList():
		list := client.NewField(f).List()
		for _, s := range c.list {
			list.Append(protoreflect.ValueOfString(s))
		}
		client.Set(f, protoreflect.ValueOfList(list))
	case f.Kind() == protoreflect.BoolKind:
		client.Set(f, protoreflect.ValueOfBool(c.flag))
	default:
		client.Set(f, protoreflect.ValueOfString(c.text))
	}
}

// rotationAttributes are the attributes of rotated and expiring client secrets.
var rotationAttributes = []string{
	"client.secret.expiration.time", "client.secret.remaining.expiration.time",
	"client.secret.rotated.creation.time", "client.secret.rotated.expiration.time",
}

// dropRotated drops expiry and rotated secrets where an administrator updates a
// client and no executor keeps them alive (executors-client.md, secret-rotation).
func (e *evaluation) dropRotated() {
	if e.req.msg.Event != Updated || e.rotated || e.rejected || e.req.Channel() != ChannelAdmin {
		return
	}
	e.policy = nil
	full := e.full()
	if !slices.ContainsFunc(rotationAttributes, func(key string) bool { _, ok := full.Attribute(key); return ok }) {
		return
	}
	for _, key := range rotationAttributes {
		e.verdict.RemoveAttribute(key)
	}
	e.oblige(&pb.Obligation{Obligation: &pb.Obligation_ClientSecretRotation{
		ClientSecretRotation: &pb.ClientSecretRotation{Action: pb.ClientSecretRotation_ACTION_DROP_ROTATED},
	}})
}
